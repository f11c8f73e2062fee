"""Submissions that come together share one transaction and one round trip to the broker (`BatchSubmitter`).

A commit and a publication each cost milliseconds, so requests gather while the batch before them is written. What must
not be lost is committed to the outbox, then published; the relay publishes what this process could not, or did not live
to. All tenants of a batch share one transaction: a commit each would multiply the waiting by the number of tenants. The
tenant of a row is that of the caller's key, never of a message's content, and its arguments are sealed for that tenant.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime

import structlog
from celery import Celery

from db.errors import DatabaseError
from db.records import AcceptDraft, OutboxRecord
from db.repositories.jobs import outbox
from db.session import EVERY_TENANT, transaction
from tasks.errors import Overloaded, Unavailable
from workers.delivery.poll_loop import TRANSIENT_ERRORS
from workers.delivery.publishing import Publisher
from workers.gateway.submissions import BrokerAway, KeyConflict, Submission

log = structlog.get_logger(__name__)

#: seconds that submissions wait for others, unless so many wait already
GATHER, ENOUGH = 0.004, 32
#: submissions in one transaction, and those that may wait for theirs
BATCH, WAITING = 500, 5_000
#: seconds after which published rows are confirmed, many at once, and for which the relay leaves new rows to us
CONFIRM, HOLD = 1.0, 5.0
#: a broker that does not answer within half a second takes nothing
QUICK = {"max_retries": 0, "socket_connect_timeout": 0.5, "socket_timeout": 0.5}

Outcome = Exception | None
Told = Callable[[Sequence[tuple[Submission, Outcome]]], None]
_Waiting = tuple[Submission, "asyncio.Future[None]"]


class BatchSubmitter:
    """Writes and publishes submissions, batch by batch, in a thread of its own."""

    def __init__(self, celery: Celery) -> None:
        self._writer = BatchWriter(celery)
        self._thread = ThreadPoolExecutor(1, "gateway-writer")
        self._waiting: list[_Waiting] = []
        self._writing: asyncio.Task[None] | None = None
        self._arrived = asyncio.Event()
        #: whether a batch is being written
        self._in_hand = False

    async def submit(self, submission: Submission) -> None:
        """Return once the outbox or the broker has it; raises as `Submitter.submit`."""
        if len(self._waiting) >= WAITING:
            raise Overloaded("too many requests wait to be written; send it again later")
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((submission, future))
        self._arrived.set()
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        await future

    @property
    def busy(self) -> bool:
        """Whether something that was submitted is not with the broker yet, nor left to the relay."""
        return bool(self._waiting) or self._in_hand

    async def close(self) -> None:
        """Write what waits, confirm what was published, and end."""
        if self._writing is not None:
            await self._writing
        self._thread.shutdown()
        self._writer.close()

    async def _write(self) -> None:
        """Write batches until none waits and all is confirmed."""
        try:
            while self._waiting or self._writer.unconfirmed:
                await self._gather()
                batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
                self._in_hand = True
                await self._write_batch(batch)
                self._in_hand = False
        finally:
            self._writing = None

    async def _gather(self) -> None:
        """Wait for submissions, but not for longer than the confirmation of those before may wait."""
        if not self._waiting:
            self._arrived.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._arrived.wait(), CONFIRM)
        if self._waiting and len(self._waiting) < ENOUGH:
            await asyncio.sleep(GATHER)

    async def _write_batch(self, batch: Sequence[_Waiting]) -> None:
        futures = {id(submission): future for submission, future in batch}
        loop = asyncio.get_running_loop()

        def told(outcomes: Sequence[tuple[Submission, Outcome]]) -> None:
            loop.call_soon_threadsafe(_settle, [(futures[id(each)], outcome) for each, outcome in outcomes])

        submissions = [submission for submission, _ in batch]
        try:
            await loop.run_in_executor(self._thread, self._writer.write, submissions, told)
        except Exception as error:  # noqa: BLE001  # whatever it is, those who wait must hear of it
            _settle([(future, error) for _, future in batch])


def _settle(outcomes: Sequence[tuple[asyncio.Future[None], Outcome]]) -> None:
    for future, outcome in outcomes:
        if future.done():  # its caller has gone, or was told before
            continue
        if outcome is None:
            future.set_result(None)
        else:
            future.set_exception(outcome)


class BatchWriter:
    """Writes one batch after another; of one thread."""

    def __init__(self, celery: Celery) -> None:
        self._publisher = Publisher(celery, QUICK)
        #: rows that the broker has and the outbox does not know of yet, and since when
        self.unconfirmed: list[OutboxRecord] = []
        self._since = 0.0
        #: rows of the batch at hand whose tasks had failed before
        self._reopened: list[str] = []
        self._results = celery.backend

    def write(self, submissions: Sequence[Submission], told: Told) -> None:
        """Write and publish submissions; tell of each an error, or None, as soon as that is known.

        What is durable is told once it is committed, before it is published: it cannot be lost any more.
        """
        if submissions and not self._broker_answers():
            told([(each, BrokerAway()) for each in submissions])
            return
        durable = [each for each in submissions if each.durable]
        queries = [each for each in submissions if not each.durable]
        rows, errors = self._accept(durable)
        self._forget([*self._reopened, *(each.task_id for each in queries if each.key is not None)])
        told([(each, errors.get(id(each))) for each in durable])
        published = self._publish(rows, [_record(each) for each in queries])
        told([(each, None if published else BrokerAway()) for each in queries])

    def close(self) -> None:
        """Close the connection to the broker."""
        self._publisher.close()

    def _broker_answers(self) -> bool:
        try:
            self._publisher.client.ping()
        except TRANSIENT_ERRORS:
            self._publisher.close()
            return False
        return True

    def _accept(self, submissions: Sequence[Submission]) -> tuple[list[OutboxRecord], dict[int, Outcome]]:
        """Commit submissions to the outbox; return the new rows, and the errors of those that were not accepted.

        The same commit may confirm what was published before.
        """
        confirmed: list[OutboxRecord] = []
        self._reopened = []
        # now and then, since each costs the round trips of a transaction; an idle writer is asked for nothing else
        if not submissions or time.monotonic() - self._since > CONFIRM:
            confirmed, self.unconfirmed = self.unconfirmed, []
        if not (submissions or confirmed):
            return [], {}
        drafts = [_draft(each) for each in submissions]
        try:
            with transaction(EVERY_TENANT) as session:
                if confirmed:
                    outbox.confirm_all(session, records=confirmed)
                results = outbox.accept(session, drafts=drafts, now=datetime.now(UTC), hold=HOLD) if drafts else []
        except DatabaseError as error:
            # the relay publishes again what is not confirmed, which is harmless
            log.warning("not_accepted", error=type(error).__name__, submissions=len(submissions))
            away = Unavailable("the database does not answer; send the same request again")
            return [], {id(each): away for each in submissions}
        conflicts = {
            id(each): KeyConflict() for each, result in zip(submissions, results, strict=True) if result.conflict
        }
        self._reopened = [result.record.outbox_id for result in results if result.record and result.reopened]
        return [result.record for result in results if result.record is not None], dict(conflicts)

    def _forget(self, task_ids: Sequence[str]) -> None:
        """Delete the answers of tasks that run again: who waits must not get the last one's."""
        if task_ids:
            # without them, the worst is an old error that the new answer replaces
            with suppress(*TRANSIENT_ERRORS):
                self._results.client.delete(*map(self._results.get_key_for_task, task_ids))

    def _publish(self, rows: Sequence[OutboxRecord], queries: Sequence[OutboxRecord]) -> bool:
        """Publish in one round trip; return whether the broker took all. The relay publishes rows that it did not."""
        if not (rows or queries):
            return True
        try:
            self._publisher.publish(rows, {}, unstored=queries)
        except TRANSIENT_ERRORS as error:
            log.warning("left_to_the_relay", error=type(error).__name__, rows=len(rows))
            self._publisher.close()
            return False
        if not self.unconfirmed:
            self._since = time.monotonic()
        self.unconfirmed.extend(rows)
        return True


def _draft(submission: Submission) -> AcceptDraft:
    return AcceptDraft(
        tenant_id=submission.tenant_id,
        outbox_id=submission.task_id,
        task=submission.task,
        queue=submission.queue,
        kwargs=submission.kwargs,
        key=submission.key,
        args_hash=submission.args_hash,
    )


def _record(submission: Submission) -> OutboxRecord:
    """Return a submission that is published without a row of its own."""
    return OutboxRecord(
        outbox_id=submission.task_id,
        tenant_id=submission.tenant_id,
        task=submission.task,
        queue=submission.queue,
        kwargs=submission.kwargs,
        created_at=datetime.now(UTC),
        published_at=None,
    )
