"""Requests of `hearth.drift.*`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from domain.drift import CHECKED, WEEK
from tasks.contracts.base.request import Moment, PastTime, Request


def _checked(name: object) -> object:
    if not isinstance(name, str) or name not in CHECKED:
        expected = " or ".join(repr(kind) for kind in CHECKED)
        raise PydanticCustomError("unknown_value", "Input should be {expected}", {"expected": expected})
    return name


#: a kind of model, or `online_` and a target
CheckedKind = Annotated[str, BeforeValidator(_checked), WithJsonSchema({"enum": list(CHECKED), "type": "string"})]
#: whole weeks count each day of the week as often
Days = Annotated[int, Field(ge=1, le=364)]


class CheckDrift(Request):
    """Check models for drift: their performance, their scores, and what they read."""

    kinds: list[CheckedKind] = Field(default_factory=lambda: list(CHECKED), min_length=1, max_length=len(CHECKED))
    #: days before `as_of` that are looked at
    window: Days = WEEK
    #: the end of the window; left out: now
    as_of: PastTime | None = None


class CheckModel(Request):
    """Check one model; Hearth sends it itself."""

    kind: CheckedKind
    window: Days
    until: Moment


class CloseCheck(Request):
    """Act upon what a check of several models found; Hearth sends it itself."""

    #: when the check began
    begun_at: Moment


class ReadDrift(Request):
    """Read the newest check of each model, and the drift that was found."""

    #: number of past days whose findings are told
    days: Annotated[int, Field(ge=1, le=800)] = 90
