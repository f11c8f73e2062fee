"""Describe the columns of a model version: names, weights, and why some were left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from domain.documents import JsonMapping
from ml.features.catalogue import CUSTOM, FEATURES, group_of
from ml.features.prohibited import REASONS

_TOP = 15
#: where the words of a reason ("came in 40 days ago") make no title
_TITLES = {
    "activity_trend": "trend of activity",
    "age_days": "days since it came in",
    "baths_min": "bathrooms wanted",
    "beds_min": "bedrooms wanted",
    "stage_days": "days since its stage was entered",
}
_GROUPS = ("behavioral", "temporal", "contextual")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: its name, and the words people read."""

    name: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """A feature's mean effect on scores, and its share of the strongest effect."""

    column: Column
    value: float
    share: float


def column(name: str) -> Column:
    """Return a column's name, and what people call it.

    >>> column("showings").words, column("reply_days").words, column("custom:Pool wanted").words
    ('showings', 'days since last reply', 'Pool wanted')
    """
    return Column(name=name, words=_TITLES.get(name) or _title(name))


def _title(name: str) -> str:
    feature = FEATURES.get(name)
    if feature is None:
        return name.removeprefix(CUSTOM).replace("_", " ")
    phrase = feature.words[-1].replace("{}", "").strip()
    return f"days since {phrase}" if feature.kind == "days" else phrase


def weights(report: JsonMapping) -> Iterator[Weight]:
    """Return the strongest features, strongest first."""
    effects: dict[str, float] = dict(report.get("top", {}))
    most = max(effects.values(), default=0.0)
    for name in sorted(effects, key=lambda name: -effects[name])[:_TOP]:
        if effects[name] > 0:
            yield Weight(column=column(name), value=effects[name], share=effects[name] / most)


def groups(report: JsonMapping) -> dict[str, tuple[Column, ...]]:
    """Return the columns that the version was trained on, by group."""
    names = report.get("features", ())
    members = {group: tuple(column(name) for name in names if group_of(name) == group) for group in _GROUPS}
    return {group: named for group, named in members.items() if named}


def by_reason(dropped: Mapping[str, str]) -> dict[str, tuple[Column, ...]]:
    """Return the columns left out, by reason; prohibited ones first."""
    reasons_by_name = {
        name: f"not allowed: {reason}" if reason in REASONS else reason for name, reason in dropped.items()
    }
    reasons = sorted(set(reasons_by_name.values()), key=lambda reason: (not reason.startswith("not allowed"), reason))
    return {
        reason: tuple(column(name) for name in sorted(reasons_by_name) if reasons_by_name[name] == reason)
        for reason in reasons
    }


def leaks(report: JsonMapping) -> Iterator[tuple[Column, float, bool, str]]:
    """Return leaking columns, their AUC alone, whether they were used all the same, and how they were found out."""
    reasons = report.get("leak_reasons", {})
    for name, alone in report.get("leaks", {}).items():
        # older versions looked at the AUC alone and did not store a reason
        yield column(name), alone, name in report.get("features", ()), reasons.get(name, "its AUC alone")


def strongest(alone: Mapping[str, float]) -> tuple[Column, float] | None:
    """Return the column that predicts best alone, and its AUC."""
    if not alone:
        return None
    name = max(alone, key=lambda name: alone[name])
    return column(name), alone[name]
