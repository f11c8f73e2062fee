"""`hearth privacy`: export, forget, restrict and readmit a person."""

from __future__ import annotations

import sys
from typing import TypedDict, Unpack

import click

from db.privacy import DAYS, STORES
from domain.documents import JsonObject
from workers.cli.base.client import Client, client
from workers.cli.base.command import Command, Function, example, json_option, tenant_option
from workers.cli.base.output import emit, facts, table
from workers.cli.privacy import consent, people
from workers.cli.privacy.people import identified

#: seconds that looking through every store may take
PATIENCE = 600.0


@click.group(
    epilog=example(
        "hearth privacy export --tenant demo --lead 0190c0de", "hearth privacy forget --tenant demo --lead X1"
    )
)
def privacy() -> None:
    """Privacy requests of people, and their consent to being contacted.

    Find somebody; a copy, a correction, erasure, a stop to scoring them; who agreed and who refused.
    """


for _command in (
    consent.consent,
    consent.doubts,
    consent.decide,
    consent.reread,
    people.find,
    people.correct,
    people.purged,
):
    privacy.add_command(_command)


class Who(TypedDict):
    """The options that identify a person, and why."""

    lead: str | None
    external_ids: tuple[str, ...]
    source_system: str | None
    reason: str


def person_options(function: Function) -> Function:
    """`--lead ID`, or `--external-id ID` as often as it takes, with `--source-system S`; and `--reason`."""
    text = "Why, as a code: request, consent_withdrawn, objection, no_longer_needed, unlawful, legal."
    function = click.option("--reason", default="request", show_default=True, metavar="CODE", help=text)(function)
    function = click.option("--source-system", metavar="S", help="The system whose ids these are; any without it.")(
        function
    )
    function = click.option(
        "--external-id", "external_ids", multiple=True, metavar="ID", help="An id of the CRM; several of one person."
    )(function)
    text = "The lead: Hearth's id or the CRM's, an e-mail address or a phone number."
    return click.option("--lead", metavar="ID", help=text)(function)


def person(
    caller: Client, lead: str | None, external_ids: tuple[str, ...], source_system: str | None, reason: str
) -> JsonObject:
    """Return the request's part that identifies the person; raise for an address that several have."""
    if lead:
        return {**identified(caller, lead, source_system), "reason": reason}
    ids = [
        {"external_id": external_id, **({"source_system": source_system} if source_system else {})}
        for external_id in external_ids
    ]
    return {"external_ids": ids, "reason": reason}


def _one_of(who: Who) -> None:
    """Raise for neither or both of the two ways to say who it is."""
    if bool(who["lead"]) == bool(who["external_ids"]):
        raise click.UsageError("give --lead, or --external-id")


@privacy.command(cls=Command, epilog=example("hearth privacy export --tenant demo --external-id X1 --json"))
@tenant_option
@person_options
@json_option
def export(tenant: str, as_json: bool, **who: Unpack[Who]) -> None:
    """Write everything that is kept of a person, with scores and reasons, to a file; prints counts and its place."""
    data = _call(tenant, "export", who)
    _show(f"export {data['export_id']}", data, as_json=as_json)


@privacy.command(
    cls=Command,
    epilog=example(
        "hearth privacy forget --tenant demo --lead 0190c0de --dry-run",
        "hearth privacy forget --tenant demo --external-id X1 --yes --json",
    ),
)
@tenant_option
@person_options
@click.option("--dry-run", is_flag=True, help="Only count what would be erased.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@json_option
def forget(tenant: str, dry_run: bool, yes: bool, as_json: bool, **who: Unpack[Who]) -> None:
    """Erase a person everywhere; this cannot be undone. The same command again prints the first result."""
    _one_of(who)
    if not (dry_run or yes or as_json) and sys.stdin.isatty():
        click.confirm(f"Erase this person from tenant {tenant} for good?", abort=True)
    data = _call(tenant, "forget", who, dry_run=dry_run)
    _show("would be erased" if dry_run else f"erased: {data['erasure_id']}", data, as_json=as_json)


@privacy.command(
    cls=Command,
    epilog=example(
        "hearth privacy restrict --tenant demo --lead 0190c0de",
        "hearth privacy restrict --tenant demo --lead 0190c0de --lift --actor ada.quill",
    ),
)
@tenant_option
@person_options
@click.option("--objected", is_flag=True, help="The person objects to automated decisions (Art. 22).")
@click.option("--lift", is_flag=True, help="Lift it after a person has reviewed the case; needs --actor.")
@click.option("--actor", metavar="NAME", help="Who has reviewed it.")
@json_option
def restrict(tenant: str, objected: bool, lift: bool, actor: str | None, as_json: bool, **who: Unpack[Who]) -> None:
    """Stop that anything is computed of a person and acted on, until somebody has reviewed it."""
    if lift and not actor:
        raise click.UsageError("--lift needs the review of a person: name the person with --actor")
    name = "objected" if objected else "restricted"
    data = _call(tenant, "restrict", who, **{name: not lift}, **({"actor": actor} if actor else {}))
    if as_json:
        emit({"tenant_id": tenant, **data})
        return
    rows = [(lead["lead_id"], ", ".join(lead["blocked"]) or "nothing") for lead in data["leads"]]
    table(f"leads of {tenant}", ("lead", "blocked by"), rows)


@privacy.command(cls=Command, epilog=example("hearth privacy readmit 0190c0de --tenant demo --actor ada.quill"))
@click.argument("erasure", metavar="ERASURE")
@tenant_option
@click.option("--actor", required=True, metavar="NAME", help="Who has decided it.")
@json_option
def readmit(erasure: str, tenant: str, actor: str, as_json: bool) -> None:
    """Let a person who was forgotten be imported again, by the id that `forget` printed."""
    data = _call(tenant, "readmit", None, erasure_id=erasure, actor=actor)
    if as_json:
        emit({"tenant_id": tenant, **data})
    else:
        click.echo(f"{data['identities']} identities of {erasure} are accepted again")


@privacy.command(cls=Command, epilog=example("hearth privacy registry", "hearth privacy registry --json"))
@json_option
def registry(as_json: bool) -> None:
    """Every table: what kind of data it holds, how long, and what erasure does to it."""
    days: dict[str, int | None] = {str(name): retention for name, retention in DAYS.items()}
    if as_json:
        stores = [
            {"table": s.table, "category": s.category, "subject": s.subject, "days": days.get(s.category)}
            | {"action": s.action, "note": s.note}
            for s in STORES
        ]
        emit({"stores": stores})
        return
    rows = [(s.table, s.category, s.subject, days.get(s.category), s.action, s.note) for s in STORES]
    table("what is kept", ("table", "category", "subject", "days", "on erasure", "note"), rows)


def _call(tenant: str, task: str, who: Who | None, **kwargs: object) -> JsonObject:
    if who is not None:
        _one_of(who)
    with client(tenant) as caller:
        identity = {} if who is None else person(caller, **who)
        answer = caller.envelope(f"hearth.privacy.{task}", queue=None, patience=PATIENCE, **identity, **kwargs)
    data: JsonObject = answer["data"]
    return data | ({"duplicate": True} if answer.get("duplicate") else {})


def _show(title: str, data: JsonObject, *, as_json: bool) -> None:
    if as_json:
        emit(data)
        return
    plain = {name: value for name, value in data.items() if not isinstance(value, dict)}
    facts(title, plain)
    counts = [(part, name, count) for part in ("stores", "files") for name, count in data.get(part, {}).items()]
    if counts:
        table("rows", ("where", "what", "count"), counts)
