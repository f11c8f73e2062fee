"""The answers of tasks, for whoever waits for them: one look at the result backend for all who wait."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from celery import Celery
from redis.exceptions import RedisError

from db.errors import DatabaseError
from db.repositories.jobs import idempotency_keys
from db.session import reading
from domain.documents import JsonObject
from tasks.errors import Overloaded
from workers.gateway.submissions import BrokerAway

#: seconds between two looks
INTERVAL = 0.02
#: requests that may wait at once, and those of one tenant
WAITING, WAITING_OF_TENANT = 1_000, 200
#: Celery's states of a task that has ended
_ENDED = frozenset({"SUCCESS", "FAILURE", "REVOKED"})


class StoredResults:
    """Reads Celery's result backend, which is Redis, in a thread of its own."""

    def __init__(self, celery: Celery) -> None:
        self._backend = celery.backend
        self._thread = ThreadPoolExecutor(1, "gateway-results")
        #: task id -> those who wait for it
        self._waiting: dict[str, list[asyncio.Future[JsonObject | None]]] = {}
        self._of_tenant: Counter[str] = Counter()
        self._looking: asyncio.Task[None] | None = None

    async def get(self, tenant_id: str, task_id: str) -> JsonObject | None:
        """Return a task's outcome, as `Results.get`: from the backend, else as the database keeps it for longer."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._read, tenant_id, task_id)

    async def wait(self, tenant_id: str, task_id: str, seconds: float) -> JsonObject | None:
        """Return a task's outcome as soon as there is one, as `Results.wait`."""
        if self._of_tenant.total() >= WAITING or self._of_tenant[tenant_id] >= WAITING_OF_TENANT:
            raise Overloaded("too many requests wait for an answer; ask for it later by the task's id")
        future: asyncio.Future[JsonObject | None] = asyncio.get_running_loop().create_future()
        self._of_tenant[tenant_id] += 1
        self._waiting.setdefault(task_id, []).append(future)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        try:
            return await asyncio.wait_for(future, seconds)
        except TimeoutError:
            return None
        finally:
            self._leave(tenant_id, task_id, future)

    def hasten(self) -> None:
        """Let nobody wait any longer: whoever waits now is told that there is no answer yet."""
        for future in [each for waiting in self._waiting.values() for each in waiting]:
            if not future.done():
                future.set_result(None)

    async def close(self) -> None:
        """End; nobody waits any more."""
        if self._looking is not None:
            self._looking.cancel()
        self._thread.shutdown()

    def _leave(self, tenant_id: str, task_id: str, future: asyncio.Future[JsonObject | None]) -> None:
        self._of_tenant[tenant_id] -= 1
        self._of_tenant += Counter()  # drops those at zero
        others = [each for each in self._waiting.get(task_id, ()) if each is not future]
        if others:
            self._waiting[task_id] = others
        else:
            self._waiting.pop(task_id, None)

    async def _look(self) -> None:
        """Look for answers until nobody waits."""
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                task_ids = list(self._waiting)
                try:
                    found = await loop.run_in_executor(self._thread, self._outcomes, task_ids)
                except BrokerAway:
                    # whoever waits goes on waiting: the task is accepted, and its answer may still come
                    found = [None] * len(task_ids)
                self._hand_out(zip(task_ids, found, strict=True))
                await asyncio.sleep(INTERVAL)
        finally:
            self._looking = None

    def _hand_out(self, outcomes: Iterable[tuple[str, JsonObject | None]]) -> None:
        """Give each outcome that is there to those who wait for it."""
        for task_id, outcome in outcomes:
            for future in self._waiting.get(task_id, ()) if outcome else ():
                if not future.done():
                    future.set_result(outcome)

    def _read(self, tenant_id: str, task_id: str) -> JsonObject | None:
        try:
            [outcome] = self._outcomes([task_id])
        except BrokerAway:
            outcome = _kept(tenant_id, task_id)
            if outcome is None:
                raise
        return outcome or _kept(tenant_id, task_id)

    def _outcomes(self, task_ids: Sequence[str]) -> list[JsonObject | None]:
        """Return the outcome of each task that has ended, else None.

        Raises:
            BrokerAway: the backend does not answer.

        """
        try:
            stored = self._backend.client.mget([self._backend.get_key_for_task(task_id) for task_id in task_ids])
        except (RedisError, OSError):
            raise BrokerAway("the answers cannot be read now; send the same request again") from None
        return [_outcome(raw) for raw in stored]


def _outcome(raw: bytes | None) -> JsonObject | None:
    if raw is None:
        return None
    outcome: JsonObject = json.loads(raw)
    return outcome if outcome.get("status") in _ENDED else None


def _kept(tenant_id: str, task_id: str) -> JsonObject | None:
    """Return the first result that the task stored in the database, in Celery's form; None where there is none."""
    try:
        with reading(tenant_id) as session:
            record = idempotency_keys.by_task_id(session, tenant_id, task_id=task_id)
    except DatabaseError:
        return None
    return None if record is None or not record.done else {"status": "SUCCESS", "result": record.result}
