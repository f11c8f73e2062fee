"""Interventions that keep a lead from leaving, the actions that carry them out, and the codes of their reasons."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, get_args

from domain.leads import KNOWN_TIMELINES, OPEN_STAGES, SCORED_LEAD_TYPES
from domain.risk import INDICATORS

InterventionName = Literal[
    "proactive_outreach",
    "value_reinforcement",
    "personal_attention",
    "incentive_offer",
    "timeline_acceleration",
    "concern_addressing",
    "social_proof",
    "expert_consultation",
    "customized_solution",
    "relationship_rebuilding",
]
INTERVENTIONS: tuple[InterventionName, ...] = get_args(InterventionName)

ActionName = Literal[
    "call_task",
    "sms",
    "email",
    "market_report",
    "home_valuation",
    "listing_alert",
    "price_drop_alert",
    "showing_invite",
    "open_house_invite",
    "lender_intro",
    "concern_reply",
    "agent_reassign",
    "manager_escalation",
    "event_invite",
    "incentive",
    "reengagement_drip",
    "pause_automation",
    "suppress",
]
ACTIONS: tuple[ActionName, ...] = get_args(ActionName)
#: messages about nothing but their intervention
PLAIN_MESSAGES: Final = ("sms", "email")

Urgency = Literal["low", "moderate", "high", "urgent", "critical"]
#: least pressing first
URGENCIES: tuple[Urgency, ...] = get_args(Urgency)

#: situations that decide alone, whatever the risk; the first that applies wins
SITUATIONS: Final = ("terminal", "neglected")
#: attribute of a lead -> its values that may speak for an action or against it
TRAIT_VALUES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"stage": OPEN_STAGES, "lead_type": SCORED_LEAD_TYPES, "timeline": KNOWN_TIMELINES}
)
TRAITS: Final = tuple(f"{trait}:{value}" for trait, values in TRAIT_VALUES.items() for value in values)
#: what may lead to an intervention
REASONS: Final = (*INDICATORS, "risk", "overdue", *TRAITS)
#: why a person pauses an intervention
PauseReason = Literal["harms", "complaints", "legal", "staffing", "other"]
PAUSE_REASONS: tuple[PauseReason, ...] = get_args(PauseReason)
