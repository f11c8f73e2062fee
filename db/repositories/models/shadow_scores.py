"""Scores of models that do not answer, beside the served ones of the same snapshots; judged when labels land."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, func, select
from sqlalchemy.orm import Session, aliased

from db.models import ModelVersion, OnlineSignal, Prediction, ShadowScore, Snapshot
from db.records import JudgedPair, ServedSnapshot, ShadowRecord, ShadowScoreRecord
from db.repositories import tenants
from db.repositories.models import models
from db.repositories.sql import insert_new
from domain.targets import Target

_COLUMNS = tuple(getattr(ShadowScore, column.name) for column in fields(ShadowScoreRecord))
_SERVED = (
    Prediction.snapshot_id,
    Prediction.lead_id,
    Prediction.probability.label("served_probability"),
    Prediction.model_version.label("served_version"),
    Prediction.as_of,
)


def shadows(session: Session, *, promoted_after: datetime) -> list[ShadowRecord]:
    """Return the models of all tenants that score beside their champion.

    Challengers that are kept as a shadow, and the champions before those that were promoted after a time. Models that
    tenants share are left out: the scores they stand beside are many tenants' own.
    """
    named = (ModelVersion.tenant_id, ModelVersion.kind, ModelVersion.version, ModelVersion.trained_at)
    kept = session.execute(select(*named).where(ModelVersion.state == "shadow")).all()
    found = [
        ShadowRecord(tenant_id=owner, kind=kind, version=version, since=since, is_former=False)
        for owner, kind, version, since in kept
    ]
    promoted = select(ModelVersion.tenant_id, ModelVersion.kind, ModelVersion.promoted_at)
    recent = promoted.where(ModelVersion.state == "champion", ModelVersion.promoted_at > promoted_after)
    for owner, kind, since in session.execute(recent).all():
        former = models.former(session, owner, kind=kind)
        if former is not None and since is not None:
            found.append(ShadowRecord(tenant_id=owner, kind=kind, version=former.version, since=since, is_former=True))
    return [shadow for shadow in found if not shadow.tenant_id.startswith(tenants.RESERVED)]


def unscored(session: Session, shadow: ShadowRecord, *, feature_schema: str, limit: int) -> list[ServedSnapshot]:
    """Return served scores that a shadow has not scored beside, oldest first: of each snapshot the first.

    Snapshots of another schema of features are left out: the shadow cannot read them.
    """
    beside = exists().where(
        ShadowScore.tenant_id == Prediction.tenant_id,
        ShadowScore.version == shadow.version,
        ShadowScore.snapshot_id == Prediction.snapshot_id,
    )
    same: ColumnElement[bool] = and_(
        Snapshot.tenant_id == Prediction.tenant_id, Snapshot.snapshot_id == Prediction.snapshot_id
    )
    query = (
        select(*_SERVED)
        .join(Snapshot, same)
        .where(
            Snapshot.feature_schema == feature_schema,
            Prediction.tenant_id == shadow.tenant_id,
            Prediction.kind == shadow.kind,
            Prediction.computed_at >= shadow.since,
            Prediction.model_version != shadow.version,
            Prediction.probability.is_not(None),
            ~beside,
        )
    )
    rows = session.execute(query.order_by(Prediction.computed_at, Prediction.prediction_id).limit(limit)).mappings()
    first: dict[str, ServedSnapshot] = {}
    for row in rows:
        first.setdefault(row["snapshot_id"], ServedSnapshot(**row))
    return list(first.values())


def add(session: Session, tenant_id: str, *, records: Sequence[ShadowScoreRecord], now: datetime) -> None:
    """Store scores; one that is there stays."""
    rows = [{**asdict(record), "tenant_id": tenant_id, "scored_at": now} for record in records]
    insert_new(session, ShadowScore, rows)


def newest(
    session: Session, tenant_id: str, *, version: str, served_by: str, since: datetime, limit: int
) -> list[ShadowScoreRecord]:
    """Return a shadow's newest scores beside those of one model, as of a time or later, newest first: one a lead."""
    beside = (ShadowScore.version == version, ShadowScore.served_version == served_by)
    mine = (ShadowScore.tenant_id == tenant_id, *beside, ShadowScore.as_of >= since)
    place = func.row_number().over(partition_by=ShadowScore.lead_id, order_by=ShadowScore.as_of.desc()).label("place")
    ranked = select(*_COLUMNS, place).where(*mine).subquery()
    query = select(*(ranked.c[column.name] for column in fields(ShadowScoreRecord))).where(ranked.c.place == 1)
    rows = session.execute(query.order_by(ranked.c.as_of.desc(), ranked.c.snapshot_id).limit(limit)).mappings()
    return [ShadowScoreRecord(**row) for row in rows]


def judged(
    session: Session, tenant_id: str, *, version: str, served_by: str, target: Target, since: datetime
) -> list[JudgedPair]:
    """Return labels of snapshots that both models scored, in the order in which they became known: one a lead.

    Of a label that was revised the newest counts; of a lead with several, the first that became known. Labels count
    that became known at a time or later.
    """
    later = aliased(OnlineSignal)
    revised = exists().where(
        later.tenant_id == OnlineSignal.tenant_id,
        later.snapshot_id == OnlineSignal.snapshot_id,
        later.target == OnlineSignal.target,
        later.revision > OnlineSignal.revision,
    )
    same: ColumnElement[bool] = and_(
        ShadowScore.tenant_id == OnlineSignal.tenant_id, ShadowScore.snapshot_id == OnlineSignal.snapshot_id
    )
    query = select(
        OnlineSignal.lead_id, OnlineSignal.label, ShadowScore.served_probability, ShadowScore.probability
    ).join(ShadowScore, same)
    mine = (OnlineSignal.tenant_id == tenant_id, OnlineSignal.target == target, OnlineSignal.recorded_at >= since)
    beside = (ShadowScore.version == version, ShadowScore.served_version == served_by)
    rows = session.execute(query.where(*mine, *beside, ~revised).order_by(OnlineSignal.seq))
    first: dict[str, JudgedPair] = {}
    for lead_id, label, served, shadow in rows:
        first.setdefault(lead_id, JudgedPair(lead_id=lead_id, label=label, served=served, shadow=shadow))
    return list(first.values())


def counts(session: Session, tenant_id: str) -> dict[str, int]:
    """Return how many scores each shadow has stored, by version."""
    query = select(ShadowScore.version, func.count()).where(ShadowScore.tenant_id == tenant_id)
    return {version: int(count) for version, count in session.execute(query.group_by(ShadowScore.version))}
