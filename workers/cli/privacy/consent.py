"""`hearth privacy consent`, `doubts`, `decide`, `reread`: consent, refusals and open doubts."""

from __future__ import annotations

from collections.abc import Sequence

import click

from db.repositories.consent import consent as ledger
from db.repositories.leads import leads
from db.session import reading
from domain.documents import JsonMapping, JsonObject
from tasks.contracts.base.wire import to_wire
from tasks.services.leads import refusals
from workers.base.settings import settings
from workers.cli.base.client import client, reader
from workers.cli.base.command import Command, example, json_option, tenant_option
from workers.cli.base.database import database
from workers.cli.base.formatting import moment
from workers.cli.base.output import emit, facts, table
from workers.cli.leads.action_views import standings
from workers.cli.leads.scores import chosen
from workers.pages.labels import plain

LEAD = click.argument("lead", metavar="LEAD")


@click.command(
    cls=Command,
    epilog=example(
        "hearth privacy consent --tenant demo SIM-00001", "hearth privacy consent --tenant demo X1 --reveal"
    ),
)
@tenant_option
@LEAD
@click.option("--reveal", is_flag=True, help="Show the words of messages and notes too; they are personal data.")
@json_option
def consent(tenant: str, lead: str, reveal: bool, as_json: bool) -> None:
    """Show a lead's consent ledger: who agreed or refused, when and in which source. It is the proof for a complaint.

    LEAD is Hearth's id or the CRM's.
    """
    with database(settings()):
        lead_id = chosen(tenant, lead)[0]
        with reading(tenant) as session:
            record = leads.get(session, tenant, lead_ids=[lead_id])[0]
            data = {"tenant_id": tenant, "lead_id": lead_id, **refusals.ledger_view(session, tenant, record)}
            entries = ledger.for_lead(session, tenant, lead_id=lead_id) if reveal else []
    if reveal:
        data["words"] = [
            {"source": entry.source, "said_at": entry.said_at, "recorded_at": entry.recorded_at, "words": entry.quote}
            for entry in reversed(entries)
            if entry.quote
        ]
    if as_json:
        emit(to_wire(data))
    else:
        _show(lead, data)


def _show(lead: str, data: JsonObject) -> None:
    facts(f"may {lead} be contacted?", standings(data))
    columns = ("said", "recorded", "channel", "what", "by", "which", "read by", "source", "import")
    table("statements about contact, newest first", columns, [_row(entry) for entry in data["statements"]])
    for entry in data.get("words", ()):
        facts(
            f"words of {moment(entry['said_at'] or entry['recorded_at'])}, from {entry['source']}",
            {"words": entry["words"]},
        )


def _row(statement: JsonMapping) -> tuple[object, ...]:
    return (
        moment(statement["said_at"]) if statement["said_at"] else None,
        moment(statement["recorded_at"]),
        plain(statement["channel"]),
        plain(statement["decision"]),
        plain(statement["basis"]),
        statement["reference"],
        plain(statement["rule"]) if statement["rule"] else None,
        statement["source"],
        statement["import"],
    )


@click.command(cls=Command, epilog=example("hearth privacy doubts --tenant demo --agent ada.quill"))
@tenant_option
@click.option("--agent", metavar="A", help="Only leads assigned to this agent.")
@click.option("--top", type=click.IntRange(1, 200), default=50, show_default=True, help="How many.")
@json_option
def doubts(tenant: str, agent: str | None, top: int, as_json: bool) -> None:
    """Leads that may have refused: nothing is sent to them until a person has read what they said and decided."""
    named: JsonObject = {"assigned_to": agent} if agent else {}
    with reader(tenant) as caller:
        data = caller.call("hearth.privacy.doubts", limit=top, **named)
    if as_json:
        emit({"tenant_id": tenant, **data})
    else:
        show_doubts(tenant, data["leads"])


def show_doubts(tenant: str, leads: Sequence[JsonMapping]) -> None:
    """Print the leads in doubt and how to decide."""
    rows = [
        (
            lead["external_id"] or lead["lead_id"],
            lead["assigned_to"],
            ", ".join(lead["channels"]),
            moment(lead["since"]),
        )
        for lead in leads
    ]
    table(f"possible refusals: leads of {tenant} in doubt", ("lead", "agent", "channels", "since"), rows)
    if leads:
        click.echo("read the words: hearth privacy consent --reveal; then decide: hearth privacy decide")


@click.command(
    cls=Command,
    epilog=example(
        "hearth privacy decide --tenant demo X1 --refused --actor ada.quill",
        "hearth privacy decide --tenant demo X1 --open --actor ada.quill",
    ),
)
@tenant_option
@LEAD
@click.option("--refused/--open", "refused", required=True, help="Whether the lead refused.")
@click.option(
    "--channel",
    "channels",
    multiple=True,
    type=click.Choice(("all", "email", "sms", "call", "mail")),
    help="The refused channel; without it, all channels in doubt.",
)
@click.option("--actor", required=True, metavar="NAME", help="Who has read it and decided.")
@json_option
def decide(*, tenant: str, lead: str, refused: bool, channels: tuple[str, ...], actor: str, as_json: bool) -> None:
    """Decide whether a lead in doubt has refused. A clear refusal is not changed."""
    decision: JsonObject = {"decision": "refused" if refused else "open", "actor": actor}
    if channels:
        decision["channels"] = list(channels)
    with client(tenant) as caller, database(settings()):
        data = caller.call("hearth.privacy.decide", lead_id=chosen(tenant, lead)[0], **decision)
    if as_json:
        emit({"tenant_id": tenant, **data})
    else:
        facts(f"may {lead} be contacted?", standings(data))


@click.command(cls=Command, epilog=example("hearth privacy reread --tenant demo"))
@tenant_option
@json_option
def reread(tenant: str, as_json: bool) -> None:
    """Read stored leads again by the newest readers of refusals; the cluster does it by itself, this shows the count.

    Tags, stages, own columns and messages are read, each lead once a version, from where it stopped.
    """
    with client(tenant) as caller:
        data = caller.call("hearth.privacy.reread", queue="batch")
        while data["finished_at"] is None:
            data = caller.call("hearth.privacy.reread", queue="batch")
    if as_json:
        emit({"tenant_id": tenant, **data})
    else:
        facts(f"leads of {tenant} read again", {name: value for name, value in data.items() if name != "tenant_id"})
