"""The cache's tier in Redis: what other processes of this installation computed, sealed, for a short while.

It must never make a task wait for long: each call has a short time, and after one that failed the tier rests.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

from tasks.runtime.cache import lead_cache
from tasks.runtime.cache.lead_cache import LeadCache
from tasks.runtime.cache.tiers import ProcessTier, Tier, TierAway
from workers.base.settings import Settings

log = structlog.get_logger(__name__)

#: seconds for an answer, and for a connection, which TLS makes slower
PATIENCE, CONNECTING = 0.05, 0.25
#: seconds for which a tier that did not answer is not asked
REST = 5.0


class RedisTier:
    """Values in Redis, each until its time is over. A call that fails raises TierAway, as all do for a while then."""

    name = "redis"

    def __init__(self, url: str, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.url = url
        # connects at the first call: a pool's children share no connection
        self._client = redis.Redis.from_url(
            url, socket_timeout=PATIENCE, socket_connect_timeout=CONNECTING, retry=Retry(NoBackoff(), 0)
        )
        self._milliseconds = max(1, round(1000 * seconds))
        self._clock = clock
        self._rests_until = 0.0

    def get(self, name: str) -> bytes | None:
        """Return a value, None where there is none; raise TierAway."""
        value = self._asked(lambda: self._client.get(name))
        return value if isinstance(value, bytes) else None

    def put(self, name: str, value: bytes) -> None:
        """Keep a value; raise TierAway."""
        self._asked(lambda: self._client.set(name, value, px=self._milliseconds))

    def drop(self, names: Collection[str]) -> None:
        """Forget values, also where the tier rests; raise TierAway."""
        self._rests_until = 0.0
        if names:
            self._asked(lambda: self._client.delete(*names))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _asked(self, ask: Callable[[], object]) -> object:
        if self._clock() < self._rests_until:
            raise TierAway
        try:
            return ask()
        except (redis.RedisError, OSError) as error:
            self._rests_until = self._clock() + REST
            log.warning("cache_tier_away", tier=self.name, error=type(error).__name__, seconds=REST)
            raise TierAway from None


def bind(settings: Settings) -> None:
    """Give this process the cache of the settings: its own memory and Redis, or none at all; nothing connects yet."""
    seconds = settings.cache_seconds
    tiers: list[Tier] = []
    if seconds > 0:
        tiers = [ProcessTier(seconds), RedisTier(settings.broker().get_secret_value(), seconds)]
    lead_cache.bind(LeadCache(tiers=tiers, seconds=seconds))
