"""The database, for commands that read or change it themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from db import session
from workers.base.database import bind
from workers.base.settings import Settings


@contextmanager
def database(chosen: Settings) -> Iterator[None]:
    """Binds the settings' database for the time of the block."""
    bind(chosen)
    try:
        yield
    finally:
        session.dispose()
