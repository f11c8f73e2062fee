"""Requests of `hearth.interventions.*`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from domain.crms import DEFAULT_CRM, ActionCrm
from domain.interventions import ActionName, InterventionName, PauseReason
from tasks.contracts.base.request import Identifier, Request, ShortText
from tasks.contracts.system import Upkeep

Budget = Annotated[float, Field(ge=0, le=1e9)]
LeadIds = Annotated[list[Identifier], Field(min_length=1, max_length=1000)]
ActionIds = Annotated[list[Identifier], Field(min_length=1, max_length=1000)]


class PlanInterventions(Request):
    """Plan what to do so that leads at risk stay: reasons, then an intervention, then an action that may be taken."""

    lead_id: Identifier | None = None
    lead_ids: LeadIds | None = None
    #: only these actions; those that the tenant's settings allow if left out
    allowed_actions: Annotated[list[ActionName], Field(min_length=1)] | None = None
    #: what the actions of this message may cost together; what is left of the tenant's budget if left out
    budget: Budget | None = None
    #: the CRM that requests are written for
    crm: ActionCrm = DEFAULT_CRM

    @model_validator(mode="after")
    def _one_of(self) -> PlanInterventions:
        if (self.lead_id is None) == (self.lead_ids is None):
            raise PydanticCustomError("missing_one", "give lead_id or lead_ids, one of the two")
        return self

    def ids(self) -> list[str]:
        """Return the leads asked for, each once, in order."""
        return list(dict.fromkeys(self.lead_ids or [str(self.lead_id)]))


class PlanDue(Request):
    """Plan for leads that were found at risk."""

    lead_ids: LeadIds


class DispatchActions(Upkeep):
    """Hand actions to the CRM whose time has come; without a tenant all that are due."""

    action_ids: ActionIds | None = None

    @model_validator(mode="after")
    def _both_or_none(self) -> DispatchActions:
        if (self.action_ids is None) != (self.tenant_id is None):
            raise PydanticCustomError("missing_one", "give tenant_id and action_ids, or neither")
        return self

    def needs_tenant(self) -> bool:
        """Return whether actions are named: those are one tenant's."""
        return self.tenant_id is not None


class ReviewAction(Request):
    """Approve or reject an action that waits for a person."""

    action_id: Identifier
    decision: Literal["approve", "reject"]
    actor: ShortText


class WaitingActions(Request):
    """List the actions that wait for approval, oldest first."""

    limit: Annotated[int, Field(ge=1, le=100)] = 50


class ExpireActions(Upkeep):
    """Withdraw actions whose time is over; with a tenant all that its kill switch stops."""

    def needs_tenant(self) -> bool:
        """Return whether a tenant is named."""
        return self.tenant_id is not None


class FollowUp(Upkeep):
    """Record what became of leads that were planned for."""


class PauseInterventions(Request):
    """Stop proposing an intervention until somebody resumes it; `*` means all of them."""

    intervention: InterventionName | Literal["*"]
    actor: ShortText
    reason: PauseReason = "other"


class ResumeInterventions(Request):
    """Propose an intervention again."""

    intervention: InterventionName | Literal["*"]
    actor: ShortText
