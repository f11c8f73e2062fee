"""People's own judgements: an override that counts instead of the score, and marks that say a score was wrong.

A job never overwrites a person: scores go on being computed and kept, and count again once the override is withdrawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from db.records import MarkDraft, OverrideDraft, OverrideRecord, PredictionRecord
from db.repositories.leads import leads
from db.repositories.overrides import overrides, score_feedback
from db.repositories.predictions import predictions
from db.session import Session
from ml.leads import band as band_of
from ml.thresholds import beyond, within
from tasks.contracts.leads import MarkScore, OverrideScore, WithdrawOverride
from tasks.errors import InvalidPayload
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import effect
from tasks.services.leads.threshold_events import KIND, Move, cross, thresholds_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What counts of a lead: the person's judgement where one stands, else the score."""

    probability: float
    band: str
    override: OverrideRecord | None


@effect("hearth.leads.override", OverrideScore)
def override(session: Session, request: OverrideScore, context: TaskContext) -> TaskResult:
    """Let a person's judgement of a lead count instead of its score until it is withdrawn; the next one replaces it."""
    before = _standing(session, request.lead_id, context)
    draft = OverrideDraft(
        lead_id=request.lead_id,
        kind=KIND,
        band=request.band or band_of(request.probability or 0.0, **_bands(context)),
        probability=request.probability,
        reason=request.reason,
        actor=request.actor,
    )
    record = overrides.save(session, context.tenant_id, draft=draft, now=context.now)
    told = {"lead_id": record.lead_id, "override_id": record.override_id, "band": record.band}
    context.audit("override", **told, probability=record.probability, reason=record.reason, actor=record.actor)
    after = _tell_moved(session, request.lead_id, context, before)
    return TaskResult(data={"override": shown(record), "standing": _plain(after)})


@effect("hearth.leads.withdraw_override", WithdrawOverride)
def withdraw_override(session: Session, request: WithdrawOverride, context: TaskContext) -> TaskResult:
    """Go back to the score; harmless where no override stands."""
    leads.restricted(session, context.tenant_id, lead_ids=[request.lead_id])
    before = _standing(session, request.lead_id, context)
    scope = {"lead_id": request.lead_id, "kind": KIND}
    ended = overrides.withdraw(session, context.tenant_id, **scope, actor=request.actor, now=context.now)
    if ended:
        context.audit("override_withdrawn", lead_id=request.lead_id, actor=request.actor)
    after = _tell_moved(session, request.lead_id, context, before)
    return TaskResult(data={"withdrawn": ended, "standing": _plain(after)})


@effect("hearth.leads.mark", MarkScore)
def mark(session: Session, request: MarkScore, context: TaskContext) -> TaskResult:
    """Keep that somebody calls a score wrong, or right after all; the last word of each person counts."""
    found = predictions.get(session, context.tenant_id, prediction_ids=[request.prediction_id])
    if not found:
        raise InvalidPayload.at("unknown_value", "prediction_id", "no score of this tenant has this id")
    said = {"verdict": request.verdict, "reason": request.reason, "actor": request.actor}
    told = {"lead_id": found[0].lead_id, "prediction_id": found[0].prediction_id}
    draft = MarkDraft(**told, **said, model_version=found[0].model_version)
    score_feedback.save(session, context.tenant_id, draft=draft, now=context.now)
    context.audit("mark", **told, **said, model=found[0].model_version)
    return TaskResult(data={**told, **said, "model": found[0].model_version})


def standing(score: PredictionRecord, record: OverrideRecord | None, settings: Mapping[str, Any]) -> Standing:
    """What counts of a lead that has a score."""
    return counted(score.band or "cold", score.probability or 0.0, record, settings)


def counted(band: str, probability: float, record: OverrideRecord | None, settings: Mapping[str, Any]) -> Standing:
    """What counts of a lead that was scored so."""
    if record is None:
        return Standing(probability=probability, band=band, override=None)
    bands = settings.get("bands") or {}
    chosen: Any = record.band
    meant = record.probability if record.probability is not None else within(chosen, probability, **bands)
    return Standing(probability=meant, band=record.band, override=record)


def shown(record: OverrideRecord | None) -> dict[str, Any] | None:
    """An override as answers show it."""
    if record is None:
        return None
    names = ("override_id", "band", "probability", "reason", "actor", "set_at", "withdrawn_at", "withdrawn_by")
    return {name: getattr(record, name) for name in names}


def _standing(session: Session, lead_id: str, context: TaskContext) -> Standing | None:
    """What counts of a lead now; None before its first score."""
    score = predictions.latest(session, context.tenant_id, kind=KIND, lead_ids=[lead_id])
    record = overrides.active(session, context.tenant_id, kind=KIND, lead_ids=[lead_id]).get(lead_id)
    return standing(score[0], record, context.settings()) if score else None


def _tell_moved(session: Session, lead_id: str, context: TaskContext, before: Standing | None) -> Standing | None:
    """Tell what a person's word changed, as a job would of a score."""
    after = _standing(session, lead_id, context)
    if before is None or after is None:
        return after
    by = "override" if after.override else "withdrawal"
    if before.band != after.band:
        told = {"band": after.band, "was": before.band, "probability": after.probability, "by": by}
        context.emit_event("band.changed", lead_id, lead_id=lead_id, **told)
    sides = beyond(thresholds_of(context.settings()), after.probability)
    cross(session, context, [Move(lead_id=lead_id, probability=after.probability, sides=sides, told={"by": by})])
    return after


def _plain(found: Standing | None) -> dict[str, Any] | None:
    return None if found is None else {"probability": found.probability, "band": found.band}


def _bands(context: TaskContext) -> dict[str, float]:
    return dict(context.settings().get("bands") or {})
