"""Reading a table of a data file, where whatever is wrong is told with its place."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from ml.errors import CatalogueError


@dataclass(frozen=True, slots=True)
class Table:
    """One table; each method raises CatalogueError, which names the place of what is missing or wrong."""

    place: str
    cells: Mapping[str, Any]

    def wrong(self, key: str, what: str) -> NoReturn:
        """Raise the error of a key."""
        raise CatalogueError(f"{self._at(key)}: {what}")

    def only(self, *keys: str) -> None:
        """Refuse keys that mean nothing: a word misspelt would be a rule that is not there."""
        for key in self.cells:
            if key not in keys:
                self.wrong(key, "is not known here")

    def exactly(self, keys: Collection[str]) -> None:
        """Ask for all of some keys and no other."""
        self.only(*keys)
        for key in keys:
            if key not in self.cells:
                self.wrong(key, "is missing")

    def table(self, key: str) -> Table:
        """Give a table inside."""
        return Table(self._at(key), self._given(key, dict))

    def tables(self) -> Iterator[tuple[str, Table]]:
        """Give the tables inside by name."""
        return ((key, self.table(key)) for key in self.cells)

    def word(self, key: str, among: Collection[str] = ()) -> str:
        """Give a text that is not blank: one of a list if there is one."""
        text: str = self._given(key, str)
        if not text.strip():
            self.wrong(key, "is blank")
        if among and text not in among:
            self.wrong(key, f"{text!r} is not one of {', '.join(among)}")
        return text

    def words(self, key: str, among: Collection[str] = ()) -> tuple[str, ...]:
        """Give a list of different texts; nothing where the key is absent."""
        if key not in self.cells:
            return ()
        listed: Sequence[Any] = self._given(key, list)
        inside = Table(self._at(key), {str(place): text for place, text in enumerate(listed)})
        found = tuple(inside.word(place, among) for place in inside.cells)
        if len(set(found)) < len(found):
            self.wrong(key, "names something twice")
        return found

    def number(self, key: str, low: float = 0.0, high: float = 1e6) -> float:
        """Give a number between two."""
        value: float = self._given(key, (int, float))
        if isinstance(value, bool) or not math.isfinite(value) or not low <= value <= high:
            self.wrong(key, f"must be a number from {low:g} to {high:g}")
        return float(value)

    def _given(self, key: str, kind: type | tuple[type, ...]) -> Any:
        if key not in self.cells:
            self.wrong(key, "is missing")
        if not isinstance(self.cells[key], kind):
            self.wrong(key, f"cannot be {self.cells[key]!r}")
        return self.cells[key]

    def _at(self, key: str) -> str:
        return f"{self.place}.{key}" if self.place else key
