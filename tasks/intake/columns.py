"""Which column of a file means what: the mapping first, then the profile, what is left are the tenant's own columns."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib import resources
from typing import Any, Literal

from tasks.intake import canonical, errorfile
from tasks.intake.errors import MappingRejected
from tasks.intake.mapping import Defaults, LabelWords, MappingRules, defaults, load_mapping, parse

__all__ = ["Column", "ColumnPlan", "Defaults", "defaults", "load_mapping", "plan", "profiles"]

Role = Literal["canonical", "custom", "ignored", "unnamed"]
_NOISE = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of the file."""

    #: position, from 0
    index: int
    header: str
    role: Role
    #: canonical name, with the role `canonical` only
    name: str | None = None

    @property
    def kind(self) -> str:
        """How its cells are read."""
        return (canonical.kind_of(self.name) if self.name else None) or "custom"


@dataclass(frozen=True, kw_only=True)
class ColumnPlan:
    """What becomes of every column of a file."""

    #: the profile that was used: never `auto`
    profile: str
    columns: tuple[Column, ...]
    label: LabelWords = field(default_factory=LabelWords)
    #: cells that say nothing, without case
    missing: frozenset[str] = frozenset()
    #: rows are known by file and position
    row_number: bool = False

    @cached_property
    def read(self) -> tuple[tuple[int, str, str, str], ...]:
        """The columns that are read: position, header, canonical name (or header), kind."""
        taken = (column for column in self.columns if column.role in ("canonical", "custom"))
        return tuple((column.index, column.header, column.name or column.header, column.kind) for column in taken)

    @cached_property
    def has_label(self) -> bool:
        """A column tells the outcome."""
        return any(column.name == "label" for column in self.columns)

    @property
    def mapped(self) -> dict[str, str]:
        """Header -> canonical column."""
        return {column.header: column.name for column in self.columns if column.name}

    @property
    def custom(self) -> list[str]:
        """Headers of the tenant's own columns."""
        return self._headers("custom")

    @property
    def ignored(self) -> list[str]:
        """Headers that are not read."""
        return self._headers("ignored")

    @property
    def empty(self) -> list[str]:
        """Columns without a name, which are not read, as `column 38`."""
        return [f"column {column.index + 1}" for column in self.columns if column.role == "unnamed"]

    def _headers(self, role: Role) -> list[str]:
        return [column.header for column in self.columns if column.role == role]

    def dump(self) -> dict[str, Any]:
        """Give it as JSON, for `load`."""
        return {
            "profile": self.profile,
            "columns": [[column.header, column.role, column.name] for column in self.columns],
            "label": {name: sorted(getattr(self.label, name)) for name in ("positive", "negative", "open")},
            "missing": sorted(self.missing),
            "row_number": self.row_number,
        }

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> ColumnPlan:
        """Make it from what `dump` gave."""
        columns = (
            Column(index=index, header=header, role=role, name=name)
            for index, (header, role, name) in enumerate(stored["columns"])
        )
        return cls(
            profile=stored["profile"],
            columns=tuple(columns),
            label=LabelWords(**{name: frozenset(words) for name, words in stored["label"].items()}),
            missing=frozenset(stored["missing"]),
            row_number=stored["row_number"],
        )


def plan(header: Sequence[str], profile: str = "auto", mapping: Mapping[str, Any] | None = None) -> ColumnPlan:
    """Decide what each column of `header` means; `mapping` is a parsed mapping file. Raises `MappingRejected`."""
    rules = parse(mapping)
    used = _chosen(header, profile)
    explicit = _explicit(header, rules)
    claims = explicit | _claims(header, _synonyms(used), explicit, errorfile.is_error_file(header))
    _require_identity(set(claims.values()), rules)
    return ColumnPlan(
        profile=used,
        columns=tuple(_column(index, name, claims.get(index), rules) for index, name in enumerate(header)),
        label=rules.label,
        missing=rules.missing,
        row_number=rules.row_number,
    )


def profiles() -> list[str]:
    """Give the names of the profiles, without `auto`."""
    folder = resources.files("tasks.intake") / "profiles"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def key(header: str) -> str:
    """Reduce a header to what is compared: without case, letters and digits only."""
    return _NOISE.sub("", header.casefold())


@lru_cache(maxsize=16)
def _synonyms(profile: str) -> Mapping[str, tuple[str, ...]]:
    text = (resources.files("tasks.intake") / "profiles" / f"{profile}.toml").read_text("utf-8")
    columns = tomllib.loads(text)["columns"]
    return {name: tuple(dict.fromkeys(map(key, (name, *words)))) for name, words in columns.items()}


def _chosen(header: Sequence[str], profile: str) -> str:
    if profile == "auto":
        named = {key(name) for name in header if name and name not in errorfile.NOTES}
        known = {words[0] for words in _synonyms("canonical").values()}
        return "canonical" if 2 * len(named & known) > len(named) else "generic"
    if profile not in profiles():
        raise MappingRejected("profile", f"unknown; known are auto, {', '.join(profiles())}")
    return profile


def _explicit(header: Sequence[str], rules: MappingRules) -> dict[int, str]:
    # Position -> canonical column, "custom" or "ignored", as the mapping says.
    ignored = {_position(header, name, "ignore"): "ignored" for name in rules.ignore}
    custom = {_position(header, name, "custom"): "custom" for name in rules.custom or ()}
    found = ignored | custom
    for name, target in rules.columns.items():
        place = f"columns.{name}"
        position = _position(header, name, place)
        if found.get(position, target) != target:
            raise MappingRejected(place, "the header is mapped in two ways; keep one of them")
        found[position] = target
    if set(ignored) & set(custom):
        raise MappingRejected("custom", "a header is also among ignore; keep it in one list")
    return found


def _position(header: Sequence[str], name: str, place: str) -> int:
    found = [index for index, each in enumerate(header) if each == name]
    found = found or [index for index, each in enumerate(header) if each and key(each) == key(name)]
    if len(found) == 1:
        return found[0]
    state = "the file has several columns like this" if found else "the file has no such column"
    raise MappingRejected(place if place.startswith("columns.") else f"{place}.{name}", f"{state}; check the header")


def _claims(
    header: Sequence[str], synonyms: Mapping[str, tuple[str, ...]], explicit: Mapping[int, str], has_notes: bool
) -> dict[int, str]:
    # The first synonym that the file has claims its column; each column and each canonical name once.
    notes = errorfile.NOTES if has_notes else ()
    free = {key(name): index for index, name in reversed(list(enumerate(header))) if name and index not in explicit}
    claims = {index: "ignored" for index, name in enumerate(header) if name in notes and index not in explicit}
    for name, words in synonyms.items():
        index = next((free[word] for word in words if free.get(word, -1) >= 0 and free[word] not in claims), None)
        if index is not None and name not in explicit.values():
            claims[index] = name
    return claims


def _column(index: int, header: str, claim: str | None, rules: MappingRules) -> Column:
    if not header:
        return Column(index=index, header=header, role="unnamed")
    if claim in ("ignored", "custom"):
        return Column(index=index, header=header, role="ignored" if claim == "ignored" else "custom")
    if claim is None:
        return Column(index=index, header=header, role="custom" if rules.custom is None else "ignored")
    return Column(index=index, header=header, role="canonical", name=claim)


def _require_identity(names: set[str], rules: MappingRules) -> None:
    if rules.row_number and "external_id" in names:
        raise MappingRejected("identity.row_number", "the file has an external_id; leave row_number out")
    phone = "phone" in names and bool(names & {"last_name", "full_name"})
    if not (phone or rules.row_number or names & {"external_id", "email"}):
        message = "no column tells who a lead is; map external_id, email, or phone with last_name"
        raise MappingRejected("columns", f"{message}, or set row_number = true under [identity]")
