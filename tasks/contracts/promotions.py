"""Requests of `hearth.models.decide`, `.rollback` and `.history`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tasks.contracts.base.request import Identifier, PastTime, Request, ShortText
from tasks.contracts.models import KindName


class DecideModel(Request):
    """Say yes or no to a version of a model: it computes the scores from now on, or it does not."""

    version: ShortText
    decision: Literal["yes", "no"]
    #: who decided it
    actor: Identifier
    #: one sentence without personal data; it is kept in the history
    reason: ShortText = "decided by a person"


class RollBackModel(Request):
    """Go back to the champion before the present one; again goes one further."""

    kind: KindName
    #: who decided it
    actor: Identifier
    #: one sentence without personal data; it is kept in the history
    reason: ShortText = "rollback"


class ReadModelHistory(Request):
    """Read who answered at a time, and what was decided about models of a kind."""

    kind: KindName
    #: left out: now
    at: PastTime | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
