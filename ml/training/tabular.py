"""Free tables: columns of text become features, whatever they hold; labels are told by their names.

A column is numbers, dates or categories by what nearly all of its cells are. A date becomes days, weekday, month and
hour, and the days between each two columns of dates. Blank cells and words such as `Select` are missing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations

import numpy as np

from ml.arrays import Bools, Floats
from ml.errors import LabelsError
from ml.features.catalogue import COLUMN
from ml.features.contextual import BLANK, level
from ml.profiles import FeatureMatrix, Value, encode

Cells = Sequence[str]
Columns = Mapping[str, Cells]
#: (texts of a column) -> what reads one of them; the reader raises ValueError for what is no date
Dates = Callable[[Sequence[str]], Callable[[str], datetime]]

#: share of the known cells that are numbers, or dates, in a column of them
SHARE = 0.95
#: cells that are tried before a whole column is read as dates
_TRIED = 40
#: columns of dates whose differences are taken
_MOST_DATES = 5
_START = datetime(2000, 1, 1, tzinfo=UTC)
_DAY = 86_400.0

_NUMBER = re.compile(r"[-+]?(?:\d[\d\s,.']*|\.\d+)(?:[eE][-+]?\d+)?")
_GROUPED = re.compile(r"[-+]?\d{1,3}(?:[,'\s]\d{3})+(?:\.\d+)?")
_COMMA = re.compile(r"[-+]?\d+,\d+")

_POSITIVE_WORDS = """
1 1.0 true true. t yes y won win converted closed sold churned churn positive pos success subscribed left good
"""
_NEGATIVE_WORDS = """
0 0.0 -1 -1.0 false false. f no n lost lose open stayed stay negative neg failure failed bad none
"""
#: values of a target that tell by themselves which they are, in small letters
POSITIVE = frozenset(_POSITIVE_WORDS.split())
NEGATIVE = frozenset(_NEGATIVE_WORDS.split()) | {"not converted", "not won", "not churned"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The labels of a table's rows."""

    labels: Bools
    #: rows whose label is not blank
    rows: Sequence[int]
    #: the value that counts as positive
    positive: str


def read_labels(cells: Cells, positive: str | None) -> Target:
    """Return the labels; rows with a blank one are left out. Raises LabelsError when it is not clear which is which."""
    texts = [cell.strip() for cell in cells]
    rows = [row for row, text in enumerate(texts) if text]
    values = Counter(texts[row] for row in rows)
    chosen = _positive(values) if positive is None else _given_positive(values, positive.strip())
    labels = np.array([texts[row].casefold() == chosen.casefold() for row in rows], dtype=np.bool_)
    return Target(labels=labels, rows=rows, positive=chosen)


def read_columns(columns: Columns, dates: Dates) -> FeatureMatrix:
    """Return a table's columns as features, named `column:<name>`."""
    parsed = {name: _read(cells, dates) for name, cells in columns.items()}
    features = [part for name, column in parsed.items() for part in _features(name, column)]
    features += _between({name: column for name, column in parsed.items() if isinstance(column, np.ndarray)})
    values = np.empty((len(next(iter(columns.values()), ())), len(features)), dtype=np.float32)
    levels: dict[str, tuple[Value, ...]] = {}
    for index, (name, cells) in enumerate(features):
        values[:, index], column_levels = (cells, ()) if isinstance(cells, np.ndarray) else encode(cells, name)
        if column_levels:
            levels[name] = column_levels
    return FeatureMatrix(columns=tuple(name for name, _ in features), values=values, levels=levels)


def number(text: str) -> float | None:
    """Return a number as people write it; None when the text is no number.

    >>> number("1,234.5"), number("$450,000"), number("45 %"), number("3,5"), number("A12"), number("nan")
    (1234.5, 450000.0, 45.0, 3.5, None, None)
    """
    plain = text.strip().strip("$€£%").strip()
    if not _NUMBER.fullmatch(plain):
        return None
    if _GROUPED.fullmatch(plain):
        plain = re.sub(r"[,'\s]", "", plain)
    elif _COMMA.fullmatch(plain):
        plain = plain.replace(",", ".")
    try:
        return float(plain)
    except ValueError:
        return None


def _positive(values: Counter[str]) -> str:
    if len(values) != 2:
        raise LabelsError(f"the target has {_listed(values)}; name the positive one with --positive")
    first, second = values
    for text, rest in ((first, second), (second, first)):
        if text.casefold() in POSITIVE or (rest.casefold() in NEGATIVE and text.casefold() not in NEGATIVE):
            return text
    raise LabelsError(f"which is positive, {first!r} or {second!r}? name it with --positive")


def _given_positive(values: Counter[str], positive: str) -> str:
    if positive.casefold() in {value.casefold() for value in values}:
        return positive
    raise LabelsError(f"no row has {positive!r} in the target; it has {_listed(values)}")


def _listed(values: Counter[str]) -> str:
    if not values:
        return "no values"
    shown = ", ".join(f"{value!r} ({count})" for value, count in values.most_common(5))
    return f"{len(values)} values: {shown}{' …' if len(values) > 5 else ''}"


def _read(cells: Cells, dates: Dates) -> Floats | list[Value | None]:
    """Return a column's dates as days, or its numbers and levels."""
    counts = Counter(cells)
    filled = {text: count for text, count in counts.items() if " ".join(text.split()).casefold() not in BLANK}
    numbers = {text: number(text) for text in filled}
    if _nearly(filled, numbers):
        read = {text: level(text) if numbers.get(text) is None else numbers[text] for text in counts}
        return [read[text] for text in cells]
    days = _days(filled, dates)
    if _nearly(filled, days):
        return np.array([np.nan if days.get(text) is None else days[text] for text in cells], dtype=np.float64)
    levels = {text: level(text) for text in counts}
    return [levels[text] for text in cells]


def _nearly(filled: Mapping[str, int], parsed: Mapping[str, float | None]) -> bool:
    read = sum(count for text, count in filled.items() if parsed.get(text) is not None)
    return read > 0 and read >= SHARE * sum(filled.values())


def _days(filled: Mapping[str, int], dates: Dates) -> dict[str, float | None]:
    texts = [*filled]
    read = dates(texts)
    tried = texts[:: max(1, len(texts) // _TRIED)]
    if sum(_day(text, read) is not None for text in tried) < SHARE * len(tried):
        return {}
    return {text: _day(text, read) for text in texts}


def _day(text: str, read: Callable[[str], datetime]) -> float | None:
    try:
        return (read(text.strip()) - _START).total_seconds() / _DAY
    except ValueError:
        return None


def _features(name: str, values: Floats | list[Value | None]) -> Iterator[tuple[str, Floats | list[Value | None]]]:
    yield COLUMN + name, values
    if isinstance(values, np.ndarray):
        whole = np.floor(values)
        yield f"{COLUMN}{name} weekday", (whole + 5) % 7
        yield f"{COLUMN}{name} month", _months(whole)
        if (values[np.isfinite(values)] % 1).any():
            yield f"{COLUMN}{name} hour", np.floor((values - whole) * 24)


def _months(days: Floats) -> Floats:
    is_known = np.isfinite(days)
    months = np.full(len(days), np.nan)
    moments = np.datetime64(_START.date()) + days[is_known].astype("timedelta64[D]")
    months[is_known] = moments.astype("datetime64[M]").astype(int) % 12 + 1
    return months


def _between(dates: Mapping[str, Floats]) -> list[tuple[str, Floats | list[Value | None]]]:
    pairs = combinations(list(dates)[:_MOST_DATES], 2)
    return [(f"{COLUMN}{later} minus {earlier}", dates[later] - dates[earlier]) for earlier, later in pairs]
