"""Publish outbox rows on their queues, many in one round trip. It retries nothing: the outbox is the retry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from celery import Celery
from kombu.messaging import Producer
from redis import Redis

from db.records import OutboxRecord, QuarantineRecord
from domain.documents import JsonMapping
from tasks.contracts.base.destinations import is_bookkeeping
from tasks.runtime.failures.delivery_attempts import AGAIN
from tasks.runtime.outbox import FROM_OUTBOX
from workers.base import quarantine
from workers.base.celery_types import Channel, Connection
from workers.base.quarantine import REPLAY, RawMessage
from workers.base.redaction import HIDDEN

#: messages in one round trip
BATCH = 500


class Publisher:
    """A producer's connection to the broker; after an error the next use opens a new one."""

    def __init__(self, app: Celery, transport_options: Mapping[str, object] | None = None) -> None:
        self._app = app
        # an absent broker is reported at once: the caller waits and tries again
        self._options = {"max_retries": 1, "interval_start": 0.1, **(transport_options or {})}
        self._connection: Connection | None = None

    @property
    def client(self) -> Redis:
        """Return the broker's Redis client."""
        return self._channel().client

    def queue_names(self) -> set[str]:
        """Return the queues that our workers consume."""
        return {queue.name for queue in self._app.conf.task_queues}

    def publish(
        self,
        rows: Sequence[OutboxRecord],
        letters: Mapping[str, RawMessage],
        *,
        unstored: Sequence[OutboxRecord] = (),
    ) -> None:
        """Publish rows under their ids; a row that stands for a quarantined message is published as that message.

        `unstored` are tasks without a row in the outbox: nobody publishes them again.

        Raises:
            kombu.exceptions.BatchPublishError, redis.RedisError: some rows may have arrived; publish all again.

        """
        producer = self._app.amqp.Producer(self._channel(), auto_declare=False)
        # once for all, not once a message: that took a quarter of the time
        for name in {self._queue_of(row) for row in (*rows, *unstored)}:
            producer.maybe_declare(self._app.amqp.queues[name])
        with producer.batch(max_size=BATCH):
            for row in rows:
                if row.task == REPLAY:
                    self._post(producer, letters[row.outbox_id])
                else:
                    self._send(producer, row, {FROM_OUTBOX: row.outbox_id, **_again(row)})
            for row in unstored:
                self._send(producer, row, {})

    def close(self) -> None:
        """Close the connection; the next use opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.release()

    def _channel(self) -> Channel:
        if self._connection is None:
            options = {**self._app.conf.broker_transport_options, **self._options}
            self._connection = self._app.connection_for_write(transport_options=options)
        return self._connection.default_channel

    def _send(self, producer: Producer, row: OutboxRecord, headers: JsonMapping) -> None:
        amqp = self._app.amqp
        message = amqp.create_task_message(
            row.outbox_id, row.task, (), dict(row.kwargs), argsrepr=HIDDEN, kwargsrepr=HIDDEN, origin="hearth.relay"
        )
        options = {"headers": headers, "declare": [], "retry": False}
        amqp.send_task_message(producer, row.task, message, queue=self._queue_of(row), **options)

    def _queue_of(self, row: OutboxRecord) -> str:
        if row.queue and not is_bookkeeping(row.queue):
            return row.queue
        return str(self._app.amqp.router.route({}, row.task)["queue"].name)

    def _post(self, producer: Producer, letter: RawMessage) -> None:
        producer.publish(
            letter.body,
            exchange="",
            routing_key=letter.queue,
            headers=letter.headers,
            content_type=letter.content_type,
            content_encoding=letter.content_encoding,
            retry=False,
            **letter.properties,
        )


def _again(row: OutboxRecord) -> dict[str, bool]:
    """Return the header that marks a row published before: the delivery attempts of all its copies count together."""
    return {AGAIN: True} if row.published_at is not None or row.attempts > 1 else {}


def raw_message_of(row: OutboxRecord, record: QuarantineRecord | None) -> RawMessage | None:
    """Return the quarantined message that a row stands for; None when it is gone or cannot be sent."""
    if record is None:
        return None
    try:
        made = quarantine.raw_message(record, outbox_id=row.outbox_id, fresh=bool(row.kwargs.get("fresh")))
    except ValueError:
        return None
    return replace(made, headers={**made.headers, **_again(row)})
