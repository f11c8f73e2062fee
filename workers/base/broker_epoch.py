"""How long the queues are, and whether the broker still is the one that it was."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from tasks.runtime.queue_depth import depths

__all__ = ["EPOCH", "Epoch", "depths"]

#: a key that goes when the broker's data go
EPOCH = "hearth.relay.epoch"


@dataclass(slots=True)
class Epoch:
    """Tells a broker that lost its data: a mark of ours is gone, or is another's."""

    _seen: bytes | None = None

    def has_changed(self, client: Any) -> bool:
        """Whether the data were lost since the last call; the first call says so where there is no mark at all."""
        found = client.get(EPOCH)
        if found is None:
            client.set(EPOCH, secrets.token_hex(16), nx=True)
            self._seen = client.get(EPOCH)
            return True
        changed = self._seen is not None and found != self._seen
        self._seen = found
        return changed
