"""The tiers of the cache: what each must be able to do, and the one that lives in this process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from time import monotonic
from typing import Protocol

from cachetools import TTLCache

#: bytes of a process's tier, and of the largest value that any tier takes
MOST_BYTES, LARGEST = 16 * 1024 * 1024, 256 * 1024


class TierAway(Exception):  # noqa: N818  # the name says the fact
    """A tier did not answer in time, or rests since it did not a moment ago."""


class Tier(Protocol):
    """Keeps sealed values by name, each for the cache's time at most; it may forget any of them at any moment."""

    #: as metrics call it
    name: str

    def get(self, name: str) -> bytes | None:
        """Return a value, None where there is none; raise TierAway."""

    def put(self, name: str, value: bytes) -> None:
        """Keep a value; raise TierAway."""

    def drop(self, names: Collection[str]) -> None:
        """Forget values; raise TierAway."""


class ProcessTier:
    """The values of this process, in its memory; the least recently used go first. Thread-safe."""

    name = "process"

    def __init__(self, seconds: float, *, most_bytes: int = MOST_BYTES, clock: Callable[[], float] = monotonic) -> None:
        self._values: TTLCache[str, bytes] = TTLCache(most_bytes, ttl=seconds, timer=clock, getsizeof=len)
        self._lock = threading.Lock()

    def get(self, name: str) -> bytes | None:
        """Return a value, None where there is none."""
        with self._lock:
            return self._values.get(name)

    def put(self, name: str, value: bytes) -> None:
        """Keep a value."""
        with self._lock:
            self._values[name] = value

    def drop(self, names: Collection[str]) -> None:
        """Forget values."""
        with self._lock:
            for name in names:
                self._values.pop(name, None)
