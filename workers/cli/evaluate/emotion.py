"""`hearth evaluate emotion`: measure how well emotions are told, by what ships or by a head fitted on a file."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from domain.documents import JsonObject
from ml.errors import LabelsError
from workers.cli.base.command import Command, CommandFailed, example, json_option
from workers.cli.base.output import emit, facts, notice, table
from workers.cli.evaluate.csv_table import Table
from workers.cli.evaluate.tables import FILE, open_tables, require_column

if TYPE_CHECKING:
    from ml.language.emotion.labels import LabelMap

#: figures that are shown to people, in this order
SHOWN = ("rows", "left_out", "accuracy", "macro_f1", "majority", "coverage_at_90", "ece", "seconds")


@click.command(cls=Command, epilog=example("hearth evaluate emotion messages.csv --text body --label emotion"))
@click.argument("path", metavar="FILE", type=FILE)
@click.option("--text", required=True, metavar="COL", help="The column that holds the messages.")
@click.option("--label", required=True, metavar="COL", help="The column with a label, or several with commas between.")
@click.option("--labels", "mapping", metavar="MAP.toml", type=FILE, help="What the labels say in the ten states.")
@click.option("--fit", metavar="TRAIN_FILE", type=FILE, help="Fit on this file's own labels instead of what ships.")
@click.option("--columns", metavar="A,B", help="Names of the columns of files without a header.")
@json_option
def emotion(
    *, path: Path, text: str, label: str, mapping: Path | None, fit: Path | None, columns: str | None, as_json: bool
) -> None:
    """Measure how well emotions are told: FILE is delimited text, or such as .gz, of labelled messages.

    Without --labels and --fit the labels are the ten states. A told label is right when it is among the row's;
    at_half_coverage is the accuracy on the half of the rows that the model is surest of.
    """
    if mapping and fit:
        raise click.UsageError("--labels is for what ships and --fit for a file's own labels: give one of them")
    started = time.monotonic()
    messages = _opened(path, text, label, columns)
    figures = _fitted(messages, _opened(fit, text, label, columns), text, label) if fit else None
    figures = figures or _shipped(messages, text, label, mapping)
    figures["seconds"] = round(time.monotonic() - started, 1)
    if as_json:
        emit(figures)
    else:
        _show(path.name, figures)


def _opened(path: Path, text: str, label: str, columns: str | None) -> Table:
    messages = open_tables([path], columns, label)
    require_column(messages, text, "--text")
    return messages


def _shipped(messages: Table, text: str, label: str, mapping: Path | None) -> JsonObject:
    from ml.language.emotion import evaluation

    try:
        mapped = None if mapping is None else _label_map(mapping)
        figures = evaluation.evaluate(messages.columns[text], messages.columns[label], mapped)
    except LabelsError as error:
        raise CommandFailed(f"{messages.name}, column {label!r}: {error}") from error
    if figures.left_out:
        notice(f"{messages.name}: {figures.left_out} rows are left out, since their labels stand for no state")
    return asdict(figures)


def _fitted(messages: Table, train: Table, text: str, label: str) -> JsonObject:
    from ml.language.emotion import evaluation

    own, learnt = messages.columns, train.columns
    try:
        return asdict(evaluation.evaluate_fitted(own[text], own[label], learnt[text], learnt[label]))
    except LabelsError as error:
        raise CommandFailed(f"{messages.name} and {train.name}, column {label!r}: {error}") from error


def _label_map(path: Path) -> LabelMap:
    from ml.language.emotion.labels import read_label_map

    try:
        return read_label_map(path.read_text(encoding="utf-8"))
    except UnicodeError:
        raise LabelsError(f"{path.name} is not UTF-8 text") from None


def _show(name: str, figures: JsonObject) -> None:
    shown = {key: figures[key] for key in SHOWN}
    shown["accuracy, surest half"] = figures["at_half_coverage"]["accuracy"]
    shown["accuracy, surest quarter"] = figures["at_quarter_coverage"]["accuracy"]
    facts(name, shown)
    rows = [(label, *own.values()) for label, own in figures["per_label"].items()]
    table("by label", ("label", "rows", "precision", "recall", "f1"), rows)
