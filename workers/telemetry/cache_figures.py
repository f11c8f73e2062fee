"""Report what the cache's tiers found to the broker, where the relay's metrics read it.

The children of a pool ask the cache, so each reports for itself, every few seconds after a task. What a child counted
since then is lost when it is killed.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

from tasks.runtime.cache.lookups import Lookups, lookups
from workers.base.internal_keys import CACHE_COUNTED
from workers.telemetry.figures import INTERVAL, PATIENCE

log = structlog.get_logger(__name__)

#: parts a field of CACHE_COUNTED: kind, tier, what was found
_BAR = "|"


class CacheReporter:
    """Adds the lookups of one process to the broker's counts."""

    def __init__(self, url: str, counts: Lookups = lookups, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = redis.Redis.from_url(
            url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=Retry(NoBackoff(), 0)
        )
        self._counts = counts
        self._clock = clock
        self._due = 0.0

    def report_when_due(self) -> None:
        """Report unless this process did so a few seconds ago."""
        if self._clock() >= self._due:
            self._due = self._clock() + INTERVAL
            self.report()

    def report(self) -> None:
        """Add the counts to the broker's; a broker that does not take them gets them with the next report."""
        counts = self._counts.drain()
        if not counts:
            return
        try:
            pipeline = self._client.pipeline(transaction=True)
            for lookup, count in counts.items():
                pipeline.hincrby(CACHE_COUNTED, _BAR.join(lookup), count)
            pipeline.execute()
        except (redis.RedisError, OSError) as error:
            self._counts.put_back(counts)
            log.warning("figures_not_reported", error=type(error).__name__)

    def close(self) -> None:
        """Report a last time and close the connection."""
        self.report()
        self._client.close()


def read(client: redis.Redis) -> dict[tuple[str, str, str], int]:
    """Return the lookups of all processes by (kind, tier, found); fields that are not ours are left out."""
    counted: dict[tuple[str, str, str], int] = {}
    for name, value in client.hgetall(CACHE_COUNTED).items():
        parts = _text(name).split(_BAR)
        number = _text(value)
        if len(parts) == 3 and number.isdecimal():
            counted[parts[0], parts[1], parts[2]] = int(number)
    return counted


def _text(raw: bytes | str) -> str:
    return raw.decode(errors="replace") if isinstance(raw, bytes) else raw
