"""A lead as models read it, and the feature matrix made of many."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import NoneType
from typing import Self

import numpy as np

from domain.emotions import EmotionalState
from domain.facts import Bound, FactKind
from ml.arrays import Floats32, Ints
from ml.errors import FeatureError

#: beyond float32 is beyond any feature
_BEYOND = 3e38
_PLAIN = frozenset({float, type(None)})

Value = float | str
Row = Mapping[str, Value | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction:
    """Something that happened between a lead and the brokerage. Times are aware."""

    #: e.g. `listing_view`, `showing`, `sms`; unknown kinds are ignored
    kind: str
    occurred_at: datetime
    #: when it became known; an event known later than `as_of` does not exist yet
    recorded_at: datetime
    #: `inbound`, `outbound` or None
    direction: str | None = None
    channel: str | None = None
    #: minutes, amount or whatever the kind measures
    value: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FactSignal:
    """Something a lead said of itself: figures and codes, no text."""

    kind: FactKind
    value: float | str | tuple[float | None, float | None] | None
    bound: Bound | None
    #: 0 to 1
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSignal:
    """What was read in one inbound message when it came: figures and codes, no text. Times are aware."""

    event_id: str
    occurred_at: datetime
    recorded_at: datetime
    channel: str | None = None
    #: -1 to 1; None where it was not read
    polarity: float | None = None
    vader: float | None = None
    textblob: float | None = None
    #: None where too little was written, or in another language than the model's
    state: EmotionalState | None = None
    #: of the state, 0 to 1
    confidence: float = 0.0
    #: state -> probability; empty without a state
    tones: Mapping[EmotionalState, float] = field(default_factory=dict)
    facts: tuple[FactSignal, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadProfile:
    """A lead as known at `as_of`. Times are aware; absent keys are unknown, not zero."""

    lead_id: str
    as_of: datetime
    created_at: datetime | None = None
    lead_type: str | None = None
    source: str | None = None
    campaign: str | None = None
    stage: str | None = None
    #: carried for urgency and never a feature: it tells the outcome
    status: str | None = None
    timeline: str | None = None
    preapproval: str | None = None
    property_type: str | None = None
    state: str | None = None
    timezone: str | None = None
    #: canonical numeric columns and counts as of `as_of`
    numbers: Mapping[str, float] = field(default_factory=dict)
    #: last_activity_at, last_contacted_at, last_replied_at, stage_changed_at
    times: Mapping[str, datetime] = field(default_factory=dict)
    #: never features: they are set after the outcome ("past client")
    tags: tuple[str, ...] = ()
    #: the tenant's own columns
    custom: Mapping[str, Value] = field(default_factory=dict)
    interactions: tuple[Interaction, ...] = ()
    #: inbound messages that were read, oldest first; only those known at `as_of` count
    messages: tuple[MessageSignal, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FeatureMatrix:
    """Features of many leads: one float32 block with named columns, NaN where a value is missing.

    A column named in `levels` holds codes into its levels. A level is a text, or a number where a column mixes both,
    so that the same value means the same thing in a batch of one and in a batch of ten thousand.

    >>> rows = [{"showings": 3.0, "source": "referral"}, {"showings": None, "source": "portal"}]
    >>> matrix = FeatureMatrix.from_rows(rows)
    >>> matrix.columns, matrix.levels["source"]
    (('showings', 'source'), ('portal', 'referral'))
    >>> matrix.take([1]).to_rows()
    [{'showings': None, 'source': 'portal'}]
    """

    columns: tuple[str, ...]
    values: Floats32
    levels: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    #: columns that may not be features, each with the reason
    refused: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return int(self.values.shape[0])

    @classmethod
    def from_rows(cls, rows: Sequence[Row]) -> Self:
        """Build a matrix from what `to_rows` gave; rows may have different keys. Raises FeatureError."""
        names = tuple(dict.fromkeys(name for row in rows for name in row))
        built = [encode([row.get(name) for row in rows], name) for name in names]
        values = np.empty((len(rows), len(names)), dtype=np.float32)
        for index, (column, _) in enumerate(built):
            values[:, index] = column
        levels = {name: levels for name, (_, levels) in zip(names, built, strict=True) if levels}
        return cls(columns=names, values=values, levels=levels)

    def to_rows(self) -> list[dict[str, float | str | None]]:
        """Return each lead's features by name; `from_rows` restores the same float32 values."""
        columns = [self._cells(index) for index in range(len(self.columns))]
        return [
            {name: column[row] for name, column in zip(self.columns, columns, strict=True)} for row in range(len(self))
        ]

    def take(self, indices: Sequence[int] | Ints) -> Self:
        """Return the rows at `indices`, in that order."""
        return type(self)(
            columns=self.columns,
            values=self.values[np.asarray(indices, dtype=np.intp)],
            levels=self.levels,
            refused=self.refused,
        )

    def select(self, names: Sequence[str]) -> Self:
        """Return the columns in `names` that exist, in that order."""
        where = self.positions()
        existing = tuple(name for name in names if name in where)
        return type(self)(
            columns=existing,
            values=self.values[:, [where[name] for name in existing]],
            levels={name: self.levels[name] for name in existing if name in self.levels},
            refused=self.refused,
        )

    def positions(self) -> dict[str, int]:
        """Return the index of each column."""
        return {name: index for index, name in enumerate(self.columns)}

    def _cells(self, index: int) -> list[Value | None]:
        cells = self.values[:, index].tolist()
        levels = self.levels.get(self.columns[index])
        if levels is None:
            return [None if math.isnan(cell) else cell for cell in cells]
        return [None if math.isnan(cell) else levels[int(cell)] for cell in cells]


def encode(cells: Sequence[Value | None], name: str) -> tuple[Floats32, tuple[Value, ...]]:
    """Return a column's float32 values and its levels; no levels when all of it is numbers. Raises FeatureError."""
    kinds = set(map(type, cells))
    if kinds <= _PLAIN:
        # all of it is numbers, as nearly every column: the same in one step
        numbers = np.array(cells, dtype=np.float64)
        numbers[~(np.abs(numbers) < _BEYOND)] = np.nan
        return numbers.astype(np.float32), ()
    # texts need no cleaning, and most columns hold nothing else
    cleaned = cells if kinds <= {str, NoneType} else [_cleaned(cell, name) for cell in cells]
    if str not in kinds:
        return np.array([np.nan if cell is None else cell for cell in cleaned], dtype=np.float32), ()
    levels = sorted({cell for cell in cleaned if cell is not None}, key=lambda level: (isinstance(level, str), level))
    codes: dict[Value | None, float] = {level: float(code) for code, level in enumerate(levels)}
    codes[None] = math.nan
    return np.array([codes[cell] for cell in cleaned], dtype=np.float32), tuple(levels)


def _cleaned(cell: Value | None, name: str) -> Value | None:
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, int | float):
        # as a level the number must survive the round trip too
        return float(np.float32(cell)) if abs(cell) < _BEYOND else None
    raise FeatureError(f"feature {name!r}: a value is neither a number nor a text; give a number, a text or None")
