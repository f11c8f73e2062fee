"""Requests of `hearth.pipelines.*` and of its stages."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from tasks.contracts.base.request import Identifier, PastTime, Request


class Assess(Request):
    """Assess some leads: take a snapshot, run every stage, return one result."""

    lead_id: Identifier | None = None
    lead_ids: Annotated[list[Identifier], Field(min_length=1, max_length=1000)] | None = None
    as_of: PastTime | None = None

    @model_validator(mode="after")
    def _one_of(self) -> Assess:
        if (self.lead_id is None) == (self.lead_ids is None):
            raise PydanticCustomError("missing_one", "give lead_id or lead_ids, one of the two")
        return self

    def ids(self) -> list[str]:
        """Return the ids of the requested leads, each once, in order."""
        return list(dict.fromkeys(self.lead_ids or [str(self.lead_id)]))


class StageCall(Request):
    """Run one stage of an assessment; everything else is read from the database."""

    assessment_id: Identifier
