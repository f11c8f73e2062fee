"""Which leads are above which thresholds, and who was told of it when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Update, bindparam, select, tuple_, update
from sqlalchemy.orm import Session

from db.models import ScoreLevel
from db.records import LevelMove
from db.repositories.sql.bulk import core
from db.repositories.sql.clauses import among, in_batches, upsert

#: rows of one statement: SQLite takes 32,766 parameters
_ROWS = 1_000
_Key = tuple[str, str]
_PLAIN = {"synchronize_session": False}
_LEVEL = core(ScoreLevel).c
_STANDING = select(_LEVEL.lead_id, _LEVEL.entered_at).where(
    _LEVEL.tenant_id == bindparam("tenant"),
    among(_LEVEL.lead_id, "leads"),
    _LEVEL.threshold == bindparam("of"),
    _LEVEL.above.is_(True),
)


def cross(
    session: Session, tenant_id: str, *, moves: Sequence[LevelMove], now: datetime, quiet_since: datetime
) -> list[LevelMove]:
    """Note on which side of thresholds leads are now; gives those that crossed one and are to be told, as given.

    Whoever is on that side already has not crossed. Entering is told unless it was since `quiet_since`, leaving
    where entering was told; what is not told is noted all the same.
    """
    told: set[_Key] = set()
    # by key, so that two that touch the same leads do not wait for each other
    for batch in in_batches(sorted(moves, key=_key), _ROWS):
        told |= _enter(session, tenant_id, [move for move in batch if move.above], now, quiet_since)
        told |= _leave(session, tenant_id, [move for move in batch if not move.above])
    return [move for move in moves if _key(move) in told]


def above(session: Session, tenant_id: str, *, lead_id: str) -> dict[str, datetime]:
    """Give the thresholds that a lead is above, and since when."""
    own = (ScoreLevel.tenant_id == tenant_id, ScoreLevel.lead_id == lead_id, ScoreLevel.above.is_(True))
    rows = session.execute(select(ScoreLevel.threshold, ScoreLevel.entered_at).where(*own))
    return {row.threshold: row.entered_at for row in rows}


def above_each(session: Session, tenant_id: str, *, threshold: str, lead_ids: Sequence[str]) -> dict[str, datetime]:
    """Give those of some leads that are above a threshold, and since when."""
    found: dict[str, datetime] = {}
    for batch in in_batches(lead_ids):
        asked = {"tenant": tenant_id, "of": threshold, "leads": batch}
        found.update((lead_id, since) for lead_id, since in session.connection().execute(_STANDING, asked))
    return found


def _key(move: LevelMove) -> _Key:
    return move.lead_id, move.threshold


def _enter(
    session: Session, tenant_id: str, moves: Sequence[LevelMove], now: datetime, quiet_since: datetime
) -> set[_Key]:
    if not moves:
        return set()
    rows = [
        {"tenant_id": tenant_id, "lead_id": lead_id, "threshold": name, "above": True, "entered_at": now}
        for lead_id, name in dict.fromkeys(map(_key, moves))
    ]
    entering = upsert(session, ScoreLevel).values(rows)
    entering = entering.on_conflict_do_update(
        index_elements=("tenant_id", "lead_id", "threshold"),
        set_={"above": True, "entered_at": now},
        where=ScoreLevel.above.is_(False),
    )
    columns = (ScoreLevel.lead_id, ScoreLevel.threshold, ScoreLevel.told_at)
    entered = session.execute(entering.returning(*columns)).all()
    told = {(row.lead_id, row.threshold) for row in entered if row.told_at is None or row.told_at <= quiet_since}
    if told:
        session.execute(_these(tenant_id, told).values(told_at=now), execution_options=_PLAIN)
    return told


def _leave(session: Session, tenant_id: str, moves: Sequence[LevelMove]) -> set[_Key]:
    if not moves:
        return set()
    leaving = _these(tenant_id, set(map(_key, moves))).where(ScoreLevel.above.is_(True)).values(above=False)
    columns = (ScoreLevel.lead_id, ScoreLevel.threshold, ScoreLevel.entered_at, ScoreLevel.told_at)
    left = session.execute(leaving.returning(*columns), execution_options=_PLAIN).all()
    return {(row.lead_id, row.threshold) for row in left if row.told_at == row.entered_at}


def _these(tenant_id: str, keys: set[_Key]) -> Update:
    named = tuple_(ScoreLevel.lead_id, ScoreLevel.threshold).in_(sorted(keys))
    return update(ScoreLevel).where(ScoreLevel.tenant_id == tenant_id, named)
