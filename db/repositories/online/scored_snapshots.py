"""Scored snapshots as labels look for them: the newest before something happened, and those whose horizon has passed.

A snapshot is scored where it has a prediction of the kind asked for. Leads of whom nothing may be computed have none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, RowMapping, Select, bindparam, func, or_, select, true
from sqlalchemy.orm import Session

from db.base import utc
from db.models import Lead, OnlineSignal, Prediction, SignalCounter, Snapshot
from db.records import DueSnapshot, MaturedSignal, MaturityCursor, ScoredSnapshot
from db.repositories.sql import among, in_batches, json_recordset, json_rows, on_postgresql, table_of, upsert
from domain.targets import Target

_PREDICTION, _LEAD, _SNAPSHOT = table_of(Prediction), table_of(Lead), table_of(Snapshot)
_SIGNAL, _COUNTER = table_of(OnlineSignal), table_of(SignalCounter)
_SCORE = ("lead_id", "snapshot_id", "as_of", "probability", "model_version")
_NEWEST = tuple(_PREDICTION.c[name].desc() for name in ("as_of", "computed_at", "prediction_id"))
_MAY_LEARN = (_LEAD.c.restricted_at.is_(None), _LEAD.c.objected_at.is_(None))


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which snapshot of a lead was the newest one scored before a moment."""

    lead_id: str
    #: of the prediction that makes it a scored one
    kind: str
    before: datetime


def _before(
    lead_id: ColumnElement[str], kind: ColumnElement[str], before: ColumnElement[datetime]
) -> Select[tuple[object, ...]]:
    return (
        select(*(_PREDICTION.c[name] for name in _SCORE))
        .join(_LEAD, (_LEAD.c.tenant_id == _PREDICTION.c.tenant_id) & (_LEAD.c.lead_id == _PREDICTION.c.lead_id))
        .where(_PREDICTION.c.tenant_id == bindparam("tenant"), _PREDICTION.c.lead_id == lead_id)
        .where(_PREDICTION.c.kind == kind, _PREDICTION.c.as_of < before, *_MAY_LEARN)
        .order_by(*_NEWEST)
        .limit(1)
    )


_GIVEN = json_recordset(Prediction, ("prediction_id", "lead_id", "kind", "as_of"))
_FOUND = _before(_GIVEN.c.lead_id, _GIVEN.c.kind, _GIVEN.c.as_of).lateral("found")
#: many questions at once, by their position
_ALL = select(_GIVEN.c.prediction_id.label("position"), *_FOUND.c).select_from(_GIVEN.join(_FOUND, true()))
_ONE = _before(
    bindparam("lead", type_=_PREDICTION.c.lead_id.type),
    bindparam("kind", type_=_PREDICTION.c.kind.type),
    bindparam("before", type_=_PREDICTION.c.as_of.type),
)
_OF_SNAPSHOT = (
    select(*(_PREDICTION.c[name] for name in ("snapshot_id", "probability", "model_version")))
    .where(_PREDICTION.c.tenant_id == _SNAPSHOT.c.tenant_id, _PREDICTION.c.snapshot_id == _SNAPSHOT.c.snapshot_id)
    .where(_PREDICTION.c.kind == bindparam("kind"))
    .order_by(*_NEWEST)
    .limit(1)
)
_LATER = _PREDICTION.alias("later")
_NEXT = (
    select(func.min(_LATER.c.as_of))
    .where(_LATER.c.tenant_id == _SNAPSHOT.c.tenant_id, _LATER.c.lead_id == _SNAPSHOT.c.lead_id)
    .where(_LATER.c.kind == bindparam("kind"), _LATER.c.as_of > _SNAPSHOT.c.as_of)
    .correlate(_SNAPSHOT)
    .scalar_subquery()
)


def _score(name: str) -> ColumnElement[object]:
    return _OF_SNAPSHOT.with_only_columns(_PREDICTION.c[name]).correlate(_SNAPSHOT).scalar_subquery().label(name)


_DUE = (
    select(*(_SNAPSHOT.c[name] for name in ("lead_id", "snapshot_id", "as_of")))
    .add_columns(_score("probability"), _score("model_version"), _NEXT.label("next_at"))
    .join(_LEAD, (_LEAD.c.tenant_id == _SNAPSHOT.c.tenant_id) & (_LEAD.c.lead_id == _SNAPSHOT.c.lead_id))
    .where(_SNAPSHOT.c.tenant_id == bindparam("tenant"), _SNAPSHOT.c.as_of <= bindparam("until"), *_MAY_LEARN)
    .where(
        _SNAPSHOT.c.as_of >= bindparam("at"),
        or_(_SNAPSHOT.c.as_of > bindparam("at"), _SNAPSHOT.c.snapshot_id > bindparam("id")),
    )
    .order_by(_SNAPSHOT.c.as_of, _SNAPSHOT.c.snapshot_id)
    .limit(bindparam("most"))
)
_NEWER = _SIGNAL.alias("newer")
_STANDS = ~(
    select(_NEWER.c.signal_id)
    .where(_NEWER.c.tenant_id == _SIGNAL.c.tenant_id, _NEWER.c.snapshot_id == _SIGNAL.c.snapshot_id)
    .where(_NEWER.c.target == _SIGNAL.c.target, _NEWER.c.revision > _SIGNAL.c.revision)
    .exists()
)
_MATURED = (
    select(*(_SIGNAL.c[name] for name in ("target", "label", "lead_id", "snapshot_id", "as_of")))
    .add_columns(_SIGNAL.c.served_probability.label("probability"), _SIGNAL.c.served_version.label("model_version"))
    .join(_LEAD, (_LEAD.c.tenant_id == _SIGNAL.c.tenant_id) & (_LEAD.c.lead_id == _SIGNAL.c.lead_id))
    .where(_SIGNAL.c.tenant_id == bindparam("tenant"), among(_SIGNAL.c.lead_id, "leads"))
    .where(_SIGNAL.c.origin == "matured", _SIGNAL.c.as_of >= bindparam("since"), _STANDS, *_MAY_LEARN)
    .order_by(_SIGNAL.c.as_of, _SIGNAL.c.snapshot_id, _SIGNAL.c.target)
)
_CURSOR = select(_COUNTER.c.matured_at, _COUNTER.c.matured_id).where(
    _COUNTER.c.tenant_id == bindparam("tenant"), _COUNTER.c.target == bindparam("of_target")
)


def newest_before(session: Session, tenant_id: str, *, questions: Sequence[Question]) -> list[ScoredSnapshot | None]:
    """Return for each question, in order, the newest snapshot that was scored as of before its moment."""
    found: dict[int, ScoredSnapshot] = {}
    if on_postgresql(session):
        rows = [
            {"prediction_id": str(position), "lead_id": asked.lead_id, "kind": asked.kind, "as_of": asked.before}
            for position, asked in enumerate(questions)
        ]
        for batch in in_batches(rows):
            for row in session.connection().execute(_ALL, {"tenant": tenant_id, **json_rows(batch)}).mappings():
                found[int(row["position"])] = _scored(row)
        return [found.get(position) for position in range(len(questions))]
    for position, asked in enumerate(questions):
        named = {"tenant": tenant_id, "lead": asked.lead_id, "kind": asked.kind, "before": utc(asked.before)}
        one = session.connection().execute(_ONE, named).mappings().one_or_none()
        if one is not None:
            found[position] = _scored(one)
    return [found.get(position) for position in range(len(questions))]


def due(
    session: Session, tenant_id: str, *, kind: str, after: MaturityCursor, until: datetime, limit: int
) -> list[DueSnapshot]:
    """Return snapshots behind a place and up to a moment, oldest first, at most `limit`; unscored ones too."""
    asked = {"tenant": tenant_id, "kind": kind, "at": after.as_of, "id": after.snapshot_id}
    rows = session.connection().execute(_DUE, {**asked, "until": until, "most": limit}).mappings()
    return [
        DueSnapshot(
            lead_id=row["lead_id"],
            place=MaturityCursor(as_of=row["as_of"], snapshot_id=row["snapshot_id"]),
            scored=None if row["model_version"] is None else _scored(row),
            next_at=row["next_at"],
        )
        for row in rows
    ]


def matured(session: Session, tenant_id: str, *, lead_ids: Sequence[str], since: datetime) -> list[MaturedSignal]:
    """Return the labels that stand because a horizon passed, of leads' snapshots as of `since` or later."""
    return [
        MaturedSignal(target=row["target"], label=row["label"], snapshot=_scored(row))
        for batch in in_batches(lead_ids)
        for row in session.connection()
        .execute(_MATURED, {"tenant": tenant_id, "leads": batch, "since": since})
        .mappings()
    ]


def cursor(session: Session, tenant_id: str, *, target: Target) -> MaturityCursor | None:
    """Return up to which snapshot the horizon of a target was looked at; None: never."""
    row = session.connection().execute(_CURSOR, {"tenant": tenant_id, "of_target": target}).one_or_none()
    if row is None or row.matured_at is None:
        return None
    return MaturityCursor(as_of=row.matured_at, snapshot_id=row.matured_id)


def advance(session: Session, tenant_id: str, *, target: Target, to: MaturityCursor) -> None:
    """Note up to which snapshot the horizon of a target was looked at."""
    place = {"matured_at": to.as_of, "matured_id": to.snapshot_id}
    insert = upsert(session, SignalCounter).values(tenant_id=tenant_id, target=target, seq=0, **place)
    session.execute(insert.on_conflict_do_update(index_elements=["tenant_id", "target"], set_=place))


def _scored(row: RowMapping) -> ScoredSnapshot:
    return ScoredSnapshot(**{name: row[name] for name in _SCORE})
