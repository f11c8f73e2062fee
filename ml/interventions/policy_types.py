"""The input and the output of a policy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from domain.channels import ActionChannel
from domain.interventions import Urgency
from ml.experiments.shrinkage import Uplift

Evidence = Literal["rule", "model"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """The data about a lead from which interventions are proposed."""

    lead_id: str
    as_of: datetime
    #: probability of going cold
    probability: float
    #: very_low, low, medium, high, critical
    level: str
    #: the known indicators, 0 to 1
    indicators: Mapping[str, float] = field(default_factory=dict)
    #: nobody has ever contacted the lead
    neglected: bool = False
    stage: str | None = None
    timeline: str | None = None
    lead_type: str | None = None
    days_silent: float | None = None
    #: days of silence after which a lead of its stage counts as silent
    threshold: float
    #: the lead refused: nothing may be sent to it
    terminal: bool = False
    assigned_to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One intervention for one lead, with one action."""

    intervention: str
    action: str
    channel: ActionChannel
    urgency: Urgency
    cost: float
    #: time before it may be carried out
    delay: timedelta
    #: time after which it expires
    lasting: timedelta
    #: the strongest first
    reason_codes: tuple[str, ...]
    #: as measured; None before that
    expected_uplift: Uplift | None
    #: plain text to be sent or shown, without personal data and placeholders; None: the CRM uses its own text
    text: str | None
    evidence: Evidence
    #: an e-mail's subject or a task's title
    title: str | None = None
    #: 0 to 1: support by the rules, relative to the best intervention for this lead
    fit: float = 1.0
    #: other actions of the same intervention, in case this one may not be carried out
    otherwise: tuple[Proposal, ...] = ()


def options(proposals: Iterable[Proposal]) -> list[Proposal]:
    """Return every proposed action, in the order in which to try them."""
    return [option for proposal in proposals for option in (proposal, *proposal.otherwise)]
