"""Fair share between tenants inside a worker: it orders its queues and keeps a child for a tenant that has none.

The broker decides whose message comes next (see workers.worker.fair_queue). A worker prefetches nothing while tenants
compete, and its last free child is not for a tenant that has a child already.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import structlog
from celery import bootsteps
from celery.worker import state
from celery.worker.consumer.tasks import Tasks
from redis.exceptions import RedisError

from workers.base import messages
from workers.base.celery_types import Channel, Consumer, Pool, Request, Timer, TimerEntry
from workers.worker.batching import is_batched, is_over_prefetch
from workers.worker.fair_queue import CLOSE, FairQueue

log = structlog.get_logger(__name__)

#: seconds between two looks at the queues: while messages wait, and while none comes
PAUSE, LOOK = 0.01, 1.0
#: largest share of its time that a main process looks: on an overloaded machine a look takes long
SHARE = 0.1
#: seconds for which a tenant that sent something keeps others from having all children of a worker
HEARD = 10.0


@dataclass(slots=True)
class Admission:
    """Decides whether a worker takes the next message while messages wait."""

    #: when each tenant last sent something, in monotonic seconds
    _active: dict[str, float] = field(default_factory=dict)

    def record(self, tenants: Collection[str], now: float) -> None:
        """Record active tenants. Messages without a tenant are internal and do not count."""
        self._active = {tenant: at for tenant, at in self._active.items() if at > now - HEARD}
        self._active |= {tenant: now for tenant in tenants if tenant}

    def crowded(self, now: float) -> bool:
        """Return whether several tenants are active."""
        return sum(at > now - HEARD for at in self._active.values()) > 1

    def admit(self, following: Collection[str], taken: Collection[str], children: int, now: float) -> bool:
        """Return whether to take the next message; while others are active, the last child is for a new tenant."""
        free = children - len(taken)
        if free <= 0 or free > 1 or children == 1 or not following:
            return free > 0
        return any(tenant not in taken or not self._others_active(tenant, now) for tenant in following)

    def _others_active(self, tenant_id: str, now: float) -> bool:
        return any(tenant != tenant_id and at > now - HEARD for tenant, at in self._active.items())


class FairConsumerStep(bootsteps.StartStopStep):
    """The step of a worker's consumer that orders its queues, and prefetches nothing while tenants compete."""

    requires = (Tasks,)

    def __init__(self, consumer: Consumer, **options: object) -> None:
        super().__init__(consumer, **options)
        #: whether messages waited at the last look, and the tenants that are next
        self._waits, self._following = False, frozenset[str]()
        self._admission = Admission()
        #: the tenants of the requests that were taken while messages waited
        self._taken: WeakKeyDictionary[Request, str] = WeakKeyDictionary()
        self._fair_queue: FairQueue | None = None
        self._timer: Timer
        self._periodic_look: TimerEntry | None = None
        self._next_look: TimerEntry | None = None
        self._last_look = 0.0
        consumer.on_task_message.add(self._on_message)

    def start(self, consumer: Consumer) -> None:
        """Start on a new connection."""
        channel = consumer.task_consumer.channel
        with channel.conn_or_acquire() as client:
            self._fair_queue = FairQueue(client, [queue.name for queue in consumer.task_consumer.queues])
        self._timer, self._next_look = consumer.timer, None
        self._wrap_can_consume(channel, consumer.pool)
        self._periodic_look = self._timer.call_repeatedly(LOOK, self._look)

    def stop(self, consumer: Consumer) -> None:
        """Stop with the connection; a worker that stops warmly puts back what is aside."""
        if self._periodic_look is not None:
            self._periodic_look.cancel()
        fair_queue, self._fair_queue = self._fair_queue, None
        if fair_queue is not None and consumer.blueprint.state == bootsteps.CLOSE:
            try:
                fair_queue.give_back()
            except (RedisError, OSError) as error:
                log.warning("messages_stay_aside", error=type(error).__name__)

    def _wrap_can_consume(self, channel: Channel, pool: Pool) -> None:
        """Ask before each message, while tenants compete, whether the next one may be taken.

        kombu asks `qos.can_consume` before it takes a message; Celery's own prefetch limit is asked there too.
        """
        has_credit = channel.qos.can_consume

        def can_consume() -> bool:
            # a running BRPOP may have taken a message off its list already: it must not lie in the socket
            polling = channel._in_poll  # noqa: SLF001 - nothing public tells
            free = polling or not (self._waits and self._admission.crowded(time.monotonic()))
            return bool(has_credit()) and (bool(free) or self._admits(pool.num_processes))

        channel.qos.can_consume = can_consume

    def _admits(self, children: int) -> bool:
        # requests that wait for their tenant's batch take no child (see workers.worker.batching)
        reserved = [request for request in list(state.reserved_requests) if not is_over_prefetch(request)]
        if len(reserved) > children:
            return False
        if time.monotonic() > self._last_look + CLOSE:
            self._look()
        if len(reserved) == children:
            # the next message may join its tenant's batch; if it does not, it is the only one prefetched
            return is_batched(self._following)
        taken = [self._taken.get(request, "") for request in reserved]
        return self._admission.admit(self._following, taken, children, time.monotonic())

    def _on_message(self, request: Request) -> None:
        if self._waits:
            self._taken[request] = messages.tenant_of(request.message) or ""
        if self._next_look is None:
            self._after(max(0.0, self._last_look + PAUSE - time.monotonic()))

    def _after(self, seconds: float) -> None:
        self._next_look = self._timer.call_after(seconds, self._look)

    def _look(self) -> None:
        if self._next_look is not None:
            self._next_look.cancel()
            self._next_look = None
        if self._fair_queue is None:
            return
        self._last_look = time.monotonic()
        try:
            look = self._fair_queue.step()
        except (RedisError, OSError) as error:
            # the consumer's own connection meets the same error, and reconnects
            log.warning("queues_not_dealt", error=type(error).__name__)
            self._fair_queue.mend(error)
            return
        self._waits, self._following = look.waits, look.following
        self._admission.record(look.arrivals, self._last_look)
        if look.waits:
            elapsed = time.monotonic() - self._last_look
            self._after(0.0 if look.more else max(PAUSE, elapsed / SHARE))
