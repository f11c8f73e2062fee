"""`hearth evaluate stream`: learn a table from top to bottom, as the online models do; each row is scored first."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from domain.documents import JsonObject
from ml.errors import LabelsError
from workers.cli.base.command import Command, CommandFailed, example, json_option
from workers.cli.base.output import emit, facts, notice, progress, table
from workers.cli.evaluate import csv_table
from workers.cli.evaluate.csv_table import Table
from workers.cli.evaluate.tables import FILE, open_tables

if TYPE_CHECKING:
    from ml.online.drift_score import Positions
    from ml.online.encoding import Value
    from ml.online.evaluation import StreamFigures

#: rows between two lines of progress
_STEP = 200
#: weights that are shown to people
_MOST_SHOWN = 6


@click.command(cls=Command, epilog=example("hearth evaluate stream elec.csv.gz --target class --delay 48"))
@click.argument("paths", metavar="FILE…", nargs=-1, required=True, type=FILE)
@click.option(
    "--target", required=True, metavar="COL", help="The column with the outcome of a row, of 2 to 100 values."
)
@click.option("--drop", default="", metavar="A,B", help="Columns that the learners must not see.")
@click.option("--columns", metavar="A,B", help="Names of the columns of files without a header.")
@click.option(
    "--delay", type=click.IntRange(min=0), default=0, show_default=True, help="Rows until outcomes are known."
)
@click.option(
    "--positions", type=FILE, metavar="FILE.json", help='Where it really changes: {"drifts":[row],"width":1}.'
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Makes it repeatable.")
@json_option
def stream(
    *,
    paths: tuple[Path, ...],
    target: str,
    drop: str,
    columns: str | None,
    delay: int,
    positions: Path | None,
    seed: int,
    as_json: bool,
) -> None:
    """Learn a table from top to bottom with the eight online learners, and score each row before it is learnt.

    blend is what serves. Beside it stand each learner alone, a race with one leader, the last known outcome said again,
    and what the drift detectors say of the blend's errors.
    """
    started = time.monotonic()
    read = open_tables(paths, columns, target)
    known = None if positions is None else _positions(positions)
    rows, labels = _rows(read, target, drop)
    figures = _evaluated(read.name, rows, labels, seed=seed, delay=delay, positions=known)
    report = {**asdict(figures), "seconds": round(time.monotonic() - started, 1)}
    if as_json:
        emit(report)
    else:
        _show(read.name, report)


def _rows(read: Table, target: str, drop: str) -> tuple[list[Mapping[str, Value]], list[str]]:
    """Return features and labels of the rows that have a label; the type of a column is that of all of its cells."""
    # numpy and what reads dates, which a list of commands does not need
    from ml.training.tabular import read_columns
    from workers.cli.evaluate.scorers import names_of

    left_out = names_of(drop, read, target)
    chosen = {name: cells for name, cells in read.columns.items() if name not in left_out}
    if not chosen:
        raise CommandFailed(f"{read.name}: no column is left to learn from")
    labels = [label.strip() for label in read.columns[target]]
    labelled = [row for row, label in enumerate(labels) if label]
    if len(labelled) < len(labels):
        notice(f"{len(labels) - len(labelled)} rows without a label are left out")
    matrix = read_columns(chosen, csv_table.moments).take(labelled)
    return [dict(row) for row in matrix.to_rows()], [labels[row] for row in labelled]


def _evaluated(
    name: str,
    rows: list[Mapping[str, Value]],
    labels: list[str],
    *,
    seed: int,
    delay: int,
    positions: Positions | None,
) -> StreamFigures:
    # River, which a list of commands does not need
    from ml.online import evaluation

    def shown(numbers: Iterable[int]) -> Iterator[int]:
        with progress("learning") as show:
            for number in numbers:
                if number % _STEP == 0:
                    show(number, len(rows))
                yield number

    try:
        return evaluation.evaluate(rows, labels, seed=seed, delay=delay, positions=positions, progress=shown)
    except LabelsError as error:
        raise CommandFailed(f"{name}: {error}") from error


def _positions(path: Path) -> Positions:
    from ml.online.drift_score import Positions

    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        drifts, width = tuple(document["drifts"]), document.get("width", 1)
    except (ValueError, TypeError, KeyError, AttributeError):
        drifts, width = (), None
    if width is None or not all(type(value) is int and value >= 0 for value in (*drifts, width)):
        raise CommandFailed(f'{path.name}: must be such as {{"drifts": [20000, 35000], "width": 1}}, in rows')
    return Positions(drifts=drifts, width=width)


def _show(name: str, report: JsonObject) -> None:
    blend, race, no_change = report["blend"], report["race"], report["no_change"]
    facts(name, {"rows": report["rows"], "classes": report["classes"], "label delay": report["delay"]})
    learners = [
        (learner, own["accuracy"], own["log_loss"], own["kappa"], f"{own['rows_per_second']:.0f}")
        for learner, own in report["learners"].items()
    ]
    others = [
        ("blend, which serves", blend["accuracy"], blend["log_loss"], blend["kappa"], ""),
        (f"race, led by {race['leader']}", race["accuracy"], race["log_loss"], "", ""),
        ("as last time", no_change["accuracy"], "", "", ""),
    ]
    table("test, then train", ("scorer", "accuracy", "log_loss", "kappa", "rows a second"), [*others, *learners])
    facts("the blend", {"ece": blend["ece"], "kappa_t": blend["kappa_t"]})
    facts("its weights at the end", dict(list(blend["weights"].items())[:_MOST_SHOWN]))
    facts("drift of its errors", {key: _plain(value) for key, value in report["drift"].items()})
    notice(f"{report['seconds']} s")


def _plain(value: object) -> object:
    return ", ".join(map(str, value)) or "none" if isinstance(value, tuple | list) else value
