"""What all commands share: options, the example in their help, exit codes, and a stop that cleans up.

Exit codes: 0 done, 1 a failure told in one line, 2 wrong usage, 128 + n stopped by signal n (130 for Ctrl-C).
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

import click
from kombu.exceptions import OperationalError

from db.errors import DatabaseError
from workers.errors import WorkersError

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: failures that are told in one line; anything else is a fault of ours and shows its traceback
EXPLAINED = (DatabaseError, WorkersError, OperationalError, OSError)

Function = TypeVar("Function", bound=Callable[..., Any])


class CommandFailed(click.ClickException):
    """A failure that its one line explains."""


class Stopped(SystemExit):
    """Somebody asked the command to stop; context managers clean up on the way out."""


@contextmanager
def stoppable() -> Iterator[None]:
    """Turns Ctrl-C, SIGTERM and SIGHUP into `Stopped` for the time of the block."""

    def stop(number: int, _frame: FrameType | None) -> None:
        raise Stopped(128 + number)

    before = {number: signal.signal(number, stop) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Command(click.Command):
    """A command that explains its failures and stops cleanly."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command."""
        try:
            with stoppable():
                return super().invoke(ctx)
        except EXPLAINED as error:
            raise CommandFailed(_line(error)) from error


def _line(error: BaseException) -> str:
    if isinstance(error, OperationalError):
        return "the broker does not answer; check REDIS_URL, or start a cluster with `hearth up`"
    return " ".join(str(error).split()) or type(error).__name__


def example(*lines: str) -> str:
    """The end of a help page: commands to copy."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


def tenant_option(function: Function) -> Function:
    """`--tenant T`, required."""
    return click.option("--tenant", required=True, metavar="T", help="The tenant (HighLevel: the locationId).")(function)


def json_option(function: Function) -> Function:
    """`--json`: one JSON object on stdout."""
    text = "Print one JSON object on stdout and nothing else there."
    return click.option("--json", "as_json", is_flag=True, help=text)(function)
