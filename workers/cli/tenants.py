"""`hearth tenant`: create and configure tenants; show what they are ready for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from domain.documents import JsonObject
from domain.model_kinds import KIND_LABELS
from workers.cli.backfill import FILE, mapping_of
from workers.cli.base.client import client
from workers.cli.base.command import Command, CommandFailed, Function, example, json_option
from workers.cli.base.output import emit, facts, say, table

TENANT = click.argument("name", metavar="TENANT")
ACTOR = "hearth tenant"


@click.group(epilog=example("hearth tenant readiness demo"))
def tenant() -> None:
    """Create and configure tenants; see what they are ready for."""


def settings_option(*, required: bool) -> Callable[[Function], Function]:
    """`--settings FILE.toml`."""
    text = "TOML with name, timezone, [bands], [silence_days], scoring_interval."
    return click.option("--settings", "path", type=FILE, required=required, metavar="FILE.toml", help=text)


@tenant.command(cls=Command, epilog=example("hearth tenant create LOC1 --settings loc1.toml"))
@TENANT
@settings_option(required=False)
@json_option
def create(name: str, path: Path | None, as_json: bool) -> None:
    """Create a tenant; one that is there already is left as it is, and that is a failure."""
    with client(name) as caller:
        data = caller.call("hearth.tenants.configure", settings={}, actor=ACTOR)
        if not data["created"]:
            raise CommandFailed(f"tenant {name} is there already; change it with `hearth tenant configure`")
        if path is not None:
            data = {**caller.call("hearth.tenants.configure", settings=mapping_of(path), actor=ACTOR), "created": True}
    _report(name, data, as_json=as_json)


@tenant.command(cls=Command, epilog=example("hearth tenant configure LOC1 --settings loc1.toml"))
@TENANT
@settings_option(required=True)
@json_option
def configure(name: str, path: Path, as_json: bool) -> None:
    """Change a tenant's settings; every change is a new version."""
    with client(name) as caller:
        caller.call("hearth.tenants.readiness")  # an unknown tenant is refused: only `create` creates
        data = caller.call("hearth.tenants.configure", settings=mapping_of(path), actor=ACTOR)
    _report(name, data, as_json=as_json)


@tenant.command(cls=Command, epilog=example("hearth tenant readiness LOC1 --json"))
@TENANT
@json_option
def readiness(name: str, as_json: bool) -> None:
    """Show which answers are possible now and which data is missing."""
    with client(name) as caller:
        data = caller.call("hearth.tenants.readiness")
    if as_json:
        emit(data)
        return
    facts(f"tenant {name}", {f"leads {kind}": count for kind, count in data["leads"].items()})
    if data["stages"]:
        rows = [(stage, ", ".join(f"{n} {end}" for end, n in ends.items())) for stage, ends in data["stages"].items()]
        table("what each stage was taken for", ("stage", "leads"), rows)
    for label in KIND_LABELS.values():
        _show_model(f"{label.words.serves}, the best first", data["answers"][label.name])


def _show_model(title: str, model: JsonObject) -> None:
    missing = ", ".join(f"{count} more {name.replace('_', ' ')}" for name, count in model["missing"].items())
    rows = [(step["rung"], "serves" if step["serves"] else "", "; ".join(step["missing"])) for step in model["ladder"]]
    table(title, ("rung", "now", "missing"), rows)
    say(f"scored by {model['scored_by']}; own model: {missing or 'possible'}")


def _report(name: str, data: JsonObject, *, as_json: bool) -> None:
    if as_json:
        emit({"tenant_id": name, **data})
    else:
        change = "created" if data["created"] else "changed" if data["changed"] else "unchanged"
        say(f"tenant {name}: {change}, settings version {data['version']}")
