"""What models answered, and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from db.base import new_id
from db.models import Prediction
from db.records import PredictionDraft, PredictionRecord
from db.repositories.statements import in_batches, insert_new

_COLUMNS = tuple(getattr(Prediction, column.name) for column in fields(PredictionRecord))
_DRAFT = tuple(column.name for column in fields(PredictionDraft))
#: the newest first: what was asked as of later, then what was computed later
_NEWEST = (Prediction.as_of.desc(), Prediction.computed_at.desc(), Prediction.prediction_id.desc())
_Key = tuple[str, str, str]


def save(session: Session, tenant_id: str, *, drafts: Sequence[PredictionDraft], now: datetime) -> list[str]:
    """Store answers and give their ids in the order given; as `save_each`."""
    return [prediction_id for prediction_id, _ in save_each(session, tenant_id, drafts=drafts, now=now)]


def save_each(
    session: Session, tenant_id: str, *, drafts: Sequence[PredictionDraft], now: datetime
) -> list[tuple[str, bool]]:
    """Store answers; give the id of each and whether it is new: one per (snapshot, kind, model version), first wins.

    Leads, snapshots and models have to be the tenant's own.

    Raises:
        UnstorableValue: a figure is not finite.
        StatementRefused: a lead, snapshot or model is not there for this tenant.

    """
    stored: dict[_Key, str] = {}
    given: set[str] = set()
    for batch in in_batches(drafts):
        own = [{"tenant_id": tenant_id, "prediction_id": new_id(), "computed_at": now, **_values(d)} for d in batch]
        insert_new(session, Prediction, own)
        given.update(row["prediction_id"] for row in own)
        stored |= _stored(session, tenant_id, batch)
    ids = [stored[draft.snapshot_id, draft.kind, draft.model_version] for draft in drafts]
    return [(prediction_id, prediction_id in given) for prediction_id in ids]


def latest(
    session: Session, tenant_id: str, *, kind: str, lead_ids: Sequence[str] | None = None
) -> list[PredictionRecord]:
    """Give each lead's newest answer of a kind, by lead id; leads without one are left out."""
    if lead_ids is None:
        return _latest(session, tenant_id, kind)
    return [
        record
        for batch in in_batches(sorted(set(lead_ids)))
        for record in _latest(session, tenant_id, kind, Prediction.lead_id.in_(batch))
    ]


def history(session: Session, tenant_id: str, *, lead_id: str, kind: str, limit: int) -> list[PredictionRecord]:
    """Give a lead's answers of a kind, newest first, at most `limit`."""
    wanted = select(*_COLUMNS).where(
        Prediction.tenant_id == tenant_id, Prediction.lead_id == lead_id, Prediction.kind == kind
    )
    return _records(session.execute(wanted.order_by(*_NEWEST).limit(limit)).mappings().all())


def get(session: Session, tenant_id: str, *, prediction_ids: Sequence[str]) -> list[PredictionRecord]:
    """Give answers in the order asked; those that are not there for this tenant are left out."""
    found: dict[str, PredictionRecord] = {}
    for batch in in_batches(prediction_ids):
        wanted = select(*_COLUMNS).where(Prediction.tenant_id == tenant_id, Prediction.prediction_id.in_(batch))
        found |= {record.prediction_id: record for record in _records(session.execute(wanted).mappings().all())}
    return [found[prediction_id] for prediction_id in prediction_ids if prediction_id in found]


def _values(draft: PredictionDraft) -> dict[str, Any]:
    return {name: getattr(draft, name) for name in _DRAFT} | {"detail": dict(draft.detail)}


def _stored(session: Session, tenant_id: str, drafts: Sequence[PredictionDraft]) -> dict[_Key, str]:
    wanted = select(Prediction.snapshot_id, Prediction.kind, Prediction.model_version, Prediction.prediction_id).where(
        Prediction.tenant_id == tenant_id,
        Prediction.snapshot_id.in_({draft.snapshot_id for draft in drafts}),
        Prediction.kind.in_({draft.kind for draft in drafts}),
    )
    return {(snapshot, kind, model): own_id for snapshot, kind, model, own_id in session.execute(wanted)}


def _latest(session: Session, tenant_id: str, kind: str, *also: ColumnElement[bool]) -> list[PredictionRecord]:
    place = func.row_number().over(partition_by=Prediction.lead_id, order_by=_NEWEST).label("place")
    ranked = select(*_COLUMNS, place).where(Prediction.tenant_id == tenant_id, Prediction.kind == kind, *also)
    inner = ranked.subquery()
    columns = [inner.c[column.name] for column in fields(PredictionRecord)]
    newest = select(*columns).where(inner.c.place == 1).order_by(inner.c.lead_id)
    return _records(session.execute(newest).mappings().all())


def _records(rows: Sequence[Mapping[Any, Any]]) -> list[PredictionRecord]:
    return [PredictionRecord(**row) for row in rows]
