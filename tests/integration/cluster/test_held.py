"""A running worker's door: what cannot run is held with its reason, the rest goes on, what is held can come back."""

from datetime import UTC, datetime

import pytest
from kombu.utils.uuid import uuid

from db import session
from db.repositories.jobs import quarantine as held
from db.session import EVERY_TENANT, reading, transaction
from tests.support.malformed import push
from tests.support.processes import until
from workers.app import app
from workers.base import database, quarantine
from workers.cluster.embedded import attach

pytestmark = pytest.mark.cluster("cluster")


@pytest.fixture
def bound(cluster):
    """This process on the cluster's broker and database."""
    assert attach(cluster.settings)
    database.bind(cluster.settings)
    yield cluster
    session.dispose()


def entries():
    with reading(EVERY_TENANT) as opened:
        return held.entries(opened, limit=1_000_000)


def test_what_cannot_run_is_held_and_the_worker_goes_on(bound):
    before = {entry.quarantine_id for entry in entries()}
    push(bound, body="{not json")
    push(bound, body='[[], {}, {"callbacks": null}]', **{"content-type": "application/x-python-serialize"})
    push(bound, body='{"nothing": 1}', headers={})
    push(bound, body="[[], {}, {}]", headers={"task": "toys.echo", "id": uuid(), "eta": {"not": "a time"}})
    push(bound, body='{"task": "toys.echo", "id": "1", "args": "abc", "kwargs": []}', headers={})
    app.send_task("toys.yet_unknown", kwargs={"a": 1}, queue="batch", expires=5)
    app.send_task("toys.poison", queue="batch")
    app.send_task("toys.yet_unknown", kwargs={"a": 1}, queue="batch")
    assert app.send_task("toys.echo", kwargs={"a": 1}, queue="batch").get(timeout=20) == {"a": 1}

    def new():
        return sorted(entry.reason for entry in entries() if entry.quarantine_id not in before)

    wanted = ["attempts", *["invalid"] * 3, "undecodable", "unknown_message", "unknown_task"]
    until(lambda: new() == wanted)


def test_a_held_message_runs_when_it_is_replayed(bound):
    sent = app.send_task("toys.late", kwargs={"a": 5}, queue="batch")
    (entry,) = until(lambda: [entry for entry in entries() if entry.task == "toys.late"])
    with transaction(EVERY_TENANT) as opened:
        record = held.get(opened, entry.tenant_id, quarantine_id=entry.quarantine_id)
        facts = {**record.headers, "headers": {**record.headers["headers"], "task": "toys.echo"}}
        draft = held.QuarantineDraft(
            task="toys.echo", queue="batch", reason="unknown_task", headers=facts, body=record.body
        )
        held.hold(opened, entry.tenant_id, draft=draft, now=datetime.now(UTC))
    # as a worker of the new version does when it starts
    assert quarantine.replay_known({"toys.echo"}) == 1
    assert sent.get(timeout=20) == {"a": 5}
