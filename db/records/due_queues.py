"""Leads that were claimed from a queue of due leads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedLeads:
    """Leads that one worker processes now."""

    lead_ids: tuple[str, ...]
    #: no other worker claims them before
    until: datetime
