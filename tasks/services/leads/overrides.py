"""The score that counts of a lead: the one that a person set while it is active, else the model's own."""

from __future__ import annotations

from dataclasses import dataclass

from db.records import OverrideRecord, PredictionRecord
from db.repositories.overrides import overrides
from db.repositories.predictions import predictions
from db.session import Session
from domain.documents import JsonMapping, JsonObject
from ml.thresholds import within
from tasks.runtime.context import TaskContext
from tasks.services.leads.threshold_events import KIND


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveScore:
    """The probability and band that count of a lead, and the override that they come from."""

    #: 0 to 1
    probability: float
    band: str
    #: None: the model's own score counts
    override: OverrideRecord | None


def effective_score(score: PredictionRecord, override: OverrideRecord | None, settings: JsonMapping) -> EffectiveScore:
    """Return what counts of a lead that has a score."""
    return apply_override(score.band or "cold", score.probability or 0.0, override, settings)


def apply_override(
    band: str, probability: float, override: OverrideRecord | None, settings: JsonMapping
) -> EffectiveScore:
    """Return what counts of a lead with this band and probability.

    An override without a probability of its own moves the score only as far as its band demands.
    """
    if override is None:
        return EffectiveScore(probability=probability, band=band, override=None)
    if override.probability is not None:
        return EffectiveScore(probability=override.probability, band=override.band, override=override)
    moved = within(override.band, probability, **(settings.get("bands") or {}))
    return EffectiveScore(probability=moved, band=override.band, override=override)


def load_effective_score(session: Session, context: TaskContext, lead_id: str) -> EffectiveScore | None:
    """Return what counts of a lead now; None before its first score."""
    scores = predictions.latest(session, context.tenant_id, kind=KIND, lead_ids=[lead_id])
    active = overrides.active(session, context.tenant_id, kind=KIND, lead_ids=[lead_id])
    return effective_score(scores[0], active.get(lead_id), context.settings()) if scores else None


def override_view(override: OverrideRecord | None) -> JsonObject | None:
    """Return an override as answers show it."""
    if override is None:
        return None
    names = ("override_id", "band", "probability", "reason", "actor", "set_at", "withdrawn_at", "withdrawn_by")
    return {name: getattr(override, name) for name in names}
