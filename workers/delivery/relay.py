"""Publish the rows of the outbox until they are done: the process `python -m workers.delivery.relay`.

Workers publish their follow-ups themselves after the commit. The relay publishes the rest: rows not yet published, rows
whose task has not ended long after, and every unfinished row when the broker has lost its data. A row may be published
more than once: its id is the task's id, and idempotency keys keep a duplicate from taking effect.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from celery import Celery
from redis import Redis

from db.errors import DatabaseError
from db.records import OutboxRecord
from db.repositories.jobs import outbox, quarantine
from db.session import EVERY_TENANT, Session, dispose, transaction
from tasks.contracts.base.destinations import is_bookkeeping
from tasks.runtime.broker.queue_depth import depths
from workers.app import app
from workers.base import internal_keys
from workers.base.broker_epoch import Epoch
from workers.base.quarantine import REPLAY, RawMessage
from workers.base.settings import settings
from workers.delivery.poll_loop import TRANSIENT_ERRORS, Service, prepare_process
from workers.delivery.publishing import Publisher, raw_message_of
from workers.telemetry import metrics

log = structlog.get_logger(__name__)

#: seconds: an `older_than` that excludes all unpublished rows
_NEVER = 10 * 365 * 86_400.0
#: a held message is sent so often until its task has ended
_LETTER_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayLimits:
    """Batch sizes, intervals and queue depths at which the relay stops publishing."""

    #: rows in one transaction and one batch
    batch: int = 1_000
    #: seconds that a worker has to publish its follow-ups itself
    older_than: float = 1.0
    #: a queue with more messages than this gets none until it is shorter
    queue_depth: int = 10_000
    #: seconds after which a published task that has not ended is published again; above the longest task
    redo_after: float = 900.0
    #: … unless its queue is longer than this: it still waits there
    redo_depth: int = 100
    #: seconds between two looks for such tasks
    redo_every: float = 5.0
    #: seconds between two looks whether the broker's internal keys have the types that they should
    keys_every: float = 5.0


class Relay:
    """Publish the outbox batch by batch; any number of relays may run."""

    def __init__(self, celery: Celery, limits: RelayLimits | None = None) -> None:
        self.limits = limits or RelayLimits()
        self._publisher = Publisher(celery)
        self._epoch = Epoch()
        self._queues = self._publisher.queue_names()
        self._last_tenant = ""
        self._redo_due = 0.0
        self._keys_due = 0.0
        #: when the broker's loss was noticed, while what it held is published again
        self._lost_at: float | None = None

    def step(self) -> bool:
        """Publish one batch; return whether there may be more.

        Raises:
            DatabaseUnavailable, RedisError, BatchPublishError: a store is away; claimed rows are free again soon.

        """
        try:
            return self._relay()
        except TRANSIENT_ERRORS as error:
            if internal_keys.is_wrong_type(error):
                self._keys_due = 0.0
            self._publisher.close()
            raise

    def close(self) -> None:
        """Close the connection to the broker."""
        self._publisher.close()

    def _relay(self) -> bool:
        client = self._publisher.client
        self._mend_keys(client)
        if self._epoch.has_changed(client):
            log.warning("broker_data_lost", action="what is not done is published again")
            self._lost_at = time.monotonic()
        waiting = depths(client, self._queues)
        rows = self._claim_unpublished(waiting)
        self._publish(rows)
        again = self._claim_unfinished(waiting) if len(rows) < self.limits.batch else []
        self._publish(again, redo_after=None if self._lost_at else self.limits.redo_after)
        if not again and len(rows) < self.limits.batch:
            self._lost_at = None
        return bool(again) or len(rows) == self.limits.batch

    def _mend_keys(self, client: Redis) -> None:
        """Mend broken broker keys that only producers or remote control use: no worker would notice them."""
        if time.monotonic() >= self._keys_due:
            self._keys_due = time.monotonic() + self.limits.keys_every
            internal_keys.mend(client, internal_keys.expected(self._queues))

    def _claim_unpublished(self, waiting: dict[str, int]) -> list[OutboxRecord]:
        rows = self._claim(self._longer_than(waiting, self.limits.queue_depth), self.limits.older_than, None)
        self._last_tenant = rows[-1].tenant_id if len(rows) == self.limits.batch else ""
        return rows

    def _claim_unfinished(self, waiting: dict[str, int]) -> list[OutboxRecord]:
        """Claim published rows that have not ended: all of them after the broker lost its data, else the old ones."""
        if self._lost_at is not None:
            since = time.monotonic() - self._lost_at
            return self._claim(self._longer_than(waiting, self.limits.queue_depth), _NEVER, since)
        if time.monotonic() < self._redo_due:
            return []
        self._redo_due = time.monotonic() + self.limits.redo_every
        return self._claim(self._longer_than(waiting, self.limits.redo_depth), _NEVER, self.limits.redo_after)

    def _claim(self, full_queues: set[str], older_than: float, redo_after: float | None) -> list[OutboxRecord]:
        with transaction(EVERY_TENANT) as session:
            rows = outbox.claim(
                session,
                limit=self.limits.batch,
                per_tenant=self.limits.batch,
                older_than=older_than,
                exclude_queues=full_queues,
                redo_after=redo_after,
                after=self._last_tenant,
            )
        self._queues |= {row.queue for row in rows if row.queue and not is_bookkeeping(row.queue)}
        return rows

    def _longer_than(self, waiting: dict[str, int], limit: int) -> set[str]:
        return {queue for queue, depth in waiting.items() if depth >= limit}

    def _publish(self, rows: Sequence[OutboxRecord], *, redo_after: float | None = None) -> None:
        if not rows:
            return
        with transaction(EVERY_TENANT) as session:
            letters = _letters(session, rows)
        publishable = [row for row in rows if row.task != REPLAY or row.outbox_id in letters]
        try:
            self._publisher.publish(publishable, letters)
        except TRANSIENT_ERRORS as error:
            self._record_failure(rows, type(error).__name__)
            raise
        with transaction(EVERY_TENANT) as session:
            outbox.confirm_all(session, records=publishable)
            if redo_after is not None:
                _wait_longer(session, publishable, redo_after)

    def _record_failure(self, rows: Sequence[OutboxRecord], error: str) -> None:
        try:
            with transaction(EVERY_TENANT) as session:
                outbox.fail(session, records=rows, error=error, seconds=1.0)
        except DatabaseError:
            # both are away: the rows are free again when their hold ends
            log.warning("rows_not_given_back", rows=len(rows))


def _letters(session: Session, rows: Sequence[OutboxRecord]) -> dict[str, RawMessage]:
    """Return the quarantined messages that rows stand for; end rows whose message is gone or was sent often enough."""
    letters: dict[str, RawMessage] = {}
    for row in rows:
        if row.task != REPLAY:
            continue
        record = quarantine.get(session, row.tenant_id, quarantine_id=str(row.kwargs.get("quarantine_id")))
        letter = raw_message_of(row, record) if row.attempts <= _LETTER_TRIES else None
        if letter is None:
            outbox.finish(session, row.tenant_id, outbox_id=row.outbox_id, now=datetime.now(UTC))
            log.warning("replay_ended", outbox_id=row.outbox_id, attempts=row.attempts)
        else:
            letters[row.outbox_id] = letter
    return letters


def _wait_longer(session: Session, rows: Sequence[OutboxRecord], redo_after: float) -> None:
    """Double the wait of a row whose task has not ended, up to a day."""
    for attempts in {row.attempts for row in rows}:
        alike = [row for row in rows if row.attempts == attempts]
        seconds = min(86_400.0, redo_after * 2 ** min(attempts, 16))
        outbox.fail(session, records=alike, error="not_done", seconds=seconds)


def main() -> None:
    """Relay until SIGTERM."""
    chosen, service = settings(), Service("relay")
    prepare_process(service, chosen)
    relay = Relay(app, RelayLimits(queue_depth=chosen.queue_depth, redo_after=chosen.redo_after))
    serving = metrics.serve(chosen, [queue.name for queue in app.conf.task_queues])
    try:
        service.run(relay.step)
    finally:
        relay.close()
        serving.close()
        dispose()


if __name__ == "__main__":
    main()
