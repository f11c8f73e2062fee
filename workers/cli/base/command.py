"""Share between commands: options, the example in the help, exit codes, a stop that cleans up.

Exit codes: 0 done, 1 a failure explained in one line, 2 wrong usage, 128 + n stopped by signal n (130 for Ctrl-C).
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import TypeVar

import click

from db.errors import DatabaseError, UnknownTenant
from workers.base.errors import WorkersError
from workers.cli.base.formatting import local
from workers.cli.base.terminal import line

#: how a Redis says that it takes no writes
_REFUSAL = re.compile(r"\b(?:MISCONF|OOM|READONLY|NOREPLICAS)\b")
#: Redis's error codes for which redis-py has a class of its own, whose message leaves the code out. By name, as is the
#: broker's error below: a command that asks no broker does not import its client, which takes a third of a second
_CODES = {"OutOfMemoryError": "OOM", "ReadOnlyError": "READONLY"}
_FORBIDDEN = "redis.exceptions.NoPermissionError"
#: Celery hides that a broker is away in a RuntimeError, of which redis-py's error is the cause
_BROKER_ERRORS = frozenset({"kombu.exceptions.OperationalError", "redis.exceptions.ConnectionError", _FORBIDDEN})
#: failures that are explained in one line, besides those of the broker; any other is a bug and shows its traceback
EXPLAINED = (DatabaseError, WorkersError, OSError)

#: key of the context's `meta`: the tenant of `--tenant`
_TENANT = "hearth.tenant"

Function = TypeVar("Function", bound=Callable[..., object])


class CommandFailed(click.ClickException):
    """A failure explained by one line; columns and keys of others in it are made harmless."""

    def __init__(self, message: str) -> None:
        super().__init__(line(message))


class Command(click.Command):
    """A command that explains its failures and stops cleanly."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; tell the times that it prints in the zone of its tenant."""
        try:
            with local(partial(_zone_of, ctx.meta[_TENANT])) if _TENANT in ctx.meta else nullcontext():
                return super().invoke(ctx)
        except BrokenPipeError:
            raise  # who reads, such as `head`, has enough: click ends without a word
        except EXPLAINED as error:
            raise CommandFailed(_line(error)) from error
        except KeyboardInterrupt:
            raise SystemExit(128 + signal.SIGINT) from None
        except Exception as error:
            if not _of_broker(error):
                raise
            raise CommandFailed(_line(error)) from error


def _line(error: BaseException) -> str:
    if isinstance(error, UnknownTenant):
        return "unknown tenant; `hearth tenant create` makes one, and so does `hearth backfill`"
    if _of_broker(error):
        if refuses_writes(error):
            return f"the broker takes no work ({_code(error)}): its disk or memory is full; make room and try again"
        if _is_forbidden(error):
            return "the user of REDIS_URL may not do this: take the address of the broker's user `worker`"
        return "the broker does not answer; check REDIS_URL, or start a cluster with `hearth up`"
    return " ".join(str(error).split()) or type(error).__name__


def _of_broker(error: BaseException) -> bool:
    """Return whether an error is the broker's, or was raised from one of its."""
    return any(kind in _BROKER_ERRORS for kind in _kinds(error))


def _is_forbidden(error: BaseException) -> bool:
    """Return whether the broker's user may not do what was asked."""
    return _FORBIDDEN in _kinds(error)


def _kinds(error: BaseException | None) -> set[str]:
    """Return the names, with their modules, of an error's classes and of its causes'."""
    kinds: set[str] = set()
    while error is not None:
        kinds |= {f"{kind.__module__}.{kind.__name__}" for kind in type(error).__mro__}
        error = error.__cause__
    return kinds


def refuses_writes(error: BaseException) -> bool:
    """Return whether an error says that the broker runs but refuses writes."""
    return _code(error) is not None


def _code(error: BaseException) -> str | None:
    """Return Redis's error code; None for an error that is no refusal."""
    if code := _CODES.get(type(error).__name__):
        return code
    match = _REFUSAL.search(str(error))
    return match[0] if match else _code(error.__cause__) if error.__cause__ else None


def example(*lines: str) -> str:
    """Return the end of a help page: commands to copy."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


def tenant_option(function: Function) -> Function:
    """`--tenant T`, required."""
    text = "The tenant (HighLevel: the locationId)."
    return click.option("--tenant", required=True, metavar="T", help=text, callback=in_its_zone)(function)


def in_its_zone(context: click.Context, _parameter: click.Parameter, tenant: str) -> str:
    """Remember whose zone the command prints its times in."""
    context.meta[_TENANT] = tenant
    return tenant


def _zone_of(tenant: str) -> str | None:
    # what reads the database is imported when the first time is told
    from workers.cli.base.zones import tenant_zone

    return tenant_zone(tenant)


def json_option(function: Function) -> Function:
    """`--json`: one JSON object on stdout."""
    text = "Print one JSON object on stdout and nothing else there."
    return click.option("--json", "as_json", is_flag=True, help=text)(function)
