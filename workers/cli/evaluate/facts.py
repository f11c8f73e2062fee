"""`hearth evaluate facts`: measure how facts of a conversation are read."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from ml.errors import LabelsError
from workers.cli.base.command import Command, CommandFailed, example, json_option
from workers.cli.base.output import emit, table
from workers.cli.evaluate.tables import FILE


@click.command(cls=Command, epilog=example("hearth evaluate facts dialogues.jsonl"))
@click.argument("path", metavar="FILE", type=FILE)
@json_option
def facts(*, path: Path, as_json: bool) -> None:
    """Measure how facts are read in dialogues: visit dates, beds, baths and questions of the user's turns.

    FILE has one turn a line, as a JSON object with speaker, text, slots and acts; or it is such a file as .gz.
    """
    # loaded here: the grammars take a moment, and a list of commands does not need them
    from ml.language.facts.evaluation import evaluate

    try:
        figures = asdict(evaluate(_lines(path)))
    except LabelsError as error:
        raise CommandFailed(f"{path.name}, {error}") from error
    except (UnicodeError, gzip.BadGzipFile, EOFError, zlib.error):
        raise CommandFailed(f"{path.name}: neither UTF-8 text nor such a text as .gz") from None
    if not figures["turns"]:
        raise CommandFailed(f"{path.name}: no turn of a user")
    if as_json:
        emit(figures)
    else:
        title = f"{path.name}: {figures.pop('turns')} turns"
        columns = tuple(next(iter(figures.values())))
        table(title, ("kind", *columns), [(kind, *each.values()) for kind, each in figures.items()])


def _lines(path: Path) -> Iterator[str]:
    with path.open("rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
    if zipped:
        with gzip.open(path, "rt", encoding="utf-8") as text:
            yield from text
    else:
        with path.open(encoding="utf-8-sig") as text:
            yield from text
