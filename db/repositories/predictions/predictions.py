"""Predictions of models, stored once per snapshot, kind and model version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime

from sqlalchemy import ColumnElement, FromClause, RowMapping, bindparam, func, select
from sqlalchemy.orm import Session

from db.base import NewRow, new_id
from db.models import Lead, Prediction, Snapshot
from db.records import PredictionDraft, PredictionRecord, PriorScore
from db.repositories.sql import among, in_batches, insert_new_returning, table_of

_COLUMNS = tuple(getattr(Prediction, column.name) for column in fields(PredictionRecord))
_DRAFT = tuple(column.name for column in fields(PredictionDraft))
#: newest first: by the time that a prediction is as of, then by the time of its computation
_NEWEST = (Prediction.as_of.desc(), Prediction.computed_at.desc(), Prediction.prediction_id.desc())
_PRIOR_NAMES = tuple(column.name for column in fields(PriorScore))
_Key = tuple[str, str, str]
_TABLE, _LEAD, _SNAPSHOT = table_of(Prediction), table_of(Lead), table_of(Snapshot)
_STORED = select(*(_TABLE.c[name] for name in ("snapshot_id", "kind", "model_version", "prediction_id"))).where(
    _TABLE.c.tenant_id == bindparam("tenant"),
    among(_TABLE.c.snapshot_id, "snapshots"),
    _TABLE.c.kind.in_(bindparam("kinds", expanding=True)),
)


def _newest(name: str, table: FromClause = _TABLE) -> ColumnElement[object]:
    return (
        select(table.c[name])
        .where(table.c.tenant_id == _LEAD.c.tenant_id, table.c.lead_id == _LEAD.c.lead_id)
        .where(table.c.kind == bindparam("kind"))
        .order_by(*(table.c[column].desc() for column in ("as_of", "computed_at", "prediction_id")))
        .limit(1)
        .correlate(_LEAD)
        .scalar_subquery()
    )


_OTHER = _TABLE.alias("other")
_SCORABLE = (
    _LEAD.c.tenant_id == bindparam("tenant"),
    among(_LEAD.c.lead_id, "leads"),
    _LEAD.c.restricted_at.is_(None),
    _LEAD.c.objected_at.is_(None),
)
_BANDS = select(_LEAD.c.lead_id, _newest("band"), _newest("probability")).where(*_SCORABLE)

_PRIOR = (
    select(
        *(_LEAD.c[name] for name in ("lead_id", "version", "loaded_version")),
        *(_TABLE.c[name] for name in ("band", "probability", "model_version")),
        _SNAPSHOT.c.lead_version.label("scored_version"),
    )
    .select_from(_LEAD)
    .outerjoin(
        _TABLE, (_TABLE.c.tenant_id == _LEAD.c.tenant_id) & (_TABLE.c.prediction_id == _newest("prediction_id", _OTHER))
    )
    .outerjoin(
        _SNAPSHOT, (_SNAPSHOT.c.tenant_id == _TABLE.c.tenant_id) & (_SNAPSHOT.c.snapshot_id == _TABLE.c.snapshot_id)
    )
    .where(*_SCORABLE)
)


def save(session: Session, tenant_id: str, *, drafts: Sequence[PredictionDraft], now: datetime) -> list[str]:
    """Store predictions and return their ids in the order given; see `save_each`."""
    return [prediction_id for prediction_id, _ in save_each(session, tenant_id, drafts=drafts, now=now)]


def save_each(
    session: Session, tenant_id: str, *, drafts: Sequence[PredictionDraft], now: datetime
) -> list[tuple[str, bool]]:
    """Store predictions; return the id of each and whether it is new.

    There is one per (snapshot, kind, model version), and the first one stays. Leads, snapshots and models must be the
    tenant's own.

    Raises:
        UnstorableValue: a figure is not finite.
        StatementRefused: a lead, snapshot or model is not there for this tenant.

    """
    saved: list[tuple[str, bool]] = []
    for batch in in_batches(drafts):
        rows = [{"tenant_id": tenant_id, "prediction_id": new_id(), "computed_at": now, **_values(d)} for d in batch]
        fresh = insert_new_returning(session, Prediction, rows, "prediction_id")
        stored = _stored(session, tenant_id, batch) if len(fresh) < len(rows) else {}
        for draft, row in zip(batch, rows, strict=True):
            new = row["prediction_id"] in fresh
            saved.append((row["prediction_id"] if new else stored[_key(draft)], new))
    return saved


def bands(
    session: Session, tenant_id: str, *, kind: str, lead_ids: Sequence[str]
) -> dict[str, tuple[str, float] | None]:
    """Return band and probability of each lead's newest prediction of a kind, None where there is none.

    Leads for which nothing may be computed (restricted, objected) are left out.
    """
    by_lead: dict[str, tuple[str, float] | None] = {}
    for batch in in_batches(lead_ids):
        parameters = {"tenant": tenant_id, "kind": kind, "leads": batch}
        for lead_id, band, probability in session.connection().execute(_BANDS, parameters):
            by_lead[lead_id] = None if band is None or probability is None else (band, probability)
    return by_lead


def prior(session: Session, tenant_id: str, *, kind: str, lead_ids: Sequence[str]) -> dict[str, PriorScore]:
    """Return each lead's newest prediction of a kind, and what happened to the lead since.

    Leads for which nothing may be computed (restricted, objected) are left out.
    """
    by_lead: dict[str, PriorScore] = {}
    for batch in in_batches(lead_ids):
        parameters = {"tenant": tenant_id, "kind": kind, "leads": batch}
        for row in session.connection().execute(_PRIOR, parameters).mappings():
            by_lead[row["lead_id"]] = PriorScore(**{name: row[name] for name in _PRIOR_NAMES})
    return by_lead


def latest(
    session: Session, tenant_id: str, *, kind: str, lead_ids: Sequence[str] | None = None
) -> list[PredictionRecord]:
    """Return each lead's newest prediction of a kind, in the order of lead ids; leads without one are left out."""
    if lead_ids is None:
        return _latest(session, tenant_id, kind)
    return [
        record
        for batch in in_batches(sorted(set(lead_ids)))
        for record in _latest(session, tenant_id, kind, Prediction.lead_id.in_(batch))
    ]


def history(
    session: Session, tenant_id: str, *, lead_id: str, kind: str, limit: int, before: datetime | None = None
) -> list[PredictionRecord]:
    """Return a lead's predictions of a kind, newest first, at most `limit`; with `before`, those as of before it."""
    query = select(*_COLUMNS).where(
        Prediction.tenant_id == tenant_id, Prediction.lead_id == lead_id, Prediction.kind == kind
    )
    if before is not None:
        query = query.where(Prediction.as_of < before)
    return _records(session.execute(query.order_by(*_NEWEST).limit(limit)).mappings().all())


def latest_before(
    session: Session, tenant_id: str, *, kind: str, lead_ids: Sequence[str], moment: datetime
) -> dict[str, PredictionRecord]:
    """Return each lead's newest prediction of a kind as of before a time, by lead; leads without one are left out."""
    return {
        record.lead_id: record
        for batch in in_batches(sorted(set(lead_ids)))
        for record in _latest(session, tenant_id, kind, Prediction.lead_id.in_(batch), Prediction.as_of < moment)
    }


def tenant_of(session: Session, *, prediction_id: str) -> str | None:
    """Return the tenant that a prediction belongs to, for an operator who knows only the prediction's id."""
    return session.scalar(select(Prediction.tenant_id).where(Prediction.prediction_id == prediction_id))


def get(session: Session, tenant_id: str, *, prediction_ids: Sequence[str]) -> list[PredictionRecord]:
    """Return predictions in the order requested; those that do not exist for this tenant are left out."""
    by_id: dict[str, PredictionRecord] = {}
    for batch in in_batches(prediction_ids):
        query = select(*_COLUMNS).where(Prediction.tenant_id == tenant_id, Prediction.prediction_id.in_(batch))
        by_id |= {record.prediction_id: record for record in _records(session.execute(query).mappings().all())}
    return [by_id[prediction_id] for prediction_id in prediction_ids if prediction_id in by_id]


def _values(draft: PredictionDraft) -> NewRow:
    return {name: getattr(draft, name) for name in _DRAFT} | {"detail": dict(draft.detail)}


def _stored(session: Session, tenant_id: str, drafts: Sequence[PredictionDraft]) -> dict[_Key, str]:
    parameters = {
        "tenant": tenant_id,
        "snapshots": [draft.snapshot_id for draft in drafts],
        "kinds": sorted({draft.kind for draft in drafts}),
    }
    rows = session.connection().execute(_STORED, parameters)
    return {(snapshot, kind, model): prediction_id for snapshot, kind, model, prediction_id in rows}


def _key(draft: PredictionDraft) -> _Key:
    return draft.snapshot_id, draft.kind, draft.model_version


def _latest(session: Session, tenant_id: str, kind: str, *also: ColumnElement[bool]) -> list[PredictionRecord]:
    place = func.row_number().over(partition_by=Prediction.lead_id, order_by=_NEWEST).label("place")
    ranked = select(*_COLUMNS, place).where(Prediction.tenant_id == tenant_id, Prediction.kind == kind, *also)
    inner = ranked.subquery()
    columns = [inner.c[column.name] for column in fields(PredictionRecord)]
    newest = select(*columns).where(inner.c.place == 1).order_by(inner.c.lead_id)
    return _records(session.execute(newest).mappings().all())


def _records(rows: Sequence[RowMapping]) -> list[PredictionRecord]:
    return [PredictionRecord(**row) for row in rows]
