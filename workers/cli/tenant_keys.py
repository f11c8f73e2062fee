"""`hearth tenant key`: create, list, rotate and revoke the keys with which a tenant's programs use the gateway."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import click

from db.records import ApiKeyDraft, ApiKeyRecord, AuditDraft, IssuedApiKey
from db.repositories import api_keys, audit, tenants
from db.session import EVERY_TENANT, Session, reading, transaction
from domain.access import ACCESS_SCOPES, DEFAULT_SCOPES, SCOPE_NOTES, AccessScope
from domain.documents import JsonMapping, JsonObject
from workers.base.settings import settings
from workers.cli.base.command import Command, CommandFailed, Function, example, json_option, tenant_option
from workers.cli.base.database import database
from workers.cli.base.output import emit, facts, filled, notice, say, table
from workers.cli.base.zones import times_of
from workers.cli.privacy.people import user_name

KEY_ID = click.argument("key_id", metavar="KEY")
#: characters of a key's name
LONGEST_NAME = 100
LONGEST_SPAN = timedelta(days=3660)
_SPAN = re.compile(r"(0|[1-9][0-9]{0,5})([smhd])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def span(context: click.Context, parameter: click.Parameter, text: str | None) -> timedelta | None:
    """Return a span of time that is written as a whole number and its unit; refuse what is none."""
    if text is None:
        return None
    match = _SPAN.fullmatch(text)
    if match is None:
        problem = "give a whole number and its unit, such as 30m, 24h or 90d"
        raise click.BadParameter(problem, ctx=context, param=parameter)
    length = timedelta(**{_UNITS[match[2]]: int(match[1])})
    if length > LONGEST_SPAN:
        raise click.BadParameter("give at most ten years", ctx=context, param=parameter)
    return length


def finite(context: click.Context, parameter: click.Parameter, rate: float) -> float:
    """Return the rate; refuse NaN, which is in no range and out of none."""
    if not math.isfinite(rate):
        raise click.BadParameter("give a number", ctx=context, param=parameter)
    return rate


def actor_option(function: Function) -> Function:
    """`--by NAME`."""
    text = "Who decided it, for the audit chain; your user name without it."
    return click.option("--by", "actor", metavar="NAME", help=text)(function)


@click.group(
    epilog=example(
        'hearth tenant key create --tenant demo --name "web site"',
        "hearth tenant key list --tenant demo",
    )
)
def key() -> None:
    """Keys with which a tenant's programs use the gateway (`hearth gateway`)."""


_SCOPES = "\b\nScopes:\n" + "\n".join(f"  {name:<9} {what}" for name, what in SCOPE_NOTES.items())


@key.command(
    cls=Command,
    epilog=f"{_SCOPES}\n\n"
    + example(
        'hearth tenant key create --tenant demo --name "web site"',
        "hearth tenant key create --tenant demo --name nightly --signing --scope read --expires 90d --json",
    ),
)
@tenant_option
@click.option("--name", required=True, metavar="N", help="What you call the key.")
@click.option(
    "--signing", is_flag=True, help="A key that signs requests (HMAC) and is not sent; without it, a bearer key."
)
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(ACCESS_SCOPES),
    default=DEFAULT_SCOPES,
    show_default=True,
    help="What it may do, as often as it takes.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0.1, 100_000),
    callback=finite,
    default=500,
    show_default=True,
    help="Most requests a second.",
)
@click.option("--expires", callback=span, metavar="SPAN", help="When it ends by itself, such as 90d; never without it.")
@actor_option
@json_option
def create(
    *,
    tenant: str,
    name: str,
    signing: bool,
    scopes: tuple[AccessScope, ...],
    rate: float,
    expires: timedelta | None,
    actor: str | None,
    as_json: bool,
) -> None:
    """Make a key and print its secret, once.

    Only a hash of a bearer key is stored, and a sealed copy of a signing key's secret.
    """
    if not 0 < len(name) <= LONGEST_NAME:
        raise click.BadParameter(f"a name has 1 to {LONGEST_NAME} characters", param_hint="--name")
    if expires is not None and not expires:
        raise click.BadParameter("a key lives longer than that", param_hint="--expires")
    now, by = datetime.now(UTC), actor or user_name()
    draft = ApiKeyDraft(
        name=name,
        kind="signing" if signing else "bearer",
        scopes=tuple(scope for scope in ACCESS_SCOPES if scope in scopes),
        rate=rate,
        created_by=by,
        expires_at=now + expires if expires else None,
    )
    with database(settings()), transaction(tenant) as session:
        issued = api_keys.create(session, tenant, draft=draft, now=now)
        _prove(session, issued.record, change="created", actor=by, now=now)
    _tell(issued, now, as_json=as_json)


@key.command("list", cls=Command, epilog=example("hearth tenant key list --tenant demo --json"))
@tenant_option
@json_option
def list_keys(tenant: str, as_json: bool) -> None:
    """List a tenant's keys, good or not, without their secrets."""
    now = datetime.now(UTC)
    with database(settings()), reading(tenant) as session:
        tenants.require(session, tenant)
        stored = api_keys.of_tenant(session, tenant)
    if as_json:
        emit({"tenant_id": tenant, "keys": [_brief(record, now) for record in stored]})
        return
    columns = ("key", "name", "kind", "may", "a second", "state", "made", "by", "ends", "used last")
    rows = [
        (
            record.key_id,
            record.name,
            record.kind,
            ", ".join(record.scopes),
            record.rate,
            api_keys.state_of(record, now),
            record.created_at,
            record.created_by,
            _end(record),
            record.last_used_at,
        )
        for record in stored
    ]
    table(f"keys of {tenant}", *filled(columns, rows))


@key.command(
    cls=Command,
    epilog=example(
        "hearth tenant key rotate 5f0c1e9a77b24d3886aa01c2",
        "hearth tenant key rotate 5f0c1e9a77b24d3886aa01c2 --grace 0h --json",
    ),
)
@KEY_ID
@click.option(
    "--grace", callback=span, metavar="SPAN", default="24h", show_default=True, help="How long the old one goes on."
)
@actor_option
@json_option
def rotate(key_id: str, grace: timedelta, actor: str | None, as_json: bool) -> None:
    """Make a new key like this one and print its secret, once; the old one goes on for a while and then ends."""
    now, by = datetime.now(UTC), actor or user_name()
    with database(settings()):
        tenant = _tenant_of(key_id)
        with transaction(tenant) as session:
            issued = api_keys.rotate(session, tenant, key_id=key_id, grace=grace, created_by=by, now=now)
            more: JsonObject = {"replaces": key_id, "grace_ends_at": (now + grace).isoformat()}
            _prove(session, issued.record, change="rotated", actor=by, now=now, **more)
    _tell(issued, now, as_json=as_json, more=more)


@key.command(cls=Command, epilog=example("hearth tenant key revoke 5f0c1e9a77b24d3886aa01c2 --by ada.quill"))
@KEY_ID
@actor_option
@json_option
def revoke(key_id: str, actor: str | None, as_json: bool) -> None:
    """End a key for good; a running gateway stops taking it within seconds."""
    now = datetime.now(UTC)
    with database(settings()):
        tenant = _tenant_of(key_id)
        with transaction(tenant) as session:
            ended = api_keys.revoke(session, tenant, key_id=key_id, now=now)
            if ended:
                _prove(session, ended, change="revoked", actor=actor or user_name(), now=now)
    if as_json:
        emit({"tenant_id": tenant, "key_id": key_id, "changed": ended is not None})
    else:
        say(f"key {key_id} of tenant {tenant}: {'revoked' if ended else 'was revoked before'}")


def _tenant_of(key_id: str) -> str:
    with reading(EVERY_TENANT) as session:
        tenant = api_keys.owner(session, key_id=key_id)
    if tenant is None:
        raise CommandFailed("no such key; `hearth tenant key list --tenant T` names a tenant's keys")
    return tenant


def _prove(session: Session, record: ApiKeyRecord, *, change: str, actor: str, now: datetime, **more: object) -> None:
    """Add the row to the tenant's audit chain, with no secret and no name that somebody typed but the actor's."""
    body = {
        "change": change,
        "key_id": record.key_id,
        "kind": record.kind,
        "scopes": list(record.scopes),
        "rate": record.rate,
        "expires_at": _text(record.expires_at),
        "actor": actor,
        **more,
    }
    audit.append(session, record.tenant_id, entries=[AuditDraft(kind="api_key", body=body)], now=now)


def _tell(issued: IssuedApiKey, now: datetime, *, as_json: bool, more: JsonMapping | None = None) -> None:
    """Print a new key with its secret."""
    record, extra = issued.record, more or {}
    called = "key" if record.kind == "bearer" else "secret"
    if as_json:
        emit({"tenant_id": record.tenant_id, **_brief(record, now), **extra, called: issued.secret})
        return
    told = {"key id": record.key_id, called: issued.secret, "may": ", ".join(record.scopes), "ends": record.expires_at}
    old = {"old key": extra["replaces"], "old key ends": extra["grace_ends_at"]} if extra else {}
    with times_of(record.tenant_id):
        facts(f"{record.kind} key of tenant {record.tenant_id}", {**told, **old})
    notice(f"keep the {called} now: it is not shown again")


def _end(record: ApiKeyRecord) -> datetime | None:
    """Return when a key ends or ended, by whatever comes first."""
    ends: Sequence[datetime | None] = (record.revoked_at, record.expires_at, record.grace_ends_at)
    return min((end for end in ends if end is not None), default=None)


def _brief(record: ApiKeyRecord, now: datetime) -> JsonObject:
    return {
        "key_id": record.key_id,
        "name": record.name,
        "kind": record.kind,
        "state": api_keys.state_of(record, now),
        "scopes": list(record.scopes),
        "rate": record.rate,
        "created_at": record.created_at.isoformat(),
        "created_by": record.created_by,
        "expires_at": _text(record.expires_at),
        "revoked_at": _text(record.revoked_at),
        "replaced_by": record.replaced_by,
        "grace_ends_at": _text(record.grace_ends_at),
        "last_used_at": _text(record.last_used_at),
    }


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
