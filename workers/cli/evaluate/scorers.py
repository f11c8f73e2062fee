"""`hearth evaluate leads` and `churn`: cross-validate a model on any table, with the code that trains it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from domain.documents import JsonObject
from ml.arrays import Bools
from ml.churn.scorer import ChurnScorer
from ml.ensemble.baseline import plain_boosting
from ml.ensemble.explained import clamped
from ml.ensemble.intervals import covered
from ml.ensemble.scorer import EnsembleScorer
from ml.errors import LabelsError
from ml.features.catalogue import COLUMN
from ml.features.prohibited import refused
from ml.leads import LeadScorer, Training, train
from ml.profiles import FeatureMatrix
from ml.training.evaluation import Metrics
from ml.training.evaluation import evaluate as judge
from ml.training.tabular import Target, read_columns, read_labels
from workers.cli.base.command import Command, CommandFailed, example, json_option
from workers.cli.base.output import emit, facts, notice, progress, table
from workers.cli.evaluate import csv_table
from workers.cli.evaluate.csv_table import Table
from workers.cli.evaluate.tables import FILE, open_tables

#: figures of every report, in its order
FIGURES = ("auc", "pr_auc", "accuracy", "brier", "ece", "lift_top_decile", "recall_top_decile")
#: features that are shown to people
MOST_SHOWN = 10


OPTIONS: tuple[Callable[[Callable[..., None]], Callable[..., None]], ...] = (
    click.argument("paths", metavar="FILE…", nargs=-1, required=True, type=FILE),
    click.option("--target", required=True, metavar="COL", help="The column with the outcome of a row."),
    click.option("--positive", metavar="V", help="The target's value that counts as yes; yes, 1, true, won are known."),
    click.option("--drop", default="", metavar="A,B", help="Columns that the model must not see."),
    click.option("--columns", metavar="A,B", help="Names of the columns of files without a header."),
    click.option("--folds", type=click.IntRange(2, 20), default=5, show_default=True, help="Parts to cross-validate."),
    click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Makes it repeatable."),
    click.option(
        "--holdout-last",
        type=click.FloatRange(0.05, 0.95),
        metavar="SHARE",
        help="Also train on the first rows and judge on this last share of them, in file order.",
    ),
    click.option("--allow-leaks", is_flag=True, help="Also use the columns that know the outcome."),
    click.option("--fair", is_flag=True, help="Leave out columns that may not be features of real leads (age, zip …)."),
    json_option,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of the command line."""

    paths: tuple[Path, ...]
    target: str
    positive: str | None
    drop: str
    columns: str | None
    folds: int
    seed: int
    holdout_last: float | None
    allow_leaks: bool
    fair: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Labels and features to evaluate, and how."""

    matrix: FeatureMatrix
    target: Target
    #: columns that were left out or that no model for real leads would get, with the reason
    refused: Mapping[str, str]
    folds: int
    seed: int
    allow_leaks: bool


def asking(command: Callable[..., None]) -> Callable[..., None]:
    """Return the options of an evaluation of any table."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


@click.command(cls=Command, epilog=example("hearth evaluate leads leads.csv --target Converted --drop Tags,Notes"))
@asking
def leads(*, as_json: bool, **options: Any) -> None:
    """Cross-validate the lead scorer on any table: FILE is delimited text with any columns, or such as .gz.

    Several files with the same columns are put below each other, others are joined by their common key. Columns that
    know the outcome are named and left out.
    """
    _answer(Options(**options), LeadScorer, as_json=as_json)


@click.command(cls=Command, epilog=example("hearth evaluate churn customers.csv --target Churn"))
@asking
def churn(*, as_json: bool, **options: Any) -> None:
    """Cross-validate the churn model on any table, with its three members beside it.

    Files are read as by `hearth evaluate leads`; the target says who went away. lr is the logistic regression, rf the
    random forest, gb gradient boosting.
    """
    _answer(Options(**options), ChurnScorer, as_json=as_json)


def _answer(options: Options, kind: type[EnsembleScorer], *, as_json: bool) -> None:
    started = time.monotonic()
    joined = open_tables(options.paths, options.columns, options.target)
    request = question(joined, options)
    report = _report(request, kind)
    if options.holdout_last is not None:
        report["out_of_time"] = _out_of_time(_without_leaks(request, report), kind, options.holdout_last)
    report["seconds"] = round(time.monotonic() - started, 1)
    if as_json:
        emit(report)
    else:
        show(options.paths[0].name, report)


def names_of(drop: str, joined: Table, target: str) -> list[str]:
    """Return the columns to leave out; an unknown one is wrong usage, since a typing error would be a leak."""
    names = [name.strip() for name in drop.split(",") if name.strip()]
    unknown = [name for name in names if name not in joined.columns]
    if unknown:
        raise click.BadParameter(f"no column {', '.join(map(repr, unknown))} in the file", param_hint="--drop")
    return [*names, target]


def question(joined: Table, options: Options) -> Question:
    """Return labels and features; raise CommandFailed when they cannot be read."""
    left_out = names_of(options.drop, joined, options.target)
    columns = {name: cells for name, cells in joined.columns.items() if name not in left_out}
    banned = refused(columns)
    try:
        labels = read_labels(joined.columns[options.target], options.positive)
    except LabelsError as error:
        raise CommandFailed(f"{joined.name}, column {options.target!r}: {error}") from error
    _require(joined, options.target, labels, options.folds)
    chosen = {name: cells for name, cells in columns.items() if not (options.fair and name in banned)}
    if not chosen:
        raise CommandFailed(f"{joined.name}: no column is left to learn from")
    matrix = read_columns(chosen, csv_table.moments).take(labels.rows)
    if len(labels.rows) < len(joined):
        notice(f"{len(joined) - len(labels.rows)} rows without a label are left out")
    return Question(
        matrix=matrix,
        target=labels,
        refused=banned,
        folds=options.folds,
        seed=options.seed,
        allow_leaks=options.allow_leaks,
    )


def _require(joined: Table, target: str, labels: Target, folds: int) -> None:
    won = int(labels.labels.sum())
    lost = len(labels.labels) - won
    if min(won, lost) < folds:
        counts = f"{won} rows are {labels.positive!r} and {lost} are not"
        raise CommandFailed(f"{joined.name}, column {target!r}: {counts}; {folds} folds need {folds} of each")


def figures(metrics: Metrics) -> JsonObject:
    """Return the figures of every report."""
    return {name: getattr(metrics, name) for name in FIGURES}


def _report(request: Question, kind: type[EnsembleScorer]) -> JsonObject:
    training = _trained(request.matrix, request.target.labels, request, kind, label="evaluating")
    return {
        "rows": training.rows,
        "positive": request.target.positive,
        "base_rate": training.metrics.base_rate,
        **figures(training.metrics),
        "intervals": {name: list(bounds) for name, bounds in training.metrics.intervals.items()},
        "baselines": {**_baselines(training), "plain_boosting": _plain_boosting(request, training)},
        "leakage": [
            {"column": _plain(name), "auc": auc, "why": training.leak_reasons[name]}
            for name, auc in training.leaks.items()
        ],
        "members": {
            name: {"rows": metrics.rows, "base_rate": metrics.base_rate, **figures(metrics)}
            for name, metrics in training.members.items()
        },
        "weights": dict(training.weights),
        "choice": training.choice,
        "options": dict(training.options),
        "interval": None if training.interval is None else asdict(training.interval),
        "bands": [asdict(band) for band in training.bands],
        "top": {_plain(name): size for name, size in list(training.top.items())[:MOST_SHOWN]},
        "dropped": {_plain(name): why for name, why in training.dropped.items()},
        "not_for_real_leads": dict(request.refused),
    }


def _trained(
    matrix: FeatureMatrix, labels: Bools, request: Question, kind: type[EnsembleScorer], *, label: str
) -> Training:
    with progress(label) as show_progress:
        return train(
            matrix,
            labels,
            seed=request.seed,
            folds=request.folds,
            allow_leaks=matrix.columns if request.allow_leaks else (),
            progress=show_progress,
            scorer=kind(),
        )


def _baselines(training: Training) -> JsonObject:
    """Return the base rate, and the best column alone of those that may be learnt from."""
    alone = next(((name, auc) for name, auc in training.alone.items() if name not in training.dropped), None)
    baselines = {name: figures(metrics) for name, metrics in training.baselines.items()}
    return baselines if alone is None else {**baselines, "best_column": {"column": _plain(alone[0]), "auc": alone[1]}}


def _plain_boosting(request: Question, training: Training) -> JsonObject:
    """Return the figures of one plain boosting on the same columns and folds: what the ensemble has to be worth."""
    refused_columns = set() if request.allow_leaks else set(training.leaks)
    usable = request.matrix.select([name for name in request.matrix.columns if name not in refused_columns])
    labels = request.target.labels
    predictions = plain_boosting(usable, labels, seed=request.seed, folds=request.folds)
    return figures(judge(labels, predictions, seed=request.seed))


def _without_leaks(request: Question, report: JsonObject) -> Question:
    """Leave out what leaks over all rows, which the first rows alone may be too few to show."""
    named = {leak["column"] for leak in report["leakage"]}
    if request.allow_leaks or not named:
        return request
    kept = [name for name in request.matrix.columns if _plain(name) not in named]
    return replace(request, matrix=request.matrix.select(kept))


def _out_of_time(request: Question, kind: type[EnsembleScorer], share: float) -> JsonObject:
    """Train on the first rows, evaluate on the last."""
    labels = request.target.labels
    cut = len(labels) - round(share * len(labels))
    first, last = np.arange(cut), np.arange(cut, len(labels))
    for part, name in ((first, "first"), (last, "last")):
        if min(labels[part].sum(), (~labels[part]).sum()) < request.folds:
            raise CommandFailed(f"--holdout-last {share:g}: the {name} {len(part)} rows hold too few of one outcome")
    earlier = request.matrix.take(first)
    training = _trained(earlier, labels[first], request, kind, label="out of time")
    log_odds = training.scorer.quick_log_odds(request.matrix.take(last))
    predictions = clamped(log_odds)
    metrics = judge(labels[last], predictions, seed=request.seed, scores=log_odds)
    rate = np.full(len(last), training.metrics.base_rate)
    return {
        "rows": len(last),
        "trained_on": len(first),
        "base_rate": metrics.base_rate,
        **figures(metrics),
        "intervals": {name: list(bounds) for name, bounds in metrics.intervals.items()},
        "coverage": None if training.interval is None else covered(predictions, labels[last], training.interval),
        "baselines": {"base_rate": figures(judge(labels[last], rate, seed=request.seed))},
    }


def _plain(name: str) -> str:
    return name.removeprefix(COLUMN)


def show(title: str, report: JsonObject) -> None:
    """Print a report for people."""
    facts(title, {"rows": report["rows"], "positive": report["positive"], "base rate": report["base_rate"]})
    rows = [("hearth", report), *report["members"].items(), *report["baselines"].items()]
    if "out_of_time" in report:
        rows.append(("hearth, out of time", report["out_of_time"]))
    figures_by_scorer = [(name, *(metrics.get(figure) for figure in FIGURES)) for name, metrics in rows]
    table("out of fold", ("scorer", *FIGURES), figures_by_scorer)
    facts("the model", {"members": report["choice"], **_interval(report)})
    bands = [(f"{b['low']:.0%} to {b['high']:.0%}", b["rows"], b["positives"], b["came"]) for b in report["bands"]]
    table("predicted and observed shares", ("predicted", "rows", "positive", "observed"), bands)
    facts("what counts most, in log-odds", report["top"])
    for title_, pairs in _asides(report).items():
        if pairs:
            facts(title_, pairs)
    notice(f"{report['seconds']} s")


def _interval(report: JsonObject) -> JsonObject:
    interval = report["interval"]
    return (
        {}
        if interval is None
        else {"interval": f"{interval['level']:.0%} promised, {interval['coverage']:.0%} measured"}
    )


def _asides(report: JsonObject) -> dict[str, JsonObject]:
    return {
        "LEAKAGE: these columns know the outcome": {
            leak["column"]: f"{leak['auc']:.3f} alone; {leak['why']}" for leak in report["leakage"]
        },
        "unused columns": report["dropped"],
        "columns that a model for real leads would not get (--fair)": report["not_for_real_leads"],
    }
