"""Contextual features: the canonical attributes and the tenant's own columns, with one spelling for their levels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ml.arrays import Floats
from ml.features.catalogue import CUSTOM
from ml.features.prohibited import refusal
from ml.profiles import LeadProfile, Value

#: stages that tell the outcome: a lead in one of them has no stage to learn from
TERMINAL = frozenset(
    {"closed", "won", "lost", "archived", "past_client", "past client", "abandoned", "closed_won", "closed_lost"}
    | {"closed won", "closed lost", "sold", "purchased", "dead", "trash", "disqualified", "junk"}
)
#: texts that say nothing, in small letters
BLANK = frozenset(
    {"", "select", "unknown", "n/a", "na", "none given", "not given", "not available", "not specified", "null", "nan"}
    | {"-", "--", "?", "undefined", "(blank)", "blank"}
)
CATEGORIES = ("lead_type", "source", "campaign", "stage", "timeline", "preapproval", "property_type", "state")
NUMBERS = ("beds_min", "baths_min")
#: a longer text is prose, not a category
LONGEST = 80


def categories(profiles: Sequence[LeadProfile]) -> dict[str, list[Value | None]]:
    """Return the canonical categories of many leads, None where unknown."""
    cells: dict[str, list[Value | None]] = {
        name: _levels([getattr(profile, name) for profile in profiles]) for name in CATEGORIES
    }
    return cells | {"stage": [None if stage in TERMINAL else stage for stage in cells["stage"]]}


def columns(profiles: Sequence[LeadProfile]) -> dict[str, Floats]:
    """Return the canonical numbers of many leads, NaN where unknown. The deal's value is none: it is filled in late."""
    budget = np.fmax(_numbers(profiles, "budget_max"), _numbers(profiles, "budget_min"))
    return {"budget": budget} | {name: _numbers(profiles, name) for name in NUMBERS}


def custom(profiles: Sequence[LeadProfile]) -> tuple[dict[str, list[Value | None]], dict[str, str]]:
    """Return the tenant's own columns as `custom:<name>`, and the columns that may not be features with the reason."""
    cells: dict[str, list[Value | None]] = {}
    refused: dict[str, str] = {}
    for row, profile in enumerate(profiles):
        for name, value in profile.custom.items():
            if name in cells:
                cells[name][row] = value
            elif (reason := refusal(name)) is not None:
                refused[name] = reason
            else:
                cells[name] = [None] * len(profiles)
                cells[name][row] = value
    return {CUSTOM + name: _tidied(cells[name]) for name in sorted(cells)}, dict(sorted(refused.items()))


def level(text: object) -> str | None:
    """Return a text as a level: small letters, single spaces; None when it says nothing or is prose.

    >>> level("  Google  Ads "), level("Select"), level("N/A")
    ('google ads', None, None)
    """
    if not isinstance(text, str):
        return None
    tidy = " ".join(text.split()).casefold()
    return None if tidy in BLANK or len(tidy) > LONGEST else tidy


def normalised_level(text: str) -> str:
    """Return a level in small letters, with single spaces for underscores, and months without their unit.

    >>> normalised_level("under_contract"), normalised_level("0 - 3 Months")
    ('under contract', '0-3')
    """
    tidy = " ".join(text.casefold().replace("\N{EN DASH}", "-").replace("_", " ").split())
    return tidy.removesuffix(" months").replace(" - ", "-")


def _levels(texts: Sequence[str | None]) -> list[Value | None]:
    # many leads share few texts: each is tidied once
    level_of = {text: level(text) for text in set(texts)}
    return [level_of[text] for text in texts]


def _tidied(cells: list[Value | None]) -> list[Value | None]:
    level_of: dict[str, str | None] = {text: level(text) for text in {cell for cell in cells if isinstance(cell, str)}}
    return [level_of[cell] if isinstance(cell, str) else _finite(cell) for cell in cells]


def _finite(cell: object) -> Value | None:
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return float(cell) if isinstance(cell, int | float) and math.isfinite(cell) else None


def _numbers(profiles: Sequence[LeadProfile], name: str) -> Floats:
    values = np.array([profile.numbers.get(name, np.nan) for profile in profiles], dtype=np.float64)
    values[~(np.isfinite(values) & (values >= 0))] = np.nan
    return values
