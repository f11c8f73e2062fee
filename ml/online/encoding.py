"""Turn the features of a snapshot into at most 40 columns, learning means, spreads and importance as outcomes come.

A number is a column of its own; each level of a category is a column of 0 and 1, and so is "this number is missing". A
missing number takes the running mean. Columns are numbered: learners see numbers, so that nothing depends on how a
process hashes text.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

Value = float | int | bool | str | None
Features = Mapping[str, Value]
Row = dict[int, float]
#: the name of its column ("name" for a number, "name=level" for a level), its value, and whether it is 0 or 1
_Cell = tuple[str, float, bool]

#: columns that learners see: at 88 they take twice the time of 40
MAX_COLUMNS = 40
#: candidates of which figures are kept; levels beyond share a few columns by their checksum
MAX_CANDIDATES = 256
_SHARED = 16
#: scaled values lie within this, so that one wild value is no wild step
_WIDEST = 4.0
#: numbers from here on are no measure of a lead, and their squares are more than a tree can add up: they are missing
_BEYOND = 1e12
#: signals after which columns are chosen by importance for the first time; then each time there are twice as many
FIRST_CHOICE = 100
#: rows of a column below which nothing can be said of its importance
_FEW = 5


@dataclass(slots=True)
class Candidate:
    """A column that learners may see, and what is known of its values."""

    number: int
    #: 0 and 1, where a row without the column means 0
    indicator: bool
    #: rows with the column
    count: int = 0
    mean: float = 0.0
    #: sum of squared distances to the mean (Welford)
    spread: float = 0.0
    #: rows with the column and a positive outcome, and their mean
    positives: int = 0
    positive_mean: float = 0.0

    def learn(self, value: float, label: bool) -> None:
        """Take one value with its outcome."""
        self.count += 1
        step = value - self.mean
        self.mean += step / self.count
        self.spread += step * (value - self.mean)
        if label:
            self.positives += 1
            self.positive_mean += (value - self.positive_mean) / self.positives

    def scaled(self, value: float) -> float:
        """Return a value in standard deviations from the mean; 0 while nothing is known."""
        if self.spread <= 0:
            return 0.0
        return max(-_WIDEST, min(_WIDEST, (value - self.mean) / math.sqrt(self.spread / self.count)))

    def importance(self, rows: int, positives: int) -> float:
        """Return the absolute correlation with the outcome over all rows so far; 0 where there is too little."""
        if self.count < _FEW or positives in (0, rows):
            return 0.0
        rate = positives / rows
        if self.indicator:
            share = self.count / rows
            covariance = self.positives / rows - share * rate
            variance = share * (1 - share)
        else:
            own = self.positives / self.count
            covariance, variance = own * (self.positive_mean - self.mean), self.spread / self.count
        return abs(covariance) / math.sqrt(variance * rate * (1 - rate)) if variance > 0 else 0.0


class FeatureEncoder:
    """The columns of one target.

    >>> encoder = FeatureEncoder()
    >>> for views, label in ((1, False), (3, True)):
    ...     _ = encoder.learn({"views": views, "source": "web"}, label)
    >>> encoder.encode({"views": 5, "source": "web"})
    ({0: 1.0, 1: 5.0}, {0: 1.0, 1: 3.0})
    >>> encoder.encode({"views": None, "source": "fax"})
    ({0: 0.0, 1: 2.0}, {0: 0.0, 1: 0.0})
    """

    def __init__(self, max_columns: int = MAX_COLUMNS) -> None:
        self.max_columns = max_columns
        self.rows_ = 0
        self.positives_ = 0
        self.candidates_: dict[str, Candidate] = {}
        #: names of the columns that learners see, in the order of their numbers
        self.chosen_: list[str] = []
        self.next_choice_ = FIRST_CHOICE
        #: of the next new column; never used twice, since learners know columns by their numbers
        self.next_number_ = 0

    def encode(self, features: Features) -> tuple[Row, Row]:
        """Return the columns as they are, and scaled; nothing is learnt."""
        given = {self._key(cell): cell[1] for cell in _cells(features)}
        raw: Row = {}
        scaled: Row = {}
        for name in self.chosen_:
            column = self.candidates_[name]
            if column.indicator:
                raw[column.number] = scaled[column.number] = given.get(name, 0.0)
            else:
                value = given.get(name, column.mean)
                raw[column.number], scaled[column.number] = value, column.scaled(value)
        return raw, scaled

    def learn(self, features: Features, label: bool) -> bool:
        """Take the features of one outcome; return whether learners see other columns from here on.

        Columns are chosen again each time that there are twice as many outcomes.
        """
        before = len(self.chosen_)
        self.rows_ += 1
        self.positives_ += label
        for cell in _cells(features):
            column = self._candidate(cell)
            if column is not None:
                column.learn(cell[1], label)
        if self.rows_ >= self.next_choice_:
            self.next_choice_ = 2 * self.rows_
            self._choose()
            return True
        return len(self.chosen_) > before

    def _key(self, cell: _Cell) -> str:
        """Return the name of a cell's column: that of a shared one, if the cell came when there were enough columns."""
        name, _, indicator = cell
        if name in self.candidates_ or len(self.candidates_) < MAX_CANDIDATES or not indicator:
            return name
        return f"#{zlib.crc32(name.encode()) % _SHARED}"

    def _candidate(self, cell: _Cell) -> Candidate | None:
        """Return the column of a cell, a new one if need be; None for a number that comes when there are enough."""
        name = self._key(cell)
        found = self.candidates_.get(name)
        if found is None:
            if len(self.candidates_) >= MAX_CANDIDATES and not cell[2]:
                return None
            found = self.candidates_[name] = Candidate(number=self.next_number_, indicator=cell[2])
            self.next_number_ += 1
            if len(self.chosen_) < self.max_columns:
                self.chosen_.append(name)
        return found

    def _choose(self) -> None:
        if len(self.candidates_) <= self.max_columns:
            return
        importance = {name: column.importance(self.rows_, self.positives_) for name, column in self.candidates_.items()}
        best = sorted(importance, key=lambda name: (-importance[name], self.candidates_[name].number))
        self.chosen_ = sorted(best[: self.max_columns], key=lambda name: self.candidates_[name].number)
        # what came a few times only, such as the value of an identifier, makes room for what may come more often
        kept = set(self.chosen_)
        self.candidates_ = {
            name: column for name, column in self.candidates_.items() if name in kept or column.count >= _FEW
        }


def _cells(features: Features) -> Iterator[_Cell]:
    """Yield the cells of a row in order of the names; a missing number is a cell that says so."""
    for name in sorted(features):
        value = features[name]
        if isinstance(value, str):
            yield f"{name}={value}", 1.0, True
        elif value is None or not abs(value) < _BEYOND:
            yield f"{name}=", 1.0, True
        else:
            yield name, float(value), False
