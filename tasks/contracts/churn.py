"""Requests of `hearth.churn.*`."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from tasks.contracts.base.lead_reference import LeadReferences
from tasks.contracts.base.request import PastTime, Request
from tasks.contracts.leads import LeadIn

#: days ahead for which the risk is predicted; the model is trained on this horizon, so no other one is offered
HORIZON = 30


def _supported_horizon(days: int) -> int:
    if days != HORIZON:
        raise PydanticCustomError("unknown_value", f"the risk is about {HORIZON} days; leave it out or send {HORIZON}")
    return days


class PredictChurn(LeadReferences):
    """Predict the risk that leads go cold within the horizon, with the indicators behind it."""

    WAYS: ClassVar = (*LeadReferences.WAYS, "lead")

    #: a lead that is sent along and not stored
    lead: LeadIn | None = None
    horizon_days: Annotated[int, AfterValidator(_supported_horizon), Field(json_schema_extra={"const": HORIZON})] = (
        HORIZON
    )
    as_of: PastTime | None = None


class CheckRisks(Request):
    """Compute the risk again of leads that are due; the database knows which."""
