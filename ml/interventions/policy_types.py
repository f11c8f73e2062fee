"""What a policy is asked and what it answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from ml.experiments.shrinkage import Uplift
from ml.interventions.names import Channel, Urgency

Evidence = Literal["rule", "model"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What is known of a lead for whom something may be done."""

    lead_id: str
    as_of: datetime
    #: of going cold
    probability: float
    #: very_low, low, medium, high, critical
    level: str
    #: those that are known, 0 to 1
    indicators: Mapping[str, float] = field(default_factory=dict)
    #: nobody ever contacted it
    neglected: bool = False
    stage: str | None = None
    timeline: str | None = None
    lead_type: str | None = None
    days_silent: float | None = None
    #: days of silence that its stage bears
    threshold: float
    #: it refused: nothing may reach it
    terminal: bool = False
    assigned_to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One intervention for one lead, by one action."""

    intervention: str
    action: str
    channel: Channel
    urgency: Urgency
    cost: float
    #: until it may go
    delay: timedelta
    #: until it is void
    lasting: timedelta
    #: the strongest first
    reason_codes: tuple[str, ...]
    #: as measured; None until then
    expected_uplift: Uplift | None
    #: plain text that would be sent or shown, without personal data and placeholders; None = the CRM's own
    text: str | None
    evidence: Evidence
    #: an e-mail's subject or a task's title
    title: str | None = None
    #: 0 to 1: beside the best that could be done about the lead, as the rules see it
    fit: float = 1.0
    #: other actions of the same intervention, for when this one may not be carried out
    otherwise: tuple[Proposal, ...] = ()


def options(proposals: Iterable[Proposal]) -> list[Proposal]:
    """Give every action that was proposed, in the order in which they are to be tried."""
    return [option for proposal in proposals for option in (proposal, *proposal.otherwise)]
