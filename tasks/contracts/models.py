"""Requests of `hearth.models.*`."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from domain.model_kinds import KIND_LABELS, Scope
from domain.promotions import Promoting
from ml.ensemble.options import LIMITS, USUAL, EnsembleOptions
from ml.errors import OptionsError
from tasks.contracts.base.request import PastTime, Request


def _known_kind(name: object) -> object:
    if not isinstance(name, str) or name not in KIND_LABELS:
        expected = " or ".join(repr(kind) for kind in KIND_LABELS)
        raise PydanticCustomError("unknown_value", "Input should be {expected}", {"expected": expected})
    return name


#: a name of `KIND_LABELS`
KindName = Annotated[str, BeforeValidator(_known_kind), WithJsonSchema({"enum": list(KIND_LABELS), "type": "string"})]


def _accepted(options: dict[str, float]) -> dict[str, float]:
    """Return hyperparameters that members can be fitted with, whole numbers as such."""
    if unknown := sorted(options.keys() - LIMITS.keys()):
        raise PydanticCustomError("unknown_value", f"{len(unknown)} of them are no hyperparameters of a member")
    whole = {name: int(value) if value == int(value) else value for name, value in options.items()}
    try:
        EnsembleOptions(**whole)  # type: ignore[arg-type]  # which of them are whole numbers, LIMITS does not say
    except OptionsError as error:
        raise PydanticCustomError("range", "{expected}", {"expected": str(error)}) from None
    return whole


#: name of a field of `EnsembleOptions` -> its value
Hyperparameters = Annotated[dict[str, float], AfterValidator(_accepted)]
#: auto: what earns it answers from now on. ask: what earns it waits for a person's yes. never: it is only compared
Promotion = Promoting


class TrainModel(Request):
    """Train a model on labelled leads and promote it if it earns it: the tenant's own, or those of all that agreed."""

    kind: KindName
    #: pooled: of every tenant of the vertical whose settings say `pool = "share"`
    scope: Scope = "tenant"
    as_of: PastTime | None = None
    promote: Promotion = "auto"
    seed: int = Field(default=0, ge=0, le=2**31 - 1)
    #: learn from labels alone that became known since; left out: from all
    since: PastTime | None = None
    #: hyperparameters that a search found; what is left out is chosen out of fold, as always
    options: Hyperparameters | None = None

    @model_validator(mode="after")
    def _of_the_kind(self) -> TrainModel:
        if self.scope not in KIND_LABELS[self.kind].scopes:
            message = "{expected} learns from a tenant's own leads; leave scope out"
            raise PydanticCustomError("unknown_value", message, {"expected": self.kind})
        return self

    def hyperparameters(self) -> EnsembleOptions:
        """Return what members are fitted with."""
        return EnsembleOptions(**self.options) if self.options else USUAL  # type: ignore[arg-type]  # checked above

    def asked(self) -> tuple[object, ...]:
        """Return what, beside the rows, makes another model: the seed, and hyperparameters where any are given."""
        return (self.seed, *([sorted(self.options.items())] if self.options else []))

    def lease_name(self) -> str:
        """Return the name of a kind: one training of it at a time, and the second finds what the first has trained."""
        return f"{self.kind}:{self.scope}"
