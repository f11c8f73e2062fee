"""`hearth.churn.*`: the risk that leads go cold, when the CRM asks, as a stage of an assessment, and when it is due.

When a lead's risk is looked at again is a row in the database (see `tasks.services.leads.due_queue`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from db.records import ClaimedLeads
from db.repositories import tenants
from db.repositories.due_queues.queues import risk_queue
from db.session import EVERY_TENANT, Session, reading, transaction
from domain.documents import JsonObject
from domain.risk import RISK_LEVELS
from tasks.contracts.churn import CheckRisks, PredictChurn
from tasks.contracts.leads import LeadIn
from tasks.contracts.pipelines import StageCall
from tasks.contracts.system import Upkeep
from tasks.runtime import lead_references, schedule, stage_completion
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import effect, job, step
from tasks.services.churn import churn_risk
from tasks.services.conversations.analyses import analyse_new
from tasks.services.leads import due_queue, profiles
from tasks.services.leads.predictions import load_snapshots, warn_of_blocked
from tasks.services.models import model_registry
from tasks.services.models.model_kinds import CHURN

#: seconds between sweeps, and after which a message that asks for a worker is of no use any more
EVERY, STALE = 15, 300
#: seconds between looks for leads that were never assessed, and the most of a tenant that one look takes up
SEED_EVERY, SEEDED = 600, 2_000


@effect("hearth.churn.predict", PredictChurn, queue="inference", scope="read")
def predict(session: Session, request: PredictChurn, context: TaskContext) -> TaskResult:
    """Return the risk that a lead, stored or sent along, or many leads go cold within 30 days, and what warns of it.

    Leads that have ended have no risk and are named with how they ended. Those that are restricted, or that object to
    it, are left out and named.
    """
    as_of = request.as_of or context.now
    if request.lead is not None:
        return _sent_lead(session, request.lead, context, as_of)
    analyse_new(session, context, request.ids())
    stored = profiles.load(session, request.tenant_id, request.ids(), as_of)
    warn_of_blocked(context, stored)
    assessment = churn_risk.assess_stored(session, context, stored, as_of)
    churn_risk.schedule_checks(session, context, assessment, as_of)
    if request.lead_id is not None:
        data = _one_lead(request.lead_id, assessment)
    else:
        left_out = [*assessment.ended, *assessment.blocked]
        data = lead_references.with_identities(session, context, _many_leads(assessment), left_out)
    blocked = len(assessment.blocked)
    return TaskResult(
        data=data,
        status="ok" if not blocked else "blocked" if blocked == len(stored) else "partial",
        model=assessment.champion.model(),
        as_of=as_of,
    )


@step("hearth.churn.assess", StageCall, queue="inference", on_fault=stage_completion.failed("churn"))
def churn_stage(session: Session, request: StageCall, context: TaskContext) -> TaskResult:
    """Store the risk's row for each snapshot."""
    record = stage_completion.record(session, request)
    if not record.snapshot_ids:
        return stage_completion.land(session, request, "churn", "failed")
    taken, stored = load_snapshots(session, request.tenant_id, record)
    assessment = churn_risk.assess_stored(session, context, stored, record.as_of, taken)
    churn_risk.schedule_checks(session, context, assessment, record.as_of)
    return stage_completion.land(session, request, "churn")


@job("hearth.churn.sweep", Upkeep, queue="inference", internal=True)
def sweep(request: Upkeep, context: TaskContext) -> JsonObject:
    """Ask for workers where the risk of leads is to be looked at again."""
    if not schedule.is_due("churn.sweep", EVERY):
        return context.envelope(request, TaskResult(data={"due": 0}))
    if schedule.is_due("churn.seed", SEED_EVERY):
        _seed_checks()
    with reading(EVERY_TENANT) as session:
        waiting = risk_queue.due(session)
    return context.envelope(request, TaskResult(data={"due": due_queue.ask_for_workers(check, waiting, stale=STALE)}))


@job("hearth.churn.check", CheckRisks, queue="batch", internal=True)
def check(request: CheckRisks, context: TaskContext) -> JsonObject:
    """Look again at leads of a tenant that are due; an unchanged risk within a scoring interval writes nothing.

    A lead that cannot be assessed waits a scoring interval for its next turn, and holds up nobody.
    """
    taken, assessed = due_queue.process_due(risk_queue, context, request.tenant_id, _check, first=analyse_new)
    return context.envelope(request, TaskResult(data={"due": taken, "assessed": assessed}))


def _seed_checks() -> None:
    """Make leads due that were never assessed."""
    with reading(EVERY_TENANT) as session:
        tenant_ids = tenants.ids(session)
    for tenant_id in tenant_ids:
        with transaction(tenant_id) as session:
            risk_queue.seed(session, tenant_id, limit=SEEDED)


def _check(session: Session, context: TaskContext, taken: ClaimedLeads) -> list[str]:
    stored = profiles.load(session, context.tenant_id, taken.lead_ids, context.now)
    assessment = churn_risk.assess_stored(session, context, stored, context.now)
    due: Mapping[str, datetime] = churn_risk.next_checks(context, assessment, context.now)
    # who has ended, or may not be assessed, is looked at again when something happens
    risk_queue.complete(session, context.tenant_id, taken=taken, due=due)
    churn_risk.enqueue_plans(session, context, assessment)
    return list(assessment.risks)


def _sent_lead(session: Session, lead: LeadIn, context: TaskContext, as_of: datetime) -> TaskResult:
    """Assess a lead that was sent along; nothing is stored."""
    champion = model_registry.champion(session, context.tenant_id, context.settings(), CHURN)
    profile = profiles.profile_from_message(lead, as_of)
    risk, ended = churn_risk.assess_profile(profile, champion, context.settings())
    ended = ended or profiles.ended_as_sent(lead, as_of)
    if risk is None or ended is not None:
        data: JsonObject = {"lead_id": None, "probability": None, "level": None, "ended": ended}
    else:
        data = {"lead_id": None, "probability": risk.probability, **churn_risk.risk_detail(risk, profile)}
    return TaskResult(data=data, model=champion.model(), as_of=as_of)


def _one_lead(lead_id: str, assessment: churn_risk.RiskAssessment) -> JsonObject:
    risk = assessment.risks.get(lead_id)
    if risk is not None:
        return {
            "lead_id": lead_id,
            "prediction_id": risk.prediction_id,
            "probability": risk.probability,
            **risk.detail,
        }
    reason: JsonObject = {"ended": assessment.ended.get(lead_id)}
    if assessment.blocked:
        reason = {"blocked": list(assessment.blocked)}
    return {"lead_id": lead_id, "probability": None, "level": None, **reason}


def _many_leads(assessment: churn_risk.RiskAssessment) -> JsonObject:
    levels = Counter(risk.level for risk in assessment.risks.values())
    ended: dict[str, list[str]] = {}
    for lead_id, reason in assessment.ended.items():
        ended.setdefault(reason, []).append(lead_id)
    return {
        "assessed": len(assessment.risks),
        "levels": {level: levels[level] for level in RISK_LEVELS},
        "neglected": sum(bool(risk.detail["neglected"]) for risk in assessment.risks.values()),
        "ended": ended,
        "blocked": list(assessment.blocked),
    }
