"""The risk that a lead goes cold, as answers give it."""

from __future__ import annotations

from typing import Literal

from domain.risk import RiskLevel
from tasks.contracts.answers.base import Answer, Identified
from tasks.contracts.answers.explanations import WhatIf
from tasks.contracts.base.published import Count, Probability, Published, Time


class Indicator(Published):
    """One sign that a lead may go cold."""

    name: str
    #: 0: does not speak for it, 1: speaks for it as strongly as can be
    value: float
    #: the figures behind it
    evidence: dict[str, float | None]
    #: whether enough is known to tell
    known: bool


class RiskDetail(Published):
    """What a risk is made of."""

    level: RiskLevel
    #: 0 to 1
    confidence: float
    #: days since the last sign; null where none is known
    days_silent: float | None
    #: days of silence after which a lead at this stage counts as silent
    threshold: float
    #: expected days until it has gone cold; null where that cannot be told
    days_to_churn: float | None
    #: nobody has contacted it
    neglected: bool
    next_check_at: Time
    horizon_days: int
    #: the parts of the model and what each says
    members: dict[str, float]
    stage: str | None
    timeline: str | None
    lead_type: str | None


class Risk(RiskDetail):
    """A risk as a card shows it."""

    prediction_id: str
    as_of: Time
    probability: Probability
    #: the indicators that speak for it, strongest first
    drivers: list[Indicator]
    note: str | None
    model: str
    scope: Literal["tenant", "pooled", "scorecard"]
    #: only where it was asked for; null: it cannot be told
    what_if: WhatIf | None = None


class LeadRisk(RiskDetail, Answer):
    """The risk of one lead, stored or sent along."""

    #: null for a lead that was sent along
    lead_id: str | None
    #: null where the lead has none, absent for a lead that was sent along
    external_id: str | None = None
    source_system: str | None = None
    #: absent for a lead that was sent along
    prediction_id: str | None = None
    probability: Probability
    indicators: list[Indicator]


class NoRisk(Answer):
    """One lead that has no risk: it has ended, or nothing may be computed."""

    lead_id: str | None
    external_id: str | None = None
    source_system: str | None = None
    probability: None
    level: None
    #: how it ended
    ended: str | None = None
    #: our id, where nothing may be computed of the lead
    blocked: list[str] | None = None


class LeadRisks(Answer):
    """How many leads were assessed; their risks are in the database: ask for the worklist or a card."""

    assessed: Count
    levels: dict[RiskLevel, Count]
    #: leads that nobody has contacted
    neglected: Count
    #: how they ended -> our ids
    ended: dict[str, list[str]]
    #: leads of whom nothing may be computed, by our ids
    blocked: list[str]
    #: whose ids those in `ended` and `blocked` are
    identities: list[Identified] | None = None
