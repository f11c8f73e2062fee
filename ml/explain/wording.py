"""Reasons in plain words. They add up to the score's log-odds; absurd ones are never shown."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from ml.features.catalogue import COLUMN, CUSTOM, FEATURES, Feature
from ml.profiles import Value

#: the level that stands for every rare or unseen text, so that no single lead's own words are ever shown
OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """What one meaning adds to a score, such as what a lead looked at."""

    #: the feature of that meaning that moves the score most
    feature: str
    #: plain words with the values of its strongest features, free of personal data
    text: str
    #: in log-odds, against the average lead: of all features of the meaning together
    contribution: float
    #: what the features tell of, in words
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RestPart:
    """A part of what the reasons leave out."""

    #: plain words, free of personal data
    text: str
    #: in log-odds, against the average lead
    contribution: float


def describe(name: str, value: Value | None) -> str:
    """Return a feature's value in plain words; a text must be a level that many leads share.

    >>> describe("showings", 3.0), describe("reply_days", 2.2), describe("custom:Pool", None)
    ('3 showings', 'last reply 2 days ago', 'Pool: not known')
    """
    feature = FEATURES.get(name)
    if feature is None:
        return f"{_title(name)}: {_plain(value)}"
    if value is None or isinstance(value, str) or feature.kind == "category":
        return f"{_subject(feature)}: {_plain(value)}"
    return _PHRASES[feature.kind](feature, value)


def number(value: float) -> str:
    """Return a number for people: 450,000 or 3 or 2.5."""
    if value == round(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def ago(days: float) -> str:
    """Return a span of days for people.

    >>> ago(0.3), ago(1.2), ago(40)
    ('today', '1 day ago', '40 days ago')
    """
    whole = math.floor(days)
    if whole < 1:
        return "today"
    return "1 day ago" if whole == 1 else f"{whole:,} days ago"


def _title(name: str) -> str:
    return name.removeprefix(CUSTOM).removeprefix(COLUMN).replace("_", " ").strip()


def _subject(feature: Feature) -> str:
    return feature.words[-1].replace("{}", "").replace("  ", " ").strip()


def _plain(value: Value | None) -> str:
    if value is None:
        return "not known"
    return value if isinstance(value, str) else number(value)


def _counted(feature: Feature, value: float) -> str:
    shown = round(value)
    word = feature.words[0] if shown == 1 else feature.words[-1]
    return f"{shown:,} {word}" if shown else f"no {word}"


def _weighed(feature: Feature, value: float) -> str:
    if value > 0 and not round(value):
        # it has faded, yet it happened
        return f"hardly any {feature.words[-1]}"
    return f"about {_counted(feature, value)}" if value > 0 else _counted(feature, value)


def _trend(feature: Feature, value: float) -> str:
    direction = "steady" if abs(value) < 0.1 else "rising" if value > 0 else "falling"
    return feature.words[0].format(direction)


_PHRASES: dict[str, Callable[[Feature, float], str]] = {
    "count": _counted,
    "weight": _weighed,
    "rate": lambda feature, value: feature.words[0].format(f"{value:.0%}"),
    "days": lambda feature, value: feature.words[0].format(ago(value)),
    "trend": _trend,
    "slope": _trend,
    "number": lambda feature, value: feature.words[0].format(number(value)),
    "money": lambda feature, value: feature.words[0].format(number(value)),
}
