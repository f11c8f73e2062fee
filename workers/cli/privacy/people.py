"""`hearth privacy find`, `correct`, `purged`: find a person by an address, correct a fact, report what was purged."""

from __future__ import annotations

import getpass
import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import click

from db.records import Removal
from db.repositories import tenants
from db.repositories.privacy import retention
from db.session import reading
from domain.documents import JsonObject
from tasks.contracts.base.wire import to_wire
from workers.base.settings import settings
from workers.cli.base.client import Client, client
from workers.cli.base.command import Command, CommandFailed, example, json_option, tenant_option
from workers.cli.base.database import database
from workers.cli.base.formatting import moment
from workers.cli.base.output import emit, say, table

#: who searches, where the operating system does not say it in a form that the audit chain takes
NOBODY = "hearth-privacy"
#: what Hearth's own ids look like
OURS = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: seconds that opening the number of every lead may take
PATIENCE = 600.0
_ACTOR = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:\-]{0,63}")
#: a number as people write it; digits alone may be a CRM's id
_WRITTEN = re.compile(r"(?=.*[+() .\-/])[+(]?[0-9][0-9 ().\-/]{5,}")
#: columns that hold a list
_LISTS = frozenset({"locations"})

BY = click.option("--by", "actor", metavar="NAME", help="Who does it, for the audit chain; your user name without it.")


@click.command(
    cls=Command,
    epilog=example(
        "hearth privacy find --tenant demo --email bea@example.com",
        'hearth privacy find --tenant demo --phone "+1 305 555 0147" --by ada.quill --json',
    ),
)
@tenant_option
@click.option("--email", metavar="A", help="The e-mail address; capital and small letters are the same.")
@click.option("--phone", metavar="P", help="The phone number, however it is written.")
@click.option("--last-name", metavar="N", help="With --phone: finds also a person who was forgotten.")
@BY
@json_option
def find(
    *, tenant: str, email: str | None, phone: str | None, last_name: str | None, actor: str | None, as_json: bool
) -> None:
    """Find people by an e-mail address or a phone number, exactly; prints ids and states, and no address.

    People share numbers: everybody who has it is listed. The audit chain records who searched, never for what.
    """
    if bool(email) == bool(phone):
        raise click.UsageError("give --email or --phone, one of the two")
    with client(tenant) as caller:
        data = search(caller, email=email, phone=phone, last_name=last_name, actor=actor)
    if as_json:
        emit({"tenant_id": tenant, **data})
        return
    table(f"people of {tenant} with this {data['by']}", ("lead", "known as", "status", "blocked by"), _rows(data))
    if data["found"] > len(data["leads"]):
        say(f"{data['found']} in all; the first {len(data['leads'])} are listed")
    for erased in data["forgotten"]:
        say(f"forgotten {moment(erased['erased_at'])}, erasure {erased['erasure_id']} ({erased['reason']})")


@click.command(
    cls=Command,
    epilog=example(
        "hearth privacy correct --tenant demo --lead X1 --set email=bea@example.com --by ada.quill",
        'hearth privacy correct --tenant demo --lead X1 --set "state=FL" --set phone= --by ada.quill --json',
    ),
)
@tenant_option
@click.option("--lead", required=True, metavar="ID", help="Hearth's id or the CRM's, an e-mail address or a number.")
@click.option("--source-system", metavar="S", help="The system whose id it is; any without it.")
@click.option(
    "--set", "settings_", multiple=True, required=True, metavar="FIELD=VALUE", help="A column; no value removes it."
)
@click.option("--by", "actor", required=True, metavar="NAME", help="Who corrects.")
@click.option("--reason", default="request", show_default=True, metavar="CODE", help="Why, as a code.")
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@json_option
def correct(
    *,
    tenant: str,
    lead: str,
    source_system: str | None,
    settings_: tuple[str, ...],
    actor: str,
    reason: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Correct stored facts of one lead. A source that sends the old value again does not bring it back.

    A source that sends another value does. A tenant's own columns are named custom.NAME. The lead is scored again, and
    the CRM gets the event lead.corrected with the names of the columns.
    """
    fields = assigned(settings_)
    with client(tenant) as caller:
        who = identified(caller, lead, source_system, actor=actor)
        data = caller.call("hearth.privacy.correct", **who, fields=fields, actor=actor, reason=reason, dry_run=dry_run)
    if as_json:
        emit({"tenant_id": tenant, **data})
    else:
        changed = ", ".join(data["corrected"]) or "nothing, it is stored like this already"
        say(f"{'would be corrected' if dry_run else 'corrected'}: {changed}")


@click.command(
    cls=Command,
    epilog=example(
        "hearth privacy purged --tenant demo", "hearth privacy purged --tenant demo --since 2026-11-01 --json"
    ),
)
@tenant_option
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), metavar="D", help="Only from this day on (UTC).")
@json_option
def purged(tenant: str, since: datetime | None, as_json: bool) -> None:
    """Report what was deleted because its time was over: when, from which store, how many rows, by which rule.

    It is read from the audit chain, which proves it (`hearth audit verify`), and names nobody.
    """
    with database(settings()), reading(tenant) as session:
        tenants.require(session, tenant)
        removals = retention.removals(session, tenant, since=since.replace(tzinfo=UTC) if since else None)
    if as_json:
        emit({"tenant_id": tenant, "removed": [to_wire(asdict(removal)) for removal in removals]})
        return
    rows = [
        (moment(removal.at), removal.store, removal.rows, removal.category, _rule(removal), removal.sequence)
        for removal in removals
    ]
    table(f"what the purge took of {tenant}", ("when", "store", "count", "category", "rule", "audit row"), rows)


def _rule(removal: Removal) -> str | None:
    whose = "the tenant's own" if removal.by == "tenant" else "the default"
    return f"{removal.days} days, {whose}" if removal.days is not None else None


def search(
    caller: Client,
    *,
    email: str | None = None,
    phone: str | None = None,
    last_name: str | None = None,
    actor: str | None,
) -> JsonObject:
    """Return the answer of `hearth.privacy.find`."""
    named = {"email": email, "phone": phone, "last_name": last_name}
    given = {name: value for name, value in named.items() if value}
    return caller.call("hearth.privacy.find", patience=PATIENCE, **given, actor=actor or user_name())


def identified(caller: Client, lead: str, source_system: str | None = None, *, actor: str | None = None) -> JsonObject:
    """Return the part of a request that identifies one lead, which may be given by an address or a number.

    Raises:
        CommandFailed: several people have it, or nobody.

    """
    if OURS.fullmatch(lead):
        return {"lead_id": lead}
    kind = "email" if "@" in lead else "phone" if _WRITTEN.fullmatch(lead) else None
    found: JsonObject = {"found": 0, "leads": [], "forgotten": []}
    if kind is not None:
        found = search(caller, **{kind: lead}, actor=actor)
    if found["found"] > 1:
        ids = ", ".join(person["lead_id"] for person in found["leads"])
        raise CommandFailed(f"{found['found']} leads share it: {ids}; choose one with --lead")
    if found["found"] == 1:
        return {"lead_id": found["leads"][0]["lead_id"]}
    if found["forgotten"]:
        erasure = found["forgotten"][-1]["erasure_id"]
        raise CommandFailed(f"nobody who is stored has it; somebody who had it was forgotten (erasure {erasure})")
    # an address may also be the id that a CRM gave
    return {"external_ids": [{"external_id": lead, **({"source_system": source_system} if source_system else {})}]}


def assigned(settings_: Sequence[str]) -> JsonObject:
    """Return the columns of `FIELD=VALUE` texts; no value is None, `custom.NAME` goes into custom."""
    fields: JsonObject = {}
    for text in settings_:
        name, equals, value = text.partition("=")
        if not (equals and name.strip()):
            raise click.UsageError("write --set FIELD=VALUE")
        name, value = name.strip(), value.strip()
        if name.startswith("custom."):
            fields.setdefault("custom", {})[name.removeprefix("custom.")] = _number_or_text(value)
        else:
            fields[name] = [part.strip() for part in value.split(",")] if value and name in _LISTS else value or None
    return fields


def user_name() -> str:
    """Return the name of whoever runs the command, in a form that the audit chain takes."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):
        return NOBODY
    return name if _ACTOR.fullmatch(name) else NOBODY


def _number_or_text(value: str) -> float | str:
    try:
        return float(value)
    except ValueError:
        return value


def _rows(data: JsonObject) -> list[tuple[object, ...]]:
    return [
        (
            person["lead_id"],
            ", ".join(f"{known['source_system']}:{known['external_id']}" for known in person["external_ids"]),
            person["status"],
            ", ".join(person["blocked"]) or "nothing",
        )
        for person in data["leads"]
    ]
