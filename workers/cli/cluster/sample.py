"""The demo's sample of leads and their messages, moved in time: its "today" becomes the moment at which the demo runs.

The files in `examples/` end on a written day, so that they are the same for everybody. What is computed of leads
depends on how long ago something was, so a demo on any other day would show leads that nobody has called for weeks.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

_EXAMPLES = Path(__file__).parents[3] / "examples"
SAMPLE, MESSAGES, OUTCOMES = (_EXAMPLES / name for name in ("leads.csv", "messages.csv", "outcomes.csv"))
#: a time of the sample, in whatever column
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

Table = tuple[list[str], list[dict[str, str]]]


@contextmanager
def moved_to(now: datetime, sample: Path = SAMPLE) -> Iterator[Path]:
    """Yield a copy of the sample in which every time is moved by one span, so that the newest `as_of` is `now`.

    The copy is gone when the block ends. `now` is aware; it counts to the second.
    """
    columns, rows = _read(sample)
    with _copy_of(sample, columns, moved(rows, _span(rows, now))) as copy:
        yield copy


@contextmanager
def messages_moved_to(now: datetime, sample: Path = SAMPLE, messages: Path = MESSAGES) -> Iterator[Path]:
    """Yield a copy of the messages of the sample's leads, moved with them but by whole days.

    So people still write at the hours at which they wrote, at most a day before what is told of them.
    """
    days = timedelta(days=_span(_read(sample)[1], now) // timedelta(days=1))
    columns, rows = _read(messages)
    with _copy_of(messages, columns, moved(rows, days)) as copy:
        yield copy


def _span(rows: Sequence[Mapping[str, str]], now: datetime) -> timedelta:
    return now.replace(microsecond=0) - today_of(rows)


def _read(path: Path) -> Table:
    with path.open(encoding="utf-8", newline="") as source:
        reader = csv.DictReader(source)
        return list(reader.fieldnames or ()), list(reader)


@contextmanager
def _copy_of(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> Iterator[Path]:
    with TemporaryDirectory(prefix="hearth-demo-") as folder:
        copy = Path(folder) / path.name
        with copy.open("w", encoding="utf-8", newline="") as target:
            writer = csv.DictWriter(target, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        yield copy


def today_of(rows: Sequence[Mapping[str, str]]) -> datetime:
    """Return the sample's "today": the moment at which its open leads are described."""
    return datetime.fromisoformat(max(row["as_of"] for row in rows))


def moved(rows: Sequence[Mapping[str, str]], span: timedelta) -> list[dict[str, str]]:
    """Return rows in which every cell that is a time is later by `span`; the others stay as they are.

    >>> moved([{"created_at": "2026-11-19T23:30:00Z", "name": "Ada"}], timedelta(hours=1))
    [{'created_at': '2026-11-20T00:30:00Z', 'name': 'Ada'}]
    """
    return [{column: _moved(cell, span) for column, cell in row.items()} for row in rows]


def _moved(cell: str, span: timedelta) -> str:
    if not _TIME.fullmatch(cell):
        return cell
    return (datetime.fromisoformat(cell) + span).isoformat().replace("+00:00", "Z")
