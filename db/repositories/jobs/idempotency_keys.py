"""Idempotency keys: a task's effect happens once, and its first result is answered again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime

from sqlalchemy import String, any_, bindparam, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from db.errors import KeyConflict
from db.models import Processed
from db.records import ClaimDraft, Claimed, Json, ProcessedRecord
from db.repositories.sql.bulk import core, folded, insert_fresh, on_postgresql, recordset
from db.repositories.sql.clauses import among, in_batches

_TABLE = core(Processed)
_COLUMNS = tuple(_TABLE.c[column.name] for column in fields(ProcessedRecord))
_STORED = select(*_COLUMNS).where(
    _TABLE.c.tenant_id == bindparam("tenant"), _TABLE.c.task == bindparam("name"), among(_TABLE.c.key, "keys")
)
_FINISH = (
    update(_TABLE)
    .where(
        _TABLE.c.tenant_id == bindparam("tenant"),
        _TABLE.c.task == bindparam("name"),
        _TABLE.c.key == bindparam("own_key"),
    )
    .values(result=bindparam("its_result"), done=True, finished_at=bindparam("at"))
)


def claim(
    session: Session, tenant_id: str, *, task: str, key: str, args_hash: str, task_id: str, now: datetime
) -> ProcessedRecord | None:
    """Take a key: None when it is the caller's now (do the work, then `finish`), else what was stored first.

    While another transaction holds the key this waits for its end, at most as long as the lock timeout.

    Raises:
        KeyConflict: the key came before with other arguments.

    """
    own = {"tenant_id": tenant_id, "task": task, "key": key}
    claimed = {"args_hash": args_hash, "task_id": task_id, "done": False, "created_at": now}
    if insert_fresh(session, Processed, [{**own, **claimed}], "key"):
        return None
    stored = _stored(session, tenant_id, task, [key])[key]
    if stored.args_hash != args_hash:
        raise KeyConflict("this idempotency key was used before with other arguments; use a new key")
    return stored


def finish(session: Session, tenant_id: str, *, task: str, key: str, result: Json, now: datetime) -> None:
    """Store the result of a claimed key, in the transaction of the effect."""
    own = {"tenant": tenant_id, "name": task, "own_key": key}
    session.connection().execute(_FINISH, {**own, "its_result": dict(result), "at": now})


def claim_many(
    session: Session, tenant_id: str, *, task: str, drafts: Sequence[ClaimDraft], now: datetime
) -> list[Claimed]:
    """Take many keys of one task at once, in the order given: `claim` for a batch of jobs that share a commit.

    A key that comes twice in the batch is the first's; the second gets its record, not done yet.
    """
    rows = {draft.key: _row(tenant_id, task, draft, now) for draft in reversed(drafts)}
    ordered = [rows[key] for key in sorted(rows)]  # so that two batches wait for each other in one direction only
    taken = insert_fresh(session, Processed, ordered, "key")
    stored = _stored(session, tenant_id, task, sorted({d.key for d in drafts} - taken))
    answers = []
    for draft in drafts:
        if draft.key in taken:
            taken.remove(draft.key)
            stored[draft.key] = _running(task, draft)
            answers.append(Claimed(record=None, conflict=False))
        else:
            record = stored[draft.key]
            conflict = record.args_hash != draft.args_hash
            answers.append(Claimed(record=None if conflict else record, conflict=conflict))
    return answers


def finish_many(session: Session, tenant_id: str, *, task: str, results: Mapping[str, Json], now: datetime) -> None:
    """Store the results of many claimed keys, in the transaction of their effects."""
    rows = [{"key": key, "result": dict(results[key])} for key in sorted(results)]
    ended = update(core(Processed)).where(Processed.tenant_id == tenant_id, Processed.task == task)
    if not rows:
        return
    if on_postgresql(session):
        given = recordset(Processed, ("key", "result"))
        # The list of keys lets the index find them even where the planner knows nothing of the table yet.
        listed = Processed.key == any_(bindparam("keys", type_=postgresql.ARRAY(String)))
        all_of_them = ended.where(Processed.key == given.c.key, listed).values(result=given.c.result)
        parameters = {**folded(rows), "keys": [row["key"] for row in rows]}
        session.connection().execute(all_of_them.values(done=True, finished_at=now), parameters)
    else:
        each = ended.where(Processed.key == bindparam("own_key")).values(result=bindparam("its_result"))
        renamed = [{"own_key": row["key"], "its_result": row["result"]} for row in rows]
        session.connection().execute(each.values(done=True, finished_at=now), renamed)


def by_task_id(session: Session, tenant_id: str, *, task_id: str) -> ProcessedRecord | None:
    """Give what a task of this id stored, or None."""
    wanted = select(*_COLUMNS).where(Processed.tenant_id == tenant_id, Processed.task_id == task_id)
    row = session.execute(wanted.order_by(Processed.created_at).limit(1)).mappings().one_or_none()
    return None if row is None else ProcessedRecord(**dict(row))


def _stored(session: Session, tenant_id: str, task: str, keys: Sequence[str]) -> dict[str, ProcessedRecord]:
    found: dict[str, ProcessedRecord] = {}
    for batch in in_batches(keys):
        own = {"tenant": tenant_id, "name": task, "keys": batch}
        rows = session.connection().execute(_STORED, own).mappings()
        found |= {row["key"]: ProcessedRecord(**row) for row in rows}
    return found


def _row(tenant_id: str, task: str, draft: ClaimDraft, now: datetime) -> dict[str, object]:
    own = {"tenant_id": tenant_id, "task": task, "key": draft.key, "args_hash": draft.args_hash}
    return {**own, "task_id": draft.task_id, "done": False, "created_at": now}


def _running(task: str, draft: ClaimDraft) -> ProcessedRecord:
    own = {"args_hash": draft.args_hash, "task_id": draft.task_id}
    return ProcessedRecord(task=task, key=draft.key, **own, result=None, done=False)
