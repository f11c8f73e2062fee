"""The database of the settings, bound for this process; nothing connects before the first session.

The key ring has to be the one that sealed the database. Who starts with another is refused before anything is read or
written, and a new ring is made only where nothing needs an older one.
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from pathlib import Path

import structlog

from db import session, tenancy
from db.encryption import KeyRing
from db.engine import normal_url
from db.errors import DatabaseError, DatabaseUnavailable, KeysForeign
from db.repositories.privacy import key_marks
from workers.base import atomic_files
from workers.base.errors import KeysUnreadable
from workers.base.settings import Settings

log = structlog.get_logger(__name__)

_RESTORE = "put the key ring back that was saved with this database (the file, or HEARTH_KEYS)"


def bind(settings: Settings) -> None:
    """Bind this process to settings.database_url with the key ring of the settings, which the first session compares.

    Raises:
        HomeNotPrivate: others may read the home, and that cannot be changed.
        KeysUnreadable: the key ring is damaged, not to be read, or gone where something needs it.

    """
    atomic_files.restrict_to_owner(settings.home)
    url, ring = settings.database_url.get_secret_value(), key_ring(settings)
    session.configure(url, ring, check=functools.partial(_compare, settings))


def begin(settings: Settings) -> None:
    """Bind, and see at once that the key ring opens the database; no connection stays open, so a fork may follow.

    A database that is away is asked by the first session that reaches it.

    Raises:
        KeysUnreadable: as `bind`, or the ring is not the one that sealed the database.

    """
    bind(settings)
    try:
        session.check()
        _warn_of_unbound_role(settings)
    except KeysForeign as error:
        raise KeysUnreadable(str(error)) from None
    except DatabaseUnavailable:
        log.warning("keys_not_compared", reason="the database does not answer")
    finally:
        session.dispose()


def _warn_of_unbound_role(settings: Settings) -> None:
    """Say that row-level security is passed by; all works without it, so it is no reason to stop."""
    if not database_exists(settings):
        return
    with session.reading(session.EVERY_TENANT) as asking:
        if not tenancy.is_bound(asking):
            log.warning("role_passes_policies_by", hint="let DATABASE_URL name a role without SUPERUSER and BYPASSRLS")


def key_ring(settings: Settings) -> KeyRing:
    """HEARTH_KEYS, else the file `home/keys`, which the first start makes (mode 0600).

    Raises:
        KeysUnreadable: it is damaged or not to be read; or it is gone and the database needs it, or cannot say so.

    """
    try:
        return KeyRing.parse(settings.keys.get_secret_value() if settings.keys else _stored_ring(settings))
    except (OSError, ValueError, DatabaseError):
        place = _place(settings)
        raise KeysUnreadable(f"{place} holds no key ring: put the saved one back, sealed columns need it") from None


def _place(settings: Settings) -> str:
    return "HEARTH_KEYS" if settings.keys else str(settings.home / "keys")


def _stored_ring(settings: Settings) -> str:
    path = settings.home / "keys"
    return path.read_text() if path.exists() else _new_ring(settings, path)


def _new_ring(settings: Settings, path: Path) -> str:
    """Return a new key ring, where nothing needs an older one."""
    ring = KeyRing.generate()
    try:
        table = _table_needing_ring(settings, ring)
    except DatabaseError:
        hint = "start again once it does"
        raise KeysUnreadable(f"{path} is gone, and the database does not say whether it is needed: {hint}") from None
    if table is not None:
        raise KeysUnreadable(f"{path} is gone, and {table} of the database was written with it: {_RESTORE}")
    return atomic_files.create_once(path, ring.dump())


def _table_needing_ring(settings: Settings, ring: KeyRing) -> str | None:
    """Return the table that needs an older ring; looking makes no database."""
    if not database_exists(settings):
        return None
    session.configure(settings.database_url.get_secret_value(), ring)
    try:
        with session.reading(session.EVERY_TENANT) as asking:
            return key_marks.table_needing_ring(asking)
    finally:
        session.dispose()


def database_exists(settings: Settings) -> bool:
    """Return whether there is a database to ask; to connect would make a SQLite file."""
    url = normal_url(settings.database_url.get_secret_value())
    return url.get_backend_name() != "sqlite" or Path(url.database or "").exists()


def _compare(settings: Settings) -> None:
    """See that the bound ring opens the database, and note its keys there.

    Raises:
        KeysForeign: it does not.

    """
    if not database_exists(settings):
        return
    with session.reading(session.EVERY_TENANT) as asking:
        match = key_marks.check(asking)
    if match.foreign_table is not None:
        problem = f"{match.foreign_table} of the database was written with keys that {_place(settings)} does not hold"
        raise KeysForeign(f"{problem}: {_RESTORE}")
    if match.unmarked:
        _note()


def _note() -> None:
    try:
        with session.transaction(session.EVERY_TENANT) as writing:
            key_marks.save(writing, now=datetime.now(UTC))
    except DatabaseError as error:
        # as on a standby: the next start notes them
        log.warning("keys_not_noted", error=type(error).__name__)
