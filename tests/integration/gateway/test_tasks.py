"""Tasks over HTTP: what is accepted lies in the outbox and on the broker, and each refusal has its status."""

import base64
import http.client
import json
from contextlib import closing

import pytest
from sqlalchemy import select, text

from db.models import OutboxEntry
from db.session import EVERY_TENANT, reading
from tests.support.broker import queued
from tests.support.gateway import signed
from tests.support.processes import until

LEAD = {"external_id": "C-1001", "first_name": "Ada", "email": "ada.lovelace@example.com"}
UPSERT = "hearth.leads.upsert"
PATH = f"/v1/tasks/{UPSERT}"


def outbox_rows():
    columns = (OutboxEntry.outbox_id, OutboxEntry.tenant_id, OutboxEntry.task, OutboxEntry.kwargs)
    with reading(EVERY_TENANT) as session:
        return [tuple(row) for row in session.execute(select(*columns).order_by(OutboxEntry.created_at))]


def arguments(message):
    return json.loads(base64.b64decode(message["body"]))[1]


def test_what_is_accepted_is_written_and_published_under_its_id(gateway_on_any, keys_on_any, emptied_broker):
    answer = gateway_on_any.post(UPSERT, {"leads": [LEAD]}, key=keys_on_any.acme)
    assert (answer.status, answer.json["state"], answer.json["task"]) == (202, "accepted", UPSERT)
    task_id = answer.json["task_id"]
    assert answer.headers["Location"] == f"/v1/tasks/{task_id}"
    assert outbox_rows() == [(task_id, "acme", UPSERT, {})]
    [message] = queued(emptied_broker, "ingest")
    headers = message["headers"]
    assert (headers["id"], headers["task"], headers["hearth_outbox"]) == (task_id, UPSERT, task_id)
    assert not headers["ignore_result"], "somebody may wait for its answer"
    assert "ada" not in json.dumps(headers)
    assert arguments(message) == {"leads": [LEAD], "tenant_id": "acme"}
    assert gateway_on_any.get(f"/v1/tasks/{task_id}", key=keys_on_any.acme).json == {
        "task_id": task_id,
        "state": "pending",
    }


def test_a_question_goes_to_the_broker_alone(gateway, keys, emptied_broker):
    answer = gateway.post("hearth.leads.worklist", {}, key=keys.reading)
    assert answer.status == 202
    assert outbox_rows() == []
    [message] = queued(emptied_broker, "inference")
    assert message["headers"]["id"] == answer.json["task_id"]
    assert "hearth_outbox" not in message["headers"]


def test_scores_of_many_leads_wait_where_nobody_waits_for_one(gateway, keys, emptied_broker):
    for body, queue in (({"lead_id": "a"}, "inference"), ({"lead_ids": ["a", "b"]}, "batch")):
        assert gateway.post("hearth.leads.score", body, key=keys.reading).status == 202
        assert len(queued(emptied_broker, queue)) == 1


def test_nothing_of_a_person_can_be_read_in_the_outbox(gateway_on_any, keys_on_any, database):
    body = {"leads": [LEAD], "idempotency_key": "sync-1"}
    assert gateway_on_any.post(UPSERT, body, key=keys_on_any.acme).status == 202
    with reading(EVERY_TENANT) as session:
        rows = session.execute(text("SELECT * FROM outbox")).all()
    stored = " ".join(repr(bytes(cell) if isinstance(cell, memoryview) else cell) for row in rows for cell in row)
    assert len(rows) == 1
    assert not [value for value in ("ada", "Ada", "lovelace", "example.com", "C-1001", "sync-1") if value in stored]


def test_who_shows_no_good_key_learns_nothing(gateway, keys):
    forged = keys.acme[:-1] + ("0" if keys.acme[-1] != "0" else "1")
    for key in (None, "hk_x_y", forged):
        answer = gateway.post(UPSERT, {"leads": [LEAD]}, key=key)
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="hearth"'
        assert answer.json["error"].keys() == {"code", "message", "errors"}
    assert outbox_rows() == []


def test_a_key_does_what_its_scopes_say(gateway, keys):
    for task in (UPSERT, "hearth.tenants.configure", "hearth.privacy.find"):
        answer = gateway.post(task, {}, key=keys.reading)
        assert (answer.status, answer.code) == (403, "scope_missing")


def test_a_key_is_for_its_own_tenant(gateway, keys):
    answer = gateway.post(UPSERT, {"tenant_id": "acme", "leads": [LEAD]}, key=keys.other)
    assert (answer.status, answer.code) == (403, "other_tenant")
    assert gateway.post(UPSERT, {"tenant_id": "other", "leads": [LEAD]}, key=keys.other).status == 202
    assert [row[1] for row in outbox_rows()] == ["other"]


@pytest.mark.parametrize("task", ["hearth.models.train", "hearth.leads.sweep", "toys.echo", "nothing"])
def test_a_task_that_is_not_open_is_unknown(gateway, keys, task):
    answer = gateway.post(task, {}, key=keys.acme)
    assert (answer.status, answer.code) == (404, "unknown_task")


def test_a_path_and_a_method_that_are_not_ours(gateway, keys):
    assert (gateway.get("/nothing", key=keys.acme).status, gateway.get("/v1/tasks/", key=keys.acme).status) == (
        404,
        404,
    )
    answer = gateway.get(PATH, key=keys.acme)
    assert (answer.status, answer.code, answer.headers["Allow"]) == (405, "method_not_allowed", "GET, POST")
    answer = gateway.call("DELETE", PATH, key=keys.acme)
    assert (answer.status, answer.code) == (405, "method_not_allowed")


@pytest.mark.parametrize(
    ("body", "code", "loc"),
    [
        (b"{", "type", ""),
        (b"[]", "type", ""),
        (b"\xff", "type", ""),
        (b'{"leads": [{"deal_value": NaN}]}', "not_finite", "leads.0.deal_value"),
        (b'{"leads": [{"deal_value": 1e999}]}', "not_finite", "leads.0.deal_value"),
        (b'{"leads": [{"external_id": "\\ud800"}]}', "type", "leads.0.external_id"),
        (b'{"leads": ' + b"[" * 5000 + b"]" * 5000 + b"}", "too_deep", ""),
        (b'{"leads": [{}], "idempotency_key": "\\u0000"}', "type", "idempotency_key"),
        (b'{"leads": [{"email": "no address"}]}', "type", "leads.0.email"),
        (b"{}", "missing", "leads"),
    ],
)
def test_what_the_contract_refuses_is_refused_at_the_door(gateway, keys, body, code, loc):
    answer = gateway.call("POST", PATH, body, key=keys.acme)
    assert (answer.status, answer.code) == (422, code)
    assert answer.json["error"]["errors"][0]["loc"] == loc
    assert "no address" not in answer.raw.decode()


@pytest.mark.parametrize("wait", ["21", "-1", "nan", "x", "1e400"])
def test_nobody_waits_for_longer_than_is_allowed(gateway, keys, wait):
    answer = gateway.post(UPSERT, {"leads": [LEAD]}, key=keys.acme, query=f"?wait={wait}")
    assert (answer.status, answer.json["error"]["errors"][0]["loc"]) == (422, "wait")


@pytest.mark.parametrize("size", [700_001, 5_000_000])
def test_a_body_that_is_too_long_is_told_so(gateway, keys, size):
    answer = gateway.call("POST", PATH, b" " * size, key=keys.acme)
    assert (answer.status, answer.code) == (413, "too_large")


def test_a_body_that_is_far_too_long_is_not_even_read(gateway):
    host = gateway.url.removeprefix("http://")
    with closing(http.client.HTTPConnection(host, timeout=10)) as connection:
        connection.putrequest("POST", PATH)
        connection.putheader("Content-Length", str(10**12))
        connection.endheaders()
        assert connection.getresponse().status == 413


def test_a_body_in_chunks_is_limited_as_well(gateway, keys):
    chunks = (b" " * 100_000 for _ in range(9))
    headers = {"Authorization": f"Bearer {keys.acme}", "Transfer-Encoding": "chunked"}
    with closing(http.client.HTTPConnection(gateway.url.removeprefix("http://"), timeout=10)) as connection:
        connection.request("POST", PATH, chunks, headers, encode_chunked=True)
        response = connection.getresponse()
        assert (response.status, json.loads(response.read())["error"]["code"]) == (413, "too_large")


def test_a_key_that_asks_too_often_waits(gateway, keys):
    asked = [gateway.post("hearth.leads.worklist", {}, key=keys.slow) for _ in range(3)]
    assert [answer.status for answer in asked] == [202, 429, 429]
    assert (asked[1].code, asked[1].headers["Retry-After"]) == ("rate", "1")


def test_the_same_key_and_arguments_are_one_task(gateway_on_any, keys_on_any, emptied_broker):
    body = {"leads": [LEAD]}
    first, again = (gateway_on_any.post(UPSERT, body, key=keys_on_any.acme, Idempotency_Key="sync-7") for _ in range(2))
    assert (first.status, again.status) == (202, 202)
    assert first.json == again.json
    assert len(outbox_rows()) == len(queued(emptied_broker, "ingest")) == 1
    other = gateway_on_any.post(UPSERT, body, key=keys_on_any.other, Idempotency_Key="sync-7")
    assert other.json["task_id"] != first.json["task_id"]


def test_the_same_key_with_other_arguments_is_a_conflict(gateway_on_any, keys_on_any, emptied_broker):
    post = gateway_on_any.post
    assert post(UPSERT, {"leads": [LEAD]}, key=keys_on_any.acme, Idempotency_Key="sync-7").status == 202
    changed = {"leads": [{**LEAD, "first_name": "Grace"}]}
    answer = post(UPSERT, changed, key=keys_on_any.acme, Idempotency_Key="sync-7")
    assert (answer.status, answer.code) == (409, "conflict")
    in_body = post(UPSERT, {**changed, "idempotency_key": "sync-7"}, key=keys_on_any.acme)
    assert in_body.status == 409
    assert len(queued(emptied_broker, "ingest")) == 1


def test_a_header_and_a_body_that_disagree_are_refused(gateway, keys):
    body = {"leads": [LEAD], "idempotency_key": "a"}
    assert gateway.post(UPSERT, body, key=keys.acme, Idempotency_Key="b").status == 422
    assert gateway.post(UPSERT, {"leads": [LEAD]}, key=keys.acme, Idempotency_Key="a b").status == 422


def test_a_signed_request_that_comes_again_is_one_task(gateway, keys, emptied_broker):
    raw = json.dumps({"leads": [LEAD]}).encode()
    headers = signed(keys.signing, "POST", PATH, raw)
    first, again = (gateway.call("POST", PATH, raw, headers=headers) for _ in range(2))
    assert (first.status, again.status) == (202, 202)
    assert first.json == again.json
    assert len(queued(emptied_broker, "ingest")) == 1
    assert gateway.call("POST", PATH, raw + b" ", headers=headers).status == 401
    stolen = {**headers, "X-Hearth-Key": keys.other_signing.record.key_id}
    assert gateway.call("POST", PATH, raw, headers=stolen).status == 401


def test_an_answer_carries_what_browsers_and_logs_need(gateway, keys):
    answer = gateway.call("GET", "/nothing", headers={"X-Request-Id": "trace-1"})
    assert (answer.headers["X-Request-Id"], answer.headers["Content-Type"]) == ("trace-1", "application/json")
    assert (answer.headers["Cache-Control"], answer.headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
    odd = gateway.call("GET", "/nothing", headers={"X-Request-Id": "a b<c>"})
    assert odd.headers["X-Request-Id"] != "a b<c>"
    assert answer.headers["Server"] == "hearth"


def test_the_health_needs_no_key(gateway):
    answer = gateway.get("/healthz")
    assert (answer.status, answer.json) == (200, {"ok": True, "broker": True, "database": True})


def test_what_is_published_is_confirmed_so_that_no_relay_sends_it_again(gateway_on_any, keys_on_any):
    def unconfirmed():
        with reading(EVERY_TENANT) as session:
            return session.scalars(select(OutboxEntry.outbox_id).where(OutboxEntry.published_at.is_(None))).all()

    for _ in range(3):
        assert gateway_on_any.post(UPSERT, {"leads": [LEAD]}, key=keys_on_any.acme).status == 202
    until(lambda: not unconfirmed())
    assert len(outbox_rows()) == 3
