"""The database, for commands that read or change it themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from db import session
from workers.settings import settings


@contextmanager
def database() -> Iterator[None]:
    """Binds the database of the settings for the time of the block."""
    chosen = settings()
    session.configure(chosen.database_url, chosen.keyring())
    try:
        yield
    finally:
        session.dispose()
