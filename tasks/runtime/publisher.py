"""Sending what a task must not wait for: the outbox has it, so a broker that is away is told at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kombu import pools

#: one try, and seconds for a broker that takes connections but says nothing; kombu's own waits add up to 6 s
_QUICK = {"max_retries": 0, "interval_start": 0.1, "socket_connect_timeout": 0.5, "socket_timeout": 0.5}


@contextmanager
def quick_producer(app: Any) -> Iterator[Any]:
    """A producer that gives up within half a second or so, from a pool of this process.

    Raises:
        kombu.exceptions.OperationalError: the broker is away or takes nothing; perhaps some of it arrived.

    """
    options = {**app.conf.broker_transport_options, **_QUICK}
    connection = app.connection_for_write(transport_options=options)
    with pools.producers[connection].acquire(block=True) as producer:
        yield producer
