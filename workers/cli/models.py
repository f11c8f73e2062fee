"""`hearth train` and `hearth models`: the registry of model versions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from db.records import ModelRecord
from db.repositories import models as registry
from db.repositories import tenants
from db.session import Session, reading, transaction
from workers.cli.client import client
from workers.cli.command import Command, CommandFailed, example, json_option, tenant_option
from workers.cli.database import database
from workers.cli.output import emit, facts, table
from workers.settings import settings

KINDS = ("lead_score",)
TRAINED = ("run_id", "kind", "rows", "metrics", "promoted", "reason", "version")
#: metrics shown beside the baselines
COMPARED = ("auc", "pr_auc", "brier", "lift_top_decile")
#: seconds a training may take
PATIENCE = 600.0


@click.command(cls=Command, epilog=example("hearth train lead_score --tenant demo"))
@click.argument("kind", type=click.Choice(KINDS))
@tenant_option
@click.option("--promote", type=click.Choice(("auto", "never")), default="auto", show_default=True, help="Who decides.")
@json_option
def train(kind: str, tenant: str, promote: str, as_json: bool) -> None:
    """Train a model on a tenant's closed leads and promote it if it earns it."""
    with client(tenant) as caller:
        data = caller.call("hearth.models.train", patience=PATIENCE, kind=kind, promote=promote)
    if as_json:
        emit({name: data[name] for name in TRAINED})
    else:
        show_training(data)


def show_training(data: dict[str, Any]) -> None:
    """Prints what a training came to, beside the base rate it has to beat."""
    version = data.get("version") or "no version"
    title = f"{version}: {'promoted' if data['promoted'] else 'not promoted'}, {data['reason']}"
    figures = {name: value for name, value in (data["metrics"] or {}).items() if isinstance(value, (int, float))}
    facts(title, {"kind": data["kind"], "rows": data["rows"], **figures})


@click.group(epilog=example("hearth models list --tenant demo"))
def models() -> None:
    """The registry: list, show and promote versions."""


@models.command("list", cls=Command, epilog=example("hearth models list --tenant demo --json"))
@tenant_option
@json_option
def list_models(tenant: str, as_json: bool) -> None:
    """All versions of a tenant's models, newest first."""
    with database(settings()), reading() as session:
        tenants.require(session, tenant)
        found = registry.versions(session, tenant)
    if as_json:
        emit({"models": [_brief(model) for model in found]})
        return
    rows = [(m.version, m.state, m.scope, m.rows, _metric(m, "auc"), m.trained_at) for m in found]
    table(f"models of {tenant}", ("version", "state", "scope", "rows", "auc", "trained at"), rows)


@models.command("show", cls=Command, epilog=example("hearth models show lead_score-0001 --tenant demo"))
@click.argument("version")
@tenant_option
@json_option
def show_model(version: str, tenant: str, as_json: bool) -> None:
    """One version: metrics, training data, decision."""
    with database(settings()), reading() as session:
        model = _require(session, tenant, version)
    if as_json:
        emit({**_brief(model), "report": dict(model.report)})
        return
    plain = {name: value for name, value in model.metrics.items() if isinstance(value, (int, float))}
    facts(f"{model.version} of {tenant}", {"state": model.state, "rows": model.rows, **plain})
    show_comparison(model)
    show_bands(f"{model.version}, scored out of fold", model)


def show_comparison(model: ModelRecord) -> None:
    """Prints a model's figures beside those of the baselines it has to beat."""
    compared = {model.version: model.metrics, **model.report.get("baselines", {})}
    rows = [(name, *(figures[column] for column in COMPARED)) for name, figures in compared.items()]
    table("against its baselines", ("scorer", *COMPARED), rows)


def show_bands(title: str, model: ModelRecord) -> None:
    """Prints what was said and what came, band by band."""
    bands = model.report.get("bands", ())
    rows = [
        (f"{band['low']:.0%} to {band['high']:.0%}", band["rows"], band["positives"], band["came"]) for band in bands
    ]
    table(title, ("said", "leads", "won", "share won"), rows)


@models.command("promote", cls=Command, epilog=example("hearth models promote lead_score-0002 --tenant demo"))
@click.argument("version")
@tenant_option
@json_option
def promote_model(version: str, tenant: str, as_json: bool) -> None:
    """Make a version the one that scores; the present one is retired and stays in the registry."""
    with database(settings()), transaction() as session:
        model = _require(session, tenant, version)
        before = registry.champion(session, tenant, kind=model.kind)
        registry.promote(session, tenant, model_id=model.model_id, now=datetime.now(UTC))
    retired = before.version if before and before.model_id != model.model_id else None
    if as_json:
        emit({"kind": model.kind, "champion": model.version, "retired": retired})
    else:
        click.echo(f"{model.version} now scores {model.kind}" + (f"; {retired} is retired" if retired else ""))


def _require(session: Session, tenant: str, version: str) -> ModelRecord:
    tenants.require(session, tenant)
    model = registry.get(session, tenant, version=version)
    if model is None:
        raise CommandFailed(f"no such version of tenant {tenant}; `hearth models list --tenant {tenant}` names them")
    return model


def _metric(model: ModelRecord, name: str) -> object:
    return model.metrics.get(name)


def _brief(model: ModelRecord) -> dict[str, Any]:
    return {
        "version": model.version,
        "kind": model.kind,
        "scope": model.scope,
        "state": model.state,
        "rows": model.rows,
        "metrics": dict(model.metrics),
        "feature_schema": model.feature_schema,
        "trained_at": model.trained_at.isoformat(),
        "retrain_at": model.retrain_at.isoformat() if model.retrain_at else None,
    }
