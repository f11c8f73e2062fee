"""The demo's sample of leads, moved in time: its "today" becomes the moment at which the demo runs.

The file in `examples/` ends on a written day, so that it is the same for everybody. What is computed of leads depends
on how long ago something was, so a demo on any other day would show leads that nobody has called for weeks.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

SAMPLE = Path(__file__).parents[3] / "examples" / "leads.csv"
#: a time of the sample, in whatever column
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@contextmanager
def moved_to(now: datetime, sample: Path = SAMPLE) -> Iterator[Path]:
    """Yield a copy of the sample in which every time is moved by one span, so that the newest `as_of` is `now`.

    The copy is gone when the block ends. `now` is aware; it counts to the second.
    """
    with sample.open(encoding="utf-8", newline="") as source:
        reader = csv.DictReader(source)
        columns, rows = list(reader.fieldnames or ()), list(reader)
    with TemporaryDirectory(prefix="hearth-demo-") as folder:
        copy = Path(folder) / sample.name
        with copy.open("w", encoding="utf-8", newline="") as target:
            writer = csv.DictWriter(target, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(moved(rows, now.replace(microsecond=0) - today_of(rows)))
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
