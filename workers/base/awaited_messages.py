"""Send held messages again whose tenant did not exist when they came, and does by now."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import structlog

from db.records import QuarantineEntry, QuarantineRecord
from db.repositories import tenants
from db.repositories.jobs import awaited_tenants, quarantine
from db.session import EVERY_TENANT, Session, reading, transaction
from workers.base import messages
from workers.base.quarantine import NOBODY, publish_later

log = structlog.get_logger(__name__)

#: messages in one transaction
_BATCH = 200


def replay_all() -> int:
    """Send the messages again whose tenant exists by now, in the order in which they came; gives their number."""
    with reading(EVERY_TENANT) as session:
        tenant_ids = awaited_tenants.awaited(session, tenants.ids(session))
    sent = 0
    for tenant_id in tenant_ids:
        while batch := _replay_batch(tenant_id):
            sent += batch
    if sent:
        log.info("awaited_messages_replayed", messages=sent, tenants=len(tenant_ids))
    return sent


def replay(session: Session, entry: QuarantineEntry, *, now: datetime) -> bool:
    """Send one message again; False when it is not held, or its tenant does not exist yet."""
    record = quarantine.get(session, NOBODY, quarantine_id=entry.quarantine_id)
    tenant_id = tenant_of(record) if record else None
    if tenant_id is None or tenants.get(session, tenant_id) is None:
        return False
    claimed = awaited_tenants.claim(session, tenant_id, now=now, limit=1, only=entry.quarantine_id)
    publish_later(session, claimed, now=now, fresh=True)
    return bool(claimed)


def waits(entry: QuarantineEntry) -> bool:
    """Return whether a held message waits for a tenant."""
    return (entry.tenant_id, entry.reason, entry.state) == (NOBODY, quarantine.AWAITS_TENANT, "held")


def tenant_of(record: QuarantineRecord) -> str | None:
    """Return the tenant that a message names and waits for."""
    try:
        body = json.loads(record.body)
    except (ValueError, RecursionError):
        return None
    # what the gateway kept is the keyword arguments alone
    return messages.tenant_in(body if isinstance(body, list) else [[], body])


def _replay_batch(tenant_id: str) -> int:
    now = datetime.now(UTC)
    with transaction(EVERY_TENANT) as session:
        if tenants.get(session, tenant_id) is None:  # it is being deleted since
            return 0
        claimed = awaited_tenants.claim(session, tenant_id, now=now, limit=_BATCH)
        # its time to live was for a tenant that is there
        publish_later(session, claimed, now=now, fresh=True)
    return len(claimed)
