"""Held messages whose tenant does not exist yet: bounded, found by its name, and moved to it once it is there.

They are held under the unknown tenant, since a name that anybody may write makes no quarantine of its own. The id of
such a message begins with a mark of the tenant that it names, so none has to be opened to find a tenant's messages.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import fields
from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, Select, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from db.base import NewRow
from db.errors import SealBroken
from db.models import Offboarding, QuarantinedMessage, QuarantineTally
from db.records import QuarantineDraft, QuarantineEntry
from db.repositories.jobs.quarantine import AWAITS_TENANT, UNKNOWN_TENANT, hold, mark_of, place_of
from db.repositories.sql import rowcount
from db.session import keyring_of

#: kept; no room for it; its tenant was deleted, so nothing of it is kept
Kept = Literal["kept", "full", "deleted"]
#: the reason of an event that names no tenant at all: a person may look at it, and it is never sent
NO_TENANT: Literal["no_location"] = "no_location"
#: most messages that wait for tenants: half of the quarantine, so that they leave room for what came otherwise
MOST = 5_000
_TALLY = QuarantineTally
_MARK = func.substr(QuarantinedMessage.quarantine_id, 1, len(mark_of("")))
_HELD = (
    QuarantinedMessage.tenant_id == UNKNOWN_TENANT,
    QuarantinedMessage.state == "held",
    QuarantinedMessage.reason == AWAITS_TENANT,
)


def keep(session: Session, *, draft: QuarantineDraft, now: datetime, limit: int = MOST) -> Kept:
    """Hold a message for the tenant that it awaits, or an event that names none; the session reaches every tenant."""
    deleted = select(Offboarding.tenant_id).where(Offboarding.tenant_id == draft.awaited_tenant).limit(1)
    if draft.awaited_tenant and session.scalar(deleted):
        return "deleted"
    return "kept" if hold(session, UNKNOWN_TENANT, draft=draft, now=now, limit=limit) else "full"


def awaited(session: Session, tenant_ids: Iterable[str]) -> list[str]:
    """Return those of these tenants for which messages wait."""
    marks = set(session.scalars(select(_MARK).where(*_HELD).distinct()))
    return [tenant_id for tenant_id in tenant_ids if mark_of(tenant_id) in marks] if marks else []


def claim(
    session: Session, tenant_id: str, *, now: datetime, limit: int, only: str | None = None
) -> list[QuarantineEntry]:
    """Move the oldest messages that wait for a tenant, or only one, to it; return them in the order in which they came.

    They are moved as replayed: the transaction that claims them writes them to the outbox. The session reaches every
    tenant.
    """
    _lock(session)
    oldest = _oldest(tenant_id)
    rows = session.scalars(
        (oldest.where(QuarantinedMessage.quarantine_id == only) if only else oldest).limit(limit)
    ).all()
    moved = [row for row in rows if _move(session, row, tenant_id, now)]
    _count_fewer(session, len(moved))
    columns = [column.name for column in fields(QuarantineEntry) if column.name not in ("tenant_id", "state")]
    facts = [{name: getattr(row, name) for name in columns} for row in moved]
    return [QuarantineEntry(tenant_id=tenant_id, state="replayed", **each) for each in facts]


def purge(session: Session, *, before: datetime, left: Collection[str]) -> int:
    """Delete messages that waited since before a time, or for tenants that have left; return their number.

    Events that name no tenant go by the same time. The session reaches every tenant.
    """
    _lock(session)
    kept = (QuarantinedMessage.tenant_id == UNKNOWN_TENANT, QuarantinedMessage.state == "held")
    gone = _MARK.in_([mark_of(tenant_id) for tenant_id in left])
    over: ColumnElement[bool] = or_(
        QuarantinedMessage.reason.in_((AWAITS_TENANT, NO_TENANT)) & (QuarantinedMessage.created_at < before),
        (QuarantinedMessage.reason == AWAITS_TENANT) & gone,
    )
    count = rowcount(
        session, delete(QuarantinedMessage).where(*kept, over).execution_options(synchronize_session=False)
    )
    _count_fewer(session, count)
    return count


def _lock(session: Session) -> None:
    # the tally first, in the order of all other code that locks both
    session.execute(select(_TALLY.held).where(_TALLY.tenant_id == UNKNOWN_TENANT).with_for_update())


def _oldest(tenant_id: str) -> Select[QuarantinedMessage]:
    mark = QuarantinedMessage.quarantine_id.startswith(mark_of(tenant_id), autoescape=True)
    order = (QuarantinedMessage.created_at, QuarantinedMessage.quarantine_id)
    return select(QuarantinedMessage).where(*_HELD, mark).order_by(*order)


def _move(session: Session, row: QuarantinedMessage, tenant_id: str, now: datetime) -> bool:
    """Seal a message for its tenant; False where it does not open: it stays, and those behind it do not wait for it."""
    ring, name = keyring_of(session), row.quarantine_id
    try:
        content = ring.open(row.content, place_of(UNKNOWN_TENANT, name))
    except SealBroken:
        return False
    moved: NewRow = {column.name: getattr(row, column.name) for column in QuarantinedMessage.__table__.columns}
    moved |= {"tenant_id": tenant_id, "state": "replayed", "settled_at": now}
    moved["content"] = ring.seal(content, place_of(tenant_id, name))
    # one of this id was claimed before, where the same message came again
    same = QuarantinedMessage.tenant_id.in_((UNKNOWN_TENANT, tenant_id)) & (QuarantinedMessage.quarantine_id == name)
    session.execute(delete(QuarantinedMessage).where(same).execution_options(synchronize_session=False))
    session.execute(insert(QuarantinedMessage), [moved])
    return True


def _count_fewer(session: Session, count: int) -> None:
    fewer = update(_TALLY).where(_TALLY.tenant_id == UNKNOWN_TENANT).values(held=_TALLY.held - count)
    rowcount(session, fewer.execution_options(synchronize_session=False))
