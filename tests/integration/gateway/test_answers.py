"""What became of a task: told to its own tenant only, by its id or to whoever waits."""

import socket
import threading
import time
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest

from db.repositories.jobs import outbox
from db.session import transaction
from tasks.errors import InvalidPayload, Overloaded, Poisonous, TimedOut, Unavailable, Unexpected
from tests.support.broker import ids
from tests.support.privacy import answered
from tests.support.processes import until
from workers.gateway import results

ENVELOPE = {"contract": "1", "status": "ok", "data": {"created": 1}}
LEAD = {"external_id": "C-1001"}
ERRORS = [
    (InvalidPayload.at("unknown_lead", "lead_ids.0", "no such lead"), 422, "unknown_lead"),
    (InvalidPayload.at("conflict", "idempotency_key", "used"), 409, "conflict"),
    (Unavailable("away"), 503, "unavailable"),
    (Overloaded("full"), 429, "overloaded"),
    (TimedOut("long"), 504, "timed_out"),
    (Poisonous("held"), 500, "poisonous"),
    (Unexpected("KeyError"), 500, "unexpected"),
    (KeyError("somebody@example.com"), 500, "unexpected"),
]


def accepted(gateway, key):
    return gateway.post("hearth.leads.upsert", {"leads": [LEAD]}, key=key).json["task_id"]


def test_the_answer_of_a_task_that_ended(gateway, keys):
    task_id = accepted(gateway, keys.acme)
    answered(task_id, ENVELOPE, "SUCCESS")
    answer = gateway.get(f"/v1/tasks/{task_id}", key=keys.acme)
    assert (answer.status, answer.json) == (200, {"task_id": task_id, "state": "done", "result": ENVELOPE})
    assert gateway.get(f"/v1/tasks/{task_id}?wait=20", key=keys.reading).json["state"] == "done"


def test_another_tenant_s_task_is_not_there(gateway, keys):
    task_id = accepted(gateway, keys.acme)
    answered(task_id, ENVELOPE, "SUCCESS")
    made_up = f"{'0' * 32}.{'0' * 16}"
    told = [gateway.get(f"/v1/tasks/{each}", key=keys.other) for each in (task_id, made_up, "x" * 32, task_id[:-1])]
    assert [answer.status for answer in told] == [404] * 4
    assert len({answer.raw for answer in told}) == 1, "the answer does not tell whether there is such a task"
    assert gateway.get(f"/v1/tasks/{task_id}?wait=1", key=keys.other).status == 404
    assert gateway.get(f"/v1/tasks/{task_id}").status == 401


def test_a_key_that_only_writes_reads_no_answers(gateway, keys):
    task_id = accepted(gateway, keys.writing)
    answer = gateway.get(f"/v1/tasks/{task_id}", key=keys.writing)
    assert (answer.status, answer.code) == (403, "scope_missing")


@pytest.mark.parametrize(("error", "status", "code"), ERRORS, ids=lambda each: type(each).__name__)
def test_the_error_of_a_task_that_failed(gateway, keys, error, status, code):
    task_id = accepted(gateway, keys.acme)
    answered(task_id, error, "FAILURE")
    told = gateway.get(f"/v1/tasks/{task_id}", key=keys.acme)
    assert (told.status, told.json["state"], told.json["error"]["code"]) == (200, "failed", code)
    assert "somebody" not in told.raw.decode()


@pytest.mark.parametrize(("error", "status", "code"), ERRORS, ids=lambda each: type(each).__name__)
def test_who_waits_gets_the_error_as_a_status(gateway, keys, error, status, code):
    body, header = {"leads": [LEAD]}, {"Idempotency_Key": "sync-1"}
    task_id = gateway.post("hearth.leads.upsert", body, key=keys.acme, **header).json["task_id"]
    answered(task_id, error, "FAILURE")
    told = gateway.post("hearth.leads.upsert", body, key=keys.acme, query="?wait=5", **header)
    assert (told.status, told.code) == (status, code)
    assert ("Retry-After" in told.headers) == (status in (429, 503))


def test_what_was_refused_for_now_runs_when_it_is_sent_again(gateway, keys, emptied_broker):
    body, header = {"leads": [LEAD]}, {"Idempotency_Key": "sync-1"}
    task_id = gateway.post("hearth.leads.upsert", body, key=keys.acme, **header).json["task_id"]
    answered(task_id, Overloaded("full"), "FAILURE")
    with transaction("acme") as session:
        outbox.finish(session, "acme", outbox_id=task_id, now=datetime.now(UTC))
    again = gateway.post("hearth.leads.upsert", body, key=keys.acme, query="?wait=0.1", **header)
    assert (again.status, again.json["task_id"]) == (202, task_id)
    assert ids(emptied_broker, "ingest") == [task_id, task_id]


def test_who_waits_gets_the_answer_when_it_comes(gateway, keys):
    body, header = {"leads": [LEAD]}, {"Idempotency_Key": "sync-1"}
    task_id = gateway.post("hearth.leads.upsert", body, key=keys.acme, **header).json["task_id"]
    worker = threading.Timer(0.2, answered, (task_id, ENVELOPE, "SUCCESS"))
    worker.start()
    answer = gateway.post("hearth.leads.upsert", body, key=keys.acme, query="?wait=20", **header)
    worker.join()
    assert (answer.status, answer.json) == (200, ENVELOPE)


def test_who_waited_long_enough_gets_the_id(gateway, keys):
    began = time.monotonic()
    answer = gateway.post("hearth.leads.upsert", {"leads": [LEAD]}, key=keys.acme, query="?wait=0.2")
    assert (answer.status, answer.json["state"]) == (202, "accepted")
    assert 0.2 <= time.monotonic() - began < 5


def test_a_retry_is_no_end(gateway, keys):
    task_id = accepted(gateway, keys.acme)
    answered(task_id, Unavailable("away"), "RETRY")
    assert gateway.get(f"/v1/tasks/{task_id}?wait=0.1", key=keys.acme).json["state"] == "pending"


def test_who_hangs_up_waits_no_longer(gateway, keys):
    place = urlsplit(gateway.url)
    lines = (
        f"GET /v1/tasks/{accepted(gateway, keys.acme)}?wait=20 HTTP/1.1",
        "Host: a",
        f"Authorization: Bearer {keys.acme}",
    )
    with socket.create_connection((place.hostname, place.port)) as connection:
        connection.sendall("\r\n".join((*lines, "", "")).encode())
        until(lambda: gateway.gateway.results._of_tenant["acme"] == 1)
    until(lambda: gateway.gateway.results._of_tenant["acme"] == 0, patience=5)


def test_only_so_many_may_wait(gateway, keys, monkeypatch):
    monkeypatch.setattr(results, "WAITING_OF_TENANT", 1)
    first = threading.Thread(
        target=gateway.post, args=("hearth.leads.worklist",), kwargs={"key": keys.acme, "query": "?wait=3"}
    )
    first.start()
    until(lambda: gateway.gateway.results._of_tenant["acme"] == 1)
    refused = gateway.post("hearth.leads.worklist", key=keys.acme, query="?wait=1")
    assert (refused.status, refused.code) == (429, "overloaded")
    assert gateway.post("hearth.leads.worklist", key=keys.other, query="?wait=0.1").status == 202
    gateway.gateway.results.hasten()
    first.join()
