"""`hearth train` and `hearth models`: the registry of model versions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from db.records import FeedbackTally, ModelRecord
from db.repositories import tenants
from db.repositories.models import models as registry
from db.repositories.overrides import score_feedback
from db.session import reading
from domain.closed_leads import in_words
from domain.documents import JsonMapping, JsonObject
from domain.model_kinds import KIND_LABELS, words_of
from workers.base.settings import settings
from workers.cli.base.client import client
from workers.cli.base.command import Command, CommandFailed, example, json_option, tenant_option
from workers.cli.base.database import database
from workers.cli.base.formatting import moment
from workers.cli.base.output import emit, facts, filled, say, table
from workers.cli.events import moment as when
from workers.cli.models.answering import (
    promote_model,
    refuse_model,
    require_version,
    rollback_model,
    show_answering,
    show_history,
)
from workers.cli.models.monitor import monitor
from workers.pages import load, write

KINDS = tuple(KIND_LABELS)
TRAINED = (
    *("run_id", "kind", "rows", "metrics", "promoted", "verdict", "bands_changed", "reason", "version"),
    *("usable", "left_out", "missing"),
)
#: verdict -> what it means for a new version that does not answer
VERDICTS = {
    "shadow": "kept as a shadow",
    "ask": "waits for a yes (`hearth models promote`)",
    "refuse": "refused",
}
#: metrics shown beside the baselines
COMPARED = ("auc", "pr_auc", "brier", "lift_top_decile")
PAGE = click.Path(dir_okay=False, path_type=Path)
#: seconds a training may take
PATIENCE = 600.0


@click.command(
    cls=Command, epilog=example("hearth train lead_score --tenant demo", "hearth train churn --tenant demo --json")
)
@click.argument("kind", type=click.Choice(KINDS))
@tenant_option
@click.option(
    "--promote",
    type=click.Choice(("auto", "ask", "never")),
    default="auto",
    show_default=True,
    help="What earns it answers at once, after a person's yes, or never.",
)
@click.option(
    "--scope",
    type=click.Choice(("tenant", "pooled")),
    default="tenant",
    show_default=True,
    help="The tenant's own leads, or those of all of its vertical that agreed to share.",
)
@json_option
def train(kind: str, tenant: str, promote: str, scope: str, as_json: bool) -> None:
    """Train a model on what became of a tenant's leads and promote it if it earns it.

    Fails where nothing is trained, as with too few closed leads; the same data trained before is no failure.
    """
    with client(tenant) as caller:
        data = caller.call("hearth.models.train", patience=PATIENCE, kind=kind, promote=promote, scope=scope)
    if as_json:
        emit({name: data.get(name) for name in TRAINED})
    elif data["version"] is not None:
        show_training(data)
    if data["version"] is None:
        raise CommandFailed(f"nothing was trained: {data['reason']}")


def show_training(data: JsonObject) -> None:
    """Print the result of a training beside the base rate that it has to beat."""
    version = data.get("version") or "no version"
    came = "promoted" if data["promoted"] else VERDICTS.get(data.get("verdict") or "", "not promoted")
    title = f"{version}: {came}, {data['reason']}"
    figures = {name: value for name, value in (data["metrics"] or {}).items() if isinstance(value, (int, float))}
    facts(title, {"kind": data["kind"], "rows": data["rows"], **figures})
    if usable := data.get("usable"):
        say(in_words(usable))
    if moved := data.get("bands_changed"):
        say(f"open leads whose band changes: {moved['share']:.0%} of {moved['leads']}, {moved['up']} up")


@click.group(epilog=example("hearth models list --tenant demo"))
def models() -> None:
    """The registry: list, show and promote versions, and go back."""


@models.command(
    "list",
    cls=Command,
    epilog=example(
        "hearth models list --tenant demo --json", "hearth models list --tenant demo --at 2026-11-01T08:00Z"
    ),
)
@tenant_option
@click.option("--at", type=when, metavar="TIME", help="Who answered then, instead: 2026-03-01T08:00Z, 7d, 12h.")
@json_option
def list_models(tenant: str, at: datetime | None, as_json: bool) -> None:
    """All versions of a tenant's models, newest first; or who answered at a time."""
    if at is not None:
        show_answering(tenant, at, as_json=as_json)
        return
    with database(settings()), reading(tenant) as session:
        tenants.require(session, tenant)
        versions = registry.versions(session, tenant)
    if as_json:
        emit({"models": [_brief(model) for model in versions]})
        return
    if not versions:
        say(f"{tenant} has no model of its own yet; `hearth tenant readiness {tenant}` says what is missing")
        return
    rows = [(m.version, m.state, m.scope, m.rows, _metric(m, "auc"), m.trained_at, _retrain(m)) for m in versions]
    columns = ("version", "state", "scope", "rows", "auc", "trained at", "to be retrained")
    table(f"models of {tenant}", *filled(columns, rows))


for command in (promote_model, refuse_model, rollback_model, show_history, monitor):
    models.add_command(command)


@models.command(
    "show",
    cls=Command,
    epilog=example(
        "hearth models show lead_score-0001 --tenant demo",
        "hearth models show lead_score-0001 --tenant demo --card card.html",
    ),
)
@click.argument("version")
@tenant_option
@click.option("--card", type=PAGE, metavar="FILE", help="Write its model card, a self-contained HTML page, to FILE.")
@json_option
def show_model(version: str, tenant: str, card: Path | None, as_json: bool) -> None:
    """One version: metrics, training data, decision."""
    with database(settings()), reading(tenant) as session:
        model = require_version(session, tenant, version)
        tally = score_feedback.tallies(session, tenant).get(version)
    if card:
        write(load("model_card").page(model, tenant=tenant, marks=tally), card)
    if as_json:
        emit({**_brief(model), "report": dict(model.report), "marks": _marks(tally), **_vouched(model)})
        return
    plain = {name: value for name, value in model.metrics.items() if isinstance(value, (int, float))}
    facts(f"{model.version} of {tenant}", {"state": model.state, "rows": model.rows, **plain})
    for warning in _vouched(model)["warnings"]:
        say(f"look twice: {warning}")
    show_comparison(model)
    show_bands(f"{model.version}, scored out of fold", model)
    show_scores(f"{model.version}, by score", model)
    show_columns(model)
    decision = model.report.get("decision") or {}
    facts("marks by people, and the decision", {**_marks(tally), "decision": decision.get("reason")})


def show_columns(model: ModelRecord) -> None:
    """Print what moves scores, what was not learnt from and why, and what was probed for leaks."""
    told = _vouched(model)
    weights = [(each["meaning"], f"{each['share']:.1%}", _first(each["columns"], 4)) for each in told["importance"]]
    if weights:
        table("what moves scores", ("what it means", "share", "made of"), weights)
    refused: dict[tuple[str, str], list[str]] = {}
    for each in told["refused"]:
        refused.setdefault((each["why"], each["reason"]), []).append(each["column"])
    if refused:
        rows = [(why, reason, _first(names, 12)) for (why, reason), names in refused.items()]
        table("columns not used", ("why", "reason", "columns"), rows)
    say(f"leakage probe: {_probed(told['probe'], leaks=len(model.report.get('leaks', {})))}")


def _first(names: Sequence[str], most: int) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _probed(probe: JsonMapping, *, leaks: int) -> str:
    """Return the result of the leakage probe, which vouches for nothing that it could not ask."""
    found = f"{leaks} columns know too much" if leaks else "no column stood out"
    if probe["probed"] is None:
        return f"{found}; which columns were probed is not recorded by this version"
    if not probe["unprobed"]:
        return f"{found}; all {probe['probed']} columns that it learnt from were probed"
    unprobed = ", ".join(f"{name} ({reason})" for name, reason in probe["unprobed"].items())
    return f"{found}; {probe['probed']} columns were probed, {len(probe['unprobed'])} could not be: {unprobed}"


def _vouched(model: ModelRecord) -> JsonObject:
    """Return what the model's card says of its columns and of what it can know, as finite JSON."""
    columns, provenance = load("columns"), load("provenance")
    return {
        "importance": [weight.view() for weight in columns.weights(model.report)],
        "refused": [refusal.view() for refusal in columns.refusals(model.report)],
        "probe": provenance.probe(model.report).view(),
        "observed": provenance.timing(model).view(),
        "warnings": list(provenance.warnings(model)),
    }


def show_scores(title: str, model: ModelRecord) -> None:
    """Print the band table: of the leads in each band, the share that closed."""
    bands = model.report.get("bands_by_score", ())
    rows = [(f"{band['low']:.0%} to {band['high']:.0%}", band["rows"], band["positives"]) for band in bands]
    if rows:
        words = words_of(model.kind)
        table(title, ("scored", words.unit, words.ended), rows)


def _marks(tally: FeedbackTally | None) -> JsonObject:
    """Return how often people marked this model's scores as wrong, and why."""
    if tally is None:
        return {"wrong": 0, "right": 0}
    return {"wrong": tally.wrong, "right": tally.right, **dict(sorted(tally.reasons.items()))}


def show_comparison(model: ModelRecord) -> None:
    """Print a model's figures beside those of the baselines it has to beat."""
    compared = {model.version: model.metrics, **model.report.get("baselines", {})}
    rows = [(name, *(figures[column] for column in COMPARED)) for name, figures in compared.items()]
    table("against its baselines", ("scorer", *COMPARED), rows)


def show_bands(title: str, model: ModelRecord) -> None:
    """Print predicted and observed shares, band by band."""
    bands = model.report.get("bands", ())
    rows = [
        (f"{band['low']:.0%} to {band['high']:.0%}", band["rows"], band["positives"], band["came"]) for band in bands
    ]
    words = words_of(model.kind)
    table(title, ("said", words.unit, words.ended, f"share {words.ended}"), rows)


def _retrain(model: ModelRecord) -> str | None:
    """Return since when a model is to be trained again, since it learned from somebody who was forgotten."""
    return f"yes, since {moment(model.retrain_at)}" if model.retrain_at else None


def _metric(model: ModelRecord, name: str) -> object:
    return model.metrics.get(name)


def _brief(model: ModelRecord) -> JsonObject:
    return {
        "version": model.version,
        "kind": model.kind,
        "scope": model.scope,
        "state": model.state,
        "rows": model.rows,
        "metrics": dict(model.metrics),
        "feature_schema": model.feature_schema,
        "trained_at": model.trained_at.isoformat(),
        "promoted_at": model.promoted_at.isoformat() if model.promoted_at else None,
        "rolled_back_at": model.rolled_back_at.isoformat() if model.rolled_back_at else None,
        "retrain_at": model.retrain_at.isoformat() if model.retrain_at else None,
    }
