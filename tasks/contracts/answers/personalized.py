"""How to speak to one lead, as `hearth.leads.personalize` answers it."""

from __future__ import annotations

from domain.journey import JourneyStage
from domain.purposes import Purpose
from tasks.contracts.answers.base import Answer
from tasks.contracts.answers.personalization import (
    Advice,
    Channel,
    Guide,
    Journey,
    SendWindow,
    TalkingPoint,
    ToneOverTime,
)


class PersonalizedLead(Answer):
    """How to speak to one lead, stored or sent along."""

    #: null for a lead that was sent along
    lead_id: str | None
    #: null where the lead has none, absent for a lead that was sent along
    external_id: str | None = None
    source_system: str | None = None
    #: null for a lead that was sent along
    prediction_id: str | None
    #: as asked; null where no purpose was named
    purpose: Purpose | None
    #: stage of the journey
    stage: JourneyStage
    #: spread of the polarity of its messages; null with too few of them
    volatility: float | None
    journey: Journey
    tone: ToneOverTime
    #: best first; empty for a lead that was sent along
    channels: list[Channel]
    #: null for a lead that was sent along
    send_window: SendWindow | None
    guide: Guide
    talking_points: list[TalkingPoint]
    #: null where the lead wants no contact
    suggestion: Advice | None


class NotPersonalized(Answer):
    """One lead of which nothing is told: it has ended, or nothing may be computed."""

    lead_id: str | None
    external_id: str | None = None
    source_system: str | None = None
    #: how it ended
    ended: str | None = None
    #: our id, where nothing may be computed of the lead
    blocked: list[str] | None = None
