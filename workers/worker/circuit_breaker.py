"""A circuit breaker for the database: while the database is away, a worker stops taking messages for a few seconds.

Messages that wait in the broker are safe there. The worker's main process learns of a failure from its children (their
messages are retried) and from its own work. Each pause is longer than the last one, until a write succeeds. Remote
control always works.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

#: seconds of the first pause and of the longest; a failure that is older than the longest pause is forgotten
FIRST, MOST = 0.5, 5.0


class CircuitBreaker:
    """Pause after failures of the database, twice as long each time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seconds = self._until = 0.0

    def record_failure(self) -> None:
        """Start a pause, unless one is running."""
        now = self._clock()
        if now < self._until:
            return
        lasting = now < self._until + MOST
        self._seconds = min(self._seconds * 2, MOST) if lasting and self._seconds else FIRST
        self._until = now + self._seconds
        log.warning("database_away", seconds=self._seconds)

    def record_success(self) -> None:
        """End the pauses: a write succeeded."""
        if self._seconds:
            log.info("database_answers_again")
        self._seconds = self._until = 0.0

    def is_open(self) -> bool:
        """Return whether a pause is running, so that no message may be taken."""
        return self._clock() < self._until


#: the breaker of this process's database
database_breaker = CircuitBreaker()
