"""The database of the settings, bound for this process; nothing connects before the first session."""

from __future__ import annotations

from db import session
from db.errors import DatabaseError
from db.sealing import KeyRing
from workers import private
from workers.errors import KeysUnreadable
from workers.settings import Settings


def bind(settings: Settings) -> None:
    """Bind this process to settings.database_url with the key ring of the settings.

    Raises:
        KeysUnreadable: the key ring is damaged or not to be read.

    """
    session.configure(settings.database_url.get_secret_value(), key_ring(settings))


def key_ring(settings: Settings) -> KeyRing:
    """HEARTH_KEYS, else the file `home/keys`, which the first start makes (mode 0600)."""
    place = "HEARTH_KEYS" if settings.keys else str(settings.home / "keys")
    try:
        return KeyRing.parse(settings.keys.get_secret_value() if settings.keys else _kept(settings))
    except (OSError, ValueError, DatabaseError):
        raise KeysUnreadable(f"{place} holds no key ring: put the saved one back, sealed columns need it") from None


def _kept(settings: Settings) -> str:
    path = settings.home / "keys"
    return path.read_text() if path.exists() else private.create_once(path, KeyRing.generate().dump())
