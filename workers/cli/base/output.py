"""Print for people and programs: JSON and tables on stdout; notices and progress on stderr.

On a terminal tables and progress bars are drawn; elsewhere the same comes as plain lines, nothing cut off. A
value cannot begin a new line; `workers.cli.base.terminal` removes control codes from everything printed.
"""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from domain.documents import JsonMapping
from workers.cli.base.formatting import form
from workers.cli.base.terminal import drawing, escaped, line

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

#: seconds between two plain lines of progress
PLAIN_INTERVAL = 5.0
#: characters of a column that is never broken; wider ones may be broken down to this
NARROW = 16


def notice(text: str) -> None:
    """Print one line for people on stderr."""
    click.echo(line(text), err=True)


def say(text: str) -> None:
    """Print one line for people on stdout."""
    click.echo(line(text))


def emit(document: JsonMapping) -> None:
    """Print one JSON object on stdout; NaN and infinity raise, since other readers do not know them."""
    click.echo(escaped(json.dumps(document, ensure_ascii=False, allow_nan=False)))


def plain(value: object) -> str:
    """Return a value as one line of text in a person's form, without the control characters of foreign data."""
    return line(form(value))


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a titled table: drawn on a terminal, in blocks on a narrow one, as aligned lines elsewhere."""
    names = [line(name) for name in columns]
    cells = [[plain(value) for value in row] for row in rows]
    if sys.stdout.isatty():
        _drawn(line(title), names, cells)
    else:
        _lines(line(title), names, cells)


def filled(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> tuple[list[str], list[list[object]]]:
    """Return a table without the columns that are empty in all rows; one without rows keeps them all.

    >>> filled(("lead", "due by", "note"), [("A", None, ""), ("B", None, "new")])
    (['lead', 'note'], [['A', ''], ['B', 'new']])
    """
    told = [at for at in range(len(columns)) if not rows or any(row[at] not in (None, "") for row in rows)]
    return [columns[at] for at in told], [[row[at] for at in told] for row in rows]


def _drawn(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    # what draws takes a tenth of a second to import, and only a terminal needs it
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn, console = Table(title=Text(title), title_justify="left"), Console(file=drawing(sys.stdout))
    needed = 1
    for name, *cells in zip(columns, *rows, strict=True):
        widest = max(map(len, (name, *cells)))
        drawn.add_column(Text(name), no_wrap=widest <= NARROW, overflow="fold")
        needed += min(widest, NARROW) + 3
    for row in rows:
        drawn.add_row(*map(Text, row))
    if needed <= console.width:
        console.print(drawn)
    else:  # its words would be cut off
        _stacked(title, columns, rows)


def _stacked(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    width = max(map(len, columns))
    click.echo(title)
    for row in rows:
        click.echo()
        for column, cell in zip(columns, row, strict=True):
            if cell:
                _named(column, cell, width)


def _lines(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    click.echo(title)
    for row in (columns, *rows):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def facts(title: str, pairs: Mapping[str, object]) -> None:
    """Print a titled list of names and values."""
    width = max((len(name) for name in pairs), default=0)
    say(title)
    for name, value in pairs.items():
        _named(line(name), plain(value), width)


def _named(name: str, text: str, width: int) -> None:
    """Print a name and its value; on a terminal the value is broken between words and goes on below itself."""
    start = f"  {name.ljust(width)}  "
    room = shutil.get_terminal_size().columns - len(start)
    is_wide = not sys.stdout.isatty() or room < NARROW
    # an id that is too long stays whole, for people to copy
    parts = [text] if is_wide else textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False)
    click.echo(f"{start}{parts[0] if parts else ''}".rstrip())
    for part in parts[1:]:
        click.echo(" " * len(start) + part)


@dataclass(slots=True)
class PlainProgress:
    """Progress as lines, one every few seconds and one at the end."""

    label: str
    printed_at: float = 0.0
    printed: tuple[int, int] | None = None

    def __call__(self, done: int, total: int) -> None:
        """Print the progress when it has changed."""
        now = time.monotonic()
        if (done, total) == self.printed or (done < total and now - self.printed_at < PLAIN_INTERVAL):
            return
        self.printed_at, self.printed = now, (done, total)
        notice(f"{self.label}: {done} of {total}")


@dataclass(slots=True)
class DrawnProgress:
    """Progress as a bar."""

    bar: Progress
    task: TaskID

    def __call__(self, done: int, total: int) -> None:
        """Move the bar."""
        self.bar.update(self.task, completed=done, total=total or None)


@contextmanager
def progress(label: str) -> Iterator[PlainProgress | DrawnProgress]:
    """Yield a callable that takes (done, total) and shows it on stderr."""
    if not sys.stderr.isatty():
        yield PlainProgress(label)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    name = TextColumn("{task.description}", markup=False)
    columns = (name, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=drawing(sys.stderr))) as bar:
        yield DrawnProgress(bar, bar.add_task(line(label), total=None))
