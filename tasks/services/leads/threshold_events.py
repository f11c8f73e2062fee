"""Tell the CRM when a lead score moves: a band that changed, a threshold that was crossed.

What moved since a file was loaded or another model scores is told as one (`score_digest`), not lead by lead. A
threshold is entered at one height and left below a lower one. Entering it again within the cooldown is recorded but not
told. While a person's override of a lead is active, no job tells anything about its score.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from db.records import PredictionDraft, PriorScore, ThresholdCrossing
from db.repositories.overrides import overrides, threshold_state
from db.session import Session
from domain.documents import JsonMapping, JsonObject
from domain.model_kinds import LEAD_SCORE
from ml.thresholds import Threshold, hot, moved
from tasks.runtime.context import TaskContext
from tasks.services.leads import score_digest

KIND = LEAD_SCORE.name
#: for this long entering the same threshold again is not told
COOLDOWN = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A lead's score that may have crossed thresholds."""

    lead_id: str
    probability: float
    #: threshold -> True entered, False left
    sides: Mapping[str, bool]
    #: more facts for the event's body
    facts: Mapping[str, str]


def thresholds_of(settings: JsonMapping) -> list[Threshold]:
    """Return the tenant's thresholds; the border of the hot band where it named none."""
    named = settings.get("thresholds") or {}
    thresholds = [Threshold(name=name, enter=at["enter"], leave=at["leave"]) for name, at in sorted(named.items())]
    return thresholds or [hot(settings.get("bands") or {})]


def emit_score_changes(
    session: Session,
    context: TaskContext,
    saved: Sequence[tuple[PredictionDraft, str]],
    before: Mapping[str, PriorScore],
) -> None:
    """Emit what new scores changed against the ones before; leads with an active override are left out.

    A score that is no news of its lead alone is counted instead; on which side of thresholds the lead is, is recorded.
    """
    quiet = score_digest.causes(saved, before)
    score_digest.add(session, context, saved, before, quiet)
    thresholds = thresholds_of(context.settings())
    changes = [
        (
            _move(draft, prediction_id, before[draft.lead_id], thresholds),
            _band_change(draft, prediction_id, before[draft.lead_id]),
        )
        for draft, prediction_id in saved
    ]
    moved_leads = [(move, band) for move, band in changes if move is not None]
    if not moved_leads:
        return
    lead_ids = [move.lead_id for move, _ in moved_leads]
    overridden = overrides.active(session, context.tenant_id, kind=KIND, lead_ids=lead_ids)
    free = [(move, band) for move, band in moved_leads if move.lead_id not in overridden]
    for move, band in free:
        if band is not None and move.lead_id not in quiet:
            context.emit_event("band.changed", move.lead_id, **band)
    emit_crossings(session, context, [move for move, _ in free], quiet=quiet)


def emit_crossings(
    session: Session, context: TaskContext, moves: Sequence[Move], *, quiet: Collection[str] = ()
) -> None:
    """Record on which side of thresholds leads are now, and emit `threshold.crossed` where that is news.

    Of the leads in `quiet` nothing is emitted: their crossings count as told, so that the next one is news.
    """
    sides = [
        ThresholdCrossing(lead_id=move.lead_id, threshold=name, above=above)
        for move in moves
        for name, above in move.sides.items()
    ]
    cooldown = timedelta(seconds=context.settings().get("threshold_cooldown", COOLDOWN.total_seconds()))
    crossings = threshold_state.record_crossings(
        session, context.tenant_id, moves=sides, now=context.now, quiet_since=context.now - cooldown
    )
    by_lead = {move.lead_id: move for move in moves}
    for crossing in crossings:
        if crossing.lead_id in quiet:
            continue
        move = by_lead[crossing.lead_id]
        context.emit_event(
            "threshold.crossed",
            move.lead_id,
            lead_id=move.lead_id,
            probability=move.probability,
            threshold=crossing.threshold,
            direction="entered" if crossing.above else "left",
            **move.facts,
        )


def _move(draft: PredictionDraft, prediction_id: str, was: PriorScore, thresholds: Sequence[Threshold]) -> Move | None:
    """Return the thresholds that a new score may have crossed; None where neither they nor its band moved."""
    if draft.band is None or draft.probability is None:
        return None
    sides = moved(thresholds, was.probability, draft.probability)
    band_changed = was.band is not None and was.band != draft.band
    if band_changed:
        # The borders themselves may have moved: the score may lie beyond one that it was beyond all along.
        sides = {each.name: True for each in thresholds if draft.probability >= each.enter} | sides
    if not sides and not band_changed:
        return None
    facts = {"prediction_id": prediction_id}
    return Move(lead_id=draft.lead_id, probability=draft.probability, sides=sides, facts=facts)


def _band_change(draft: PredictionDraft, prediction_id: str, was: PriorScore) -> JsonObject | None:
    """Return the body of `band.changed`; None where the band is the one before, or the first."""
    if was.band is None or was.band == draft.band:
        return None
    return {
        "lead_id": draft.lead_id,
        "prediction_id": prediction_id,
        "band": draft.band,
        "was": was.band,
        "probability": draft.probability,
    }
