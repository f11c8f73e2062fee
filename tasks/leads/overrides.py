"""People's own judgements: an override that counts instead of the score, and marks that call a score right or wrong.

A job never overwrites a person: scores are still computed and stored, and count again once the override is withdrawn.
"""

from __future__ import annotations

from db.records import FeedbackDraft, OverrideDraft
from db.repositories.leads import leads
from db.repositories.overrides import overrides, score_feedback
from db.repositories.predictions import predictions
from db.session import Session
from domain.documents import JsonObject
from ml.leads import band
from ml.thresholds import beyond
from tasks.contracts.leads import MarkScore, OverrideScore, WithdrawOverride
from tasks.errors import InvalidPayload
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import effect
from tasks.services.leads.overrides import EffectiveScore, load_effective_score, override_view
from tasks.services.leads.threshold_events import KIND, Move, emit_crossings, thresholds_of


@effect("hearth.leads.override", OverrideScore, queue="inference", scope="write")
def override(session: Session, request: OverrideScore, context: TaskContext) -> TaskResult:
    """Let a person's judgement of a lead count instead of its score until it is withdrawn; the next one replaces it."""
    lead_id = request.the_lead()
    before = load_effective_score(session, context, lead_id)
    draft = OverrideDraft(
        lead_id=lead_id,
        kind=KIND,
        band=request.band or band(request.probability or 0.0, **(context.settings().get("bands") or {})),
        probability=request.probability,
        reason=request.reason,
        actor=request.actor,
    )
    record = overrides.save(session, context.tenant_id, draft=draft, now=context.now)
    context.audit(
        "override",
        lead_id=record.lead_id,
        override_id=record.override_id,
        band=record.band,
        probability=record.probability,
        reason=record.reason,
        actor=record.actor,
    )
    after = _emit_changes(session, lead_id, context, before)
    return TaskResult(data={"lead_id": lead_id, "override": override_view(record), "standing": _brief(after)})


@effect("hearth.leads.withdraw_override", WithdrawOverride, queue="inference", scope="write")
def withdraw_override(session: Session, request: WithdrawOverride, context: TaskContext) -> TaskResult:
    """Go back to the score; harmless where no override is active."""
    lead_id = request.the_lead()
    # raises UnknownLead
    leads.restricted(session, context.tenant_id, lead_ids=[lead_id])
    before = load_effective_score(session, context, lead_id)
    withdrawn = overrides.withdraw(
        session, context.tenant_id, lead_id=lead_id, kind=KIND, actor=request.actor, now=context.now
    )
    if withdrawn:
        context.audit("override_withdrawn", lead_id=lead_id, actor=request.actor)
    after = _emit_changes(session, lead_id, context, before)
    return TaskResult(data={"lead_id": lead_id, "withdrawn": withdrawn, "standing": _brief(after)})


@effect("hearth.leads.mark", MarkScore, queue="inference", scope="write")
def mark(session: Session, request: MarkScore, context: TaskContext) -> TaskResult:
    """Store that somebody calls a score wrong, or right after all; each person's last mark counts."""
    scores = predictions.get(session, context.tenant_id, prediction_ids=[request.prediction_id])
    if not scores:
        raise InvalidPayload.at("unknown_value", "prediction_id", "no score of this tenant has this id")
    score = scores[0]
    draft = FeedbackDraft(
        lead_id=score.lead_id,
        prediction_id=score.prediction_id,
        verdict=request.verdict,
        reason=request.reason,
        actor=request.actor,
        model_version=score.model_version,
    )
    score_feedback.save(session, context.tenant_id, draft=draft, now=context.now)
    view = {
        "lead_id": score.lead_id,
        "prediction_id": score.prediction_id,
        "verdict": request.verdict,
        "reason": request.reason,
        "actor": request.actor,
        "model": score.model_version,
    }
    context.audit("mark", **view)
    return TaskResult(data=view)


def _emit_changes(
    session: Session, lead_id: str, context: TaskContext, before: EffectiveScore | None
) -> EffectiveScore | None:
    """Emit what a person's judgement changed, as a job does for a score; return what counts now."""
    after = load_effective_score(session, context, lead_id)
    if before is None or after is None:
        return after
    by = "override" if after.override else "withdrawal"
    if before.band != after.band:
        context.emit_event(
            "band.changed",
            lead_id,
            lead_id=lead_id,
            band=after.band,
            was=before.band,
            probability=after.probability,
            by=by,
        )
    sides = beyond(thresholds_of(context.settings()), after.probability)
    move = Move(lead_id=lead_id, probability=after.probability, sides=sides, facts={"by": by})
    emit_crossings(session, context, [move])
    return after


def _brief(score: EffectiveScore | None) -> JsonObject | None:
    return None if score is None else {"probability": score.probability, "band": score.band}
