"""Requests of the reports."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tasks.contracts.base.request import Request


class InterventionsReport(Request):
    """Measure whether interventions help leads at risk, compared with the hold-out group."""


class ValueReport(Request):
    """Report the results of the scores, what agents do with them, and what interventions change."""

    #: number of past days that count
    days: Annotated[int, Field(ge=1, le=3650)] = 90
