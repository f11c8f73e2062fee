"""Share between commands: options, the example in the help, exit codes, a stop that cleans up.

Exit codes: 0 done, 1 a failure explained in one line, 2 wrong usage, 128 + n stopped by signal n (130 for Ctrl-C).
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from typing import TypeVar

import click
from kombu.exceptions import OperationalError
from redis.exceptions import OutOfMemoryError, ReadOnlyError

from db.errors import DatabaseError, UnknownTenant
from workers.base.errors import WorkersError
from workers.cli.base.terminal import line

#: how a Redis says that it takes no writes
_REFUSAL = re.compile(r"\b(?:MISCONF|OOM|READONLY|NOREPLICAS)\b")
#: failures that are explained in one line; any other is a bug and shows its traceback
EXPLAINED = (DatabaseError, WorkersError, OperationalError, OSError)

Function = TypeVar("Function", bound=Callable[..., object])


class CommandFailed(click.ClickException):
    """A failure explained by one line; columns and keys of others in it are made harmless."""

    def __init__(self, message: str) -> None:
        super().__init__(line(message))


class Command(click.Command):
    """A command that explains its failures and stops cleanly."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # who reads, such as `head`, has enough: click ends without a word
        except EXPLAINED as error:
            raise CommandFailed(_line(error)) from error
        except KeyboardInterrupt:
            raise SystemExit(128 + signal.SIGINT) from None


def _line(error: BaseException) -> str:
    if isinstance(error, UnknownTenant):
        return "unknown tenant; `hearth tenant create` makes one, and so does `hearth backfill`"
    if isinstance(error, OperationalError):
        if refuses_writes(error):
            return f"the broker takes no work ({_code(error)}): its disk or memory is full; make room and try again"
        return "the broker does not answer; check REDIS_URL, or start a cluster with `hearth up`"
    return " ".join(str(error).split()) or type(error).__name__


def refuses_writes(error: BaseException) -> bool:
    """Return whether an error says that the broker runs but refuses writes."""
    return _code(error) is not None


def _code(error: BaseException) -> str | None:
    """Return Redis's error code; redis-py drops it where it has a separate exception class."""
    if isinstance(error, OutOfMemoryError | ReadOnlyError):
        return "OOM" if isinstance(error, OutOfMemoryError) else "READONLY"
    match = _REFUSAL.search(str(error))
    return match[0] if match else _code(error.__cause__) if error.__cause__ else None


def example(*lines: str) -> str:
    """Return the end of a help page: commands to copy."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


def tenant_option(function: Function) -> Function:
    """`--tenant T`, required."""
    return click.option("--tenant", required=True, metavar="T", help="The tenant (HighLevel: the locationId).")(
        function
    )


def json_option(function: Function) -> Function:
    """`--json`: one JSON object on stdout."""
    text = "Print one JSON object on stdout and nothing else there."
    return click.option("--json", "as_json", is_flag=True, help=text)(function)
