"""The records of planning: what a message asks for, what holds for a batch of leads, and what was decided of each."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from db.records import EnrolmentRecord, InterventionDraft, InterventionRecord
from domain.documents import JsonMapping
from ml.interventions.catalogue import Catalogue
from ml.interventions.policy import Uplift
from tasks.crm.adapter import CrmAdapter
from tasks.services.interventions.gate_context import GateSubject
from tasks.services.interventions.intervention_settings import InterventionSettings

#: reasons of what is done so that nothing more reaches a lead
PROTECTING = ("terminal",)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """The options of one planning request; the rest comes from the tenant's settings."""

    allowed_actions: Collection[str] | None = None
    budget: float | None = None
    #: the CRM that requests are written for; None: the tenant's
    crm: str | None = None
    #: somebody asked for one lead, and so is answered: no plan of others waits in it
    by_name: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadPlan:
    """The plan for one lead."""

    lead_id: str
    #: what is to be carried out
    actions: tuple[InterventionRecord, ...] = ()
    #: what the gates did not let pass
    blocked: tuple[InterventionDraft, ...] = ()
    #: why nothing new is done; None where something is
    reason: str | None = None
    held_out: bool = False
    #: the probability of the arm that the lead is in; None while it is not enrolled
    propensity: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanContext:
    """The conditions that all leads of a batch share."""

    tenant_id: str
    now: datetime
    settings: InterventionSettings
    #: the tenant's settings about interventions as they were given, for the catalogue and the CRM's adapter
    raw_settings: JsonMapping
    catalogue: Catalogue
    #: writes the requests
    crm: CrmAdapter
    #: actions that may be chosen
    allowed: frozenset[str]
    budget: float
    uplifts: Mapping[str, Uplift]
    paused: frozenset[str]
    #: the brokerage's name
    name: str | None
    #: somebody asked for one lead by name
    by_name: bool

    @property
    def goes_unasked(self) -> bool:
        """Return whether no plan waits here: somebody asked for the lead itself, or the tenant has decided before."""
        return self.by_name or self.settings.ask_before == "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanBatch:
    """The stored data of the leads that are planned for."""

    subjects: Mapping[str, GateSubject]
    enrolments: Mapping[str, EnrolmentRecord]
