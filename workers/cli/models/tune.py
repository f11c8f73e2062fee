"""`hearth tune`: search for better hyperparameters of a kind of model."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from domain.documents import JsonObject
from domain.model_kinds import KIND_LABELS
from domain.promotions import Promoting
from domain.tuning import BUDGET, FOLDS, LIVE, MOST_BUDGET, MOST_FOLDS, MOST_TRIALS, TRIALS
from workers.cli.base.client import Client, client, reader
from workers.cli.base.command import Command, CommandFailed, example, json_option, tenant_option
from workers.cli.base.output import emit, facts, notice, progress, say, table
from workers.pages import load, write

KINDS = tuple(KIND_LABELS)
#: trials that are shown, best first
SHOWN = 10
#: seconds in which a search must have started
PATIENCE = 600.0


@click.command(
    cls=Command,
    epilog=example(
        "hearth tune lead_score --tenant demo --trials 20 --budget 30",
        "hearth tune churn --tenant demo --html tuning.html",
        "hearth tune lead_score --tenant demo --show",
    ),
)
@click.argument("kind", type=click.Choice(KINDS))
@tenant_option
@click.option(
    "--trials",
    type=click.IntRange(2, MOST_TRIALS),
    default=TRIALS,
    show_default=True,
    help="The most that are tried, the usual ones among them.",
)
@click.option("--folds", type=click.IntRange(2, MOST_FOLDS), default=FOLDS, show_default=True, help="Folds of a trial.")
@click.option(
    "--budget",
    type=click.FloatRange(0, MOST_BUDGET, min_open=True),
    default=BUDGET,
    show_default=True,
    metavar="MINUTES",
    help="Minutes that trials may take; what won is trained after them.",
)
@click.option(
    "--promote",
    type=click.Choice(("auto", "ask", "never")),
    default="auto",
    show_default=True,
    help="What earns it answers at once, after a person's yes, or never.",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Tries the same again.")
@click.option("--show", is_flag=True, help="Show the newest search of the kind; start none.")
@click.option("--detach", is_flag=True, help="Print the search's id and do not wait.")
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write what was tried, a self-contained HTML page, to FILE.",
)
@json_option
def tune(
    kind: str,
    *,
    tenant: str,
    trials: int,
    folds: int,
    budget: float,
    promote: Promoting,
    seed: int,
    show: bool,
    detach: bool,
    html: Path | None,
    as_json: bool,
) -> None:
    """Search for better hyperparameters of a kind of model, on the tenant's own leads.

    What wins is trained on all rows and answers only if it earns it, as after `hearth train`. A search that goes on is
    waited for instead of starting another. Fails where nothing could be searched or trained.
    """
    if show:
        with reader(tenant) as asking:
            study = asking.call("hearth.models.tuning", kind=kind)
    else:
        asked = {"trials": trials, "folds": folds, "budget": budget, "promote": promote, "seed": seed}
        with client(tenant) as caller:
            started = _start(caller, kind, asked)
            if detach and not caller.private:
                _tell_started(started, as_json=as_json)
                return
            study = _wait(caller, kind, started["study_id"])
    if html:
        write(load("tuning").page(study, tenant=tenant, at=datetime.now(UTC)), html)
    if as_json:
        emit(study)
    else:
        show_study(study)
    if study["state"] == "failed":
        raise CommandFailed(f"nothing was trained: {study['reason']}")


def _start(caller: Client, kind: str, asked: JsonObject) -> JsonObject:
    started = caller.call("hearth.models.tune", patience=PATIENCE, kind=kind, **asked)
    if started["study_id"] is None:
        gaps = [f"{gap} more {name.replace('_', ' ')}" for name, gap in started["missing"].items()]
        raise CommandFailed(f"there is too little to learn from: {', '.join(gaps)}")
    if not started["new"]:
        notice(f"a search of {kind} goes on; this is it")
    return started


def _wait(caller: Client, kind: str, study_id: str) -> JsonObject:
    """Wait for a search and return it; progress goes to stderr."""
    try:
        with progress(f"tuning {kind}") as shown:
            caller.follow(study_id, shown)
    except (KeyboardInterrupt, SystemExit):
        left = "the same command goes on with it" if caller.private else f"it goes on: `hearth tune {kind} --show`"
        notice(f"no longer waiting for the search; {left}")
        raise
    return caller.call("hearth.models.tuning", kind=kind, study_id=study_id)


def _tell_started(started: JsonObject, *, as_json: bool) -> None:
    if as_json:
        emit(started)
    else:
        say(started["study_id"])


def show_study(study: JsonObject) -> None:
    """Print what a search tried, best first, beside the usual hyperparameters."""
    complete = [trial for trial in study["trials"] if trial["loss"] is not None]
    ranked = sorted(complete, key=lambda trial: (trial["loss"], trial["number"]))
    rows = [(trial["number"], trial["loss"], trial["auc"], params_of(trial)) for trial in ranked[:SHOWN]]
    if rows:
        table(f"what {study['kind']} was tried with", ("trial", "log loss", "auc", "hyperparameters"), rows)
    tried = f"{len(complete)} complete of {study['planned']}"
    told = {"state": study["state"], "rows": study["rows"], "trials": tried, "stopped since": study["stop"]}
    facts(f"search {study['study_id']}", told)
    if study["state"] not in LIVE:
        version = study["version"] or "no version"
        say(f"{version}: {'promoted' if study['promoted'] else 'not promoted'}, {study['reason']}")


def params_of(trial: JsonObject) -> str:
    """Return the hyperparameters of a trial in one line."""
    return ", ".join(f"{name} {value:g}" for name, value in trial["params"].items()) or "the usual ones"
