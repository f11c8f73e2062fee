"""A broker or a database that is away: nothing is accepted that could be lost, and work goes on when it is back."""

import os
import signal
import threading

import pytest
import redis
from sqlalchemy import select

from db import session as sessions
from db.models import OutboxEntry
from db.session import EVERY_TENANT, reading
from tests.support.broker import queued
from tests.support.processes import until
from workers.gateway import process

UPSERT, BODY = "hearth.leads.upsert", {"leads": [{"external_id": "C-1001"}]}


@pytest.fixture
def frozen(emptied_broker):
    """Freeze the broker until the block ends."""
    with redis.Redis.from_url(emptied_broker) as client:
        pid = client.info("server")["process_id"]

    class Frozen:
        def __enter__(self):
            os.kill(pid, signal.SIGSTOP)

        def __exit__(self, *_):
            os.kill(pid, signal.SIGCONT)

    yield Frozen()
    os.kill(pid, signal.SIGCONT)


def test_while_the_broker_is_away_callers_are_told_to_come_again(gateway, keys, frozen, emptied_broker):
    assert gateway.post(UPSERT, BODY, key=keys.acme).status == 202
    with frozen:
        refused = [
            gateway.post(task, body, key=keys.acme) for task, body in ((UPSERT, BODY), ("hearth.leads.worklist", {}))
        ]
        unwell = gateway.get("/healthz")
    assert [(answer.status, answer.code) for answer in refused] == [(429, "broker_away")] * 2
    assert int(refused[0].headers["Retry-After"]) > 0
    assert (unwell.status, unwell.json) == (503, {"ok": False, "broker": False, "database": True})
    accepted = until(lambda: (answer := gateway.post(UPSERT, BODY, key=keys.acme)).status == 202 and answer)
    ids = [message["headers"]["id"] for message in queued(emptied_broker, "ingest")]
    assert ids[-1] == accepted.json["task_id"]
    with reading(EVERY_TENANT) as session:
        assert sorted(session.scalars(select(OutboxEntry.outbox_id))) == sorted(ids)


def test_while_the_database_is_away_nothing_is_accepted(gateway, keys, monkeypatch, emptied_broker):
    gateway.post(UPSERT, BODY, key=keys.acme)
    monkeypatch.setattr(sessions._bound, "engine", None)
    monkeypatch.setattr(sessions._bound, "url", sessions._bound.url.set(database="/nowhere/hearth.db"))
    answer = gateway.post(UPSERT, BODY, key=keys.acme)
    assert (answer.status, answer.code) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert len(queued(emptied_broker, "ingest")) == 1
    assert gateway.post("hearth.leads.worklist", {}, key=keys.acme).status == 202, "a question needs no outbox"


def test_who_waits_when_the_gateway_stops_is_answered_at_once(gateway, keys):
    told = []
    waiting = threading.Thread(
        target=lambda: told.append(gateway.post("hearth.leads.worklist", key=keys.acme, query="?wait=20"))
    )
    waiting.start()
    until(lambda: gateway.gateway.results._of_tenant["acme"] == 1)
    gateway.run(process.finish(gateway.server, gateway.gateway))
    waiting.join(timeout=5)
    assert [answer.status for answer in told] == [202]
    with pytest.raises(ConnectionError):
        gateway.get("/healthz")
