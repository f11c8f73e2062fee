"""When a tenant's leads answer, and on which channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from domain.documents import JsonMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyClockRecord:
    """The counts of a tenant's replies."""

    #: of the 12 two-hour slots of a day, on each lead's own clock
    slots: tuple[int, ...]
    #: replies that they count as for one lead
    strength: float
    #: channel -> sent, replied, strength
    channels: Mapping[str, JsonMapping]
    #: leads that were counted
    leads: int
    computed_at: datetime

    @property
    def replies(self) -> int:
        """Return how many replies were counted."""
        return sum(self.slots)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadPlace:
    """Where a lead may be, as its plain fields tell."""

    timezone: str | None
    state: str | None
