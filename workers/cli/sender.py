"""`hearth sender`: how the sender is doing, what it sent, and what a person decides about requests that are unsure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import get_args

import click

from db.records import CrmSenderRecord, CrmSendRecord, SendState
from db.repositories import tenants
from db.repositories.outbound import crm_senders, crm_sends
from db.session import Session, database_time, reading
from domain.documents import JsonObject
from tasks.runtime.context import TaskContext
from tasks.services.sending import results
from tasks.services.sending.sender_settings import SenderSettings, sender_settings_of
from workers.base.settings import settings
from workers.cli.base.command import Command, CommandFailed, example, json_option, tenant_option
from workers.cli.base.database import database
from workers.cli.base.output import emit, facts, say, table
from workers.delivery.sender.context import context_of

BY = click.option("--by", "actor", default="hearth sender", show_default=True, metavar="NAME", help="Who decides.")
ENTRY = click.argument("entry", metavar="ID")


@click.group(epilog=example("hearth sender status --tenant demo", "hearth sender list --tenant demo --state unsure"))
def sender() -> None:
    """The sender, which carries actions out in the CRM: its state, its ledger, requests that are unsure."""


@sender.command(cls=Command, epilog=example("hearth sender status --tenant demo --json"))
@tenant_option
@json_option
def status(tenant: str, as_json: bool) -> None:
    """Whether the sender sends for a tenant, how far it is, and what it waits for."""
    with database(settings()), reading(tenant) as session:
        chosen = sender_settings_of(tenants.require(session, tenant).settings)
        told = _status(session, tenant, chosen, crm_senders.get(session, tenant), database_time(session))
    if as_json:
        emit({"tenant_id": tenant, **told})
        return
    facts(f"sender of {tenant}", {name: _words(value) for name, value in told.items() if value is not None})


@sender.command("list", cls=Command, epilog=example("hearth sender list --tenant demo --state unsure"))
@tenant_option
@click.option("--state", type=click.Choice(get_args(SendState)), multiple=True, help="Only these; repeatable.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="The most to list.")
@json_option
def listing(tenant: str, state: tuple[SendState, ...], limit: int, as_json: bool) -> None:
    """Requests of the ledger, the newest change first: their state, and why they are in it."""
    with database(settings()), reading(tenant) as session:
        tenants.require(session, tenant)
        entries = crm_sends.listing(session, tenant, states=state or None, limit=limit)
    if as_json:
        emit({"tenant_id": tenant, "entries": [_brief(entry) for entry in entries]})
        return
    rows = [(one.key, one.state, one.code, one.lead_id, one.attempts, one.next_at, one.changed_at) for one in entries]
    table(f"requests of {tenant}", ("id", "state", "why", "lead", "failures", "next at", "changed at"), rows)


@sender.command(cls=Command, epilog=example("hearth sender resend action:0a1b2c --tenant demo --by ada.quill"))
@ENTRY
@tenant_option
@BY
@json_option
def resend(entry: str, tenant: str, actor: str, as_json: bool) -> None:
    """Send a request once more that is unsure, refused or dead; the gates are asked again."""
    _decide(entry, tenant, as_json, "pending", lambda *found: results.resend(*found, actor=actor))


@sender.command(cls=Command, epilog=example("hearth sender settle action:0a1b2c --tenant demo --sent --by ada.quill"))
@ENTRY
@tenant_option
@click.option("--sent/--not-sent", required=True, help="Whether the CRM has it; look there first.")
@BY
@json_option
def settle(entry: str, tenant: str, sent: bool, actor: str, as_json: bool) -> None:
    """Say whether a request that is unsure or dead took effect; the action's outcome is recorded by it."""
    state = results.SETTLED[sent][0]
    _decide(entry, tenant, as_json, state, lambda *found: results.settle(*found, sent=sent, actor=actor))


def _decide(
    entry: str,
    tenant: str,
    as_json: bool,
    state: SendState,
    change: Callable[[Session, TaskContext, CrmSendRecord], bool],
) -> None:
    key = entry if ":" in entry else crm_sends.action_key(entry)
    with database(settings()):
        with reading(tenant) as session:
            context = context_of(tenants.require(session, tenant), database_time(session))
        with context.transaction(tenant) as session:
            found = crm_sends.get(session, tenant, key=key)
            if found is None:
                raise CommandFailed("no such request; `hearth sender list` shows those that there are")
            if not change(session, context, found):
                raise CommandFailed(f"it is {found.state}: there is nothing to decide")
    if as_json:
        emit({"tenant_id": tenant, "id": key, "state": state})
    else:
        say(f"{key} of {tenant} is {state}")


def _status(
    session: Session, tenant: str, chosen: SenderSettings, known: CrmSenderRecord | None, now: datetime
) -> JsonObject:
    newest, waits = crm_senders.newest_sequence(session, tenant), None
    if known is not None and known.closed_until is not None and known.closed_until > now:
        waits = known.closed_until.isoformat()
    today = known is not None and known.day == now.date().isoformat()
    return {
        "enabled": chosen.enabled,
        "crm": chosen.crm,
        "write_back": chosen.write_back,
        "dry_run": chosen.dry_run,
        "running": known is not None and known.held_until is not None and known.held_until > now,
        "trouble": None if known is None else known.trouble,
        "waits_until": waits,
        "events_behind": None if known is None else max(0, newest - known.sequence),
        "requests_today": known.requests if known is not None and today else 0,
        **crm_sends.counts(session, tenant),
    }


def _words(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{number} {state}" for state, number in sorted(value.items())) or "none"
    return value


def _brief(entry: CrmSendRecord) -> JsonObject:
    return {
        "id": entry.key,
        "lead_id": entry.lead_id,
        "action_id": entry.action_id,
        "state": entry.state,
        "code": entry.code,
        "attempts": entry.attempts,
        "next_at": entry.next_at.isoformat(),
        "changed_at": entry.changed_at.isoformat(),
    }
