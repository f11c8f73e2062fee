"""What becomes of a message whose work cannot be done now: sent again by a real broker, waits and retries apart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from celery.exceptions import Reject, Retry
from pydantic import SecretStr

from db import session as sessions
from db.sealing import KeyRing
from tasks import base
from tasks.base import Answer, Json, Work, job
from tasks.contracts.system import Upkeep
from tasks.errors import Unavailable
from tasks.leasing import leased
from tasks.tenants import configure
from tasks.training import train_model
from tests.integration.relay.live import queued, running
from workers.app import app
from workers.cluster import join

pytestmark = pytest.mark.usefixtures("sqlite_database", "workspace_folder")

LEASE = "hearth.models.train:lead_score:tenant"
AWAY = "postgresql://nobody@127.0.0.1:1/none"


@pytest.fixture(scope="module")
def broker_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    before = app.conf.broker_url
    with running(tmp_path_factory.mktemp("broker")) as url:
        join(SecretStr(url))
        yield url
    join(SecretStr(before))


def come(**headers: Any) -> None:
    """The task runs as in a worker, for a message with these headers."""
    facts = {"id": "task-1", "called_directly": False, "delivery_info": {"exchange": "", "routing_key": "training"}}
    train_model.push_request(kwargs={"tenant_id": "acme", "kind": "lead_score"}, args=(), **facts, **headers)
    try:
        train_model.answer((), {"tenant_id": "acme", "kind": "lead_score"})
    finally:
        train_model.pop_request()


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


def test_trouble_after_much_waiting_still_has_its_retries(broker_url: str, test_keyring: KeyRing) -> None:
    sessions.configure(AWAY, test_keyring)
    with pytest.raises(Retry):
        come(retries=2, hearth_waited=500)
    headers = queued(broker_url, "training")[-1]["headers"]
    assert (headers["retries"], headers["hearth_waited"]) == (3, 500)
    with pytest.raises(Unavailable):
        come(retries=train_model.max_retries)


@job("tests.full_disk", Upkeep)
def fills_the_disk(request: Upkeep, work: Work) -> Json:
    """Meets a disk without room."""
    with Path("/dev/full").open("w") as out:
        out.write("x")
    return work.envelope(request, Answer(data={}))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full here")
def test_a_full_disk_is_told_and_tried_again(broker_url: str) -> None:
    with pytest.raises(Unavailable, match="no room on the disk"):
        fills_the_disk()
    fills_the_disk.push_request(kwargs={}, args=(), id="task-2", called_directly=False, retries=1)
    try:
        with pytest.raises(Retry):
            fills_the_disk.answer((), {})
    finally:
        fills_the_disk.pop_request()


def test_waiting_ends(broker_url: str) -> None:
    configure(tenant_id="acme")
    with leased("acme", LEASE, "other"), pytest.raises(Unavailable):
        come(retries=0, hearth_waited=base.WAITS)


def test_a_retry_that_the_broker_does_not_take_gives_the_message_back(broker_url: str, test_keyring: KeyRing) -> None:
    sessions.configure(AWAY, test_keyring)
    with full(broker_url), pytest.raises(Reject) as given_back:
        come(retries=0)
    assert given_back.value.requeue is True
