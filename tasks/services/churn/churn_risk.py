"""Assess and store the risk that leads go cold: for the tasks, the assessment's stage, the sweep, and for planning.

What a reader needs of a lead's risk is in the detail of its prediction (kind `churn`, the band is the level).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from db.records import PredictionDraft, PredictionRecord, PriorScore, SnapshotRecord
from db.repositories.due_queues.queues import risk_queue
from db.repositories.leads import shared_refusals
from db.repositories.overrides import threshold_state
from db.repositories.predictions import predictions
from db.session import Session
from domain.documents import JsonMapping, JsonObject
from domain.risk import HORIZON_DAYS
from ml.churn.activity import TERMINAL
from ml.churn.risk import ChurnRisk, assess, ended
from ml.features import extract
from ml.profiles import FeatureMatrix, LeadProfile
from tasks.contracts.base.wire import to_wire
from tasks.runtime.context import TaskContext
from tasks.services.churn.risk_views import KIND
from tasks.services.conversations.analyses import analyse_new
from tasks.services.interventions.intervention_settings import settings_of
from tasks.services.leads import profiles, score_digest
from tasks.services.leads.predictions import due_after, interval_of, save_predictions, take_snapshots
from tasks.services.models import model_registry
from tasks.services.models.model_kind import ChurnChampion
from tasks.services.models.model_kinds import CHURN

#: ends after which nothing may contact a lead
REFUSED = TERMINAL | {"no_contact"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRisk:
    """The risk of one lead that is open, as it is stored now."""

    prediction_id: str
    snapshot_id: str
    lead_id: str
    as_of: datetime
    #: 0.01 to 0.99
    probability: float
    level: str
    #: as in the prediction: see `risk_detail`
    detail: JsonMapping
    model_version: str
    #: tenant or scorecard
    scope: str
    next_check_at: datetime
    #: False: within the scoring interval nothing had changed, and the answer before is still the one
    new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskAssessment:
    """The result of an assessment: the risks, the ended leads and the blocked ones."""

    #: lead -> its risk
    risks: Mapping[str, StoredRisk]
    #: lead -> how it ended, or `no_client`: such a lead has no risk
    ended: Mapping[str, str]
    #: leads of whom nothing may be computed
    blocked: tuple[str, ...]
    champion: ChurnChampion


def assess_leads(
    session: Session, context: TaskContext, lead_ids: Sequence[str], as_of: datetime
) -> dict[str, StoredRisk]:
    """Assess leads as of a moment and store their risk; leave out those that ended or may not be assessed.

    Unchanged within the scoring interval nothing new is written. Emits `risk.changed` where the level did and that is
    news of the lead alone (`score_digest`), and sets when each lead is looked at again. Raises UnknownLead.
    """
    analyse_new(session, context, lead_ids)
    stored = profiles.load(session, context.tenant_id, lead_ids, as_of)
    assessment = assess_stored(session, context, stored, as_of)
    if _is_current(context, as_of):
        risk_queue.reschedule(session, context.tenant_id, due=_new_checks(context, assessment, as_of))
    return dict(assessment.risks)


def assess_stored(
    session: Session,
    context: TaskContext,
    stored: Sequence[profiles.StoredLead],
    as_of: datetime,
    taken: Sequence[SnapshotRecord] | None = None,
) -> RiskAssessment:
    """Assess leads that are loaded, and store their risk; `taken` are their snapshots, where there are some already."""
    champion = model_registry.champion(session, context.tenant_id, context.settings(), CHURN)
    ends = {lead.profile.lead_id: ended(lead.profile) or lead.ended for lead in stored if not lead.blocked}
    open_leads = [lead for lead in stored if not lead.blocked and ends[lead.profile.lead_id] is None]
    risks: dict[str, StoredRisk] = {}
    if open_leads:
        lead_snapshots = (
            take_snapshots(session, context, open_leads, as_of) if taken is None else _in_order(open_leads, taken)
        )
        leads = [
            replace(lead.profile, as_of=snapshot.as_of)
            for lead, snapshot in zip(open_leads, lead_snapshots, strict=True)
        ]
        risks = _store(session, context, _drafts(leads, lead_snapshots, champion, context.settings()))
    return RiskAssessment(
        risks=risks,
        ended={lead_id: reason for lead_id, reason in ends.items() if reason is not None},
        blocked=tuple(lead.profile.lead_id for lead in stored if lead.blocked),
        champion=champion,
    )


def schedule_checks(session: Session, context: TaskContext, assessment: RiskAssessment, as_of: datetime) -> None:
    """Set when leads are looked at again: at once where something is to be planned for them.

    The next sweep plans for those together, since one message each would delay the caller. Risks as of a moment that
    has passed are for the caller alone.
    """
    if not _is_current(context, as_of):
        return
    checks = _new_checks(context, assessment, as_of)
    pressing = [
        lead_id
        for lead_id in [*_at_risk(context, assessment), *_refused(assessment)]
        if lead_id in checks or lead_id in assessment.ended
    ]
    risk_queue.reschedule(session, context.tenant_id, due=checks | dict.fromkeys(pressing, context.now))


def enqueue_plans(session: Session, context: TaskContext, assessment: RiskAssessment) -> None:
    """Have those planned for that are or were at risk, that nobody contacted, or that want to hear no more.

    Who shares an address with somebody that wants to hear no more is among them.
    """
    were_at_risk = threshold_state.above_each(
        session, context.tenant_id, threshold=KIND, lead_ids=list(assessment.risks)
    )
    refused = _refused(assessment)
    # what runs for whoever shares an address with them is to be withdrawn too
    sharing = shared_refusals.sharing(session, context.tenant_id, lead_ids=refused)
    lead_ids = list(dict.fromkeys([*_at_risk(context, assessment), *refused, *sharing, *were_at_risk]))
    if lead_ids:
        context.enqueue("hearth.interventions.plan_due", tenant_id=context.tenant_id, lead_ids=lead_ids)


def next_checks(context: TaskContext, assessment: RiskAssessment, as_of: datetime) -> dict[str, datetime]:
    """Return when each lead that was assessed is to be looked at again."""
    return {lead_id: due_after(risk.next_check_at, as_of, context) for lead_id, risk in assessment.risks.items()}


def _refused(assessment: RiskAssessment) -> list[str]:
    return [lead_id for lead_id, reason in assessment.ended.items() if reason in REFUSED]


def _at_risk(context: TaskContext, assessment: RiskAssessment) -> list[str]:
    leave = settings_of(context.settings()).leave
    return [risk.lead_id for risk in assessment.risks.values() if risk.probability >= leave or risk.detail["neglected"]]


def _new_checks(context: TaskContext, assessment: RiskAssessment, as_of: datetime) -> dict[str, datetime]:
    """Return when those are due again whose risk is new; for an answer from before that was set then."""
    return {
        lead_id: at for lead_id, at in next_checks(context, assessment, as_of).items() if assessment.risks[lead_id].new
    }


def _is_current(context: TaskContext, as_of: datetime) -> bool:
    return as_of > context.now - interval_of(context)


def assess_profile(
    profile: LeadProfile, champion: ChurnChampion, settings: JsonMapping
) -> tuple[ChurnRisk | None, str | None]:
    """Return the risk of a lead that is not stored, or else why it has none."""
    matrix = extract([profile])
    risk = assess([profile], matrix, scorer=champion.scorer, thresholds=settings.get("silence_days") or {})[0]
    return risk, None if risk is not None else ended(profile)


def risk_detail(risk: ChurnRisk, profile: LeadProfile) -> JsonObject:
    """Return all that card, plan and explanation say of a risk besides its probability; no personal data."""
    detail: JsonObject = to_wire(
        {
            "level": risk.level,
            "confidence": risk.confidence,
            "days_silent": risk.days_silent,
            "threshold": risk.threshold,
            "days_to_churn": risk.days_to_churn,
            "neglected": risk.neglected,
            "next_check_at": risk.next_check_at,
            "horizon_days": int(HORIZON_DAYS),
            "indicators": [asdict(indicator) for indicator in risk.indicators],
            "members": risk.members,
            "stage": profile.stage,
            "timeline": profile.timeline,
            "lead_type": profile.lead_type,
        }
    )
    return detail


def _in_order(stored: Sequence[profiles.StoredLead], taken: Sequence[SnapshotRecord]) -> list[SnapshotRecord]:
    """Return the snapshots of these leads, in the order of the leads."""
    by_lead = {snapshot.lead_id: snapshot for snapshot in taken}
    return [by_lead[lead.profile.lead_id] for lead in stored]


def _drafts(
    leads: Sequence[LeadProfile],
    taken: Sequence[SnapshotRecord],
    champion: ChurnChampion,
    settings: JsonMapping,
) -> list[PredictionDraft]:
    matrix = FeatureMatrix.from_rows([snapshot.features for snapshot in taken])
    risks = assess(leads, matrix, scorer=champion.scorer, thresholds=settings.get("silence_days") or {})
    return [
        PredictionDraft(
            lead_id=lead.lead_id,
            snapshot_id=snapshot.snapshot_id,
            kind=KIND,
            model_id=champion.model_id,
            model_version=champion.version,
            scope=champion.scope,
            probability=risk.probability,
            band=risk.level,
            detail=risk_detail(risk, lead),
            as_of=snapshot.as_of,
        )
        for lead, snapshot, risk in zip(leads, taken, risks, strict=True)
        if risk is not None
    ]


def _store(session: Session, context: TaskContext, drafts: Sequence[PredictionDraft]) -> dict[str, StoredRisk]:
    stored = save_predictions(session, context, drafts, kind=KIND)
    fresh = stored.fresh()
    quiet = score_digest.causes(fresh, stored.before)
    score_digest.add(session, context, fresh, stored.before, quiet)
    for draft, prediction_id in fresh:
        if draft.lead_id not in quiet:
            _emit_change(context, draft, prediction_id, stored.before[draft.lead_id])
    unchanged = [prediction_id for _, prediction_id in stored.saved if prediction_id not in stored.new]
    # what counts of an unchanged one is the row that was stored first
    first = {row.prediction_id: row for row in predictions.get(session, context.tenant_id, prediction_ids=unchanged)}
    return {
        draft.lead_id: _stored_risk(first.get(prediction_id, draft), prediction_id, new=prediction_id in stored.new)
        for draft, prediction_id in stored.saved
    }


def _emit_change(context: TaskContext, draft: PredictionDraft, prediction_id: str, was: PriorScore) -> None:
    if was.band is None or was.band == draft.band:
        return
    context.emit_event(
        "risk.changed",
        draft.lead_id,
        lead_id=draft.lead_id,
        prediction_id=prediction_id,
        level=draft.band,
        was=was.band,
        probability=draft.probability,
    )


def _stored_risk(row: PredictionDraft | PredictionRecord, prediction_id: str, *, new: bool) -> StoredRisk:
    return StoredRisk(
        prediction_id=prediction_id,
        snapshot_id=row.snapshot_id,
        lead_id=row.lead_id,
        as_of=row.as_of,
        probability=row.probability or 0.0,
        level=row.band or "",
        detail=row.detail,
        model_version=row.model_version,
        scope=row.scope,
        next_check_at=datetime.fromisoformat(row.detail["next_check_at"]),
        new=new,
    )
