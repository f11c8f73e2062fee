"""`hearth evaluate sentiment`: measure how well polarity is read, against ratings or labels of people."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from domain.documents import JsonObject
from ml.errors import LabelsError
from workers.cli.base.command import Command, CommandFailed, example, json_option
from workers.cli.base.output import emit, facts, notice
from workers.cli.evaluate.csv_table import Table
from workers.cli.evaluate.tables import FILE, open_tables, require_column

#: more folds than these say no more
_MOST_FOLDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    text: str
    rating: str | None
    label: str | None
    positive: str | None
    negative: str | None
    folds: int | None


@click.command(cls=Command, epilog=example("hearth evaluate sentiment reviews.csv --text body --rating stars"))
@click.argument("path", metavar="FILE", type=FILE)
@click.option("--text", required=True, metavar="COL", help="The column that holds the texts.")
@click.option("--rating", metavar="COL", help="The column that holds a number; higher is more positive.")
@click.option("--label", metavar="COL", help="The column that holds a label, instead of a rating.")
@click.option("--positive", metavar="V", help="The label of a positive text.")
@click.option("--negative", metavar="V", help="Leave out rows with another label than --positive and this one.")
@click.option("--folds", type=click.IntRange(2, _MOST_FOLDS), help="With --rating: also fit heads on the file itself.")
@click.option("--columns", metavar="A,B", help="Names of the columns of a file without a header.")
@json_option
def sentiment(*, path: Path, columns: str | None, as_json: bool, **named: str | int | None) -> None:
    """Measure how well polarity is read: FILE is delimited text, or such as .gz, with a rating or a label.

    The shipped head is asked as it is; beside it stand VADER and TextBlob alone. With --folds, heads of the same form
    are fitted on the other parts of the file: what ratings of your own kind of text would be worth.
    """
    options = _Options(**named)  # type: ignore[arg-type]  # click has checked them
    _check(options)
    target, option = (options.rating, "--rating") if options.rating else (options.label or "", "--label")
    read = open_tables([path], columns, target, option=option)
    require_column(read, options.text, "--text")
    try:
        found = _by_rating(read, options) if options.rating else _by_label(read, options)
    except LabelsError as error:
        raise CommandFailed(f"{read.name}, column {target!r}: {error}") from error
    _say_what_was_learnt_from(path)
    if as_json:
        emit(found)
    else:
        facts(path.name, _flat(found))


def _check(options: _Options) -> None:
    """Raise a wrong usage of options that do not go together."""
    if bool(options.rating) == bool(options.label):
        raise click.UsageError("give either --rating or --label")
    if bool(options.label) != bool(options.positive) or (options.negative and not options.label):
        raise click.UsageError("--label needs --positive, and --positive and --negative need --label")
    if options.folds and not options.rating:
        raise click.UsageError("--folds needs --rating")


def _by_rating(read: Table, options: _Options) -> JsonObject:
    # the readers' word lists and numpy, which a list of commands does not need
    from ml.language.sentiment import evaluation

    cells = read.columns[options.rating or ""]
    texts = _kept(read.columns[options.text], cells, [bool(cell.strip()) for cell in cells])
    ratings = _ratings(cells)
    found: JsonObject = asdict(evaluation.against_ratings(texts, ratings))
    if options.folds:
        rated = evaluation.rated(texts, ratings, ["all"] * len(texts))
        found["folds"] = {"folds": options.folds, "pearson": evaluation.five_folds(rated, folds=options.folds)["all"]}
    return found


def _by_label(read: Table, options: _Options) -> JsonObject:
    from ml.language.sentiment import evaluation

    cells = read.columns[options.label or ""]
    counted = [_counts(cell.strip(), options) for cell in cells]
    texts = _kept(read.columns[options.text], cells, counted)
    labels = [cell for cell, counts in zip(cells, counted, strict=True) if counts]
    return asdict(evaluation.against_labels(texts, labels, options.positive or ""))


def _counts(label: str, options: _Options) -> bool:
    return label in (options.positive, options.negative) if options.negative else bool(label)


def _kept(texts: Sequence[str], cells: Sequence[str], counted: Sequence[bool]) -> list[str]:
    """Return the texts that count; print how many do not."""
    kept = [text for text, counts in zip(texts, counted, strict=True) if counts]
    if len(kept) < len(cells):
        notice(f"{len(cells) - len(kept)} rows without one of the labels or ratings are left out")
    return kept


def _ratings(cells: Sequence[str]) -> list[float]:
    """Return the ratings of the cells that hold one. Raises LabelsError that names the row."""
    ratings = []
    for row, cell in enumerate(cells, start=1):
        if cell.strip():
            try:
                ratings.append(float(cell))
            except ValueError:
                raise LabelsError(f"row {row}: the rating is no number") from None
            if not math.isfinite(ratings[-1]):
                raise LabelsError(f"row {row}: the rating is no number")
    return ratings


def _say_what_was_learnt_from(path: Path) -> None:
    """Print a warning where the shipped head learnt from this very file."""
    from ml.language.sentiment.reader import shipped

    files = shipped().about.get("files", {})
    if hashlib.sha256(path.read_bytes()).hexdigest() in files.values():
        notice("the shipped head learnt from this file, so its figures here are too good; see --folds")


def _flat(found: JsonObject) -> JsonObject:
    """Return the figures with one name each: "pearson vader"."""
    flat: JsonObject = {}
    for name, value in found.items():
        inner = {f"{name} {key}": figure for key, figure in value.items()} if isinstance(value, dict) else {name: value}
        flat |= _flat(inner) if any(isinstance(figure, dict) for figure in inner.values()) else inner
    return flat
