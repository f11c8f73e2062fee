"""`hearth evaluate sendtime`: measure how well the hour of the next reply is predicted."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from domain.documents import JsonMapping, JsonObject
from ml.errors import LabelsError
from workers.cli.base.command import Command, CommandFailed, example, json_option
from workers.cli.base.output import emit, facts, notice, table
from workers.cli.evaluate import csv_table
from workers.cli.evaluate.tables import FILE, open_tables, require_column

_EXAMPLE = "hearth evaluate sendtime messages.csv --source from --target to --at sent_at"
_WAYS = ("tenant", "own", "blended")


@click.command(cls=Command, epilog=example(_EXAMPLE))
@click.argument("path", metavar="FILE", type=FILE)
@click.option("--source", required=True, metavar="COL", help="The column that says who wrote.")
@click.option("--target", required=True, metavar="COL", help="The column that says to whom.")
@click.option("--at", required=True, metavar="COL", help="The column that says when: unix seconds, or a date and time.")
@click.option("--columns", metavar="A,B", help="Names of the columns of a file without a header.")
@json_option
def sendtime(*, path: Path, source: str, target: str, at: str, columns: str | None, as_json: bool) -> None:
    """Measure how well the hour of the next reply is predicted: FILE is delimited text, or such as .gz, of messages.

    A reply is the first message back within 72 hours. The log-loss of its two-hour slot (UTC) is given for the clock of
    all people, for a person's own replies alone, and for both blended as the send window does it; half of the people
    fit how much the common clock counts, the other half is judged.
    """
    # numpy and the model behind it, which a list of commands does not need
    from ml.personalization import send_evaluation

    messages = open_tables([path], columns, target)
    require_column(messages, source, "--source")
    require_column(messages, at, "--at")
    who, whom = messages.columns[source], messages.columns[target]
    try:
        all_rows = zip(who, whom, _seconds(messages.columns[at]), strict=True)
        named = [row for row in all_rows if row[0].strip() and row[1].strip()]
        report = send_evaluation.evaluate(named)
    except LabelsError as error:
        raise CommandFailed(f"{messages.name}: {error}") from error
    except ValueError as error:
        raise CommandFailed(f"{messages.name}, column {at!r}: {error}") from error
    if len(named) < len(messages):
        notice(f"{len(messages) - len(named)} rows that do not say who wrote to whom are left out")
    metrics: JsonObject = asdict(report)
    if as_json:
        emit(metrics)
    else:
        _show(path.name, metrics)


def _show(title: str, metrics: JsonObject) -> None:
    """Print the counts, then a row of log-losses for all replies and for each length of history."""
    by_history = metrics.pop("by_history")
    ways = metrics.pop("log_loss")
    facts(title, metrics)
    rows = [["all", metrics["judged"], *_losses(ways)]]
    for bucket in by_history:
        least, most = bucket["history_from"], bucket["history_to"]
        length = f"{least} and more" if most is None else str(least) if least == most else f"{least} to {most}"
        rows.append([length, bucket["replies"], *_losses(bucket)])
    table("log-loss", ["own replies before", "replies", *_WAYS], rows)


def _losses(of_each: JsonMapping) -> list[str]:
    return [f"{of_each[way]:.4f}" for way in _WAYS]


def _seconds(cells: Sequence[str]) -> list[float]:
    """Return unix seconds of cells that hold them, or dates with a time. Raises ValueError that names the row."""
    read = _unix if _is_unix(cells) else _dated(cells)
    seconds = []
    for row, cell in enumerate(cells, start=1):
        try:
            seconds.append(read(cell))
        except ValueError:
            raise ValueError(f"row {row} is neither unix seconds nor a date and time") from None
    return seconds


def _is_unix(cells: Sequence[str]) -> bool:
    try:
        _unix(next(filter(str.strip, cells), ""))
    except ValueError:
        return False
    return True


def _unix(cell: str) -> float:
    seconds = float(cell)
    # a year alone is no moment, and nothing was written after the year 9999
    if not math.isfinite(seconds) or not 10_000 <= abs(seconds) < 253_402_300_800:
        raise ValueError
    return seconds


def _dated(cells: Sequence[str]) -> Callable[[str], float]:
    moment = csv_table.moments(cells)
    return lambda cell: moment(cell).timestamp()
