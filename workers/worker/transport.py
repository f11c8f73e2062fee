"""Kombu's Redis transport, corrected where it ends its worker, loses a message or cannot give one back.

- A broker that refuses writes (disk full, `maxmemory`) or does not answer ends no worker: acknowledgements and returned
  messages that it did not accept stay pending and are replayed in order, and no message is taken until then.
- A message goes back to the queue it was taken from, whatever its producer wrote about where it was sent.
- A lost connection ends no worker that holds messages: the broker delivers them again by itself.
- An entry that is no message ends no worker and is not lost: it is put aside with a code (workers.worker.envelope).

`celeryconfig.py` installs it in the place of kombu's own. One gap stays: between taking a message and recording that we
hold it (see docs/reliability.md).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from functools import partial
from queue import Empty

import structlog
from kombu.exceptions import ChannelError
from kombu.transport import redis, virtual
from kombu.utils import json
from redis.client import Pipeline
from redis.exceptions import ConnectionError as BrokerGone
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as BrokerSilent

from domain.documents import JsonObject
from tasks.contracts.base.destinations import is_bookkeeping
from workers.base import internal_keys, malformed
from workers.base.messages import NO_QUEUE
from workers.worker import envelope
from workers.worker.circuit_breaker import database_breaker

log = structlog.get_logger(__name__)

#: seconds before a broker that refused is tried again
PAUSE = 1.0
#: after these errors the broker may not have done what we asked; to ask twice is harmless
_UNANSWERED = (ResponseError, BrokerGone, BrokerSilent)
#: operations to replay, in order, once the broker accepts writes; they outlive the connection
_pending: deque[Callable[[QoS], None]] = deque()


class _DeliveryNotRecordedError(ChannelError):
    """The broker did not record that we hold a message, so the message must not be run."""


class QoS(redis.QoS):
    """The messages that this worker holds, and the operations that the broker has not accepted yet."""

    #: monotonic time before which nothing is taken
    _paused_until = 0.0

    def can_consume(self) -> bool:
        """Return whether a message may be taken: not while the broker refuses writes or the database is away.

        Remote control has a channel of its own, without queues, and is not paused.
        """
        return not (self.channel.active_queues and self.pauses()) and bool(super().can_consume())

    def pauses(self) -> bool:
        """Return whether taking messages is paused on purpose."""
        return bool(_pending) or time.monotonic() < self._paused_until or database_breaker.is_open()

    def pause(self, error: Exception) -> None:
        """Take no message for PAUSE seconds."""
        self._paused_until = time.monotonic() + PAUSE
        log.warning("broker_refuses", error=type(error).__name__, owed=len(_pending), seconds=PAUSE)
        internal_keys.mend_for(self.channel, error)

    def append(self, message: virtual.Message, delivery_tag: str) -> None:
        """Record that we hold a message; one that cannot be recorded is requeued once the broker accepts writes."""
        try:
            super().append(message, delivery_tag)
        except _UNANSWERED as error:
            queue = message.delivery_info["routing_key"]
            self._postpone(partial(_put_back, queue=queue, raw=message._raw), error)  # noqa: SLF001 - as kombu does
            raise _DeliveryNotRecordedError from error

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge a message, now or once the broker accepts writes."""
        try:
            super().ack(delivery_tag)
        except _UNANSWERED as error:
            # first our own count: a worker that thinks it holds the message takes no other
            virtual.QoS.ack(self, delivery_tag)
            self._postpone(partial(_acknowledge, tag=delivery_tag), error)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Requeue or drop a message, now or once the broker accepts writes."""
        try:
            super().reject(delivery_tag, requeue=requeue)
        except _UNANSWERED as error:
            virtual.QoS.ack(self, delivery_tag)
            self._postpone(partial(_restore if requeue else _acknowledge, tag=delivery_tag), error)

    def park(self, delivery_tag: str) -> None:
        """Move a message to the list of those that wait for room in the quarantine; it keeps no prefetch credit there.

        Raises:
            redis.RedisError: the broker did not do it, and we hold the message as before.

        """

        def move(pipe: Pipeline) -> None:
            entry = pipe.hget(self.unacked_key, delivery_tag)
            pipe.multi()
            self._remove_from_indices(delivery_tag, pipe)
            if entry:
                raw, _, queue = json.loads(entry)
                pipe.rpush(malformed.parked_key(queue), json.dumps(raw))

        with self.channel.conn_or_acquire() as client:
            client.transaction(move, self.unacked_key)
        virtual.QoS.ack(self, delivery_tag)

    def restore_visible(self, *args: object, **kwargs: object) -> None:
        """Replay pending operations, then restore messages that other workers took and did not acknowledge."""
        try:
            self._replay_pending()
            super().restore_visible(*args, **kwargs)
        except ResponseError as error:
            self.pause(error)

    def restore_unacked_once(self, stderr: object = None) -> None:
        """Return unacknowledged messages back; the broker restores by itself those that cannot be given back now."""
        connection = self.channel.connection
        if connection is None or connection.client is None:
            self._forget_delivered()
            return
        try:
            self._replay_pending()
            super().restore_unacked_once(stderr)
        except ResponseError as error:
            self.pause(error)
            self._forget_delivered()

    def _forget_delivered(self) -> None:
        self._on_collect.cancel()
        self._delivered.clear()
        self._delivered.restored = True  # type: ignore[attr-defined]  # as kombu does

    def _postpone(self, operation: Callable[[QoS], None], error: Exception) -> None:
        _pending.append(operation)
        self.pause(error)

    def _replay_pending(self) -> None:
        if not _pending:
            return
        while _pending:
            _pending[0](self)
            _pending.popleft()
        log.info("broker_accepts_again")


class Channel(redis.Channel):
    """A channel that gives each message back to the queue it came from, and reads entries before they are messages."""

    QoS = QoS
    #: called when an entry was put aside
    on_malformed: Callable[[], object] | None = None

    def basic_consume(self, queue: str, *args: object, **kwargs: object) -> object:
        """Consume from a queue, and write the queue into the delivery info of its messages."""
        consumed = super().basic_consume(queue, *args, **kwargs)
        if queue not in self._fanout_queues:
            deliver = self.connection._callbacks[queue]  # noqa: SLF001 - kombu gives no other hook
            self.connection._callbacks[queue] = partial(_from_queue, deliver, queue)  # noqa: SLF001
        return consumed

    def _brpop_read(self, **options: object) -> object:
        try:
            popped = self._parse_brpop(**options)
            if not popped:
                raise Empty
            key, raw = popped
            queue = key.decode().rsplit(self.sep, 1)[0]
            self._queue_cycle.rotate(queue)
            self._deliver(queue, raw)
            return True
        finally:
            self._in_poll = None  # type: ignore[assignment]  # as kombu does
            # as kombu does: the connection is idle now, and may authenticate again
            self._flush_brpop_reauth()

    def _parse_brpop(self, **options: object) -> tuple[bytes, bytes] | None:
        connection = self.client.connection
        try:
            popped: tuple[bytes, bytes] | None = self.client.parse_response(connection, "BRPOP", **options)
        except ResponseError as error:
            self.qos.pause(error)
            # as when the wait for a message has timed out
            return None
        except self.connection_errors:
            connection.disconnect()
            raise
        return popped

    def _deliver(self, queue: str, raw: bytes) -> None:
        """Deliver an entry, or put it aside when it is no message."""
        try:
            entry = envelope.read(raw)
        except envelope.Malformed as error:
            self._put_aside(queue, raw, str(error))
        else:
            self.connection._deliver(entry, queue)  # noqa: SLF001 - as kombu does

    def _put_aside(self, queue: str, raw: bytes, code: str) -> None:
        try:
            with self.conn_or_acquire() as client:
                malformed.push(client, queue=queue, raw=raw, code=code)
        except _UNANSWERED as error:
            self.qos._postpone(partial(_push_malformed, queue=queue, raw=raw, code=code), error)  # noqa: SLF001 - of this module
        if self.on_malformed is not None:
            self.on_malformed()

    def _receive_one(self, c: object) -> object:
        """Receive a broadcast to all workers; one that is no message is logged and ignored."""
        try:
            return super()._receive_one(c)
        except (*self.connection_errors, Empty):
            raise
        except Exception as error:  # noqa: BLE001  # the edge of the process: anybody may broadcast anything
            log.warning("broadcast_malformed", error=type(error).__name__)
            raise Empty from None

    def _connparams(self, *args: object, **kwargs: object) -> object:
        if self.connection is None:
            # its transport closed it; the operation stays pending
            raise BrokerGone("this channel has no connection any more")
        return super()._connparams(*args, **kwargs)

    def _size(self, queue: str) -> int:
        return int(internal_keys.mended(self, super()._size, queue))

    def _queue_bind(self, exchange: str, *args: object) -> None:
        internal_keys.mended(self, super()._queue_bind, exchange, *args)

    def get_table(self, exchange: str) -> object:
        """Return the bindings of an exchange."""
        return internal_keys.mended(self, super().get_table, exchange)

    def _lookup(self, exchange: str, routing_key: str, default: object = None) -> list[str]:
        """Return the queues that a message goes to, without bookkeeping keys that somebody bound as queues."""
        return [queue for queue in super()._lookup(exchange, routing_key, default) if not is_bookkeeping(queue)]

    def _put(self, queue: str, message: object, **options: object) -> None:
        """Put a message on a queue, unless a `link` or a `reply_to` named a key of the broker's bookkeeping."""
        if is_bookkeeping(queue):
            log.error("message_refused", reason="it names a key of the broker's bookkeeping as its queue")
        else:
            put = super()._put
            internal_keys.mended(self, lambda name: put(name, message, **options), queue)

    def _do_restore_message(
        self, payload: object, exchange: str, routing_key: str, pipe: Pipeline, leftmost: bool = False
    ) -> None:
        if not self._lookup(exchange, routing_key) or not (exchange or routing_key):
            # recorded by a stock worker for a producer that named an unbound exchange: the message would vanish here
            exchange, routing_key = "", NO_QUEUE if is_bookkeeping(routing_key) else routing_key or NO_QUEUE
        super()._do_restore_message(payload, exchange, routing_key, pipe, leftmost)


class Transport(redis.Transport):
    """The transport of `redis://` and `rediss://`."""

    Channel = Channel


def _from_queue(deliver: Callable[[object], object], queue: str, raw: object) -> object:
    """Deliver a message, with the queue it came from instead of what its producer wrote into its delivery info."""
    properties = raw.get("properties") if isinstance(raw, dict) else None
    if isinstance(properties, dict):
        properties["delivery_info"] = _delivery_info(properties.get("delivery_info"), queue)
    try:
        return deliver(raw)
    except _DeliveryNotRecordedError:
        return None


def _delivery_info(written: object, queue: str) -> JsonObject:
    info = dict(written) if isinstance(written, dict) else {}
    if info.get("routing_key") == queue and info.get("exchange") in ("", queue):
        return info
    return {**info, "exchange": "", "routing_key": queue}


def _push_malformed(qos: QoS, *, queue: str, raw: bytes, code: str) -> None:
    with qos.channel.conn_or_acquire() as client:
        malformed.push(client, queue=queue, raw=raw, code=code)


def _put_back(qos: QoS, *, queue: str, raw: JsonObject) -> None:
    with qos.channel.conn_or_acquire() as client:
        client.rpush(queue, json.dumps(raw))


def _acknowledge(qos: QoS, *, tag: str) -> None:
    qos._remove_from_indices(tag).execute()  # noqa: SLF001


def _restore(qos: QoS, *, tag: str) -> None:
    qos.restore_by_tag(tag, leftmost=True)
