"""Deliver outbound events to the CRM, at least once: the process `python -m workers.delivery.outbound`.

Each tenant's events go to its `callback`: a task on the CRM's own queue, or a signed webhook. Tenants are served in
parallel; the events of one tenant go in order. A receiver that fails is not tried for a while (circuit breaker). Events
claimed by a process that dies are delivered by the next one when the claim expires.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from celery import Celery

from db.errors import SealBroken
from db.records import OutboundRecord
from db.repositories import tenants
from db.repositories.leads.lead_lookup import Identity
from db.repositories.outbound import circuit_breakers, outbound
from db.session import EVERY_TENANT, Session, database_time, dispose, reading, transaction
from domain.documents import JsonObject
from tasks.services.outbound import event_view, identities
from workers.app import app
from workers.base import internal_keys
from workers.base.settings import settings
from workers.delivery import webhook
from workers.delivery.callback_target import Target, TargetUnusable, target_of
from workers.delivery.poll_loop import TRANSIENT_ERRORS, Service, prepare_process
from workers.delivery.webhook import DELIVERED, Outcome

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryLimits:
    """Time-outs, back-off and batch sizes of the deliverer."""

    #: receivers served at once
    threads: int = 16
    #: events of one tenant claimed at once
    per_tenant: int = 16
    #: seconds after which a claim expires and another deliverer may claim the event; above `patience` and one delivery
    hold: float = 45.0
    #: seconds after which no further event of a tenant is begun before others have their turn
    patience: float = 15.0
    #: tries until an event is a dead letter: about half a day
    attempts: int = 30
    #: seconds of the first wait between two tries, doubled each time, and the most
    backoff: float = 2.0
    backoff_limit: float = 1800.0
    #: failures in a row after which a receiver is left alone, for so many seconds
    failures: int = 5
    open_for: float = 30.0
    #: whether receivers on this machine are allowed
    loopback: bool = False


ClaimedEvent = tuple[OutboundRecord, int]


@dataclass(slots=True)
class Deliverer:
    """Claim due events and hand each tenant's share to a thread; `step` never waits for a receiver."""

    celery: Celery
    limits: DeliveryLimits = field(default_factory=DeliveryLimits)
    _pool: ThreadPoolExecutor = field(init=False, repr=False)
    _running: dict[str, Future[None]] = field(default_factory=dict)
    #: tenants whose last delivery failed: they get one event at a time until one is delivered
    _failing: set[str] = field(default_factory=set)
    #: queues that only Hearth may write to
    _own_queues: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(self.limits.threads, thread_name_prefix="receiver")
        self._own_queues = frozenset(queue.name for queue in self.celery.conf.task_queues)

    def step(self) -> bool:
        """Claim due events for the free threads; return whether there may be more.

        Raises:
            DatabaseUnavailable: the database is away; try again.

        """
        self._running = {tenant: work for tenant, work in self._running.items() if not work.done()}
        free = self.limits.threads - len(self._running)
        shares = self._claim(free) if free > 0 else {}
        for tenant_id, share in shares.items():
            self._running[tenant_id] = self._pool.submit(self._serve, tenant_id, share)
        return bool(shares)

    def close(self) -> None:
        """Finish the deliveries in progress."""
        self._pool.shutdown(wait=True)

    def _claim(self, free: int) -> dict[str, list[ClaimedEvent]]:
        with transaction(EVERY_TENANT) as session:
            now = database_time(session)
            closed = {*self._running, *circuit_breakers.tripped_tenants(session, now=now)}
            hold, per_tenant = self.limits.hold, self.limits.per_tenant
            claimed = outbound.due(
                session, limit=free, per_tenant=per_tenant, exclude=closed | self._failing, now=now, hold=hold
            )
            served = {record.tenant_id for record, _ in claimed}
            left = free - len(served)
            if left > 0:
                claimed += outbound.due(session, limit=left, per_tenant=1, exclude=closed | served, now=now, hold=hold)
        shares: dict[str, list[ClaimedEvent]] = {}
        for record, attempt in claimed:
            shares.setdefault(record.tenant_id, []).append((record, attempt))
        return shares

    def _serve(self, tenant_id: str, share: Sequence[ClaimedEvent]) -> None:
        """Deliver one tenant's events in order; runs in a thread of the pool."""
        try:
            self._deliver_all(tenant_id, share)
        except TRANSIENT_ERRORS as error:
            # broker or database: what is in hand comes again when its hold ends
            log.warning("delivery_put_off", error=type(error).__name__)
        except Exception as error:  # noqa: BLE001  # the edge of a thread: no other code would report it
            log.error("delivery_failed", error=type(error).__name__)

    def _deliver_all(self, tenant_id: str, share: Sequence[ClaimedEvent]) -> None:
        began = time.monotonic()
        target, known = self._prepare(tenant_id, [record for record, _ in share])
        for position, (record, attempt) in enumerate(share):
            if position and (tenant_id in self._failing or time.monotonic() - began > self.limits.patience):
                self._release(share[position:])
                return
            self._record(record, attempt, self._attempt(target, record, attempt, known))

    def _attempt(
        self, target: Target | Outcome, record: OutboundRecord, attempt: int, known: Mapping[str, Identity]
    ) -> Outcome:
        """Return the outcome of one attempt, also after any error: an unrecorded one would be retried for ever."""
        if isinstance(target, Outcome):
            return target
        if attempt > self.limits.attempts:
            # each of them took its deliverer with it
            return Outcome(state="dead", error="attempts")
        try:
            return self._deliver(target, record, event_view(record, known))
        except Exception as error:  # noqa: BLE001  # a tenant chose the address
            log.error("delivery_failed", event_id=record.event_id, error=type(error).__name__)
            return Outcome(state="retry", error="unexpected")

    def _prepare(
        self, tenant_id: str, records: Sequence[OutboundRecord]
    ) -> tuple[Target | Outcome, dict[str, Identity]]:
        """Return where a tenant's events go, and the own ids of their leads."""
        with reading(tenant_id) as session:
            return self._target(session, tenant_id), identities(session, tenant_id, records)

    def _target(self, session: Session, tenant_id: str) -> Target | Outcome:
        try:
            return target_of(tenants.callback(session, tenant_id), self._own_queues)
        except TargetUnusable as error:
            return Outcome(state="dead", error=str(error))
        except SealBroken:
            return Outcome(state="retry", error="target.sealed")

    def _deliver(self, target: Target, record: OutboundRecord, event: JsonObject) -> Outcome:
        if target.kind == "webhook":
            body = json.dumps(event, allow_nan=False, separators=(",", ":")).encode()
            return webhook.post(target, record.event_id, body, loopback=self.limits.loopback)
        if target.kind == "celery":
            return self._send(target, record, event)
        # it waits to be pulled
        return DELIVERED

    def _send(self, target: Target, record: OutboundRecord, event: JsonObject) -> Outcome:
        try:
            self.celery.send_task(
                target.task,
                kwargs=event,
                queue=target.queue,
                task_id=record.event_id,
                ignore_result=True,
                retry=False,
            )
        except TRANSIENT_ERRORS as error:
            self._mend_keys(target.queue, error)
            return Outcome(state="retry", error="broker")
        return DELIVERED

    def _mend_keys(self, queue: str, error: Exception) -> None:
        if not internal_keys.is_wrong_type(error):
            return
        with self.celery.pool.acquire(block=True) as connection:
            # the queue itself is the CRM's, whatever it is
            internal_keys.mend(connection.default_channel.client, internal_keys.bindings([queue]))

    def _record(self, record: OutboundRecord, attempt: int, outcome: Outcome) -> None:
        """Record the outcome of the delivery and the state of the receiver's circuit breaker."""
        tenant_id, event_id = record.tenant_id, record.event_id
        with transaction(tenant_id) as session:
            now = database_time(session)
            if outcome.state == "delivered":
                outbound.mark_delivered(session, tenant_id, event_ids=[event_id], now=now)
                circuit_breakers.record_success(session, tenant_id)
                self._failing.discard(tenant_id)
                return
            error = outcome.error or "unknown"
            if outcome.state == "dead" or attempt >= self.limits.attempts:
                outbound.mark_dead(session, tenant_id, event_id=event_id, error=error)
            else:
                later = now + timedelta(seconds=self._pause(attempt, outcome))
                outbound.mark_failed(session, tenant_id, event_id=event_id, next_at=later, error=error)
            if outcome.state == "retry":
                self._failing.add(tenant_id)
                failures = circuit_breakers.record_failure(session, tenant_id)
                if (until := self._closed_until(failures, outcome, now)) is not None:
                    circuit_breakers.trip(session, tenant_id, until=until)
        log.warning("not_delivered", event_id=event_id, error=error, attempt=attempt, state=outcome.state)

    def _pause(self, attempt: int, outcome: Outcome) -> float:
        """Return a delay with full jitter, so that a receiver that comes back does not get everything at once."""
        if outcome.after is not None:
            return outcome.after
        return random.random() * min(self.limits.backoff * 2.0 ** min(attempt - 1, 30), self.limits.backoff_limit)

    def _closed_until(self, failures: int, outcome: Outcome, now: datetime) -> datetime | None:
        if outcome.after:
            return now + timedelta(seconds=outcome.after)
        return now + timedelta(seconds=self.limits.open_for) if failures >= self.limits.failures else None

    def _release(self, rest: Sequence[ClaimedEvent]) -> None:
        with transaction(EVERY_TENANT) as session:
            now = database_time(session)
            for record, _ in rest:
                outbound.mark_failed(session, record.tenant_id, event_id=record.event_id, next_at=now, error="waits")


def main() -> None:
    """Deliver until SIGTERM."""
    chosen, service = settings(), Service("outbound")
    prepare_process(service, chosen)
    deliverer = Deliverer(app, DeliveryLimits(loopback=bool(chosen.webhook_loopback)))
    try:
        service.run(deliverer.step)
    finally:
        deliverer.close()
        dispose()


if __name__ == "__main__":
    main()
