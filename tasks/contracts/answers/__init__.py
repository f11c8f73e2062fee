"""What each task answers: the models of the envelope's `data`, from which docs/schemas/answers is generated."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tasks.contracts.answers import (
    actions,
    conversations,
    data,
    drift,
    explanations,
    leads,
    online,
    personalized,
    privacy,
    promotions,
    retraining,
    risk,
    tenants,
    tuning,
)

#: task -> what its data is; several where it depends on the request
ANSWERS: Mapping[str, Any] = MappingProxyType(
    {
        "hearth.backfill.csv": data.StartedImport | data.FinishedImport | data.ImportPreview,
        "hearth.churn.predict": risk.LeadRisk | risk.NoRisk | risk.LeadRisks,
        "hearth.conversations.analyze": conversations.Conversation | conversations.NoConversation,
        "hearth.drift.check": drift.DriftChecks,
        "hearth.drift.report": drift.DriftReport,
        "hearth.events.ingest": data.IngestedEvents,
        "hearth.events.replay": data.ReplayedEvents,
        "hearth.interventions.pause": actions.PauseState,
        "hearth.interventions.plan": actions.LeadPlan | actions.LeadPlans,
        "hearth.interventions.release": actions.PlanRelease,
        "hearth.interventions.report": actions.EffectReport,
        "hearth.interventions.resume": actions.PauseState,
        "hearth.interventions.review": actions.ActionReview,
        "hearth.interventions.waiting": actions.WaitingList,
        "hearth.jobs.status": data.JobState,
        "hearth.leads.card": leads.Card,
        "hearth.leads.explain": explanations.ExplainedLead,
        "hearth.leads.history": leads.History,
        "hearth.leads.mark": leads.Marked,
        "hearth.leads.override": leads.Overridden,
        "hearth.leads.personalize": personalized.PersonalizedLead | personalized.NotPersonalized,
        "hearth.leads.score": leads.ScoredLead | leads.ScoredLeads,
        "hearth.leads.upsert": leads.UpsertedLeads,
        "hearth.leads.withdraw_override": leads.OverrideWithdrawn,
        "hearth.leads.worklist": leads.Worklist,
        "hearth.models.decide": promotions.ModelDecision,
        "hearth.models.history": promotions.ModelHistory,
        "hearth.models.rollback": promotions.ModelDecision,
        "hearth.models.retrain": retraining.Retraining,
        "hearth.models.train": tenants.Training,
        "hearth.models.tune": tuning.StartedStudy,
        "hearth.models.tuning": tuning.Study,
        "hearth.online.learn": online.Learnt,
        "hearth.outbound.pull": data.Events,
        "hearth.outcomes.record": data.RecordedOutcomes,
        "hearth.pipelines.assess": data.StartedAssessment,
        "hearth.privacy.consent": privacy.Ledger,
        "hearth.privacy.correct": privacy.Corrected,
        "hearth.privacy.decide": privacy.Decided,
        "hearth.privacy.doubts": privacy.Doubts,
        "hearth.privacy.export": privacy.Exported,
        "hearth.privacy.find": privacy.Found,
        "hearth.privacy.forget": privacy.Forgotten,
        "hearth.privacy.readmit": privacy.Readmitted,
        "hearth.privacy.restrict": privacy.Restricted,
        "hearth.reports.value": tenants.Value,
        "hearth.system.ping": tenants.Pong,
        "hearth.system.status": tenants.ClusterState,
        "hearth.tenants.configure": tenants.Configured,
        "hearth.tenants.readiness": tenants.Readiness,
    }
)


@cache
def adapter(task: str) -> TypeAdapter[Any]:
    """Return what checks the data of a task's answers, and writes its schema. Raises KeyError for any other task."""
    return TypeAdapter(ANSWERS[task])


def faults(task: str, answer: Mapping[str, Any]) -> list[str]:
    """Return the places of an answer's data, as it goes over the wire, that do not fit; never a value."""
    try:
        adapter(task).validate_python(dict(answer))
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False, include_context=False)
        return [f"{'.'.join(map(str, detail['loc']))}: {detail['type']}" for detail in details]
    return []
