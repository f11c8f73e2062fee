"""Requests of `hearth.churn.*`."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from tasks.contracts.base.request import Identifier, PastTime, Request
from tasks.contracts.leads import LeadIn

#: days ahead for which the risk is predicted; the model is trained on this horizon, so no other one is offered
HORIZON = 30


def _supported_horizon(days: int) -> int:
    if days != HORIZON:
        raise PydanticCustomError("unknown_value", f"the risk is about {HORIZON} days; leave it out or send {HORIZON}")
    return days


class PredictChurn(Request):
    """Predict the risk that leads go cold within the horizon, with the indicators behind it."""

    lead_id: Identifier | None = None
    lead: LeadIn | None = None
    lead_ids: Annotated[list[Identifier], Field(min_length=1, max_length=1000)] | None = None
    horizon_days: Annotated[int, AfterValidator(_supported_horizon), Field(json_schema_extra={"const": HORIZON})] = (
        HORIZON
    )
    as_of: PastTime | None = None

    @model_validator(mode="after")
    def _one_of(self) -> PredictChurn:
        if sum(given is not None for given in (self.lead_id, self.lead, self.lead_ids)) != 1:
            raise PydanticCustomError("missing_one", "give lead_id, lead or lead_ids, one of the three")
        return self

    def ids(self) -> list[str]:
        """Return the ids of the requested stored leads, each once, in order."""
        return list(dict.fromkeys(self.lead_ids or ([self.lead_id] if self.lead_id else [])))


class CheckRisks(Request):
    """Compute the risk again of leads that are due; the database knows which."""
