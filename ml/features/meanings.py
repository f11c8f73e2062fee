"""What features mean to a person: those that tell of the same thing, under one name.

A lead's views, saved listings and searches rise and fall together, and a model spreads what it learnt of them over all.
Counted one by one they say little and contradict each other; their sum says what looking at listings did to the score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import numpy as np

from domain.emotions import EMOTIONAL_STATES
from ml.arrays import Floats, Ints
from ml.features.catalogue import COLUMN, CUSTOM

#: what people call it -> the features of the catalogue that tell of it
MEANINGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "what they looked at": (
            "listing_views",
            "saved_listings",
            "saved_searches",
            "searches",
            "site_visits",
            "recent_views",
            "recent_searches",
            "recent_visits",
            "view_days",
            "search_days",
            "visit_days",
        ),
        "showings and offers": (
            "showings",
            "offers",
            "no_shows",
            "recent_showings",
            "recent_offers",
            "showing_days",
            "offer_days",
        ),
        "what they do with e-mails": (
            "emails_sent",
            "emails_opened",
            "emails_clicked",
            "recent_emails",
            "open_rate",
            "click_rate",
            "email_days",
        ),
        "how they answer": (
            "sms_in",
            "sms_out",
            "calls",
            "recent_replies",
            "recent_calls",
            "response_rate",
            "reply_hours",
            "reply_days",
            "call_days",
        ),
        "how lately they were active": ("silence_days", "activity_trend"),
        "how long they are known": ("age_days", "contact_days"),
        "stage": ("stage", "stage_days"),
        "budget, pre-approval and timeline": ("budget", "preapproval", "timeline"),
        "what they look for": ("lead_type", "property_type", "beds_min", "baths_min", "state"),
        "where the inquiry came from": ("source", "campaign"),
        "the tone of their messages": (
            *(f"tone_{state}" for state in EMOTIONAL_STATES),
            "polarity",
            "vader_polarity",
            "textblob_polarity",
            "polarity_disagreement",
            "polarity_trend",
            "polarity_volatility",
            "last_tone",
        ),
        "what they ask and tell": (
            "messages_read",
            "appointment_wishes",
            "questions_asked",
            "price_objections",
            "competitor_mentions",
            "visit_times",
            "told_budget",
            "told_preapproval",
        ),
    }
)
_MEANING = {name: words for words, names in MEANINGS.items() for name in names}


@dataclass(frozen=True, slots=True, kw_only=True)
class Meanings:
    """The meanings of a model's features, in the order of the features."""

    words: tuple[str, ...]
    #: the features of each meaning, as places among the model's features
    members: tuple[tuple[int, ...], ...]
    #: step -> the meanings that have so many members, and the member of each, as arrays of places
    steps: tuple[tuple[Ints, Ints], ...]

    def sums(self, contributions: Floats) -> Floats:
        """Return the sums of contributions by meaning: [..., leads, features] to [..., leads, meanings].

        They are added in order, so that a batch gives what one lead alone gives.
        """
        sums = np.zeros((*contributions.shape[:-1], len(self.members)))
        for places, features in self.steps:
            sums[..., places] += contributions[..., features]
        return sums


def meaning_of(name: str) -> str:
    """Return what a feature tells of, in words; a tenant's own column tells of itself.

    >>> meaning_of("listing_views"), meaning_of("custom:Lead_Quality")
    ('what they looked at', 'Lead Quality')
    """
    return _MEANING.get(name) or name.removeprefix(CUSTOM).removeprefix(COLUMN).replace("_", " ").strip()


def meanings_of(names: Sequence[str]) -> Meanings:
    """Return the meanings of a model's features.

    >>> meanings_of(["showings", "source", "offers"]).members
    ((0, 2), (1,))
    """
    return _grouped(tuple(names))


@lru_cache(maxsize=64)
def _grouped(names: tuple[str, ...]) -> Meanings:
    members: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        members.setdefault(_MEANING.get(name) or name, []).append(index)
    # two own columns may be called alike ("Pool wanted", "Pool_wanted"): each stays its own meaning
    features = tuple(map(tuple, members.values()))
    longest = max(map(len, features), default=0)
    places = [[place for place, indices in enumerate(features) if len(indices) > turn] for turn in range(longest)]
    return Meanings(
        words=tuple(meaning_of(names[indices[0]]) for indices in features),
        members=features,
        steps=tuple(
            (np.array(some, dtype=np.intp), np.array([features[place][turn] for place in some], dtype=np.intp))
            for turn, some in enumerate(places)
        ),
    )
