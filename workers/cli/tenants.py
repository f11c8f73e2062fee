"""`hearth tenant`: create and configure tenants; show what they are ready for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click

from domain.closed_leads import in_words
from domain.documents import JsonObject
from domain.model_kinds import KIND_LABELS
from tasks.services.privacy import tenant_archive
from workers.base.settings import settings
from workers.cli.backfill import FILE, mapping_of
from workers.cli.base.client import client, reader
from workers.cli.base.command import Command, CommandFailed, Function, example, json_option, tenant_option
from workers.cli.base.database import database
from workers.cli.base.output import emit, facts, notice, say, table
from workers.cli.privacy.people import user_name
from workers.cli.tenant_keys import key

TENANT = click.argument("name", metavar="TENANT")
ACTOR = "hearth tenant"
#: seconds that one message of a deletion may take, waiting included
DELETING = 900.0


@click.group(epilog=example("hearth tenant readiness demo"))
def tenant() -> None:
    """Create and configure tenants; see what they are ready for; make keys; take a copy of one, and delete it."""


tenant.add_command(key)


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
    with reader(name) as caller:
        data = caller.call("hearth.tenants.readiness")
    if as_json:
        emit(data)
        return
    facts(f"tenant {name}", {f"leads {kind}": count for kind, count in data["leads"].items()})
    say(in_words(data["usable"]))
    if data["stages"]:
        rows = [(stage, ", ".join(f"{n} {end}" for end, n in ends.items())) for stage, ends in data["stages"].items()]
        table("what each stage was taken for", ("stage", "leads"), rows)
    for label in KIND_LABELS.values():
        _show_model(f"{label.words.serves}, the best first", data["answers"][label.name])


@tenant.command("export", cls=Command, epilog=example("hearth tenant export --tenant LOC1 --out loc1-copy"))
@tenant_option
@click.option(
    "--out",
    "folder",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="A new folder.",
)
@click.option(
    "--by", "actor", metavar="NAME", help="Who takes the copy, for the audit chain; your user name without it."
)
@json_option
def export(tenant: str, folder: Path, actor: str | None, as_json: bool) -> None:
    """Write everything of a tenant into documented files: leads, events, scores, actions, consent, the audit chain.

    The files are readable by you only and hold personal data; README.txt among them says what is where.
    """
    with database(settings()):
        data = tenant_archive.write(tenant, folder, actor=actor or user_name(), now=datetime.now(UTC))
    if as_json:
        emit(data)
        return
    rows = [(name, file["lines"], file["sha256"][:16]) for name, file in data["files"].items()]
    table(f"files in {folder}", ("file", "lines", "SHA-256 begins with"), rows)
    say(f"manifest.json has SHA-256 {data['sha256']}; it stands in the audit chain")


@tenant.command(
    cls=Command,
    epilog=example(
        "hearth tenant delete --tenant LOC1 --by ada.quill --dry-run",
        "hearth tenant delete --tenant LOC1 --by ada.quill --yes LOC1",
    ),
)
@tenant_option
@click.option("--by", "actor", required=True, metavar="NAME", help="Who decided it.")
@click.option("--dry-run", is_flag=True, help="Only count what would be deleted.")
@click.option("--yes", "confirm", metavar="T", help="The tenant's name again, which confirms it.")
@json_option
def delete(*, tenant: str, actor: str, dry_run: bool, confirm: str | None, as_json: bool) -> None:
    """Delete a tenant with everything of it, and write a proof; this cannot be undone.

    Take a copy first (`hearth tenant export`). A deletion that was cut off goes on when the command is given again.
    """
    if not dry_run and confirm != tenant:
        raise click.UsageError(f"this deletes everything of {tenant}: repeat its name with --yes, or try --dry-run")
    request: JsonObject = {"actor": actor, "dry_run": dry_run, **({} if dry_run else {"confirm": confirm})}
    with client(tenant) as caller:
        data = caller.call("hearth.tenants.delete", patience=DELETING, **request)
        while data["state"] == "deleting":
            notice(f"{data['left']} rows are left")
            data = caller.call("hearth.tenants.delete", patience=DELETING, **request)
    if as_json:
        emit({"tenant_id": tenant, **data})
    else:
        _show_deletion(tenant, data)


def _show_deletion(tenant: str, data: JsonObject) -> None:
    before = data["before"]
    outside = [("files", kind, count) for kind, count in before["files"].items()]
    outside += [("broker", kind, before[kind] or 0) for kind in ("messages", "results")]
    rows = [*(("rows", name, count) for name, count in before["rows"].items()), *outside]
    table(f"{tenant}: {data['state']}", ("where", "what", "count"), rows)
    if data["state"] == "deleted":
        say("left: 0 rows in every table")
        say(f"statement {data['sequence']} of the chain {data['chain']}, SHA-256 {data['digest']}")
        say(f"proof: {data['file']}")


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
