"""Kombu's Redis transport, mended where it ends its worker, loses a message or cannot give one back.

- A broker that refuses writes (disk full, `maxmemory`) or does not answer ends no worker: what it did not hear is owed
  and told it later, in order, and no message is taken meanwhile.
- A message goes back to the queue it was taken from, whatever its producer wrote about where it was sent.
- A connection that is gone ends no worker that holds messages: the broker brings them back by itself.
- An entry that is no message ends no worker and is not lost: it is put aside with a code (see workers.worker.envelope).

`celeryconfig.py` puts it in the stock one's place; the gap between taking a message and noting it stays (see
docs/reliability.md).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog
from kombu.exceptions import ChannelError
from kombu.transport import redis, virtual
from kombu.utils import json as _typed
from redis.exceptions import ConnectionError as BrokerGone
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as BrokerSilent

from tasks.contracts.base.destinations import is_bookkeeping
from workers.base import internal_keys, malformed
from workers.base.messages import NO_QUEUE
from workers.worker import envelope
from workers.worker.circuit_breaker import database_breaker

log = structlog.get_logger(__name__)

# Kombu ships no types
_stock: Any = redis
_virtual: Any = virtual
json: Any = _typed

#: seconds between two questions to a broker that refuses
PAUSE = 1.0
#: after these the broker may not know what it was told. To tell it twice is harmless
_UNHEARD = (ResponseError, BrokerGone, BrokerSilent)
#: what the broker did not hear and must be told yet, in order; it outlives the connection
_owed: deque[Callable[[Any], None]] = deque()


class _NotNotedError(ChannelError):
    """The broker did not note that we have a message, so it must not be worked on."""


class QoS(_stock.QoS):
    """What this worker holds, and what it owes the broker."""

    #: monotonic time before which nothing is taken
    _paused_until = 0.0

    def can_consume(self) -> bool:
        """Whether a message may be taken: not while the broker refuses to hear of others, or no database is.

        Remote control has a channel of its own, without queues, and goes on.
        """
        return not (self.channel.active_queues and self.pauses()) and bool(super().can_consume())

    def pauses(self) -> bool:
        """Whether nothing is taken on purpose."""
        return bool(_owed) or time.monotonic() < self._paused_until or database_breaker.is_open()

    def pause(self, error: Exception) -> None:
        """Take nothing for a while."""
        self._paused_until = time.monotonic() + PAUSE
        log.warning("broker_refuses", error=type(error).__name__, owed=len(_owed), seconds=PAUSE)
        internal_keys.mend_for(self.channel, error)

    def append(self, message: Any, delivery_tag: str) -> None:
        """Note that we have a message; one that cannot be noted goes back as soon as the broker takes it."""
        try:
            super().append(message, delivery_tag)
        except _UNHEARD as error:
            queue = message.delivery_info["routing_key"]
            self._owe(partial(_put_back, queue=queue, raw=message._raw), error)  # noqa: SLF001 - as kombu does
            raise _NotNotedError from error

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge, now or as soon as the broker hears it."""
        try:
            super().ack(delivery_tag)
        except _UNHEARD as error:
            # first: a worker that does not know of its free hands takes nothing more
            _virtual.QoS.ack(self, delivery_tag)
            self._owe(partial(_acknowledge, tag=delivery_tag), error)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Give back or drop, now or as soon as the broker hears it."""
        try:
            super().reject(delivery_tag, requeue=requeue)
        except _UNHEARD as error:
            _virtual.QoS.ack(self, delivery_tag)
            self._owe(partial(_restore if requeue else _acknowledge, tag=delivery_tag), error)

    def park(self, delivery_tag: str) -> None:
        """Put a message on the list of those that wait for room in the quarantine; it keeps no prefetch credit there.

        Raises:
            redis.RedisError: the broker did not hear it, and the message is ours as before.

        """

        def move(pipe: Any) -> None:
            noted = pipe.hget(self.unacked_key, delivery_tag)
            pipe.multi()
            self._remove_from_indices(delivery_tag, pipe)
            if noted:
                raw, _, queue = json.loads(noted)
                pipe.rpush(malformed.parked_key(queue), json.dumps(raw))

        with self.channel.conn_or_acquire() as client:
            client.transaction(move, self.unacked_key)
        _virtual.QoS.ack(self, delivery_tag)

    def restore_visible(self, *args: Any, **kwargs: Any) -> None:
        """Pay what is owed; then bring back what others took and let lie."""
        try:
            self._pay()
            super().restore_visible(*args, **kwargs)
        except ResponseError as error:
            self.pause(error)

    def restore_unacked_once(self, stderr: Any = None) -> None:
        """Give back what is not acknowledged; what cannot be given back now the broker brings back by itself."""
        connection = self.channel.connection
        if connection is None or connection.client is None:
            self._let_be()
            return
        try:
            self._pay()
            super().restore_unacked_once(stderr)
        except ResponseError as error:
            self.pause(error)
            self._let_be()

    def _let_be(self) -> None:
        self._on_collect.cancel()
        self._delivered.clear()
        self._delivered.restored = True

    def _owe(self, act: Callable[[Any], None], error: Exception) -> None:
        _owed.append(act)
        self.pause(error)

    def _pay(self) -> None:
        if not _owed:
            return
        while _owed:
            _owed[0](self)
            _owed.popleft()
        log.info("broker_accepts_again")


class Channel(_stock.Channel):
    """A channel that knows where its messages came from."""

    QoS = QoS
    #: told when an entry was put aside
    on_malformed: Callable[[], None] | None = None

    def basic_consume(self, queue: str, *args: Any, **kwargs: Any) -> Any:
        """Consume from a queue; what comes from it says so."""
        answer = super().basic_consume(queue, *args, **kwargs)
        if queue not in self._fanout_queues:
            deliver = self.connection._callbacks[queue]  # noqa: SLF001 - kombu gives no other hook
            self.connection._callbacks[queue] = partial(_from_queue, deliver, queue)  # noqa: SLF001
        return answer

    def _brpop_read(self, **options: Any) -> Any:
        try:
            found = self._popped(**options)
            if not found:
                raise _stock.Empty
            key, raw = found
            queue = key.decode().rsplit(self.sep, 1)[0]
            self._queue_cycle.rotate(queue)
            self._take(queue, raw)
            return True
        finally:
            self._in_poll = None
            # as kombu does: the connection is idle now, and may show who it is anew
            self._flush_brpop_reauth()

    def _popped(self, **options: Any) -> Any:
        connection = self.client.connection
        try:
            return self.client.parse_response(connection, "BRPOP", **options)
        except ResponseError as error:
            self.qos.pause(error)
            # as when the wait for a message is over
            return None
        except self.connection_errors:
            connection.disconnect()
            raise

    def _take(self, queue: str, raw: bytes) -> None:
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
        except _UNHEARD as error:
            self.qos._owe(partial(_keep, queue=queue, raw=raw, code=code), error)  # noqa: SLF001 - of this module
        if self.on_malformed is not None:
            self.on_malformed()

    def _receive_one(self, c: Any) -> Any:
        """Take what is said to all workers; what is no message is nobody's work, and ends nobody."""
        try:
            return super()._receive_one(c)
        except (*self.connection_errors, _stock.Empty):
            raise
        except Exception as error:  # noqa: BLE001  # the edge of the process: anybody may say anything
            log.warning("broadcast_malformed", error=type(error).__name__)
            raise _stock.Empty from None

    def _connparams(self, *args: Any, **kwargs: Any) -> Any:
        if self.connection is None:
            # its transport closed it; what is to be told here is owed
            raise BrokerGone("this channel has no connection any more")
        return super()._connparams(*args, **kwargs)

    def _size(self, queue: str) -> int:
        return int(internal_keys.mended(self, super()._size, queue))

    def _queue_bind(self, exchange: str, *args: Any) -> None:
        internal_keys.mended(self, super()._queue_bind, exchange, *args)

    def get_table(self, exchange: str) -> Any:
        """The bindings of an exchange."""
        return internal_keys.mended(self, super().get_table, exchange)

    def _lookup(self, exchange: str, routing_key: str, default: Any = None) -> list[str]:
        """The queues that a message goes to, whatever was bound to its exchange."""
        return [queue for queue in super()._lookup(exchange, routing_key, default) if not is_bookkeeping(queue)]

    def _put(self, queue: str, message: Any, **options: Any) -> None:
        """Put a message on a queue, unless a `link` or whoever asked for an answer named a key that is none."""
        if is_bookkeeping(queue):
            log.error("message_refused", reason="it names a key of the broker's bookkeeping as its queue")
        else:
            super()._put(queue, message, **options)

    def _do_restore_message(
        self, payload: Any, exchange: str, routing_key: str, pipe: Any, leftmost: bool = False
    ) -> None:
        if not self._lookup(exchange, routing_key) or not (exchange or routing_key):
            # noted by a stock worker for a producer who named an exchange that nobody bound: it would vanish here
            exchange, routing_key = "", NO_QUEUE if is_bookkeeping(routing_key) else routing_key or NO_QUEUE
        super()._do_restore_message(payload, exchange, routing_key, pipe, leftmost)


class Transport(_stock.Transport):
    """The transport of `redis://` and `rediss://`."""

    Channel = Channel


def _from_queue(deliver: Callable[[Any], Any], queue: str, raw: Any) -> Any:
    """Deliver a message with the queue it came from in the place of what its producer wrote there, if that differs."""
    properties = raw.get("properties") if isinstance(raw, dict) else None
    if isinstance(properties, dict):
        properties["delivery_info"] = _delivery(properties.get("delivery_info"), queue)
    try:
        return deliver(raw)
    except _NotNotedError:
        return None


def _delivery(told: Any, queue: str) -> dict[str, Any]:
    facts = dict(told) if isinstance(told, dict) else {}
    if facts.get("routing_key") == queue and facts.get("exchange") in ("", queue):
        return facts
    return {**facts, "exchange": "", "routing_key": queue}


def _keep(qos: QoS, *, queue: str, raw: bytes, code: str) -> None:
    with qos.channel.conn_or_acquire() as client:
        malformed.push(client, queue=queue, raw=raw, code=code)


def _put_back(qos: QoS, *, queue: str, raw: Any) -> None:
    with qos.channel.conn_or_acquire() as client:
        client.rpush(queue, json.dumps(raw))


def _acknowledge(qos: QoS, *, tag: str) -> None:
    qos._remove_from_indices(tag).execute()  # noqa: SLF001


def _restore(qos: QoS, *, tag: str) -> None:
    qos.restore_by_tag(tag, leftmost=True)
