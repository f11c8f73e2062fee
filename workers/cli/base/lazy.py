"""Import a command when it is called, not when its name is listed."""

from __future__ import annotations

import atexit
import gc
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from types import ModuleType
from typing import Any, cast

import click

from workers.cli.base.terminal import harmless

#: True where the process was started for one command; tests call many in theirs
_one_command = ContextVar("one_command", default=False)


@contextmanager
def no_collection() -> Iterator[None]:
    """Look for no garbage until the block ends: what it makes stays, and looking takes a quarter of its time.

    In a process for one command nothing looks through it later either.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            if _one_command.get():
                gc.freeze()
            gc.enable()


def import_structlog() -> None:
    """Import structlog without its coloured tracebacks: Hearth's logs are JSON, and rich takes a fifth of a second."""
    if "structlog" in sys.modules or "rich" in sys.modules:
        return
    # how Python writes that a module is not there
    sys.modules["rich"] = cast("ModuleType", None)
    try:
        import_module("structlog")
    finally:
        del sys.modules["rich"]


class LazyGroup(click.Group):
    """A group over a table of `name -> (module:attribute, line of help)`."""

    def __init__(self, name: str, *, table: Mapping[str, tuple[str, str]], **attributes: Any) -> None:
        super().__init__(name, **attributes)
        self._table = table

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the command line; make everything that it prints harmless for a terminal."""
        if not args and options.get("args") is None:
            _one_command.set(True)
            # the last look for garbage, when Python ends, would free what the system frees at once
            atexit.register(gc.freeze)
        with harmless():
            return super().main(*args, **options)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in self._table:
            return None
        module, _, attribute = self._table[cmd_name][0].partition(":")
        with no_collection():
            import_structlog()
            command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self._table.items()])
