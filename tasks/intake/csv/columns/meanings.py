"""Gather the meanings of a file's columns one by one; settle at the end what only the other columns can tell."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from tasks.intake.csv import error_file
from tasks.intake.csv.columns import column_values, header_words, lead_schema, other_people
from tasks.intake.csv.columns.column_plan import How
from tasks.intake.csv.columns.mapping import MappingRules
from tasks.intake.values import ends, scalars, vocabulary

_TITLE = re.compile(r"[\d_]")
#: as `header_words.distinct` numbers the second column of a name
_REPEATED = re.compile(r"(.+) \(\d+\)")

Sample = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a column means: a canonical column, `custom` or `ignored`; and what decided it."""

    name: str
    how: How
    rank: int = 0


@dataclass(slots=True, kw_only=True)
class Meanings:
    """The meanings found so far, by position."""

    header: Sequence[str]
    sample: Sample
    found: dict[int, Meaning] = field(default_factory=dict)
    #: consent columns whose yes opens one channel only, by the profile: position -> channel
    grants: dict[int, str] = field(default_factory=dict)
    #: columns whose values contradict their header, and the canonical column that the header names
    misread: dict[int, str] = field(default_factory=dict)

    def names(self) -> set[str]:
        """Return the canonical columns that some column means."""
        return {meaning.name for meaning in self.found.values()}

    def mapped_names(self) -> set[str]:
        """Return the canonical columns that the mapping gives."""
        return {meaning.name for meaning in self.found.values() if meaning.how == "mapping"}

    def open(self) -> Iterator[tuple[int, str]]:
        """Yield position and header of each column without a meaning; the second of a name is left to the mapping."""
        names = {name.casefold() for name in self.header}
        for index, name in enumerate(self.header):
            repeated = (match := _REPEATED.fullmatch(name)) is not None and match[1].casefold() in names
            if name and index not in self.found and name not in error_file.NOTES and not repeated:
                yield index, name

    def add(self, index: int, name: str, how: How) -> None:
        """Give a column its meaning, after the columns of the same meaning; keep it open if it is taken already."""
        kind = lead_schema.column_kind(name)
        before = [meaning for meaning in self.found.values() if meaning.name == name]
        if not before or kind in lead_schema.SHARED:
            # a column of either counts after the columns of one kind
            self.found[index] = Meaning(name, how, rank=100 if name == "email_or_phone" else 0)
        elif kind in lead_schema.FALLBACK and all(meaning.how != "mapping" for meaning in before):
            self.found[index] = Meaning(name, how, rank=max(meaning.rank for meaning in before) + 1)

    def cells(self, index: int) -> list[str]:
        """Return the filled cells of a column among the first rows, without those too long for any value."""
        texts = (row[index].strip() for row in self.sample if index < len(row))
        return [text for text in texts if text and len(text) <= scalars.MAX_NAME and not vocabulary.is_missing(text)]

    def release_misread(self, rules: MappingRules) -> None:
        """Take back a meaning that the column's values contradict: it is an attribute."""
        for index, meaning in list(self.found.items()):
            # `Nombre` beside `Apellidos` is a part of the name and no title
            part = header_words.is_bare_name(self.header[index]) and not {"first_name", "last_name"} <= self.names()
            title = not part and (self._is_title(index, meaning) or self._is_flag(index, meaning))
            if meaning.how != "mapping" and (
                title or column_values.contradicts(meaning.name, self.cells(index), rules.label)
            ):
                self.misread[index] = meaning.name
                self.found[index] = Meaning("custom", "values")
        self._settle_bare_names()
        self._settle_label()

    def _is_title(self, index: int, meaning: Meaning) -> bool:
        if meaning.name != "full_name":
            return False
        parts = [at for at, other in self.found.items() if other.name in ("first_name", "last_name")]
        rows = [row for row in self.sample if max(index, *parts, index) < len(row)]
        return other_people.is_title((row[index].strip(), [row[at].strip() for at in parts]) for row in rows)

    def _is_flag(self, index: int, meaning: Meaning) -> bool:
        """Return whether a column called `Client` or `Customer` says something else than names of two words."""
        if meaning.name != "full_name" or header_words.is_full_name(self.header[index]):
            return False
        cells = self.cells(index)
        return meaning.how == "generic" and 2 * sum(1 for cell in cells if " " in cell) < len(cells)

    def _settle_label(self) -> None:
        """Take `Converted` beside a stage for what it says of ends: a no then means not yet, and is no loss."""
        for index, meaning in list(self.found.items()):
            told = meaning.name == "label" and meaning.how != "mapping" and ends.read_yes(self.header[index])
            if told and self.names() & {"stage", "opportunity_status"}:
                self.found[index] = Meaning("custom", "words")

    def _settle_bare_names(self) -> None:
        """Decide what a column called just `Name` is: a whole name, a part of one, or a deal's title."""
        for index, meaning in list(self.found.items()):
            if meaning.how == "mapping" or meaning.name not in {"full_name", "last_name", "first_name"}:
                continue
            if not header_words.is_bare_name(self.header[index]):
                continue
            part = _bare_name(self.names_beside(index), self.cells(index), apart=self._is_title(index, meaning))
            del self.found[index]
            if part is None:
                self.found[index] = Meaning("custom", "values")
            else:
                self.add(index, part, meaning.how)

    def names_beside(self, index: int) -> set[str]:
        """Return the canonical columns that the other columns mean."""
        return {meaning.name for at, meaning in self.found.items() if at != index}


def _bare_name(others: Collection[str], cells: Sequence[str], *, apart: bool = False) -> str | None:
    if "full_name" in others or 2 * sum(1 for cell in cells if _TITLE.search(cell)) > len(cells) > 0:
        return None
    single = apart or (bool(cells) and 2 * sum(1 for cell in cells if " " not in cell) > len(cells))
    if single and "first_name" in others and "last_name" not in others:
        return "last_name"
    return "first_name" if single and "last_name" in others and "first_name" not in others else "full_name"
