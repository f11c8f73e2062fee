"""Requests of `hearth.pipelines.*` and of its stages."""

from __future__ import annotations

from tasks.contracts.base.lead_reference import LeadReferences
from tasks.contracts.base.request import Identifier, PastTime, Request


class Assess(LeadReferences):
    """Assess some leads: take a snapshot, run every stage, return one result."""

    as_of: PastTime | None = None


class StageCall(Request):
    """Run one stage of an assessment; everything else is read from the database."""

    assessment_id: Identifier
