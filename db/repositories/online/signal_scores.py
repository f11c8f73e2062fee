"""Online scores: of signals that were learnt, at serve time and at label time, and of snapshots that wait for one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.base import utc
from db.models import Lead, Prediction, SignalScore, Snapshot
from db.records import ServedScore, SignalScoreRecord
from db.repositories.sql import in_batches, insert_new

#: how far back snapshots are looked at again: a transaction that began before the newest one may commit after it
OVERLAP = timedelta(minutes=15)
_COLUMNS = tuple(getattr(SignalScore, column.name) for column in fields(SignalScoreRecord))

_SERVED = (Prediction.snapshot_id, Prediction.probability, Prediction.detail, Prediction.computed_at)


def add(session: Session, tenant_id: str, *, records: Sequence[SignalScoreRecord]) -> None:
    """Store the scores of signals; a signal that has its row keeps it, also when a rebuild learns it again."""
    rows = [
        {**asdict(record), "tenant_id": tenant_id, "served": None if record.served is None else dict(record.served)}
        for record in records
    ]
    insert_new(session, SignalScore, rows)


def after(session: Session, tenant_id: str, *, target: str, seq: int, limit: int) -> list[SignalScoreRecord]:
    """Return the scores of signals after a number, in the order in which they were learnt."""
    conditions = (SignalScore.tenant_id == tenant_id, SignalScore.target == target, SignalScore.seq > seq)
    rows = session.execute(select(*_COLUMNS).where(*conditions).order_by(SignalScore.seq).limit(limit))
    return [SignalScoreRecord(**row) for row in rows.mappings()]


def served_of(session: Session, tenant_id: str, *, target: str, first: int, last: int) -> dict[int, ServedScore | None]:
    """Return by what served scores signals of a range of numbers were learnt before; None: by none. Both ends count."""
    conditions = (
        SignalScore.tenant_id == tenant_id,
        SignalScore.target == target,
        SignalScore.seq.between(first, last),
    )
    query = select(SignalScore.seq, SignalScore.served_probability, SignalScore.served).where(*conditions)
    return {
        seq: None if served is None or probability is None else ServedScore(probability=probability, experts=served)
        for seq, probability, served in session.execute(query)
    }


def first_served(session: Session, tenant_id: str, *, kind: str, snapshot_ids: Sequence[str]) -> dict[str, ServedScore]:
    """Return the first online score of each snapshot, by snapshot; those without one are left out."""
    found: dict[str, ServedScore] = {}
    for batch in in_batches(snapshot_ids):
        scores = select(*_SERVED).where(
            Prediction.tenant_id == tenant_id, Prediction.snapshot_id.in_(batch), Prediction.kind == kind
        )
        for row in session.execute(scores.order_by(Prediction.computed_at, Prediction.prediction_id)):
            experts = row.detail.get("experts")
            if row.probability is not None and experts:
                score = ServedScore(probability=row.probability, experts=experts, computed_at=row.computed_at)
                found.setdefault(row.snapshot_id, score)
    return found


def newest_snapshot(session: Session, tenant_id: str) -> str | None:
    """Return the tenant's newest snapshot; None without any."""
    newest = select(Snapshot.snapshot_id).where(Snapshot.tenant_id == tenant_id)
    return session.scalar(newest.order_by(Snapshot.snapshot_id.desc()).limit(1))


def unscored(
    session: Session, tenant_id: str, *, kind: str, after: str | None, since: datetime, limit: int
) -> list[str]:
    """Return ids of snapshots without a prediction of a kind, oldest first: those that were stored after `after`.

    Some that were stored shortly before are looked at too (`OVERLAP`). Without `after`, those since `since`. Leads that
    have ended, or of whom nothing may be computed, are left out.
    """
    begin = utc(since) if after is None else stored_at(after) - OVERLAP
    scored = select(Prediction.snapshot_id).where(
        Prediction.tenant_id == Snapshot.tenant_id,
        Prediction.snapshot_id == Snapshot.snapshot_id,
        Prediction.kind == kind,
    )
    query = (
        select(Snapshot.snapshot_id)
        .join(Lead, (Lead.tenant_id == Snapshot.tenant_id) & (Lead.lead_id == Snapshot.lead_id))
        .where(Snapshot.tenant_id == tenant_id, Snapshot.snapshot_id >= _first_id(begin), ~scored.exists())
        .where(Lead.status == "open", Lead.restricted_at.is_(None), Lead.objected_at.is_(None))
    )
    return list(session.scalars(query.order_by(Snapshot.snapshot_id).limit(limit)))


def stored_at(snapshot_id: str) -> datetime:
    """Return when an id was made (see `db.base.new_id`), to the millisecond."""
    milliseconds = int(snapshot_id[:8] + snapshot_id[9:13], 16)
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)


def _first_id(moment: datetime) -> str:
    """Return a text before all ids that are made from a moment on, and after all that were made before it."""
    digits = f"{max(0, int(moment.timestamp() * 1000)):012x}"
    return f"{digits[:8]}-{digits[8:]}"
