"""The thresholds that each lead is above, and when an event last reported it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Update, bindparam, select, tuple_, update
from sqlalchemy.orm import Session

from db.models import ThresholdState
from db.records import ThresholdCrossing
from db.repositories.sql import among, in_batches, table_of, upsert

#: rows of one statement: SQLite takes 32,766 parameters
_ROWS = 1_000
_Key = tuple[str, str]
_NO_SYNC = {"synchronize_session": False}
_LEVEL = table_of(ThresholdState).c
_ABOVE = select(_LEVEL.lead_id, _LEVEL.entered_at).where(
    _LEVEL.tenant_id == bindparam("tenant"),
    among(_LEVEL.lead_id, "leads"),
    _LEVEL.threshold == bindparam("of"),
    _LEVEL.above.is_(True),
)


def record_crossings(
    session: Session, tenant_id: str, *, moves: Sequence[ThresholdCrossing], now: datetime, quiet_since: datetime
) -> list[ThresholdCrossing]:
    """Record on which side of thresholds leads are now; return the crossings to be reported, in the order given.

    A lead that is on that side already has not crossed. Entering is reported unless it was reported since
    `quiet_since`, leaving where entering was reported; crossings that are not reported are recorded all the same.
    """
    reported: set[_Key] = set()
    # by key, so that two that touch the same leads do not wait for each other
    for batch in in_batches(sorted(moves, key=_key), _ROWS):
        reported |= _enter(session, tenant_id, [move for move in batch if move.above], now, quiet_since)
        reported |= _leave(session, tenant_id, [move for move in batch if not move.above])
    return [move for move in moves if _key(move) in reported]


def above(session: Session, tenant_id: str, *, lead_id: str) -> dict[str, datetime]:
    """Return the thresholds that a lead is above, and since when."""
    of_lead = (ThresholdState.tenant_id == tenant_id, ThresholdState.lead_id == lead_id, ThresholdState.above.is_(True))
    rows = session.execute(select(ThresholdState.threshold, ThresholdState.entered_at).where(*of_lead))
    return {row.threshold: row.entered_at for row in rows}


def above_each(session: Session, tenant_id: str, *, threshold: str, lead_ids: Sequence[str]) -> dict[str, datetime]:
    """Return those of some leads that are above a threshold, and since when."""
    since: dict[str, datetime] = {}
    for batch in in_batches(lead_ids):
        rows = session.connection().execute(_ABOVE, {"tenant": tenant_id, "of": threshold, "leads": batch})
        since.update((lead_id, entered_at) for lead_id, entered_at in rows)
    return since


def _key(move: ThresholdCrossing) -> _Key:
    return move.lead_id, move.threshold


def _enter(
    session: Session, tenant_id: str, moves: Sequence[ThresholdCrossing], now: datetime, quiet_since: datetime
) -> set[_Key]:
    if not moves:
        return set()
    rows = [
        {"tenant_id": tenant_id, "lead_id": lead_id, "threshold": name, "above": True, "entered_at": now}
        for lead_id, name in dict.fromkeys(map(_key, moves))
    ]
    entering = upsert(session, ThresholdState).values(rows)
    entering = entering.on_conflict_do_update(
        index_elements=("tenant_id", "lead_id", "threshold"),
        set_={"above": True, "entered_at": now},
        where=ThresholdState.above.is_(False),
    )
    columns = (ThresholdState.lead_id, ThresholdState.threshold, ThresholdState.told_at)
    entered = session.execute(entering.returning(*columns)).all()
    reported = {(row.lead_id, row.threshold) for row in entered if row.told_at is None or row.told_at <= quiet_since}
    if reported:
        session.execute(_update(tenant_id, reported).values(told_at=now), execution_options=_NO_SYNC)
    return reported


def _leave(session: Session, tenant_id: str, moves: Sequence[ThresholdCrossing]) -> set[_Key]:
    if not moves:
        return set()
    leaving = _update(tenant_id, set(map(_key, moves))).where(ThresholdState.above.is_(True)).values(above=False)
    columns = (ThresholdState.lead_id, ThresholdState.threshold, ThresholdState.entered_at, ThresholdState.told_at)
    left = session.execute(leaving.returning(*columns), execution_options=_NO_SYNC).all()
    return {(row.lead_id, row.threshold) for row in left if row.told_at == row.entered_at}


def _update(tenant_id: str, keys: set[_Key]) -> Update:
    named = tuple_(ThresholdState.lead_id, ThresholdState.threshold).in_(sorted(keys))
    return update(ThresholdState).where(ThresholdState.tenant_id == tenant_id, named)
