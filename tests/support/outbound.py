"""A tenant that is subscribed, events told to it, and their states."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from db.records import OutboundDraft
from db.repositories import tenants
from db.repositories.outbound import outbound
from db.session import EVERY_TENANT, transaction

NOW = datetime.now(UTC)


SECRET = "a secret of sixteen"


def subscribe(tenant, callback):
    with transaction(EVERY_TENANT) as session:
        tenants.configure(session, tenant, settings={"callback": callback}, actor="test", now=NOW)


def webhook(url):
    return {"kind": "webhook", "url": url, "secret": SECRET}


def tell(tenant, *leads):
    drafts = [OutboundDraft(type="band.changed", lead_id=lead, body={"band": "hot"}) for lead in leads]
    with transaction(EVERY_TENANT) as session:
        return [record.event_id for record in outbound.emit(session, tenant, events=drafts, now=NOW)]


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
