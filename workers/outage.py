"""While the database is away, a worker takes messages only now and then: what waits in the broker is safe there.

The worker's main process hears of it from its children, by messages that are tried again, and from its own work. It
takes nothing for a while then, longer each time, until something is written again. Remote control goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

#: seconds for which nothing is taken after the first trouble, and the most; an older trouble than that is forgotten
FIRST, MOST = 0.5, 5.0


class Outage:
    """Whether the database is away, as far as this process has heard."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seconds = self._until = 0.0

    def met(self) -> None:
        """Somebody found no database; what is heard while nothing is taken tells nothing new."""
        now = self._clock()
        if now < self._until:
            return
        lasting = now < self._until + MOST
        self._seconds = min(self._seconds * 2, MOST) if lasting and self._seconds else FIRST
        self._until = now + self._seconds
        log.warning("database_away", seconds=self._seconds)

    def over(self) -> None:
        """Something was written."""
        if self._seconds:
            log.info("database_answers_again")
        self._seconds = self._until = 0.0

    def holds(self) -> bool:
        """Whether nothing is to be taken now."""
        return self._clock() < self._until


#: that of this process's database
outage = Outage()
