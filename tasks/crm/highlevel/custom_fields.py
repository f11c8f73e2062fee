"""Sort custom fields: canonical columns where the tenant says so, our own write-backs, and the tenant's own columns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tasks.intake.errors import BadValue
from tasks.intake.parsed_event import ReaderContext
from tasks.intake.values import scalars

#: how what we write back begins: tags `ml:hot`, fields `ml:score`, keys `contact.ml_score`
_OURS = ("ml:", "ml_", "contact.ml_", "ml ")
NUMBERS = frozenset({"budget_min", "budget_max", "beds_min", "baths_min", "deal_value"})
LEVELS = frozenset({"lead_type", "timeline", "preapproval"})
TEXTS = frozenset({"property_type", "campaign", "source", "state"})
_LONGEST = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Custom:
    """Custom fields, sorted by what they mean to us."""

    #: canonical columns
    fields: dict[str, Any] = field(default_factory=dict)
    custom: dict[str, float | str] = field(default_factory=dict)
    #: what we wrote
    ours: dict[str, str] = field(default_factory=dict)


def is_ours(name: str) -> bool:
    """Return whether a tag or field is one that we write back."""
    return name.casefold().startswith(_OURS)


def custom_of(values: Iterable[tuple[str, Any]], setup: ReaderContext) -> Custom:
    """Sort custom fields, each given by id or name."""
    custom = Custom()
    for name, value in values:
        column = setup.custom_fields.get(name, name)
        cell = _cell(value)
        if is_ours(column) or is_ours(name):
            custom.ours[column] = str(value)
        elif cell is not None:
            _sort(custom, column, cell)
    return custom


def _sort(custom: Custom, column: str, cell: float | str) -> None:
    if column == "budget" or column in NUMBERS | LEVELS | TEXTS:
        custom.fields.update(_canonical(column, cell))
    elif column == "locations":
        custom.fields[column] = scalars.split_list(str(cell), ";|,")
    else:
        custom.custom[column[:120]] = cell


def _canonical(column: str, cell: float | str) -> dict[str, Any]:
    try:
        if column == "budget":
            low, high = scalars.span(str(cell))
            return {name: amount for name, amount in (("budget_min", low), ("budget_max", high)) if amount is not None}
        if column in NUMBERS:
            return {column: cell if isinstance(cell, float) else scalars.number(cell)}
        return {column: scalars.level(column, str(cell)) if column in LEVELS else str(cell)}
    except BadValue:
        return {}


def _cell(value: Any) -> float | str | None:
    match value:
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return float(value) if abs(value) < 1e15 else None
        case str():
            return value.strip()[:_LONGEST] or None
        case list():
            return "; ".join(item.strip() for item in value if isinstance(item, str))[:_LONGEST] or None
    return None
