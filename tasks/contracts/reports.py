"""Requests of the reports."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tasks.contracts.base.request import Request


class InterventionsReport(Request):
    """Whether what is done for leads at risk helps, beside leads that were held out."""


class ValueReport(Request):
    """What came of the scores, what agents do with them, and what interventions change."""

    #: days back from now that count
    days: Annotated[int, Field(ge=1, le=3650)] = 90
