"""What checks read: who was scored in a window, and scores whose labels are known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from db.models import Lead, OnlineSignal, Prediction, SignalScore
from db.records import LabelDelay, LabelledScore, ScoredLead
from db.repositories.sql import tenants_where


def tenants(session: Session) -> list[str]:
    """Return the tenants that have ever scored a lead."""
    return tenants_where(session, Prediction.tenant_id)


def scored(
    session: Session, tenant_id: str, *, kind: str, version: str | None, since: datetime, until: datetime, limit: int
) -> list[ScoredLead]:
    """Return the newest score of each lead in a window, in the order in which they were made; the newest `limit`.

    Scores of one lead are alike: with all of them a window would look surer than it is. Without a version, of every
    model of the kind. Leads of whom nothing may be computed (restricted, objected) are left out, here and below.
    """
    conditions = [Prediction.tenant_id == tenant_id, Prediction.kind == kind, Prediction.probability.is_not(None)]
    conditions += [Prediction.as_of >= since, Prediction.as_of < until]
    conditions.append(_may_be_read(tenant_id, Prediction.lead_id))
    if version is not None:
        conditions.append(Prediction.model_version == version)
    # ids of predictions sort by time
    newest = select(func.max(Prediction.prediction_id)).where(*conditions).group_by(Prediction.lead_id)
    ids = newest.order_by(func.max(Prediction.prediction_id).desc()).limit(limit).subquery()
    query = (
        select(Prediction.snapshot_id, Prediction.probability, Prediction.as_of)
        .where(Prediction.tenant_id == tenant_id, Prediction.prediction_id.in_(select(ids)))
        .order_by(Prediction.as_of, Prediction.prediction_id)
    )
    return [ScoredLead(**row) for row in session.execute(query).mappings()]


def served_labels(
    session: Session, tenant_id: str, *, target: str, version: str, limit: int
) -> Sequence[LabelledScore]:
    """Return the labels of what a model served, in the order in which they came; each snapshot's newest label.

    Of more than `limit` labels it returns half to all of `limit`, beginning at a place that stays for a while: a
    detector that plays them again finds the same.
    """
    own = (OnlineSignal.tenant_id == tenant_id, OnlineSignal.target == target, OnlineSignal.served_version == version)
    last = session.scalar(select(func.max(OnlineSignal.seq)).where(*own)) or 0
    query = select(
        OnlineSignal.snapshot_id,
        OnlineSignal.seq,
        OnlineSignal.label,
        OnlineSignal.served_probability,
        OnlineSignal.as_of,
        OnlineSignal.recorded_at,
        OnlineSignal.origin,
    ).where(*own, OnlineSignal.served_probability.is_not(None), OnlineSignal.seq > begin_of(last, limit))
    query = query.where(_may_be_read(tenant_id, OnlineSignal.lead_id))
    newest = {row.snapshot_id: row for row in session.execute(query.order_by(OnlineSignal.seq))}
    return [
        LabelledScore(
            seq=row.seq,
            label=row.label,
            probability=row.served_probability,
            as_of=row.as_of,
            recorded_at=row.recorded_at,
            origin=row.origin,
        )
        for row in sorted(newest.values(), key=lambda row: row.seq)
    ]


def learnt_labels(session: Session, tenant_id: str, *, target: str, limit: int) -> Sequence[LabelledScore]:
    """Return the labels that an online learner has learnt, in their order, with its score before each."""
    own = (SignalScore.tenant_id == tenant_id, SignalScore.target == target)
    last = session.scalar(select(func.max(SignalScore.seq)).where(*own)) or 0
    query = (
        select(
            SignalScore.seq,
            SignalScore.label,
            SignalScore.probability,
            OnlineSignal.as_of,
            OnlineSignal.recorded_at,
            OnlineSignal.origin,
        )
        .join(
            OnlineSignal,
            (OnlineSignal.tenant_id == SignalScore.tenant_id)
            & (OnlineSignal.target == SignalScore.target)
            & (OnlineSignal.seq == SignalScore.seq),
        )
        .where(*own, SignalScore.seq > begin_of(last, limit), _may_be_read(tenant_id, SignalScore.lead_id))
        .order_by(SignalScore.seq)
    )
    return [LabelledScore(**row) for row in session.execute(query).mappings()]


def delay_of(labels: Sequence[LabelledScore]) -> LabelDelay | None:
    """Return how long labels took to be known; None without any."""
    waits: list[timedelta] = sorted(label.recorded_at - label.as_of for label in labels)
    if not waits:
        return None
    middle, late = (waits[min(int(share * len(waits)), len(waits) - 1)] for share in (0.5, 0.9))
    return LabelDelay(signals=len(waits), p50=middle, p90=late)


def begin_of(last: int, limit: int) -> int:
    """Return after which number the newest labels begin, in steps of half of `limit`.

    >>> begin_of(900, 1000), begin_of(1700, 1000), begin_of(1999, 1000)
    (0, 1000, 1000)
    """
    half = limit // 2
    return max(0, (last // half - 1) * half) if last > limit else 0


def _may_be_read(tenant_id: str, lead_id: InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """Return whether a row is of a lead that neither restricted nor objected to what is computed of it."""
    blocked = select(Lead.lead_id).where(
        Lead.tenant_id == tenant_id, Lead.restricted_at.is_not(None) | Lead.objected_at.is_not(None)
    )
    return lead_id.not_in(blocked)
