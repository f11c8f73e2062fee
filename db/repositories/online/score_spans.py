"""The newest online score of leads, and the one that it is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from db.models import Prediction
from db.records import PredictionRecord
from db.repositories.sql import in_batches

#: (lead, kind) -> a prediction
ByLead = dict[tuple[str, str], PredictionRecord]
_COLUMNS = tuple(getattr(Prediction, column.name) for column in fields(PredictionRecord))
_NEWEST = (Prediction.as_of.desc(), Prediction.computed_at.desc(), Prediction.prediction_id.desc())
_OLDEST = (Prediction.as_of.asc(), Prediction.computed_at.asc(), Prediction.prediction_id.asc())


def newest(session: Session, tenant_id: str, *, kinds: Sequence[str], lead_ids: Sequence[str]) -> ByLead:
    """Return the newest prediction of each lead and kind; those without one are left out."""
    return _first(session, tenant_id, kinds, lead_ids, _NEWEST)


def standing_at(
    session: Session, tenant_id: str, *, kinds: Sequence[str], lead_ids: Sequence[str], moment: datetime
) -> ByLead:
    """Return the prediction of each lead and kind that was the newest at a moment, else the first one after it."""
    later = _first(session, tenant_id, kinds, lead_ids, _OLDEST, Prediction.as_of >= moment)
    return later | _first(session, tenant_id, kinds, lead_ids, _NEWEST, Prediction.as_of < moment)


def _first(
    session: Session,
    tenant_id: str,
    kinds: Sequence[str],
    lead_ids: Sequence[str],
    order: Sequence[ColumnElement[Any]],
    *also: ColumnElement[bool],
) -> ByLead:
    """Return the first prediction of each lead and kind in an order."""
    found: ByLead = {}
    for batch in in_batches(sorted(set(lead_ids))):
        place = (
            func.row_number().over(partition_by=(Prediction.lead_id, Prediction.kind), order_by=order).label("place")
        )
        those = (Prediction.tenant_id == tenant_id, Prediction.kind.in_(kinds), Prediction.lead_id.in_(batch), *also)
        ranked = select(*_COLUMNS, place).where(*those).subquery()
        columns = [ranked.c[column.name] for column in fields(PredictionRecord)]
        for row in session.execute(select(*columns).where(ranked.c.place == 1)).mappings():
            record = PredictionRecord(**row)
            found[record.lead_id, record.kind] = record
    return found
