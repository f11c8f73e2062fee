"""The words of the catalogue: interventions, actions, and what may be a reason for them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from ml.churn.indicators import NAMES as INDICATORS

Channel = Literal["call", "internal", "sms", "email"]
Writes = Literal["task", "note", "sms", "email", "nothing"]
Urgency = Literal["low", "moderate", "high", "urgent", "critical"]

CHANNELS: tuple[Channel, ...] = ("call", "internal", "sms", "email")
#: what people do; the others are sent
PEOPLE = frozenset({"call", "internal"})
#: messages about nothing but their intervention
PLAIN = ("sms", "email")
#: what may be written of an action by its channel
WRITES: Mapping[str, tuple[Writes, ...]] = MappingProxyType(
    {"call": ("task",), "internal": ("task", "note"), "sms": ("sms", "nothing"), "email": ("email", "nothing")}
)
URGENCIES: tuple[Urgency, ...] = ("low", "moderate", "high", "urgent", "critical")
LEVELS = ("very_low", "low", "medium", "high", "critical")
INTERVENTIONS = (
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
)
ACTIONS = (
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
)
#: what decides alone, the first that holds first
SITUATIONS = ("terminal", "neglected")
STAGES = (
    "new",
    "contacted",
    "engaged",
    "qualified",
    "appointment",
    "showing",
    "offer",
    "under_contract",
    "nurture",
    "unresponsive",
    "past_client",
)
BY_TRAIT: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "stage": STAGES,
        "lead_type": ("buyer", "seller", "both", "investor", "renter"),
        "timeline": ("0-3", "3-6", "6-12", "12+"),
    }
)
#: what is true of a lead and may speak for an action or against it
TRAITS = tuple(f"{trait}:{level}" for trait, levels in BY_TRAIT.items() for level in levels)
#: what may lead to an intervention
REASONS = (*INDICATORS, "risk", "overdue", *TRAITS)
