"""Requests of `hearth.models.*`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from domain.model_kinds import KIND_LABELS, Scope
from tasks.contracts.base.request import PastTime, Request


def _known_kind(name: object) -> object:
    if not isinstance(name, str) or name not in KIND_LABELS:
        expected = " or ".join(repr(kind) for kind in KIND_LABELS)
        raise PydanticCustomError("unknown_value", "Input should be {expected}", {"expected": expected})
    return name


#: a name of `KIND_LABELS`
KindName = Annotated[str, BeforeValidator(_known_kind), WithJsonSchema({"enum": list(KIND_LABELS), "type": "string"})]


class TrainModel(Request):
    """Train a model on labelled leads and promote it if it earns it: the tenant's own, or those of all that agreed."""

    kind: KindName
    #: pooled: of every tenant of the vertical whose settings say `pool = "share"`
    scope: Scope = "tenant"
    as_of: PastTime | None = None
    promote: Literal["auto", "never"] = "auto"
    seed: int = Field(default=0, ge=0, le=2**31 - 1)

    @model_validator(mode="after")
    def _of_the_kind(self) -> TrainModel:
        if self.scope not in KIND_LABELS[self.kind].scopes:
            message = "{expected} learns from a tenant's own leads; leave scope out"
            raise PydanticCustomError("unknown_value", message, {"expected": self.kind})
        return self

    def lease_name(self) -> str:
        """Return the name of a kind: one training of it at a time, and the second finds what the first has trained."""
        return f"{self.kind}:{self.scope}"
