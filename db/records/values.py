"""What the report of value counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RealisedRecord:
    """A lead whose outcome is known, and what was said of it before."""

    lead_id: str
    #: of the newest answer as of before the outcome; None where nothing was said
    band: str | None
    #: True won, False lost
    label: bool
    deal_value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactTally:
    """The leads of one agent."""

    #: None: leads that nobody was given
    agent: str | None
    #: those that are open, or ended within the time
    leads: int
    #: those of them that were contacted within the time
    contacted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgementTally:
    """What one person said of scores."""

    actor: str
    overrides: int
    marks: int
