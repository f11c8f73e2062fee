"""Whether the gateway's stores answer (`StoreHealth`)."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from celery import Celery

from db.errors import DatabaseError
from db.session import EVERY_TENANT, database_time, reading
from workers.delivery.poll_loop import TRANSIENT_ERRORS
from workers.delivery.publishing import Publisher
from workers.gateway.submitter import QUICK

#: seconds that a look is good for: anybody may ask
FRESH = 1.0


class StoreHealth:
    """Asks broker and database in a thread of its own, at most once a second."""

    def __init__(self, celery: Celery) -> None:
        self._publisher = Publisher(celery, QUICK)
        self._thread = ThreadPoolExecutor(1, "gateway-health")
        self._lock = asyncio.Lock()
        self._looked: tuple[float, tuple[bool, bool]] | None = None

    async def check(self) -> tuple[bool, bool]:
        """Return whether the broker answers, and whether the database does."""
        async with self._lock:
            if self._looked is None or time.monotonic() - self._looked[0] > FRESH:
                found = await asyncio.get_running_loop().run_in_executor(self._thread, self._ask)
                self._looked = (time.monotonic(), found)
            return self._looked[1]

    async def close(self) -> None:
        """End."""
        self._thread.shutdown()
        self._publisher.close()

    def _ask(self) -> tuple[bool, bool]:
        return self._broker_answers(), _database_answers()

    def _broker_answers(self) -> bool:
        try:
            self._publisher.client.ping()
        except TRANSIENT_ERRORS:
            self._publisher.close()
            return False
        return True


def _database_answers() -> bool:
    try:
        with reading(EVERY_TENANT) as session:
            database_time(session)
    except DatabaseError:
        return False
    return True
