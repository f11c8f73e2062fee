"""What the CRM is told when a score moves: a band that changed, a threshold that was crossed.

A threshold is entered at one height and left below a lower one, and entering it again within the cooldown is noted and
not told. While a person's own judgement of a lead stands, no job tells anything else of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from db.records import LevelMove, PredictionDraft
from db.repositories.overrides import overrides, threshold_state
from db.session import Session
from ml.thresholds import Threshold, hot, moved
from tasks.runtime.context import TaskContext

KIND = "lead_score"
#: for this long entering the same threshold again is not told
COOLDOWN = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A lead's score that may have crossed thresholds."""

    lead_id: str
    probability: float
    #: threshold -> True entered, False left
    sides: Mapping[str, bool]
    #: what the event says besides
    told: Mapping[str, Any]


def thresholds_of(settings: Mapping[str, Any]) -> list[Threshold]:
    """The tenant's thresholds; the hot band where none is named."""
    named = settings.get("thresholds") or {}
    own = [Threshold(name=name, enter=at["enter"], leave=at["leave"]) for name, at in sorted(named.items())]
    return own or [hot(settings.get("bands") or {})]


def tell_changes(
    session: Session,
    context: TaskContext,
    saved: Sequence[tuple[PredictionDraft, str]],
    before: Mapping[str, tuple[str, float] | None],
) -> None:
    """Tell what new answers changed against the ones before; leads that a person has judged stay as they are."""
    known = thresholds_of(context.settings())
    moves = [_move(draft, prediction_id, before.get(draft.lead_id), known) for draft, prediction_id in saved]
    news = [move for move in moves if move is not None]
    if not news:
        return
    held = overrides.active(session, context.tenant_id, kind=KIND, lead_ids=[move.lead_id for move, _ in news])
    free = [(move, band) for move, band in news if move.lead_id not in held]
    for move, band in free:
        if band is not None:
            context.emit_event("band.changed", move.lead_id, **band)
    cross(session, context, [move for move, _ in free])


def cross(session: Session, context: TaskContext, moves: Sequence[Move]) -> None:
    """Note on which side of thresholds leads are now, and tell of those that were crossed."""
    asked = [
        LevelMove(lead_id=move.lead_id, threshold=name, above=above)
        for move in moves
        for name, above in move.sides.items()
    ]
    quiet = timedelta(seconds=context.settings().get("threshold_cooldown", COOLDOWN.total_seconds()))
    crossed = threshold_state.cross(
        session, context.tenant_id, moves=asked, now=context.now, quiet_since=context.now - quiet
    )
    by_lead = {move.lead_id: move for move in moves}
    for each in crossed:
        move = by_lead[each.lead_id]
        side = {"threshold": each.threshold, "direction": "entered" if each.above else "left"}
        context.emit_event(
            "threshold.crossed", each.lead_id, lead_id=each.lead_id, probability=move.probability, **side, **move.told
        )


def _move(
    draft: PredictionDraft, prediction_id: str, was: tuple[str, float] | None, known: Sequence[Threshold]
) -> tuple[Move, dict[str, Any] | None] | None:
    """What a new answer may have moved, and what is told of its band; None where nothing moved."""
    if draft.band is None or draft.probability is None:
        return None
    sides = moved(known, was[1] if was else None, draft.probability)
    told = {"lead_id": draft.lead_id, "prediction_id": prediction_id}
    band = None
    if was is not None and was[0] != draft.band:
        band = {**told, "band": draft.band, "was": was[0], "probability": draft.probability}
        # The bands themselves may be others than before: the score may lie beyond what it lay beyond all along.
        sides = {t.name: True for t in known if draft.probability >= t.enter} | sides
    if not sides and band is None:
        return None
    facts = {"prediction_id": prediction_id}
    return Move(lead_id=draft.lead_id, probability=draft.probability, sides=sides, told=facts), band
