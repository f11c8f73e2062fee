"""Read a custom field's value as the canonical column that it stands for."""

from __future__ import annotations

from typing import Any

from tasks.intake import payload
from tasks.intake.errors import BadValue
from tasks.intake.values import scalars

#: columns whose values are numbers, and words of a list
NUMBERS = frozenset({"budget_min", "budget_max", "beds_min", "baths_min", "deal_value"})
LEVELS = frozenset({"lead_type", "timeline", "preapproval"})


def canonical(column: str, cell: float | str) -> dict[str, Any]:
    """Return a cell as the value of a column; nothing when it cannot be read."""
    try:
        if column == "budget":
            low, high = scalars.span(str(cell))
            return {name: amount for name, amount in (("budget_min", low), ("budget_max", high)) if amount is not None}
        if column == "locations":
            return {column: scalars.split_list(str(cell), ";|,")}
        if column in NUMBERS:
            return {column: cell if isinstance(cell, float) else scalars.number(cell)}
        return {column: scalars.level(column, str(cell)) if column in LEVELS else str(cell)[: payload.MAX_TEXT]}
    except BadValue:
        return {}
