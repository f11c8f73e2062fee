"""Idempotency keys: a task's effect happens once per key, and repeated calls get its first result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime

from sqlalchemy import String, any_, bindparam, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from db.errors import KeyConflict
from db.models import IdempotencyKey
from db.records import ClaimDraft, ClaimResult, IdempotencyRecord
from db.repositories.sql import (
    among,
    in_batches,
    insert_new_returning,
    json_recordset,
    json_rows,
    on_postgresql,
    table_of,
)
from domain.documents import JsonMapping

_TABLE = table_of(IdempotencyKey)
_COLUMNS = tuple(_TABLE.c[column.name] for column in fields(IdempotencyRecord))
_STORED = select(*_COLUMNS).where(
    _TABLE.c.tenant_id == bindparam("tenant"), _TABLE.c.task == bindparam("name"), among(_TABLE.c.key, "keys")
)
_FINISH = (
    update(_TABLE)
    .where(
        _TABLE.c.tenant_id == bindparam("tenant"),
        _TABLE.c.task == bindparam("name"),
        _TABLE.c.key == bindparam("claimed_key"),
    )
    .values(result=bindparam("first_result"), done=True, finished_at=bindparam("at"))
)


def claim(
    session: Session, tenant_id: str, *, task: str, key: str, args_hash: str, task_id: str, now: datetime
) -> IdempotencyRecord | None:
    """Claim a key: None when it is the caller's now (do the work, then `finish`), else the stored first result.

    While another transaction has claimed the key, wait for its end, at most as long as the lock timeout.

    Raises:
        KeyConflict: the key was used before with other arguments.

    """
    row = _claim_row(tenant_id, task, ClaimDraft(key=key, args_hash=args_hash, task_id=task_id), now)
    if insert_new_returning(session, IdempotencyKey, [row], "key"):
        return None
    stored = _stored(session, tenant_id, task, [key])[key]
    if stored.args_hash != args_hash:
        raise KeyConflict("this idempotency key was used before with other arguments; use a new key")
    return stored


def finish(session: Session, tenant_id: str, *, task: str, key: str, result: JsonMapping, now: datetime) -> None:
    """Store the result of a claimed key, in the transaction of the effect."""
    parameters = {"tenant": tenant_id, "name": task, "claimed_key": key, "first_result": dict(result), "at": now}
    session.connection().execute(_FINISH, parameters)


def claim_many(
    session: Session, tenant_id: str, *, task: str, drafts: Sequence[ClaimDraft], now: datetime
) -> list[ClaimResult]:
    """Claim many keys of one task at once, in the order given: `claim` for a batch of jobs that share a commit.

    A key that comes twice in the batch belongs to the first draft; the second gets its record, which is not done yet.
    """
    rows = {draft.key: _claim_row(tenant_id, task, draft, now) for draft in reversed(drafts)}
    ordered = [rows[key] for key in sorted(rows)]  # so that two batches wait for each other in one direction only
    claimed = insert_new_returning(session, IdempotencyKey, ordered, "key")
    stored = _stored(session, tenant_id, task, sorted({d.key for d in drafts} - claimed))
    results = []
    for draft in drafts:
        if draft.key in claimed:
            claimed.remove(draft.key)
            stored[draft.key] = _running_record(task, draft)
            results.append(ClaimResult(record=None, conflict=False))
        else:
            record = stored[draft.key]
            conflict = record.args_hash != draft.args_hash
            results.append(ClaimResult(record=None if conflict else record, conflict=conflict))
    return results


def finish_many(
    session: Session, tenant_id: str, *, task: str, results: Mapping[str, JsonMapping], now: datetime
) -> None:
    """Store the results of many claimed keys, in the transaction of their effects."""
    rows = [{"key": key, "result": dict(results[key])} for key in sorted(results)]
    finished = update(table_of(IdempotencyKey)).where(
        IdempotencyKey.tenant_id == tenant_id, IdempotencyKey.task == task
    )
    if not rows:
        return
    if on_postgresql(session):
        given = json_recordset(IdempotencyKey, ("key", "result"))
        # The list of keys lets the planner use the index even where it has no statistics of the table yet.
        listed = IdempotencyKey.key == any_(bindparam("keys", type_=postgresql.ARRAY(String)))
        all_rows = finished.where(IdempotencyKey.key == given.c.key, listed).values(result=given.c.result)
        parameters = {**json_rows(rows), "keys": [row["key"] for row in rows]}
        session.connection().execute(all_rows.values(done=True, finished_at=now), parameters)
    else:
        each = finished.where(IdempotencyKey.key == bindparam("claimed_key")).values(result=bindparam("first_result"))
        renamed = [{"claimed_key": row["key"], "first_result": row["result"]} for row in rows]
        session.connection().execute(each.values(done=True, finished_at=now), renamed)


def by_task_id(session: Session, tenant_id: str, *, task_id: str) -> IdempotencyRecord | None:
    """Return the first result that a task of this id stored, or None."""
    query = select(*_COLUMNS).where(IdempotencyKey.tenant_id == tenant_id, IdempotencyKey.task_id == task_id)
    row = session.execute(query.order_by(IdempotencyKey.created_at).limit(1)).mappings().one_or_none()
    return None if row is None else IdempotencyRecord(**dict(row))


def _stored(session: Session, tenant_id: str, task: str, keys: Sequence[str]) -> dict[str, IdempotencyRecord]:
    records: dict[str, IdempotencyRecord] = {}
    for batch in in_batches(keys):
        rows = session.connection().execute(_STORED, {"tenant": tenant_id, "name": task, "keys": batch}).mappings()
        records |= {row["key"]: IdempotencyRecord(**row) for row in rows}
    return records


def _claim_row(tenant_id: str, task: str, draft: ClaimDraft, now: datetime) -> dict[str, object]:
    return {
        "tenant_id": tenant_id,
        "task": task,
        "key": draft.key,
        "args_hash": draft.args_hash,
        "task_id": draft.task_id,
        "done": False,
        "created_at": now,
    }


def _running_record(task: str, draft: ClaimDraft) -> IdempotencyRecord:
    return IdempotencyRecord(
        task=task, key=draft.key, args_hash=draft.args_hash, task_id=draft.task_id, result=None, done=False
    )
