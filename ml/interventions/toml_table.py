"""Read a table of a data file, with errors that name the place of the mistake."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from domain.documents import TomlMapping
from ml.errors import CatalogueError

_Kind = TypeVar("_Kind")


@dataclass(frozen=True, slots=True)
class TomlTable:
    """One table; each method raises CatalogueError, which names the place of a missing or wrong value."""

    place: str
    cells: TomlMapping

    def wrong(self, key: str, what: str) -> NoReturn:
        """Raise the error for a key."""
        raise CatalogueError(f"{self._at(key)}: {what}")

    def only(self, *keys: str) -> None:
        """Refuse unknown keys, since a misspelt key would silently be a missing rule."""
        for key in self.cells:
            if key not in keys:
                self.wrong(key, "is not known here")

    def exactly(self, keys: Collection[str]) -> None:
        """Require exactly these keys."""
        self.only(*keys)
        for key in keys:
            if key not in self.cells:
                self.wrong(key, "is missing")

    def table(self, key: str) -> TomlTable:
        """Return a table inside this one."""
        return TomlTable(self._at(key), self._given(key, dict))

    def tables(self) -> Iterator[tuple[str, TomlTable]]:
        """Return the tables inside this one, by name."""
        return ((key, self.table(key)) for key in self.cells)

    def word(self, key: str, among: Collection[str] = ()) -> str:
        """Return a text that is not blank, one of `among` if that is given."""
        text = self._given(key, str)
        if not text.strip():
            self.wrong(key, "is blank")
        if among and text not in among:
            self.wrong(key, f"{text!r} is not one of {', '.join(among)}")
        return text

    def words(self, key: str, among: Collection[str] = ()) -> tuple[str, ...]:
        """Return a list of different texts; empty when the key is absent."""
        if key not in self.cells:
            return ()
        inside = TomlTable(self._at(key), {str(place): text for place, text in enumerate(self._given(key, list))})
        words = tuple(inside.word(place, among) for place in inside.cells)
        if len(set(words)) < len(words):
            self.wrong(key, "names something twice")
        return words

    def number(self, key: str, low: float = 0.0, high: float = 1e6) -> float:
        """Return a finite number from `low` to `high`."""
        value = self._given(key, int, float)
        if isinstance(value, bool) or not math.isfinite(value) or not low <= value <= high:
            self.wrong(key, f"must be a number from {low:g} to {high:g}")
        return float(value)

    def _given(self, key: str, *kinds: type[_Kind]) -> _Kind:
        if key not in self.cells:
            self.wrong(key, "is missing")
        value = self.cells[key]
        if not isinstance(value, kinds):
            self.wrong(key, f"cannot be {value!r}")
        return value

    def _at(self, key: str) -> str:
        return f"{self.place}.{key}" if self.place else key
