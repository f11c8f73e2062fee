"""Tasks that callers sent from outside: written to the outbox before they are answered, with their arguments sealed.

Where the caller gave an idempotency key, a row keeps a keyed hash of its arguments in the open, so that the same key
with other arguments is noticed without opening them. The sealed arguments go when the task has ended.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select, tuple_, update
from sqlalchemy.orm import Session

from db.base import to_json
from db.encryption import KeyRing, associated_data
from db.errors import SealBroken
from db.models import IdempotencyKey, OutboxEntry
from db.records import AcceptDraft, AcceptResult, OutboxRecord
from db.repositories.sql import among, in_batches, insert_new_returning, table_of
from db.session import keyring_of
from domain.documents import JsonMapping

_NAMES = tuple(column.name for column in fields(OutboxRecord))
_ROW = table_of(OutboxEntry).c
_STANDING = select(_ROW.outbox_id, _ROW.tenant_id, _ROW.kwargs, _ROW.done_at).where(among(_ROW.outbox_id, "rows"))
_KEY = (IdempotencyKey.tenant_id, IdempotencyKey.task, IdempotencyKey.key)
# made once: building a statement costs more than running it
_USED = select(*_KEY, IdempotencyKey.args_hash).where(tuple_(*_KEY).in_(bindparam("keys", expanding=True)))
#: the name of the hash among a row's open arguments
_HASH = "args_hash"
#: keys in one list
_KEYS = 200
#: tenant, task and idempotency key
_Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class _Standing:
    """A row that stands already: the open part of its arguments, and whether its task has ended."""

    kwargs: JsonMapping
    ended: bool


def accept(session: Session, *, drafts: Sequence[AcceptDraft], now: datetime, hold: float = 0.0) -> list[AcceptResult]:
    """Write tasks of any tenants, in the order given; one whose id stands already is not written again.

    A key that was used before with other arguments, here or by a task that ended, is a conflict. A task that ended
    without a result has failed, and is open again. For `hold` seconds no relay publishes what is written: the caller
    does. They are of our own clock, which spares a look at the database's: a wrong one only delays the relay.
    """
    ring = keyring_of(session)
    used = _used_keys(session, {_key_of(draft) for draft in drafts if draft.key is not None})
    usable = [draft for draft in drafts if used.get(_key_of(draft), draft.args_hash) == draft.args_hash]
    firsts: dict[str, AcceptDraft] = {}
    for draft in usable:
        firsts.setdefault(draft.outbox_id, draft)
    records = {outbox_id: _record(ring, draft, now) for outbox_id, draft in firsts.items()}
    # in one order, so that two batches wait for each other in one direction only
    ours = {"taken_until": now + timedelta(seconds=hold)} if hold else {}
    rows = [{name: getattr(records[each], name) for name in _NAMES} | ours for each in sorted(records)]
    written = insert_new_returning(session, OutboxEntry, rows, "outbox_id") if rows else set()
    standing = _standing(session, [draft for draft in firsts.values() if draft.outbox_id not in written])
    same = {id(draft) for draft in usable if _is_same(ring, draft, firsts[draft.outbox_id], standing)}
    ended = [draft for draft in firsts.values() if id(draft) in same and _has_ended(draft, standing)]
    reopened = _reopen(session, ended, records)
    return [
        _result(draft, firsts, records, written=written, reopened=reopened, same=id(draft) in same) for draft in drafts
    ]


def _result(
    draft: AcceptDraft,
    firsts: Mapping[str, AcceptDraft],
    records: Mapping[str, OutboxRecord],
    *,
    written: Collection[str],
    reopened: Collection[str],
    same: bool,
) -> AcceptResult:
    first = same and firsts[draft.outbox_id] is draft
    if not first or draft.outbox_id not in {*written, *reopened}:
        return AcceptResult(record=None, conflict=not same)
    opened = replace(records[draft.outbox_id], kwargs=draft.kwargs, sealed_kwargs=None)
    return AcceptResult(record=opened, reopened=draft.outbox_id in reopened)


def _is_same(ring: KeyRing, draft: AcceptDraft, first: AcceptDraft, standing: Mapping[str, _Standing]) -> bool:
    """Return whether a draft asks for what its id stands for: in the outbox, else by the first draft of this id."""
    stored = standing.get(draft.outbox_id)
    open_part = _open_part(ring, first) if stored is None else stored.kwargs
    return first.tenant_id == draft.tenant_id and open_part == _open_part(ring, draft)


def _has_ended(draft: AcceptDraft, standing: Mapping[str, _Standing]) -> bool:
    return draft.outbox_id in standing and standing[draft.outbox_id].ended


def _reopen(session: Session, ended: Sequence[AcceptDraft], records: Mapping[str, OutboxRecord]) -> set[str]:
    """Open those again that ended without a result under their key; return their ids."""
    used = _used_keys(session, {_key_of(draft) for draft in ended})
    failed = [records[draft.outbox_id] for draft in ended if _key_of(draft) not in used]
    for record in failed:
        row = (OutboxEntry.tenant_id == record.tenant_id, OutboxEntry.outbox_id == record.outbox_id)
        values = {"sealed_kwargs": record.sealed_kwargs, "created_at": record.created_at, "attempts": 0}
        anew = update(table_of(OutboxEntry)).where(*row).values(done_at=None, published_at=None, taken_until=None)
        session.connection().execute(anew.values(**values))
    return {record.outbox_id for record in failed}


def opened(ring: KeyRing, record: OutboxRecord) -> OutboxRecord | None:
    """Return a record with its arguments open; None where they do not open."""
    if record.sealed_kwargs is None:
        return record
    try:
        kwargs = open_kwargs(ring, record.tenant_id, record.outbox_id, record.sealed_kwargs)
    except SealBroken:
        return None
    return replace(record, kwargs=kwargs, sealed_kwargs=None)


def seal_kwargs(ring: KeyRing, tenant_id: str, outbox_id: str, kwargs: JsonMapping) -> bytes:
    """Return the arguments of a row as they are stored."""
    return ring.seal(to_json(dict(kwargs)).encode(), _place(tenant_id, outbox_id))


def open_kwargs(ring: KeyRing, tenant_id: str, outbox_id: str, sealed: bytes) -> JsonMapping:
    """Return the arguments of a row.

    Raises:
        SealBroken: they were changed or moved, or sealed with a key that the ring does not hold.

    """
    kwargs: JsonMapping = json.loads(ring.open(sealed, _place(tenant_id, outbox_id)))
    return kwargs


def open_all(session: Session, tenant_id: str, *, lock: bool = False) -> list[tuple[str, JsonMapping]]:
    """Return id and arguments of every task of a tenant that has not ended and whose arguments are sealed.

    Raises:
        SealBroken: as `open_kwargs`.

    """
    query = select(OutboxEntry.outbox_id, OutboxEntry.sealed_kwargs).where(
        OutboxEntry.tenant_id == tenant_id, OutboxEntry.sealed_kwargs.is_not(None)
    )
    ring, rows = keyring_of(session), session.execute(query.with_for_update() if lock else query).all()
    return [(outbox_id, open_kwargs(ring, tenant_id, outbox_id, sealed)) for outbox_id, sealed in rows if sealed]


def _record(ring: KeyRing, draft: AcceptDraft, now: datetime) -> OutboxRecord:
    return OutboxRecord(
        outbox_id=draft.outbox_id,
        tenant_id=draft.tenant_id,
        task=draft.task,
        queue=draft.queue,
        kwargs=_open_part(ring, draft),
        created_at=now,
        published_at=None,
        sealed_kwargs=seal_kwargs(ring, draft.tenant_id, draft.outbox_id, draft.kwargs),
    )


def _open_part(ring: KeyRing, draft: AcceptDraft) -> JsonMapping:
    """Return what a row says in the open of its arguments."""
    if draft.key is None:
        return {}
    return {_HASH: ring.lookup(draft.tenant_id, draft.args_hash).hex()}


def _standing(session: Session, drafts: Sequence[AcceptDraft]) -> dict[str, _Standing]:
    found: dict[str, _Standing] = {}
    owners = {draft.outbox_id: draft.tenant_id for draft in drafts}
    for batch in in_batches(sorted(owners)):
        rows = session.connection().execute(_STANDING, {"rows": batch})
        found |= {row[0]: _Standing(row[2], ended=row[3] is not None) for row in rows if owners[row[0]] == row[1]}
    return found


def _key_of(draft: AcceptDraft) -> _Key:
    """Return the key under which the task's result is stored (`tasks.runtime.idempotency.key_of`)."""
    return draft.tenant_id, draft.task, draft.key or f"task:{draft.outbox_id}"


def _used_keys(session: Session, keys: Collection[_Key]) -> dict[_Key, str]:
    """Return the hash of the arguments for each of the keys that a task used."""
    used: dict[_Key, str] = {}
    for batch in in_batches(sorted(keys), _KEYS):
        used |= {(row[0], row[1], row[2]): row[3] for row in session.execute(_USED, {"keys": list(batch)})}
    return used


def _place(tenant_id: str, outbox_id: str) -> bytes:
    return associated_data(tenant_id, "outbox.sealed_kwargs", outbox_id)
