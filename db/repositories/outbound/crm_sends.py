"""Requests to a tenant's CRM: each is in the ledger before it leaves, so that no action is carried out twice."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, literal_column, select, update
from sqlalchemy.orm import Session

from db.base import NewRow
from db.models import CrmMessage, CrmSend, Lead
from db.records import CrmSendRecord, SendState
from db.repositories.sql import column_in, in_batches, insert_new, rowcount, upsert

_COLUMNS = tuple(getattr(CrmSend, column.name) for column in fields(CrmSendRecord))
# literals as in the partial indexes, which serve only statements that say the same
_PENDING = CrmSend.state == literal_column("'pending'")
_NEWEST = 100


def action_key(action_id: str) -> str:
    """Return the key of an action's request."""
    return f"action:{action_id}"


def fields_key(lead_id: str) -> str:
    """Return the key of the request that writes a lead's own fields."""
    return f"fields:{lead_id}"


def add_actions(session: Session, tenant_id: str, *, actions: Sequence[tuple[str, str]], now: datetime) -> None:
    """Enter actions as (action id, lead id), each once: one that is in the ledger stays as it is.

    Leads that are gone are left out.
    """
    known = _known(session, tenant_id, [lead_id for _, lead_id in actions])
    rows = [
        _row(tenant_id, lead_id, now, now, action_id=action_id) for action_id, lead_id in actions if lead_id in known
    ]
    insert_new(session, CrmSend, rows)


def make_fields_due(
    session: Session, tenant_id: str, *, lead_ids: Collection[str], due_at: datetime, now: datetime
) -> None:
    """Make the fields of leads due at a time; what is due already stays so, and leads that are gone are left out."""
    known = sorted(_known(session, tenant_id, lead_ids))
    due_again: NewRow = {"state": "pending", "attempts": 0, "next_at": due_at, "code": None, "changed_at": now}
    for batch in in_batches(known):
        rows = [_row(tenant_id, lead_id, due_at, now) for lead_id in batch]
        insert = upsert(session, CrmSend).on_conflict_do_update(
            index_elements=["tenant_id", "key"], set_=due_again, where=CrmSend.state != "pending"
        )
        session.execute(insert, rows)


def leads_after(session: Session, tenant_id: str, *, after: str, limit: int) -> list[str]:
    """Return the ids of leads after an id, in order."""
    page = select(Lead.lead_id).where(Lead.tenant_id == tenant_id, Lead.lead_id > after)
    return list(session.scalars(page.order_by(Lead.lead_id).limit(limit)))


def due(session: Session, tenant_id: str, *, now: datetime, limit: int) -> list[CrmSendRecord]:
    """Return what is to be sent now, actions first, the longest due first."""
    found: list[CrmSendRecord] = []
    for kind in (CrmSend.action_id.is_not(None), CrmSend.action_id.is_(None)):
        if len(found) < limit:
            query = _of(tenant_id, _PENDING, kind, CrmSend.next_at <= now).order_by(CrmSend.next_at, CrmSend.key)
            found += _records(session, query.limit(limit - len(found)))
    return found


def overdue(session: Session, tenant_id: str, *, now: datetime) -> list[CrmSendRecord]:
    """Return requests that were on their way when their sender died: what became of them is not known."""
    sending = CrmSend.state == literal_column("'sending'")
    return _records(session, _of(tenant_id, sending, CrmSend.claimed_until <= now).order_by(CrmSend.key).limit(_NEWEST))


def begin(session: Session, tenant_id: str, *, key: str, now: datetime, hold: float) -> bool:
    """Mark a request as being on its way; False where another sender was quicker. Commit before it leaves."""
    until = now + timedelta(seconds=hold)
    return _change(session, tenant_id, key, ["pending"], state="sending", claimed_until=until, changed_at=now)


def end(
    session: Session,
    tenant_id: str,
    *,
    key: str,
    state: SendState,
    now: datetime,
    of: Collection[str] = ("sending",),
    code: str | None = None,
    written: str | None = None,
) -> bool:
    """Record what became of a request that is in one of some states; return whether it was.

    Fields that became due again while they were written stay due. `written` is kept in either case.
    """
    changed = _change(session, tenant_id, key, of, state=state, code=code, claimed_until=None, changed_at=now)
    if written is not None:
        _change(session, tenant_id, key, None, written=written)
    return changed


def put_back(
    session: Session, tenant_id: str, *, key: str, next_at: datetime, code: str, counts: bool, now: datetime
) -> None:
    """Send a request again at a time, for a reason (a code); `counts`: the failure counts against it."""
    _change(
        session,
        tenant_id,
        key,
        ["pending", "sending"],
        state="pending",
        next_at=next_at,
        code=code,
        attempts=CrmSend.attempts + int(counts),
        claimed_until=None,
        changed_at=now,
    )


def resend(session: Session, tenant_id: str, *, key: str, now: datetime) -> bool:
    """Send once more what is unsure, refused or dead, with its attempts counted from zero; return whether it is."""
    return _change(
        session,
        tenant_id,
        key,
        ["unsure", "refused", "dead"],
        state="pending",
        next_at=now,
        attempts=0,
        code=None,
        changed_at=now,
    )


def withdraw(session: Session, tenant_id: str, *, action_id: str, code: str, now: datetime) -> None:
    """Take back the request of an action that has not left; one that is unsure stays so until a person has looked."""
    end(session, tenant_id, key=action_key(action_id), state="withdrawn", of=("pending",), code=code, now=now)


def get(session: Session, tenant_id: str, *, key: str) -> CrmSendRecord | None:
    """Return one request, or None."""
    found = _records(session, _of(tenant_id, CrmSend.key == key))
    return found[0] if found else None


def listing(
    session: Session, tenant_id: str, *, states: Collection[SendState] | None = None, limit: int = _NEWEST
) -> list[CrmSendRecord]:
    """Return requests, all or those in some states, the newest change first."""
    chosen = [] if states is None else [CrmSend.state.in_(sorted(states))]
    return _records(session, _of(tenant_id, *chosen).order_by(CrmSend.changed_at.desc(), CrmSend.key).limit(limit))


def counts(session: Session, tenant_id: str) -> dict[str, dict[str, int]]:
    """Count requests by kind (actions, fields) and state."""
    kind = case((CrmSend.action_id.is_(None), "fields"), else_="actions")
    query = select(kind, CrmSend.state, func.count()).where(CrmSend.tenant_id == tenant_id)
    counted: dict[str, dict[str, int]] = {"actions": {}, "fields": {}}
    for name, state, number in session.execute(query.group_by(kind, CrmSend.state)):
        counted[name][state] = number
    return counted


def add_messages(
    session: Session, tenant_id: str, *, message_ids: Collection[str], lead_id: str, action_id: str, now: datetime
) -> None:
    """Remember under which ids the CRM knows a message that was sent."""
    own = {"tenant_id": tenant_id, "lead_id": lead_id, "action_id": action_id, "sent_at": now}
    insert_new(session, CrmMessage, [{**own, "message_id": message_id} for message_id in sorted(set(message_ids))])


def own_messages(session: Session, tenant_id: str, *, message_ids: Collection[str]) -> dict[str, str]:
    """Return which of these messages the sender sent: id -> the action that it was."""
    if not message_ids:
        return {}
    known = (CrmMessage.tenant_id == tenant_id, column_in(session, CrmMessage.message_id, message_ids))
    rows = session.execute(select(CrmMessage.message_id, CrmMessage.action_id).where(*known))
    return {message_id: action_id for message_id, action_id in rows}  # noqa: C416 - rows are no pairs to a type checker


def _known(session: Session, tenant_id: str, lead_ids: Collection[str]) -> set[str]:
    known: set[str] = set()
    for batch in in_batches(list(dict.fromkeys(lead_ids))):
        own = and_(Lead.tenant_id == tenant_id, column_in(session, Lead.lead_id, batch))
        known |= set(session.scalars(select(Lead.lead_id).where(own)))
    return known


def _row(tenant_id: str, lead_id: str, due_at: datetime, now: datetime, *, action_id: str | None = None) -> NewRow:
    return {
        "tenant_id": tenant_id,
        "key": fields_key(lead_id) if action_id is None else action_key(action_id),
        "lead_id": lead_id,
        "action_id": action_id,
        "state": "pending",
        "attempts": 0,
        "next_at": due_at,
        "changed_at": now,
    }


def _of(tenant_id: str, *where: ColumnElement[bool]) -> Select[Any]:
    return select(*_COLUMNS).where(CrmSend.tenant_id == tenant_id, *where)


def _records(session: Session, query: Select[Any]) -> list[CrmSendRecord]:
    return [CrmSendRecord(**dict(row)) for row in session.execute(query).mappings()]


def _change(session: Session, tenant_id: str, key: str, of: Collection[str] | None, **values: object) -> bool:
    changed = update(CrmSend).where(CrmSend.tenant_id == tenant_id, CrmSend.key == key)
    changed = changed if of is None else changed.where(CrmSend.state.in_(sorted(of)))
    return bool(rowcount(session, changed.values(**values).execution_options(synchronize_session=False)))
