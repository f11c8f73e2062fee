"""Requests of `hearth.outbound.*`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tasks.contracts.base.request import Request


class PullEvents(Request):
    """Read the events of the outbound stream after the cursor, in order."""

    cursor: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0
    limit: Annotated[int, Field(ge=1, le=200)] = 100
