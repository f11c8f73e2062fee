"""`hearth events`: read stored CRM events again."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import click

from domain.documents import JsonObject
from workers.cli.base.client import client
from workers.cli.base.command import Command, example, json_option, tenant_option
from workers.cli.base.output import emit, facts

#: seconds that reading everything again may take
PATIENCE = 600.0
#: which events are read again
STATUS = ("failed", "ignored")
_AGO = re.compile(r"(\d{1,6})([hd])")
_UNITS = {"h": "hours", "d": "days"}


def moment(text: str) -> datetime:
    """Return a moment: ISO 8601 (UTC without an offset), or an age such as `7d` or `12h`."""
    ago = _AGO.fullmatch(text)
    if ago:
        return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter("write a moment such as 2026-03-01 or 2026-03-01T08:00Z, or 7d, or 12h") from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


@click.group(epilog=example("hearth events replay --tenant demo --since 7d"))
def events() -> None:
    """Events of CRMs that failed or were ignored: read them again."""


@events.command(
    cls=Command,
    epilog=example(
        "hearth events replay --tenant demo", "hearth events replay --tenant demo --since 7d --status failed"
    ),
)
@tenant_option
@click.option("--since", type=moment, metavar="WHEN", help="Only those received since: 2026-03-01, 7d, 12h.")
@click.option("--status", type=click.Choice(STATUS), help="Only those that failed, or were ignored.")
@click.option("--dry-run", is_flag=True, help="Report the result and change nothing.")
@json_option
def replay(tenant: str, since: datetime | None, status: str | None, dry_run: bool, as_json: bool) -> None:
    """Read stored events again that were not applied: after an upgrade or new settings, they may be understood.

    Each is applied once, with the time at which it came; an event that is still not understood stays as it was.
    """
    arguments: JsonObject = {"dry_run": dry_run}
    if since is not None:
        arguments["since"] = since.isoformat()
    if status is not None:
        arguments["status"] = [status]
    with client(tenant) as caller:
        data = caller.call("hearth.events.replay", patience=PATIENCE, **arguments)
    if as_json:
        emit({"tenant_id": tenant, "dry_run": dry_run, **data})
        return
    why = ", ".join(f"{code} {count}" for code, count in data["ignored_by"].items())
    facts(f"events of {tenant}, read again", data | {"ignored_by": why or None})
