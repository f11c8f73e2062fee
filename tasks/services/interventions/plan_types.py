"""What planning is asked, what it knows and what it decides."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from db.records import EnrolmentRecord, InterventionDraft, InterventionRecord
from ml.interventions.catalogue import Catalogue
from ml.interventions.policy import Uplift
from tasks.services.interventions.gate_context import GateSubject
from tasks.services.interventions.intervention_settings import InterventionSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """What a message wants besides the tenant's settings."""

    allowed_actions: Collection[str] | None = None
    budget: float | None = None


@dataclass(slots=True, kw_only=True)
class LeadPlan:
    """What was decided of one lead."""

    lead_id: str
    #: what is to be carried out
    actions: list[InterventionRecord] = field(default_factory=list)
    #: what the gates did not let pass
    blocked: list[InterventionDraft] = field(default_factory=list)
    #: why nothing new is done; None where something is
    reason: str | None = None
    held_out: bool = False
    #: the chance of the arm that the lead is in; None while it is not enrolled
    propensity: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanContext:
    """What holds for all leads of a batch."""

    tenant_id: str
    now: datetime
    choices: InterventionSettings
    #: what the tenant said of interventions, as it was said
    own: Mapping[str, Any]
    catalogue: Catalogue
    #: actions that may be chosen
    allowed: frozenset[str]
    budget: float
    uplifts: Mapping[str, Uplift]
    paused: frozenset[str]
    #: the brokerage's name
    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanBatch:
    """Leads that something is to be done about, and what is known of them."""

    subjects: Mapping[str, GateSubject]
    enrolments: Mapping[str, EnrolmentRecord]
    plans: Mapping[str, LeadPlan]
