"""Bind the database for commands that read or change it themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from db import session
from workers.base.database import bind
from workers.base.settings import Settings


@contextmanager
def database(chosen: Settings) -> Iterator[None]:
    """Bind the settings' database until the block ends."""
    bind(chosen)
    try:
        yield
    finally:
        session.dispose()
