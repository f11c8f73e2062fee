"""Events as providers sent them, each once: stored sealed, so that a newer reader can read them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime

from sqlalchemy import RowMapping, Select, delete, select
from sqlalchemy.orm import Session

from db.base import NewRow, new_id
from db.encryption import DataKey, KeyRing, associated_data
from db.models import RawEvent
from db.records import RawEventDraft, RawEventRecord
from db.repositories.leads.leads import data_keys
from db.repositories.sql import in_batches, insert_many, rowcount
from db.session import keyring_of, lock_tenant

_COLUMNS = tuple(getattr(RawEvent, column.name) for column in fields(RawEventRecord))


def stored_keys(session: Session, tenant_id: str, *, keys: Sequence[str]) -> set[str]:
    """Return those keys under which events are stored already. It locks the tenant for other writers."""
    lock_tenant(session, tenant_id)
    ring = keyring_of(session)
    hashed = {ring.lookup(tenant_id, _text(key)): key for key in keys}
    already_stored: set[str] = set()
    for batch in in_batches(list(hashed)):
        stored = select(RawEvent.event_key).where(RawEvent.tenant_id == tenant_id, RawEvent.event_key.in_(batch))
        already_stored.update(hashed[key] for key in session.scalars(stored) if key is not None)
    return already_stored


def add(session: Session, tenant_id: str, *, drafts: Sequence[RawEventDraft]) -> list[str]:
    """Store events whose keys are not stored yet; return their ids.

    Raises:
        UnknownLead: a lead is not there for this tenant.

    """
    lead_ids = list(dict.fromkeys(draft.lead_id for draft in drafts if draft.lead_id))
    keys = data_keys(session, tenant_id, lead_ids=lead_ids) if lead_ids else {}
    rows = [_row(draft, tenant_id, keyring_of(session), keys) for draft in drafts]
    insert_many(session, RawEvent, rows)
    return [row["raw_id"] for row in rows]


def ids(session: Session, tenant_id: str, *, outcomes: Sequence[str], since: datetime | None = None) -> list[str]:
    """Return the ids of events with these outcomes, in the order of their arrival; with `since`, the later ones."""
    query = select(RawEvent.raw_id).where(RawEvent.tenant_id == tenant_id, RawEvent.outcome.in_(outcomes))
    query = query if since is None else query.where(RawEvent.received_at >= since)
    return list(session.scalars(query.order_by(RawEvent.raw_id)))


def pop(session: Session, tenant_id: str, *, raw_ids: Sequence[str]) -> list[RawEventRecord]:
    """Delete events and return them, decrypted, in the order of their arrival; those already gone are left out.

    It locks the tenant for other writers.

    Raises:
        SealBroken: a stored event was changed or moved.

    """
    lock_tenant(session, tenant_id)
    conditions = (RawEvent.tenant_id == tenant_id, RawEvent.raw_id.in_(raw_ids))
    records = _read(session, tenant_id, select(*_COLUMNS).where(*conditions))
    rowcount(session, delete(RawEvent).where(*conditions).execution_options(synchronize_session=False))
    return records


def read_all(session: Session, tenant_id: str) -> list[RawEventRecord]:
    """Return all events, decrypted, in the order of their arrival.

    Raises:
        SealBroken: a stored event was changed or moved.

    """
    return _read(session, tenant_id, select(*_COLUMNS).where(RawEvent.tenant_id == tenant_id))


def _read(session: Session, tenant_id: str, query: Select[*tuple[object, ...]]) -> list[RawEventRecord]:
    rows = session.execute(query.order_by(RawEvent.raw_id)).mappings().all()
    lead_ids = list(dict.fromkeys(row["lead_id"] for row in rows if row["lead_id"]))
    keys = data_keys(session, tenant_id, lead_ids=lead_ids) if lead_ids else {}
    return [_record(row, tenant_id, keyring_of(session), keys) for row in rows]


def _row(draft: RawEventDraft, tenant_id: str, ring: KeyRing, keys: Mapping[str, DataKey]) -> NewRow:
    raw_id = new_id()
    seal = keys[draft.lead_id].seal if draft.lead_id else ring.seal
    return {
        "tenant_id": tenant_id,
        "raw_id": raw_id,
        "event_key": None if draft.key is None else ring.lookup(tenant_id, _text(draft.key)),
        "provider": draft.provider,
        "type": draft.type,
        "outcome": draft.outcome,
        "lead_id": draft.lead_id,
        "verified": draft.verified,
        "received_at": draft.received_at,
        "payload": seal(draft.payload, _place(tenant_id, raw_id)),
    }


def _record(row: RowMapping, tenant_id: str, ring: KeyRing, keys: Mapping[str, DataKey]) -> RawEventRecord:
    unseal = keys[row["lead_id"]].open if row["lead_id"] else ring.open
    return RawEventRecord(**{**row, "payload": unseal(row["payload"], _place(tenant_id, row["raw_id"]))})


def _text(key: str) -> str:
    return f"event:{key}"


def _place(tenant_id: str, raw_id: str) -> bytes:
    return associated_data(tenant_id, "raw_events.payload", raw_id)
