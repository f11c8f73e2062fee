"""Detect a broker that lost its data, by a mark in it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from redis import Redis

#: a key that goes when the broker's data go
EPOCH = "hearth.relay.epoch"


@dataclass(slots=True)
class Epoch:
    """Detects that the broker lost its data: our mark is gone, or is another one."""

    _mark: bytes | str | None = None

    def has_changed(self, client: Redis) -> bool:
        """Return whether the data were lost since the last call; the first call returns True where there is no mark."""
        mark = client.get(EPOCH)
        if mark is None:
            client.set(EPOCH, secrets.token_hex(16), nx=True)
            self._mark = client.get(EPOCH)
            return True
        changed = self._mark is not None and mark != self._mark
        self._mark = mark
        return changed
