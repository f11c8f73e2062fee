"""Idempotency keys: a task's effect happens once, and its first result is answered again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from db.errors import KeyConflict
from db.models import Processed
from db.records import ClaimDraft, Claimed, Json, ProcessedRecord
from db.repositories.statements import changed, in_batches, insert_first, upsert

_COLUMNS = tuple(getattr(Processed, column.name) for column in fields(ProcessedRecord))


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
    if insert_first(session, Processed, {**own, **claimed}):
        return None
    stored = _stored(session, tenant_id, task, key)
    if stored.args_hash != args_hash:
        raise KeyConflict("this idempotency key was used before with other arguments; use a new key")
    return stored


def finish(session: Session, tenant_id: str, *, task: str, key: str, result: Json, now: datetime) -> None:
    """Store the result of a claimed key, in the transaction of the effect."""
    own = (Processed.tenant_id == tenant_id, Processed.task == task, Processed.key == key)
    ended = update(Processed).where(*own).values(result=dict(result), done=True, finished_at=now)
    changed(session, ended.execution_options(synchronize_session=False))


def claim_many(
    session: Session, tenant_id: str, *, task: str, drafts: Sequence[ClaimDraft], now: datetime
) -> list[Claimed]:
    """Take many keys of one task at once, in the order given: `claim` for a batch of jobs that share a commit.

    A key that comes twice in the batch is the first's; the second gets its record, not done yet.
    """
    rows = {draft.key: _row(tenant_id, task, draft, now) for draft in reversed(drafts)}
    ordered = [rows[key] for key in sorted(rows)]  # so that two batches wait for each other in one direction only
    taken: set[str] = set()
    if ordered:
        insert = upsert(session, Processed).on_conflict_do_nothing().returning(Processed.key)
        taken = set(session.scalars(insert, ordered))
    stored = _stored_many(session, tenant_id, task, sorted({d.key for d in drafts} - taken))
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
    own = (Processed.tenant_id == tenant_id, Processed.task == task, Processed.key == bindparam("own_key"))
    ended = update(Processed.__table__).where(*own).values(result=bindparam("its_result"), done=True, finished_at=now)  # type: ignore[arg-type]
    rows = [{"own_key": key, "its_result": dict(results[key])} for key in sorted(results)]
    if rows:
        session.connection().execute(ended, rows)


def by_task_id(session: Session, tenant_id: str, *, task_id: str) -> ProcessedRecord | None:
    """Give what a task of this id stored, or None."""
    wanted = select(*_COLUMNS).where(Processed.tenant_id == tenant_id, Processed.task_id == task_id)
    row = session.execute(wanted.order_by(Processed.created_at).limit(1)).mappings().one_or_none()
    return None if row is None else ProcessedRecord(**dict(row))


def _stored(session: Session, tenant_id: str, task: str, key: str) -> ProcessedRecord:
    wanted = select(*_COLUMNS).where(Processed.tenant_id == tenant_id, Processed.task == task, Processed.key == key)
    return ProcessedRecord(**dict(session.execute(wanted).mappings().one()))


def _stored_many(session: Session, tenant_id: str, task: str, keys: Sequence[str]) -> dict[str, ProcessedRecord]:
    found: dict[str, ProcessedRecord] = {}
    for batch in in_batches(keys):
        own = (Processed.tenant_id == tenant_id, Processed.task == task, Processed.key.in_(batch))
        for row in session.execute(select(*_COLUMNS).where(*own)).mappings():
            found[row["key"]] = ProcessedRecord(**dict(row))
    return found


def _row(tenant_id: str, task: str, draft: ClaimDraft, now: datetime) -> dict[str, object]:
    own = {"tenant_id": tenant_id, "task": task, "key": draft.key, "args_hash": draft.args_hash}
    return {**own, "task_id": draft.task_id, "done": False, "created_at": now}


def _running(task: str, draft: ClaimDraft) -> ProcessedRecord:
    own = {"args_hash": draft.args_hash, "task_id": draft.task_id}
    return ProcessedRecord(task=task, key=draft.key, **own, result=None, done=False)
