"""Requests of `hearth.models.*`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from tasks.contracts.base.request import PastTime, Request


class TrainModel(Request):
    """Train a model on labelled leads and promote it if it earns it: the tenant's own, or those of all that agreed."""

    kind: Literal["lead_score", "churn"]
    #: pooled: of every tenant of the vertical whose settings say `pool = "share"`
    scope: Literal["tenant", "pooled"] = "tenant"
    as_of: PastTime | None = None
    promote: Literal["auto", "never"] = "auto"
    seed: int = Field(default=0, ge=0, le=2**31 - 1)

    @model_validator(mode="after")
    def _own(self) -> TrainModel:
        if self.kind == "churn" and self.scope == "pooled":
            raise PydanticCustomError("unknown_value", "churn is learnt from a tenant's own leads; leave scope out")
        return self

    def lease_name(self) -> str:
        """One training of a kind at a time: the second finds what the first has trained."""
        return f"{self.kind}:{self.scope}"
