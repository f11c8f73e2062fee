"""Sort custom fields: canonical columns where the tenant says so, our own write-backs, and the tenant's own columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ml.language import consent_words
from tasks.crm.canonical_cells import LEVELS, NUMBERS, canonical
from tasks.crm.highlevel import field_names
from tasks.crm.highlevel.field_names import meaning, reduced
from tasks.crm.highlevel.fields import Field
from tasks.intake.parsed_event import ReaderContext

#: how what we write back begins: tags `ml:hot`, fields `ml:score`, keys `contact.ml_score`
_OURS = ("ml:", "ml_", "contact.ml_", "ml ")
TEXTS = frozenset({"property_type", "campaign", "source", "state", *field_names.UTM.values()})
COLUMNS = NUMBERS | LEVELS | TEXTS | {"budget", "locations"}
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


def custom_of(values: Iterable[Field], setup: ReaderContext) -> Custom:
    """Sort custom fields, each given by its id, its key or the name that people see; the first of one column counts."""
    custom, mapped = Custom(), {reduced(name): column for name, column in setup.custom_fields.items()}
    for one in values:
        names = one.names or (one.name,)
        column = next((found for name in names if (found := _told(name, setup, mapped))), None)
        ours = next((name for name in (column, *names) if name is not None and is_ours(name)), None)
        cell = _cell(one.value)
        if ours is not None:
            custom.ours[column or ours] = str(one.value)
        elif cell is not None and not _is_not_kept(names):
            _sort(custom, column, names, cell)
    return custom


def _told(name: str, setup: ReaderContext, mapped: Mapping[str, str]) -> str | None:
    """Return what the tenant's settings say of a field, else nothing."""
    return setup.custom_fields.get(name) or mapped.get(reduced(name))


def _is_not_kept(names: Iterable[str]) -> bool:
    """Return whether a field is of a kind that is not stored, such as a date of birth."""
    return any(meaning(name).bare in field_names.NEVER_KEPT for name in names)


def _sort(custom: Custom, told: str | None, names: tuple[str, ...], cell: float | str) -> None:
    meant = (name if name in COLUMNS else field_names.lead_column(name) for name in names)
    column = told or next(filter(None, meant), None)
    if column in COLUMNS:
        values = canonical(column, cell)
        custom.fields.update({name: value for name, value in values.items() if name not in custom.fields})
        if values or told or column in names:
            return
    # what only looks like a column by its name, and is not understood, stays the user's own
    custom.custom.setdefault((told or _display(names))[:120], cell)


def _display(names: tuple[str, ...]) -> str:
    """Return the name under which a tenant's own field is kept: one that speaks of consent goes first."""
    return next((name for name in names if consent_words.column_meaning(name)), names[0])


def _cell(value: Any) -> float | str | None:
    match value:
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return float(value) if abs(value) < 1e15 else None
        case str():
            return value.strip()[:_LONGEST] or None
        case list():
            cells = [_cell(item) for item in value if not isinstance(item, list)]
            return "; ".join(_spelled(cell) for cell in cells if cell is not None)[:_LONGEST] or None
    return None


def _spelled(cell: float | str) -> str:
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)
