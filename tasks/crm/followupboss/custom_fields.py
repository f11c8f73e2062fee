"""Sort the fields that an account has made itself: canonical columns, our own write-backs, and the tenant's columns.

Their names begin with `custom`: the field that people see as `Close Price` is `customClosePrice`. The tenant's settings
say what a field is by that name; without them it is what the export profile knows for the words behind `custom`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from tasks.crm.canonical_cells import LEVELS, NUMBERS, canonical
from tasks.crm.followupboss.notification import PROVIDER
from tasks.intake import payload
from tasks.intake.csv.columns.export_profiles import load_profile, reduced_header
from tasks.intake.parsed_event import ReaderContext
from tasks.intake.payload import Raw

PREFIX = "custom"
#: columns that a field of the account's own may be
TEXTS = frozenset({"property_type", "campaign", "state"})
COLUMNS = NUMBERS | LEVELS | TEXTS | {"budget", "locations"}
#: how what we write back begins: tags `ml:hot`, values of the setting `custom_fields`
_OURS = ("ml:", "ml_")
#: fields that we write back, by their names without `custom`; `customMlsNumber` is none of them
_OUR_FIELDS = frozenset({"mlscore", "mlband", "mlreason", "mlnextaction"})
#: words of kinds of data that are not stored
_NEVER_KEPT = ("birth", "gender", "socialsecurity", "ssn")
_LONGEST, _LARGEST, _MOST_NAMES = 500, 1e15, 400


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomFields:
    """Custom fields, sorted by what they mean to us."""

    #: canonical columns
    fields: dict[str, Any] = field(default_factory=dict)
    custom: dict[str, float | str] = field(default_factory=dict)
    #: what we wrote
    ours: dict[str, str] = field(default_factory=dict)


def is_ours(tag: str) -> bool:
    """Return whether a tag is one that we set."""
    return tag.casefold().startswith(_OURS)


def custom_of(person: Raw, setup: ReaderContext) -> CustomFields:
    """Sort a person's custom fields."""
    sorted_out = CustomFields()
    for name, word, value in _custom(person):
        told = setup.custom_fields.get(name)
        cell = _cell(value)
        if (told is not None and is_ours(told)) or (told is None and word in _OUR_FIELDS):
            sorted_out.ours[told or name] = str(value)
        elif cell is not None and not any(kind in word for kind in _NEVER_KEPT):
            _sort(sorted_out, told, name, word, cell)
    return sorted_out


def _custom(person: Raw) -> Iterator[tuple[str, str, Any]]:
    """Yield the names of the custom fields, the words behind `custom` as names are compared, and the values."""
    names = [name for name in person if name.startswith(PREFIX) and len(name) > len(PREFIX)]
    for name in names[:_MOST_NAMES]:
        yield name, reduced_header(name.removeprefix(PREFIX)), person[name]


def _sort(sorted_out: CustomFields, told: str | None, name: str, word: str, cell: float | str) -> None:
    column = told or _columns().get(word)
    if column in COLUMNS:
        values = canonical(column, cell)
        sorted_out.fields.update({key: value for key, value in values.items() if key not in sorted_out.fields})
        if values or told:
            return
    # what only looks like a column by its name, and is not understood, stays the tenant's own
    sorted_out.custom[(told or name)[:120]] = cell


@lru_cache(maxsize=1)
def _columns() -> Mapping[str, str]:
    profile = load_profile(PROVIDER)
    return {
        word: column
        for column in COLUMNS
        for word in (reduced_header(column), *profile.columns.get(column, ()), *profile.common.get(column, ()))
    }


def _cell(value: Any) -> float | str | None:
    match value:
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return float(value) if abs(value) < _LARGEST else None
        case str():
            return value.strip()[:_LONGEST] or None
        case list():
            texts = (payload.as_text(item) for item in value)
            return "; ".join(filter(None, texts))[:_LONGEST] or None
    return None
