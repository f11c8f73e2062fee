"""Requests of `hearth.interventions.*`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from domain.crms import ActionCrm
from domain.interventions import ActionName, InterventionName, PauseReason
from tasks.contracts.base.lead_reference import LeadIds, LeadReferences
from tasks.contracts.base.request import Identifier, PastTime, Request, ShortText
from tasks.contracts.system import Upkeep

Budget = Annotated[float, Field(ge=0, le=1e9)]
ActionIds = Annotated[list[Identifier], Field(min_length=1, max_length=1000)]


class PlanInterventions(LeadReferences):
    """Plan what to do so that leads at risk stay: reasons, then an intervention, then an action that may be taken."""

    #: only these actions; those that the tenant's settings allow if left out
    allowed_actions: Annotated[list[ActionName], Field(min_length=1)] | None = None
    #: what the actions of this message may cost together; what is left of the tenant's budget if left out
    budget: Budget | None = None
    #: the CRM that requests are written for; if left out the one of the setting `sender`, else HighLevel
    crm: ActionCrm | None = None


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
    """List the actions that wait for a person, oldest first, and count those that wait for a yes to their plan."""

    limit: Annotated[int, Field(ge=1, le=100)] = 50
    #: `approval`: those that are approved one by one; `plan`: those that one yes hands over together
    waiting_for: Literal["approval", "plan"] = "approval"


class ReleasePlan(Request):
    """Say yes or no to the plan that waits: yes hands its actions over, no withdraws them."""

    actor: ShortText
    decision: Literal["yes", "no"] = "yes"
    #: only these types; all that wait if left out, and only that opens the way for later plans
    interventions: Annotated[list[InterventionName], Field(min_length=1, max_length=30)] | None = None
    #: only what was planned by then, such as the `until` of what was shown; all that wait if left out
    until: PastTime | None = None


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
