"""Requests of `hearth.outcomes.*`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from domain.action_states import REPORTED
from tasks.contracts.base.request import Identifier, Part, PastTime, Request, ShortText

OutcomeType = Literal[
    "won",
    "lost",
    "abandoned",
    "replied",
    "contacted",
    "appointment_set",
    "appointment_kept",
    "no_show",
    "showing",
    "offer",
    "unsubscribed",
    "executed",
    "rejected",
]
#: outcomes of an action: they must name it (a lead may also reply without being sent anything)
OF_ACTIONS = REPORTED - {"replied"}


class Subject(Part):
    """The lead an outcome is about: our id, or the CRM's."""

    lead_id: Identifier | None = None
    external_id: ShortText | None = None
    source_system: ShortText | None = None

    @model_validator(mode="after")
    def _one_of(self) -> Subject:
        if (self.lead_id is None) == (self.external_id is None):
            raise PydanticCustomError("missing_one", "give lead_id or external_id, one of the two")
        return self


class OutcomeItem(Part):
    """One thing that happened to a lead."""

    subject: Subject
    type: OutcomeType
    at: PastTime
    outcome_id: Identifier | None = None
    action_id: Identifier | None = None
    value: float | None = None

    @model_validator(mode="after")
    def _of_an_action(self) -> OutcomeItem:
        if self.type in OF_ACTIONS and self.action_id is None:
            raise PydanticCustomError("missing_one", "say with action_id which action was executed or rejected")
        return self


class RecordOutcomes(Request):
    """Record what became of leads and actions."""

    outcomes: Annotated[list[OutcomeItem], Field(min_length=1, max_length=1000)]
