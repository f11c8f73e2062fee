"""What goes over the wire: requests as pydantic models, one stem a task module."""

from __future__ import annotations

from typing import Any

from tasks.contracts.backfill import BackfillCsv
from tasks.contracts.base.request import ENVELOPE_SCHEMA, Request
from tasks.contracts.churn import PredictChurn
from tasks.contracts.events import IngestEvents, ReplayEvents
from tasks.contracts.interventions import (
    PauseInterventions,
    PlanInterventions,
    ResumeInterventions,
    ReviewAction,
    WaitingActions,
)
from tasks.contracts.jobs import JobStatus
from tasks.contracts.leads import (
    CardRequest,
    MarkScore,
    OverrideScore,
    ScoreHistory,
    ScoreLeads,
    UpsertLeads,
    WithdrawOverride,
    WorklistRequest,
)
from tasks.contracts.models import TrainModel
from tasks.contracts.outbound import PullEvents
from tasks.contracts.outcomes import RecordOutcomes
from tasks.contracts.pipelines import Assess
from tasks.contracts.privacy import (
    ConsentLedger,
    DecideConsent,
    ExportPerson,
    ForgetPerson,
    OpenDoubts,
    ReadmitPerson,
    RestrictPerson,
)
from tasks.contracts.reports import InterventionsReport, ValueReport
from tasks.contracts.system import Ping, Status
from tasks.contracts.tenants import ConfigureTenant, TenantReadiness

#: public task name -> its request
PUBLIC: dict[str, type[Request]] = {
    "hearth.backfill.csv": BackfillCsv,
    "hearth.churn.predict": PredictChurn,
    "hearth.events.ingest": IngestEvents,
    "hearth.events.replay": ReplayEvents,
    "hearth.interventions.pause": PauseInterventions,
    "hearth.interventions.plan": PlanInterventions,
    "hearth.interventions.report": InterventionsReport,
    "hearth.interventions.resume": ResumeInterventions,
    "hearth.interventions.review": ReviewAction,
    "hearth.interventions.waiting": WaitingActions,
    "hearth.jobs.status": JobStatus,
    "hearth.leads.card": CardRequest,
    "hearth.leads.history": ScoreHistory,
    "hearth.leads.mark": MarkScore,
    "hearth.leads.override": OverrideScore,
    "hearth.leads.score": ScoreLeads,
    "hearth.leads.upsert": UpsertLeads,
    "hearth.leads.withdraw_override": WithdrawOverride,
    "hearth.leads.worklist": WorklistRequest,
    "hearth.models.train": TrainModel,
    "hearth.outbound.pull": PullEvents,
    "hearth.outcomes.record": RecordOutcomes,
    "hearth.pipelines.assess": Assess,
    "hearth.privacy.consent": ConsentLedger,
    "hearth.privacy.decide": DecideConsent,
    "hearth.privacy.doubts": OpenDoubts,
    "hearth.privacy.export": ExportPerson,
    "hearth.privacy.forget": ForgetPerson,
    "hearth.privacy.readmit": ReadmitPerson,
    "hearth.privacy.restrict": RestrictPerson,
    "hearth.reports.value": ValueReport,
    "hearth.system.ping": Ping,
    "hearth.system.status": Status,
    "hearth.tenants.configure": ConfigureTenant,
    "hearth.tenants.readiness": TenantReadiness,
}


def schemas() -> dict[str, dict[str, Any]]:
    """JSON Schemas of every public task's kwargs, by task name, and of the `envelope` they answer with."""
    kwargs = {name: request.model_json_schema() for name, request in sorted(PUBLIC.items())}
    return {**kwargs, "envelope": ENVELOPE_SCHEMA}
