"""Fair share between tenants: the part of a worker that deals its queues, and keeps a child for whoever has none.

The broker decides whose message comes next (see workers.worker.fair_queue). A worker prefetches nothing while tenants
compete, and its last free child is not for a tenant that has one already.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import structlog
from celery import bootsteps
from celery.worker import state
from celery.worker.consumer.tasks import Tasks
from redis.exceptions import RedisError

from workers.base import messages
from workers.worker.batching import is_batched, is_over_prefetch
from workers.worker.fair_queue import CLOSE, FairQueue

log = structlog.get_logger(__name__)

#: seconds between two looks: while something waits, and while nothing comes
PAUSE, LOOK = 0.01, 1.0
#: most of its time that a main process looks: on a machine that has too much to do, a look takes long
SHARE = 0.1
#: seconds for which a tenant that was heard of keeps others from having all children of a worker
HEARD = 10.0


@dataclass(slots=True)
class Admission:
    """Who may have a worker's next free child while messages wait."""

    #: when a tenant was last heard of
    _heard: dict[str, float] = field(default_factory=dict)

    def hear(self, tenants: Collection[str], now: float) -> None:
        """Note tenants that sent something; work of nobody's is Hearth's own."""
        self._heard = {tenant: at for tenant, at in self._heard.items() if at > now - HEARD}
        self._heard |= {tenant: now for tenant in tenants if tenant}

    def crowded(self, now: float) -> bool:
        """Whether several tenants are about."""
        return sum(at > now - HEARD for at in self._heard.values()) > 1

    def admit(self, following: Collection[str], taken: Collection[str], children: int, now: float) -> bool:
        """Whether to take the next message: the last child is not for a tenant that has one, while others are about."""
        free = children - len(taken)
        if free <= 0 or free > 1 or children == 1 or not following:
            return free > 0
        return any(tenant not in taken or not self._others(tenant, now) for tenant in following)

    def _others(self, tenant_id: str, now: float) -> bool:
        return any(tenant != tenant_id and at > now - HEARD for tenant, at in self._heard.items())


class FairConsumerStep(bootsteps.StartStopStep):
    """The part of a worker's consumer that deals its queues, and takes nothing in advance while tenants compete."""

    requires = (Tasks,)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        #: whether something waited at the last look, and who is next
        self._waits, self._following = False, frozenset[str]()
        self._places = Admission()
        #: the tenants of what the worker has taken while something waited
        self._taken: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
        self._dealer: FairQueue | None = None
        self._timer: Any = None
        self._looking: Any = None
        self._next: Any = None
        self._last = 0.0
        consumer.on_task_message.add(self._on_message)

    def start(self, consumer: Any) -> None:
        """Begin with a connection."""
        channel = consumer.task_consumer.channel
        with channel.conn_or_acquire() as client:
            self._dealer = FairQueue(client, [queue.name for queue in consumer.task_consumer.queues])
        self._timer, self._next = consumer.timer, None
        self._guard(channel, consumer.pool)
        self._looking = self._timer.call_repeatedly(LOOK, self._look)

    def stop(self, consumer: Any) -> None:
        """End with it; a worker that stops warmly leaves nothing aside."""
        if self._looking is not None:
            self._looking.cancel()
        dealer, self._dealer = self._dealer, None
        if dealer is not None and consumer.blueprint.state == bootsteps.CLOSE:
            try:
                dealer.give_back()
            except (RedisError, OSError) as error:
                log.warning("messages_stay_aside", error=type(error).__name__)

    def _guard(self, channel: Any, pool: Any) -> None:
        """While others wait, look who is next before a message is taken; Celery's own switch sits here too."""
        has_credit = channel.qos.can_consume

        def can_consume() -> bool:
            # what was asked for may be here already, off its list: it must not lie in the socket until it is welcome
            asked = channel._in_poll  # noqa: SLF001 - nothing public tells
            free = asked or not (self._waits and self._places.crowded(time.monotonic()))
            return bool(has_credit()) and (bool(free) or self._admits(pool.num_processes))

        channel.qos.can_consume = can_consume

    def _admits(self, children: int) -> bool:
        # those that wait to go together with others of their tenant take no child's place (see workers.worker.batching)
        held = [request for request in list(state.reserved_requests) if not is_over_prefetch(request)]
        if len(held) > children:
            return False
        if time.monotonic() > self._last + CLOSE:
            self._look()
        if len(held) == children:
            # what comes next may join its tenant's batch; if it does not, it is the only one taken in advance
            return is_batched(self._following)
        taken = [self._taken.get(request, "") for request in held]
        return self._places.admit(self._following, taken, children, time.monotonic())

    def _on_message(self, request: Any) -> None:
        if self._waits:
            self._taken[request] = messages.tenant_of(request.message) or ""
        if self._next is None:
            self._after(max(0.0, self._last + PAUSE - time.monotonic()))

    def _after(self, seconds: float) -> None:
        self._next = self._timer.call_after(seconds, self._look)

    def _look(self) -> None:
        if self._next is not None:
            self._next.cancel()
            self._next = None
        if self._dealer is None:
            return
        self._last = time.monotonic()
        try:
            found = self._dealer.step()
        except (RedisError, OSError) as error:
            # the consumer's own connection finds out too, and starts anew
            log.warning("queues_not_dealt", error=type(error).__name__)
            self._dealer.mend(error)
            return
        self._waits, self._following = found.waits, found.following
        self._places.hear(found.came, self._last)
        if found.waits:
            took = time.monotonic() - self._last
            self._after(0.0 if found.more else max(PAUSE, took / SHARE))
