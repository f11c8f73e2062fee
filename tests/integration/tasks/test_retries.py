"""What becomes of a message whose work cannot be done now: sent again by a real broker, waits and retries apart."""

from __future__ import annotations

import errno
import json
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from celery.exceptions import Reject, Retry
from pydantic import SecretStr
from sqlalchemy import text

from db import session as sessions
from db.encryption import KeyRing
from db.errors import DatabaseBusy, DatabaseUnavailable, ReferenceGone
from db.records import OutboxDraft
from db.repositories.jobs import outbox, quarantine
from db.session import EVERY_TENANT, Session, reading, transaction
from domain.documents import JsonObject
from tasks.contracts.base.request import Request
from tasks.contracts.system import Upkeep
from tasks.errors import Unavailable
from tasks.events import ingest
from tasks.models import train_model
from tasks.runtime.batching import Call
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.failures import delivery_attempts, retries, retry_policy
from tasks.runtime.failures.retry_policy import DatabaseAway
from tasks.runtime.leases import LeaseBusy, leased
from tasks.runtime.task import effect, job
from tasks.tenants import configure, readiness
from tests.support.broker import queued, running
from workers.app import app
from workers.base import quarantine as held
from workers.cluster.embedded import join
from workers.delivery.relay import Relay, RelayLimits

pytestmark = pytest.mark.usefixtures("sqlite_database", "workspace_folder")

LEASE = "hearth.models.train:lead_score:tenant"
AWAY = "postgresql://nobody@127.0.0.1:1/none"
HOUR_AGO = datetime.now(UTC).timestamp() - 3600
FAR = (datetime.now(UTC) + timedelta(days=3)).isoformat()
ASKED = {"tenant_id": "acme", "note": "n"}


@pytest.fixture(scope="module")
def broker_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    before = app.conf.broker_url
    with running(tmp_path_factory.mktemp("broker")) as url:
        join(SecretStr(url))
        yield url
    join(SecretStr(before))


class Probe(Request):
    """Something to be kept."""

    note: str = ""


def come(**headers: Any) -> None:
    """The task runs as in a worker, for a message with these headers."""
    come_to(train_model, {"tenant_id": "acme", "kind": "lead_score"}, queue="training", **headers)


def come_to(wanted: Any, kwargs: JsonObject, queue: str = "ingest", **headers: Any) -> JsonObject:
    """Any task does so."""
    told = {"id": "task-1", "delivery_info": {"exchange": "", "routing_key": queue}, **headers}
    wanted.push_request(told, kwargs=kwargs, args=(), called_directly=False)
    try:
        answered: JsonObject = wanted.answer((), kwargs)
    finally:
        wanted.pop_request()
    return answered


@contextmanager
def full(broker_url: str) -> Iterator[None]:
    """The broker refuses what it would have to remember."""
    with redis.Redis.from_url(broker_url) as client:
        client.config_set("maxmemory", 1)
        yield
        client.config_set("maxmemory", 0)


def test_waiting_for_another_worker_counts_as_no_retry(broker_url: str) -> None:
    configure(tenant_id="acme")
    with leased("acme", LEASE, "other"), pytest.raises(Retry):
        come(retries=4, hearth_waited=20, hearth_outbox="row-1")
    headers = queued(broker_url, "training")[-1]["headers"]
    assert (headers["id"], headers["retries"], headers["hearth_waited"]) == ("task-1", 4, 21)
    assert headers["hearth_outbox"] == "row-1"


def test_trouble_counts_as_no_retry_and_outlasts_an_hour(broker_url: str, test_keyring: KeyRing) -> None:
    sessions.configure(AWAY, test_keyring)
    met = {"trouble": "database", "since": HOUR_AGO, "tries": 90}
    with pytest.raises(DatabaseAway) as again:
        come(retries=2, hearth_waited=500, hearth_outbox="row-1", hearth_retry=met, hearth_ended=2)
    headers = queued(broker_url, "training")[-1]["headers"]
    assert (headers["retries"], headers["hearth_waited"], headers["hearth_ended"]) == (2, 500, 2)
    assert (headers["hearth_retry"], headers["hearth_outbox"]) == (met | {"tries": 91}, "row-1")
    assert 30 <= again.value.when <= 60


def test_a_death_before_trouble_is_counted_once_the_database_is_back(broker_url: str, test_keyring: KeyRing) -> None:
    sessions.configure(AWAY, test_keyring)
    for told in ({"retries": 3, "hearth_ended": 2}, {"retries": 1}):
        with pytest.raises(DatabaseAway):
            come(**told)
        headers = queued(broker_url, "training")[-1]["headers"]
        assert delivery_attempts.unrecorded_attempts(headers) == delivery_attempts.unrecorded_attempts(told)


def test_a_message_that_is_of_no_use_later_is_not_tried_again(broker_url: str, test_keyring: KeyRing) -> None:
    sessions.configure(AWAY, test_keyring)
    with pytest.raises(Unavailable):
        come(expires=(datetime.now(UTC) + timedelta(milliseconds=100)).isoformat())
    later = (datetime.now(UTC) + timedelta(seconds=100)).isoformat()
    with pytest.raises(DatabaseAway):
        come(expires=later)
    assert queued(broker_url, "training")[-1]["headers"]["expires"] == later


def test_who_only_asks_is_told_after_a_few_tries(broker_url: str, test_keyring: KeyRing) -> None:
    sessions.configure(AWAY, test_keyring)
    asked = {"tenant_id": "acme"}
    for tries, told in ((retry_policy.QUERY_TRIES - 1, DatabaseAway), (retry_policy.QUERY_TRIES, Unavailable)):
        met = {"trouble": "database", "since": HOUR_AGO, "tries": tries}
        with pytest.raises(told):
            come_to(readiness, asked, retries=0, hearth_retry=met)


@job("tests.full_disk", Upkeep, queue="celery")
def fills_the_disk(request: Upkeep, context: TaskContext) -> JsonObject:
    """Meets a disk without room."""
    with Path("/dev/full").open("w") as out:
        out.write("x")
    return context.envelope(request, TaskResult(data={}))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full here")
def test_a_full_disk_is_told_and_tried_again(broker_url: str) -> None:
    with pytest.raises(Unavailable, match="no room on the disk"):
        fills_the_disk()
    with pytest.raises(Retry) as again:
        come_to(fills_the_disk, {}, retries=1)
    assert not isinstance(again.value, DatabaseAway), "there is no reason to take nothing"


@effect("tests.outlasted", Probe, queue="celery")
def meets(_: Session, request: Probe, context: TaskContext) -> TaskResult:
    """Meets what the test says."""
    if errors:
        raise errors[0]
    return TaskResult(data={"note": request.note})


errors: list[Exception] = []


@pytest.fixture
def _no_errors() -> Iterator[None]:
    yield
    errors.clear()


def long_ago(trouble: str) -> JsonObject:
    return {"trouble": trouble, "since": HOUR_AGO - 24 * 3600, "tries": 1500}


@pytest.mark.usefixtures("_no_errors")
@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (DatabaseUnavailable("away"), "database"),
        (DatabaseBusy("locked"), "rows"),
        (ReferenceGone("gone"), "reference"),
        (OSError(errno.ENOSPC, "full"), "disk"),
    ],
)
def test_trouble_for_too_long_is_held_whole_and_comes_again_by_hand(
    broker_url: str, error: Exception, trouble: str
) -> None:
    configure(tenant_id="acme")
    with transaction(EVERY_TENANT) as session:
        draft = OutboxDraft(task=meets.name, queue="ingest", kwargs=ASKED)
        (row,) = outbox.add(session, "acme", drafts=[draft], now=datetime.now(UTC))
    told = {"retries": 1, "hearth_ended": 1, "hearth_outbox": row.outbox_id, "id": row.outbox_id}
    link = [{"task": "crm.told", "args": [], "kwargs": {}, "options": {"queue": "crm"}}]
    errors.append(error)
    with pytest.raises(Retry):
        come_to(meets, ASKED, **told)
    with pytest.raises(Unavailable):
        come_to(meets, ASKED, **told, callbacks=link, hearth_retry=long_ago(trouble), expires=FAR)
    with reading(EVERY_TENANT) as session:
        (entry,) = quarantine.entries(session, "acme")
        open_rows = session.execute(text("SELECT count(*) FROM outbox WHERE done_at IS NULL")).scalar_one()
    assert (entry.reason, entry.task, entry.queue, open_rows) == ("unavailable", meets.name, "ingest", 0)

    with transaction(EVERY_TENANT) as session:
        assert held.replay(session, entry, now=datetime.now(UTC), by_hand=True)
    relay = Relay(app, RelayLimits(older_than=0.0))
    relay.step()
    relay.close()
    message = queued(broker_url, "ingest")[-1]
    headers, (args, kwargs, embedded) = message["headers"], json.loads(b64decode(message["body"]))
    assert (headers["id"], headers["task"], headers["retries"], headers["expires"]) == (
        row.outbox_id,
        meets.name,
        0,
        None,
    )
    assert (args, kwargs, embedded["callbacks"]) == ([], ASKED, link)
    errors.clear()
    assert come_to(meets, kwargs, **headers)["data"] == {"note": "n"}


@pytest.mark.usefixtures("_no_errors")
def test_what_cannot_be_held_goes_on(
    broker_url: str, sqlite_database: str, test_keyring: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(tenant_id="acme")
    sessions.configure(AWAY, test_keyring)
    with pytest.raises(DatabaseAway):
        come_to(meets, ASKED, retries=0, hearth_retry=long_ago("database"))
    sessions.configure(sqlite_database, test_keyring)
    with transaction(EVERY_TENANT) as session:
        session.execute(text("INSERT INTO quarantine_tallies (tenant_id, held, overflowed) VALUES ('acme', 10000, 0)"))
    errors.append(ReferenceGone("gone"))
    with pytest.raises(Retry):
        come_to(meets, ASKED, retries=0, hearth_retry=long_ago("reference"))
    assert [one["headers"]["hearth_retry"]["tries"] for one in queued(broker_url, "ingest")[-2:]] == [1501, 1501]


def test_messages_gathered_while_the_database_is_away_are_not_tried_one_by_one(
    broker_url: str, sqlite_database: str, test_keyring: KeyRing
) -> None:
    configure(tenant_id="acme")
    sessions.configure(AWAY, test_keyring)
    event = {"id": "e1", "lead": {"external_id": "u1"}, "kind": "listing_view"}
    asked = {"tenant_id": "acme", "provider": "generic", "events": [event]}
    ingest.prepare([Call(task_id=f"t{at}", kwargs=asked) for at in range(2)])
    sessions.configure(sqlite_database, test_keyring)
    for at in range(2):
        with pytest.raises(DatabaseAway):
            come_to(ingest, asked, id=f"t{at}", retries=0)
    assert come_to(ingest, asked, id="t0", retries=0)["status"] == "ok"


def test_a_job_whose_lease_cannot_be_given_back_is_done(sqlite_database: str, test_keyring: KeyRing) -> None:
    with leased("acme", LEASE, "one"):
        sessions.configure(AWAY, test_keyring)
    sessions.configure(sqlite_database, test_keyring)
    with pytest.raises(LeaseBusy), leased("acme", LEASE, "two"):
        pass


def test_waiting_ends(broker_url: str) -> None:
    configure(tenant_id="acme")
    with leased("acme", LEASE, "other"), pytest.raises(Unavailable):
        come(retries=0, hearth_waited=retries.WAITS)
    with reading(EVERY_TENANT) as session:
        assert [entry.reason for entry in quarantine.entries(session, "acme")] == ["unavailable"]


def test_a_retry_that_the_broker_does_not_take_gives_the_message_back(broker_url: str, test_keyring: KeyRing) -> None:
    sessions.configure(AWAY, test_keyring)
    with full(broker_url), pytest.raises(Reject) as given_back:
        come(retries=0)
    assert given_back.value.requeue is True
