"""Consume from a queue by the worker's transport, without a worker."""

from __future__ import annotations

import json
from contextlib import contextmanager, suppress
from uuid import uuid4

from kombu import Connection, Queue

from tests.support.commands import ROOT

TRANSPORT = "workers.worker.transport:Transport"


PHP = ROOT / "tests" / "golden" / "callers" / "celery-php-3" / "ping.json"


@contextmanager
def consuming(url, queue="batch"):
    """A consumer as a worker has one, and the messages that it got."""
    got = []
    options = {"transport_options": {"socket_timeout": 3, "visibility_timeout": 900}}
    with Connection(url, transport=TRANSPORT, **options) as connection:
        consumer = connection.Consumer(Queue(queue), callbacks=[lambda _, message: got.append(message)])
        with consumer:
            yield Door(connection, consumer.channel, got)


class Door:
    """A consumer to be asked step by step."""

    def __init__(self, connection, opened, got):
        self.connection, self.channel, self.got = connection, opened, got

    def take(self):
        """Look for messages once; gives all that ever came."""
        with suppress(TimeoutError):
            self.connection.drain_events(timeout=0.3)
        return self.got

    def go_on(self):
        """What the worker's timer does every few seconds, once the pause is over."""
        self.channel.qos._paused_until = 0.0
        self.channel.qos.restore_visible()


def php(queue="batch", **delivery_info):
    """The bytes of a PHP client, sent with another `delivery_info`, under a tag of its own."""
    message = json.loads(PHP.read_bytes())
    message["properties"] |= {"delivery_info": delivery_info, "delivery_tag": uuid4().hex}
    return queue, json.dumps(message)
