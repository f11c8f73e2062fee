"""Leads that go cold: their risk when asked, as a stage of an assessment, and again by itself when it is due.

When a lead's risk is looked at again is a row in the database (see `tasks.services.leads.due_queue`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from db.records import Taken
from db.repositories import tenants
from db.repositories.due_queues import risk_queue
from db.repositories.predictions import snapshots
from db.session import EVERY_TENANT, Session, reading, transaction
from ml.churn.risk import LEVELS
from tasks.contracts.churn import CheckRisks, PredictChurn
from tasks.contracts.leads import LeadIn
from tasks.contracts.pipelines import StageCall
from tasks.contracts.system import Upkeep
from tasks.runtime import schedule, stage_completion
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import effect, job, step
from tasks.services.churn import churn_risk
from tasks.services.leads import due_queue, profiles
from tasks.services.leads.snapshots import blocked as warned_of
from tasks.services.models import model_registry

#: seconds between sweeps, and after which a message that asks for a worker is of no use any more
EVERY, STALE = 15, 300
#: seconds between looks for leads that were never assessed, and the most of a tenant that one look takes up
SEED_EVERY, SEEDED = 600, 2_000


@effect("hearth.churn.predict", PredictChurn)
def predict(session: Session, request: PredictChurn, context: TaskContext) -> TaskResult:
    """The risk that a lead, stored or sent along, goes cold within 30 days, and what warns of it; or that many do.

    Leads that have ended have no risk and are named with how they ended. Those that are restricted, or that object to
    it, are left out and named.
    """
    as_of = request.as_of or context.now
    if request.lead is not None:
        return _of_message(session, request.lead, context, as_of)
    known = profiles.load(session, request.tenant_id, request.ids(), as_of)
    warned_of(context, known)
    found = churn_risk.assess_known(session, context, known, as_of)
    churn_risk.follow_up(session, context, found, as_of)
    facts: dict[str, Any] = {"model": found.champion.model(), "as_of": as_of}
    data = _one(request.lead_id, found) if request.lead_id is not None else _many(found)
    if len(found.blocked) == len(known):
        return TaskResult(data=data, status="blocked", **facts)
    return TaskResult(data=data, status="partial" if found.blocked else "ok", **facts)


@step("hearth.churn.assess", StageCall, on_fault=stage_completion.failed("churn"))
def churn_stage(session: Session, request: StageCall, context: TaskContext) -> TaskResult:
    """The risk's row for each snapshot."""
    record = stage_completion.record(session, request)
    if not record.snapshot_ids:
        return stage_completion.land(session, request, "churn", "failed")
    taken = snapshots.get(session, request.tenant_id, snapshot_ids=record.snapshot_ids)
    known = profiles.load(session, context.tenant_id, record.lead_ids, record.as_of)
    found = churn_risk.assess_known(session, context, known, record.as_of, taken)
    churn_risk.follow_up(session, context, found, record.as_of)
    return stage_completion.land(session, request, "churn")


@job("hearth.churn.sweep", Upkeep)
def sweep(request: Upkeep, context: TaskContext) -> dict[str, Any]:
    """Ask for workers where the risk of leads is to be looked at again."""
    if not schedule.is_due("churn.sweep", EVERY):
        return context.envelope(request, TaskResult(data={"due": 0}))
    if schedule.is_due("churn.seed", SEED_EVERY):
        _seed()
    with reading(EVERY_TENANT) as session:
        waiting = risk_queue.due(session)
    return context.envelope(request, TaskResult(data={"due": due_queue.ask(check, waiting, stale=STALE)}))


@job("hearth.churn.check", CheckRisks)
def check(request: CheckRisks, context: TaskContext) -> dict[str, Any]:
    """Look again at leads of a tenant that are due; an unchanged risk within a scoring interval writes nothing.

    A lead that cannot be assessed waits a scoring interval for its next turn, and holds up nobody.
    """
    taken, assessed = due_queue.process_due(risk_queue, context, request.tenant_id, _check)
    return context.envelope(request, TaskResult(data={"due": taken, "assessed": assessed}))


def _seed() -> None:
    """Leads that were never looked at are due now."""
    with reading(EVERY_TENANT) as session:
        known = tenants.ids(session)
    for tenant_id in known:
        with transaction(tenant_id) as session:
            risk_queue.seed(session, tenant_id, limit=SEEDED)


def _check(session: Session, context: TaskContext, taken: Taken) -> list[str]:
    known = profiles.load(session, context.tenant_id, taken.lead_ids, context.now)
    found = churn_risk.assess_known(session, context, known, context.now)
    times: Mapping[str, datetime] = churn_risk.due_of(context, found, context.now)
    # who has ended, or may not be assessed, is looked at again when something happens
    risk_queue.complete(session, context.tenant_id, taken=taken, due=times)
    churn_risk.have_planned(session, context, found)
    return list(found.risks)


def _of_message(session: Session, lead: LeadIn, context: TaskContext, as_of: datetime) -> TaskResult:
    champion = model_registry.churn_champion(session, context.tenant_id)
    profile = profiles.of_message(lead, as_of)
    risk, why = churn_risk.assess_profile(profile, champion, context.settings())
    why = why or profiles.told_ended(lead, as_of)
    told: dict[str, Any] = {"probability": None, "level": None, "ended": why}
    if risk is not None and why is None:
        told = {"probability": risk.probability, **churn_risk.detail_of(risk, profile)}
    return TaskResult(data={"lead_id": None, **told}, model=champion.model(), as_of=as_of)


def _one(lead_id: str, found: churn_risk.Assessed) -> dict[str, Any]:
    risk = found.risks.get(lead_id)
    if risk is None:
        why = {"blocked": list(found.blocked)} if found.blocked else {"ended": found.ended.get(lead_id)}
        return {"lead_id": lead_id, "probability": None, "level": None, **why}
    told = {"prediction_id": risk.prediction_id, "probability": risk.probability}
    return {"lead_id": lead_id, **told, **risk.detail}


def _many(found: churn_risk.Assessed) -> dict[str, Any]:
    levels = Counter(risk.level for risk in found.risks.values())
    ended: dict[str, list[str]] = {}
    for lead_id, why in found.ended.items():
        ended.setdefault(why, []).append(lead_id)
    return {
        "assessed": len(found.risks),
        "levels": {level: levels[level] for level in LEVELS},
        "neglected": sum(bool(risk.detail["neglected"]) for risk in found.risks.values()),
        "ended": ended,
        "blocked": list(found.blocked),
    }
