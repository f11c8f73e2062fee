"""Requests of `hearth.models.*`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tasks.contracts.base import PastTime, Request


class TrainModel(Request):
    """Train a model on labelled leads and promote it if it earns it: the tenant's own, or those of all that agreed."""

    kind: Literal["lead_score"]
    #: pooled: of every tenant of the vertical whose settings say `pool = "share"`
    scope: Literal["tenant", "pooled"] = "tenant"
    as_of: PastTime | None = None
    promote: Literal["auto", "never"] = "auto"
    seed: int = Field(default=0, ge=0, le=2**31 - 1)

    def lease_name(self) -> str:
        """One training of a kind at a time: the second finds what the first has trained."""
        return f"{self.kind}:{self.scope}"
