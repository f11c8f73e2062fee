"""The features by name: their group, the way they should point, and the words people read.

A custom attribute of a tenant is not listed here; it joins as `custom:<name>` in the contextual group.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from domain.emotions import EMOTIONAL_STATES

Group = Literal["behavioral", "temporal", "contextual", "emotional"]
#: `trend` compares what was done in two windows that end at `as_of`; `slope` is the course of what was said
Kind = Literal["count", "weight", "rate", "days", "trend", "slope", "number", "money", "category"]

CUSTOM = "custom:"
#: a column of a free table that a model is tried on and never scores for: no law asks what it is
COLUMN = "column:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One feature of the catalogue."""

    name: str
    group: Group
    kind: Kind
    #: words for one and for many, or a phrase with `{}` for the value and what to call the feature without one
    words: tuple[str, ...]
    #: +1: more should never count against a lead, -1: more should never count for it, 0: may be either
    better: int = 0


def _all(group: Group, kind: Kind, better: int, *words: tuple[str, ...]) -> list[Feature]:
    return [Feature(name=name, group=group, kind=kind, better=better, words=tuple(rest)) for name, *rest in words]


#: states that should point one way only; the others say little of a deal by themselves
_BETTER_TONES = {"excited": 1, "confident": 1, "frustrated": -1, "disappointed": -1, "angry": -1}

_FEATURES = [
    *_all(
        "behavioral",
        "count",
        1,
        ("emails_opened", "e-mail opened", "e-mails opened"),
        ("emails_clicked", "e-mail click", "e-mail clicks"),
        ("sms_in", "text message from them", "text messages from them"),
        ("calls", "call", "calls"),
        ("listing_views", "listing view", "listing views"),
        ("saved_listings", "saved listing", "saved listings"),
        ("saved_searches", "saved search", "saved searches"),
        ("searches", "search", "searches"),
        ("showings", "showing", "showings"),
        ("offers", "offer", "offers"),
        ("site_visits", "site visit", "site visits"),
    ),
    *_all(
        "behavioral",
        "count",
        0,
        ("emails_sent", "e-mail sent", "e-mails sent"),
        ("sms_out", "text message sent", "text messages sent"),
    ),
    *_all("behavioral", "count", -1, ("no_shows", "missed appointment", "missed appointments")),
    *_all(
        "behavioral",
        "weight",
        1,
        ("recent_emails", "recent e-mail open or click", "recent e-mail opens and clicks"),
        ("recent_replies", "recent reply", "recent replies"),
        ("recent_calls", "recent call", "recent calls"),
        ("recent_views", "recent listing view", "recent listing views"),
        ("recent_searches", "recent search", "recent searches"),
        ("recent_showings", "recent showing", "recent showings"),
        ("recent_offers", "recent offer", "recent offers"),
        ("recent_visits", "recent site visit", "recent site visits"),
    ),
    *_all(
        "behavioral",
        "rate",
        1,
        ("open_rate", "opens {} of e-mails", "share of e-mails opened"),
        ("click_rate", "clicks in {} of e-mails", "share of e-mails clicked"),
        ("response_rate", "answers {} of messages", "share of messages answered"),
    ),
    Feature(
        name="reply_hours", group="behavioral", kind="number", better=-1, words=("replies after {} hours", "reply time")
    ),
    *_all(
        "temporal",
        "days",
        -1,
        ("silence_days", "last sign of life {}"),
        ("reply_days", "last reply {}"),
        ("email_days", "last e-mail opened {}"),
        ("call_days", "last call {}"),
        ("view_days", "last listing view {}"),
        ("search_days", "last search {}"),
        ("showing_days", "last showing {}"),
        ("offer_days", "last offer {}"),
        ("visit_days", "last site visit {}"),
    ),
    *_all("temporal", "days", 0, ("contact_days", "last contacted {}"), ("stage_days", "stage entered {}")),
    Feature(name="age_days", group="temporal", kind="days", words=("came in {}",)),
    Feature(name="activity_trend", group="temporal", kind="trend", better=1, words=("activity is {}", "activity")),
    *_all(
        "contextual",
        "category",
        0,
        ("lead_type", "lead type"),
        ("source", "source"),
        ("campaign", "campaign"),
        ("stage", "stage"),
        ("timeline", "timeline"),
        ("preapproval", "pre-approval"),
        ("property_type", "property type"),
        ("state", "state"),
    ),
    Feature(name="budget", group="contextual", kind="money", words=("budget {}",)),
    *_all("contextual", "number", 0, ("beds_min", "bedrooms from {}"), ("baths_min", "bathrooms from {}")),
    *(
        Feature(
            name=f"tone_{state}",
            group="emotional",
            kind="rate",
            better=_BETTER_TONES.get(state, 0),
            words=(f"{{}} of the tone is {state}", f"{state} tone"),
        )
        for state in EMOTIONAL_STATES
    ),
    *_all(
        "emotional",
        "number",
        1,
        ("polarity", "how positive messages are, -1 to 1: {}", "how positive messages are"),
        ("vader_polarity", "how positive messages are by VADER, -1 to 1: {}", "how positive messages are by VADER"),
        (
            "textblob_polarity",
            "how positive messages are by TextBlob, -1 to 1: {}",
            "how positive messages are by TextBlob",
        ),
    ),
    Feature(name="polarity_trend", group="emotional", kind="slope", better=1, words=("mood is {}", "mood of messages")),
    *_all(
        "emotional",
        "number",
        0,
        ("polarity_disagreement", "readers of sentiment differ by {}", "difference between readers of sentiment"),
        ("polarity_volatility", "mood varies by {}", "how far the mood varies"),
    ),
    *_all(
        "emotional",
        "count",
        1,
        ("messages_read", "message read", "messages read"),
        ("appointment_wishes", "message that wishes an appointment", "messages that wish an appointment"),
        ("questions_asked", "message with a question", "messages with a question"),
        ("visit_times", "message that names a time to visit", "messages that name a time to visit"),
    ),
    *_all(
        "emotional",
        "count",
        0,
        ("price_objections", "message that objects to a price", "messages that object to a price"),
    ),
    *_all(
        "emotional",
        "count",
        -1,
        ("competitor_mentions", "message that names a competitor", "messages that name a competitor"),
    ),
    Feature(name="told_budget", group="emotional", kind="money", words=("told a budget of {}", "budget told")),
    *_all("emotional", "category", 0, ("last_tone", "newest tone"), ("told_preapproval", "pre-approval told")),
]

FEATURES: MappingProxyType[str, Feature] = MappingProxyType({feature.name: feature for feature in _FEATURES})

#: read in the language of the models only: to lack them may tell the language of who writes, which no score may know
OF_ONE_LANGUAGE = frozenset(
    feature.name
    for feature in _FEATURES
    if feature.group == "emotional" and feature.name not in {"messages_read", "told_budget", "told_preapproval"}
)

#: set by the course of the deal itself, so that its absence may tell the outcome
FOLLOWS_OUTCOME = frozenset({"stage", "stage_days"})


def group_of(name: str) -> Group:
    """Return the group of a feature; what is not in the catalogue is an attribute of the lead."""
    return FEATURES[name].group if name in FEATURES else "contextual"


def better(name: str) -> int:
    """Return which way a feature should point: +1, -1, or 0 for either."""
    return FEATURES[name].better if name in FEATURES else 0


def names(group: Group) -> tuple[str, ...]:
    """Return the features of a group in their order."""
    return tuple(feature.name for feature in _FEATURES if feature.group == group)
