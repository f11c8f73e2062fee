"""How far the sender is with each tenant: its cursor, the lease under which one process sends, and why it waits."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from db.models import CrmSender, OutboundCounter
from db.records import CrmSenderRecord
from db.repositories.sql import insert_if_new, rowcount

_COLUMNS = tuple(getattr(CrmSender, column.name) for column in fields(CrmSenderRecord))


def get(session: Session, tenant_id: str) -> CrmSenderRecord | None:
    """Return how far the sender is with a tenant; None where it has never sent for it."""
    row = session.execute(select(*_COLUMNS).where(CrmSender.tenant_id == tenant_id)).mappings().one_or_none()
    return None if row is None else CrmSenderRecord(**dict(row))


def newest_sequence(session: Session, tenant_id: str) -> int:
    """Return the number of a tenant's newest event; 0 where there is none."""
    newest = select(func.coalesce(func.max(OutboundCounter.sequence), 0)).where(OutboundCounter.tenant_id == tenant_id)
    return int(session.execute(newest).scalar_one())


def take(session: Session, tenant_id: str, *, holder: str, now: datetime, hold: float) -> CrmSenderRecord | None:
    """Let a process send for a tenant, or go on, for `hold` seconds; None while another one does.

    A tenant that is new begins with the events that come from now on.
    """
    first = {
        "tenant_id": tenant_id,
        "sequence": newest_sequence(session, tenant_id),
        "requests": 0,
    }
    known = get(session, tenant_id)
    if known is None:
        insert_if_new(session, CrmSender, first)
    elif known.holder == holder and known.held_until and known.held_until > now + timedelta(seconds=hold / 2):
        return known
    free = or_(CrmSender.holder == holder, CrmSender.held_until.is_(None), CrmSender.held_until <= now)
    taken = update(CrmSender).where(CrmSender.tenant_id == tenant_id, free)
    taken = taken.values(holder=holder, held_until=now + timedelta(seconds=hold))
    changed = rowcount(session, taken.execution_options(synchronize_session=False))
    return get(session, tenant_id) if changed else None


def give_back(session: Session, tenant_id: str, *, holder: str) -> None:
    """Let another process send for a tenant."""
    _change(session, tenant_id, CrmSender.holder == holder, held_until=None)


def advance(session: Session, tenant_id: str, *, sequence: int) -> None:
    """Set the newest event that was read."""
    _change(session, tenant_id, CrmSender.sequence < sequence, sequence=sequence)


def fill(session: Session, tenant_id: str, *, after: str | None) -> None:
    """Set the id after which the fields of all leads are still to be written; None: of none."""
    _change(session, tenant_id, fill_after=after)


def mark_fill(session: Session, tenant_id: str, *, mark: str) -> None:
    """Begin with the fields of all leads, for a day and a mapping of fields."""
    _change(session, tenant_id, fill_after="", fill_mark=mark)


def close(session: Session, tenant_id: str, *, until: datetime, trouble: str) -> None:
    """Send nothing before a time, for a reason (a code)."""
    _change(session, tenant_id, closed_until=until, trouble=trouble)


def reopen(session: Session, tenant_id: str) -> None:
    """Forget why nothing was sent."""
    _change(session, tenant_id, CrmSender.trouble.is_not(None), closed_until=None, trouble=None)


def count_request(session: Session, tenant_id: str, *, day: str) -> None:
    """Count one request of a day."""
    same = update(CrmSender).where(CrmSender.tenant_id == tenant_id, CrmSender.day == day)
    same = same.values(requests=CrmSender.requests + 1).execution_options(synchronize_session=False)
    if not rowcount(session, same):
        _change(session, tenant_id, day=day, requests=1)


def _change(session: Session, tenant_id: str, *where: ColumnElement[bool], **values: object) -> None:
    changed = update(CrmSender).where(CrmSender.tenant_id == tenant_id, *where)
    rowcount(session, changed.values(**values).execution_options(synchronize_session=False))
