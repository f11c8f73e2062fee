"""`hearth evaluate refusals`: measure how refusals of contact are read."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from ml.errors import LabelsError
from ml.language import evaluation
from workers.cli.base.command import Command, CommandFailed, example, json_option
from workers.cli.base.output import emit, facts
from workers.cli.evaluate.tables import FILE, open_tables, require_column


@click.command(cls=Command, epilog=example("hearth evaluate refusals messages.csv --text body --label label"))
@click.argument("path", metavar="FILE", type=FILE)
@click.option("--text", required=True, metavar="COL", help="The column that holds the messages.")
@click.option("--label", required=True, metavar="COL", help="The column that says refusal or none.")
@click.option("--columns", metavar="A,B", help="Names of the columns of a file without a header.")
@json_option
def refusals(*, path: Path, text: str, label: str, columns: str | None, as_json: bool) -> None:
    """Measure how refusals of contact are read: FILE is delimited text, or such as .gz, of labelled messages.

    recall is the share of the refusals that are read as clear or in doubt; the other two are shares of the messages
    that refuse nothing.
    """
    messages = open_tables([path], columns, label)
    require_column(messages, text, "--text")
    try:
        metrics = asdict(evaluation.evaluate(messages.columns[text], messages.columns[label]))
    except LabelsError as error:
        raise CommandFailed(f"{messages.name}, column {label!r}: {error}") from error
    if as_json:
        emit(metrics)
    else:
        facts(path.name, metrics)
