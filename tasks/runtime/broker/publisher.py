"""A connection to the broker that gives up at once: for tasks that must not wait for it, since the outbox does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from celery import Celery
from kombu import pools

from tasks.runtime.celery_types import Producer

#: one try, and seconds for a broker that takes connections but says nothing; kombu's own waits add up to 6 s
_QUICK = {"max_retries": 0, "interval_start": 0.1, "socket_connect_timeout": 0.5, "socket_timeout": 0.5}


@contextmanager
def quick_producer(app: Celery) -> Iterator[Producer]:
    """Yield a producer that gives up within about half a second, from a pool of this process.

    Raises:
        kombu.exceptions.OperationalError: the broker is away or accepts nothing; a part may have arrived.

    """
    options = {**app.conf.broker_transport_options, **_QUICK}
    connection = app.connection_for_write(transport_options=options)
    with pools.producers[connection].acquire(block=True) as producer:
        yield producer
