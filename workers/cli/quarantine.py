"""`hearth quarantine`: list, show, replay and drop messages that could not run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import click

from db.records import QuarantineEntry, QuarantineRecord
from db.repositories.jobs import quarantine as repository
from db.session import EVERY_TENANT, Session, reading, transaction
from domain.documents import JsonObject
from workers.base import awaited_messages
from workers.base import quarantine as raw_quarantine
from workers.base.settings import settings
from workers.cli.base.command import Command, CommandFailed, example, json_option
from workers.cli.base.database import database
from workers.cli.base.output import emit, facts, table

STATES = ("held", "replayed", "dropped")
ID = click.argument("message", metavar="ID")
IDS = click.argument("messages", nargs=-1, metavar="[ID]...")


@click.group(epilog=example("hearth quarantine list", "hearth quarantine replay --all --task hearth.leads.score"))
def quarantine() -> None:
    """Messages that could not run: list, show, replay and drop."""


@quarantine.command("list", cls=Command, epilog=example("hearth quarantine list --state held --json"))
@click.option("--tenant", metavar="T", help="Only messages of this tenant; * for messages without a tenant.")
@click.option(
    "--state", type=click.Choice(STATES), default="held", show_default=True, help="The state of the messages."
)
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="The most messages to list."
)
@json_option
def list_held(tenant: str | None, state: str, limit: int, as_json: bool) -> None:
    """Messages in quarantine, oldest first, without their content."""
    with database(settings()), reading(tenant or EVERY_TENANT) as session:
        messages = repository.entries(session, tenant, state=state, limit=limit)
        counts = [count for count in repository.count(session) if tenant in (None, count.tenant_id)]
    overflowed = sum(count.overflowed for count in counts)
    if as_json:
        emit({"messages": [_brief(entry) for entry in messages], "overflowed": overflowed})
        return
    rows = [(e.quarantine_id, e.tenant_id, e.task, e.queue, e.reason, e.attempts, e.created_at) for e in messages]
    table(f"{state} messages", ("id", "tenant", "task", "queue", "reason", "attempts", "since"), rows)
    if overflowed:
        click.echo(f"{overflowed} more did not fit, since the quarantine is full: replay or drop held messages")


@quarantine.command(
    cls=Command, epilog=example("hearth quarantine show 0190c0de", "hearth quarantine show 0190c0de --reveal")
)
@ID
@click.option("--reveal", is_flag=True, help="Show headers and body too; they may contain personal data.")
@json_option
def show(message: str, reveal: bool, as_json: bool) -> None:
    """One message: reason, task, sizes and the names of its headers."""
    with database(settings()), reading(EVERY_TENANT) as session:
        entry = _require(session, message)
        record = repository.get(session, entry.tenant_id, quarantine_id=message)
    if record is None:
        raise CommandFailed(f"message {message} has just been removed")
    description = {
        **_brief(entry),
        **({"awaits": awaited_messages.tenant_of(record)} if awaited_messages.waits(entry) else {}),
        "body_bytes": len(record.body),
        "header_names": raw_quarantine.header_names(record),
    }
    if reveal:
        description |= _content(record)
    if as_json:
        emit(description)
    else:
        facts(f"message {message}", description)


@quarantine.command(cls=Command, epilog=example("hearth quarantine replay 0190c0de", "hearth quarantine replay --all"))
@IDS
@click.option("--all", "everything", is_flag=True, help="All that are held.")
@click.option("--task", metavar="NAME", help="With --all: only messages of this task.")
@json_option
def replay(messages: tuple[str, ...], everything: bool, task: str | None, as_json: bool) -> None:
    """Send held messages again, with their attempts counted from zero; the relay publishes them."""
    now = datetime.now(UTC)

    def again(session: Session, entry: QuarantineEntry) -> bool:
        if messages and entry.reason in raw_quarantine.NO_MESSAGE:
            hint = "is not a message that a worker can run; correct its sender, and drop it"
            raise CommandFailed(f"{entry.quarantine_id} {hint}")
        if not awaited_messages.waits(entry):
            return raw_quarantine.replay(session, entry, now=now, by_hand=True)
        sent = awaited_messages.replay(session, entry, now=now)
        if messages and not sent:
            raise CommandFailed(f"{entry.quarantine_id} waits for a tenant that does not exist; create it first")
        return sent

    _report("replayed", _settle(messages, task, again, everything=everything), as_json=as_json)


@quarantine.command(cls=Command, epilog=example("hearth quarantine drop 0190c0de"))
@IDS
@click.option("--all", "everything", is_flag=True, help="All that are held.")
@click.option("--task", metavar="NAME", help="With --all: only messages of this task.")
@json_option
def drop(messages: tuple[str, ...], everything: bool, task: str | None, as_json: bool) -> None:
    """Drop held messages; their tasks are not run."""
    now = datetime.now(UTC)

    def away(session: Session, entry: QuarantineEntry) -> bool:
        return repository.drop(session, entry.tenant_id, quarantine_id=entry.quarantine_id, now=now)

    _report("dropped", _settle(messages, task, away, everything=everything), as_json=as_json)


def _settle(
    messages: tuple[str, ...],
    task: str | None,
    settle: Callable[[Session, QuarantineEntry], bool],
    *,
    everything: bool,
) -> int:
    if bool(messages) == everything:
        raise click.UsageError("give the ids of messages, or --all")
    with database(settings()), transaction(EVERY_TENANT) as session:
        return sum(settle(session, entry) for entry in _chosen(session, messages, task))


def _chosen(session: Session, messages: tuple[str, ...], task: str | None) -> Iterator[QuarantineEntry]:
    if messages:
        yield from [_require(session, message) for message in messages]
        return
    entries = repository.entries(session, limit=1_000_000)
    yield from (entry for entry in entries if task in (None, entry.task))


def _require(session: Session, message: str) -> QuarantineEntry:
    entry = raw_quarantine.find(session, message)
    if entry is None:
        raise CommandFailed(f"no message {message} in quarantine; `hearth quarantine list` names them")
    return entry


def _content(record: QuarantineRecord) -> JsonObject:
    return {"headers": dict(record.headers), "body": record.body.decode(errors="backslashreplace")}


def _brief(entry: QuarantineEntry) -> JsonObject:
    return {
        "id": entry.quarantine_id,
        "tenant_id": entry.tenant_id,
        "task": entry.task,
        "queue": entry.queue,
        "reason": entry.reason,
        "attempts": entry.attempts,
        "state": entry.state,
        "created_at": entry.created_at.isoformat(),
    }


def _report(done: str, count: int, *, as_json: bool) -> None:
    if as_json:
        emit({done: count})
    else:
        click.echo(f"{count} messages {done}")
