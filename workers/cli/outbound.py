"""`hearth outbound`: list dead letters and deliver them again."""

from __future__ import annotations

import click

from db.records import DeadLetter
from db.repositories import tenants
from db.repositories.outbound import outbound as stream
from db.session import database_time, reading, transaction
from domain.documents import JsonObject
from workers.base.settings import settings
from workers.cli.base.command import Command, example, json_option, tenant_option
from workers.cli.base.database import database
from workers.cli.base.output import emit, say, table


@click.group(epilog=example("hearth outbound dead --tenant demo", "hearth outbound replay --tenant demo --all"))
def outbound() -> None:
    """The stream of events to the CRM: dead letters and their replay."""


@outbound.command(cls=Command, epilog=example("hearth outbound dead --tenant demo --json"))
@tenant_option
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="The most events to list."
)
@json_option
def dead(tenant: str, limit: int, as_json: bool) -> None:
    """Events whose delivery was given up, oldest first, with the reason."""
    with database(settings()), reading(tenant) as session:
        tenants.require(session, tenant)
        letters = stream.dead_letters(session, tenant, limit=limit)
    if as_json:
        emit({"tenant_id": tenant, "dead": [_brief(letter) for letter in letters]})
        return
    rows = [(x.event.event_id, x.event.type, x.event.lead_id, x.attempts, x.error, x.event.created_at) for x in letters]
    table(f"dead letters of {tenant}", ("event", "type", "lead", "attempts", "error", "created at"), rows)


@outbound.command(
    cls=Command,
    epilog=example("hearth outbound replay --tenant demo --all", "hearth outbound replay --tenant demo 0190c0de"),
)
@click.argument("events", nargs=-1, metavar="[EVENT]...")
@tenant_option
@click.option("--all", "everything", is_flag=True, help="Every dead event of the tenant.")
@json_option
def replay(events: tuple[str, ...], tenant: str, everything: bool, as_json: bool) -> None:
    """Deliver dead events again, with their attempts counted from zero."""
    if bool(events) == everything:
        raise click.UsageError("give the ids of events, or --all")
    with database(settings()), transaction(tenant) as session:
        tenants.require(session, tenant)
        chosen = None if everything else events
        count = stream.replay(session, tenant, event_ids=chosen, now=database_time(session))
    if as_json:
        emit({"tenant_id": tenant, "replayed": count})
    else:
        say(f"{count} events of {tenant} are delivered again")


def _brief(letter: DeadLetter) -> JsonObject:
    return {
        "event_id": letter.event.event_id,
        "sequence": letter.event.sequence,
        "type": letter.event.type,
        "lead_id": letter.event.lead_id,
        "attempts": letter.attempts,
        "error": letter.error,
        "created_at": letter.event.created_at.isoformat(),
    }
