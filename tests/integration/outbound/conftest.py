"""Receivers, tenants that want to be told, and deliverers."""

import time
from datetime import UTC, datetime

import pytest

from db.records import OutboundDraft
from db.repositories import tenants
from db.repositories.outbound import outbound
from db.session import EVERY_TENANT, transaction
from tests.integration.outbound.receiver import Receiver
from workers.app import app
from workers.delivery.outbound import Deliverer, Limits

NOW = datetime.now(UTC)
SECRET = "a secret of sixteen"


@pytest.fixture
def receivers():
    made = []

    def make():
        made.append(Receiver())
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def receiver(receivers):
    return receivers()


def subscribe(tenant, callback):
    with transaction(EVERY_TENANT) as session:
        tenants.configure(session, tenant, settings={"callback": callback}, actor="test", now=NOW)


def webhook(url):
    return {"kind": "webhook", "url": url, "secret": SECRET}


def tell(tenant, *leads):
    drafts = [OutboundDraft(type="band.changed", lead_id=lead, body={"band": "hot"}) for lead in leads]
    with transaction(EVERY_TENANT) as session:
        return [record.event_id for record in outbound.emit(session, tenant, events=drafts, now=NOW)]


@pytest.fixture
def deliverer():
    """Builds deliverers with short waits that are closed at the end."""
    made = []

    def make(celery=app, **limits):
        quick = {"backoff": 0.01, "backoff_limit": 0.02, "open_for": 0.2, "loopback": True, **limits}
        made.append(Deliverer(celery, Limits(**quick)))
        return made[-1]

    yield make
    for one in made:
        one.close()


def until(condition, one, patience=30.0):
    """Let a deliverer work until something holds."""
    deadline = time.monotonic() + patience
    while not condition():
        one.step()
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def states():
    with transaction(EVERY_TENANT) as session:
        return outbound.counts(session)
