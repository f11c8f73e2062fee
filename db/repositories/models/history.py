"""The history of a kind of model: who answered when, who decided it, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from db.base import new_id
from db.models import ModelChange
from db.records import ModelChangeDraft, ModelChangeRecord
from db.repositories.sql import table_of

_C = table_of(ModelChange).c
_COLUMNS = tuple(_C[column.name] for column in fields(ModelChangeRecord))
_SERVES = _C.change.in_(("promotion", "rollback"))
_NEWEST_FIRST = (_C.at.desc(), _C.change_id.desc())


def record(session: Session, tenant_id: str, *, draft: ModelChangeDraft, now: datetime) -> ModelChangeRecord:
    """Add one change; return it as recorded."""
    change_id = new_id()
    row = {**asdict(draft), "tenant_id": tenant_id, "change_id": change_id, "at": now}
    session.execute(insert(ModelChange), [row])
    return ModelChangeRecord(**asdict(draft), change_id=change_id, at=now)


def at(session: Session, tenant_id: str, *, kind: str, at: datetime) -> ModelChangeRecord | None:
    """Return the change by which the champion of a time had become one: `to_version` answered then.

    None where no model of this owner had ever been promoted by then.
    """
    query = select(*_COLUMNS).where(_C.tenant_id == tenant_id, _C.kind == kind, _SERVES, _C.at <= at)
    row = session.execute(query.order_by(*_NEWEST_FIRST).limit(1)).mappings().one_or_none()
    return None if row is None else ModelChangeRecord(**row)


def changes(
    session: Session, tenant_id: str, *, kind: str | None = None, limit: int | None = None
) -> list[ModelChangeRecord]:
    """Return what happened, of one kind or of all, newest first."""
    query = select(*_COLUMNS).where(_C.tenant_id == tenant_id)
    if kind is not None:
        query = query.where(_C.kind == kind)
    rows = session.execute(query.order_by(*_NEWEST_FIRST).limit(limit)).mappings()
    return [ModelChangeRecord(**row) for row in rows]


def comparison_of(session: Session, tenant_id: str, *, version: str) -> ModelChangeRecord | None:
    """Return the row that counts the newest comparison of a model with a champion, or None."""
    query = select(*_COLUMNS).where(_C.tenant_id == tenant_id, _C.version == version, _C.look.is_not(None))
    row = session.execute(query.order_by(*_NEWEST_FIRST).limit(1)).mappings().one_or_none()
    return None if row is None else ModelChangeRecord(**row)


def detail_of(session: Session, tenant_id: str, *, version: str) -> Mapping[str, Any]:
    """Return the detail of a model's newest row; empty where it has none."""
    query = select(_C.detail).where(_C.tenant_id == tenant_id, _C.version == version).order_by(*_NEWEST_FIRST)
    return session.scalar(query.limit(1)) or {}


def looks(session: Session, tenant_id: str, *, kind: str) -> int:
    """Count the comparisons since the newest promotion: each took a part of the risk that they share.

    A rollback does not begin a new count, so that going back and forth buys no further looks.
    """
    mine = (_C.tenant_id == tenant_id, _C.kind == kind)
    promoted = select(func.max(_C.change_id)).where(*mine, _C.change == "promotion").scalar_subquery()
    compared = select(func.count()).where(*mine, _C.look.is_not(None), _C.change_id > func.coalesce(promoted, ""))
    return session.execute(compared).scalar_one()
