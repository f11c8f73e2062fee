"""The worker's door, as far as Celery's hooks reach on its stock transport: what cannot run is held, not dropped."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
from celery import signals, states
from celery.exceptions import InvalidTaskError
from celery.worker import state
from celery.worker.consumer import Consumer as CeleryConsumer
from redis.exceptions import RedisError

from db.errors import DatabaseError
from tasks.errors import InvalidPayload
from workers.base import malformed, messages, quarantine
from workers.base.quarantine import Reason
from workers.worker import crash_counter
from workers.worker.circuit_breaker import database_breaker

log = structlog.get_logger(__name__)

#: seconds that a message which cannot be held now waits before it goes back to its queue's end
WAIT = 2.0
#: an unknown task that nobody wants after so many seconds, such as a tick of the schedule, is not parked
SHORT_LIVED = 60.0
#: seconds between two looks for parked messages whose task is known by now
LOOK = 60.0


class Consumer(CeleryConsumer):
    """Celery's consumer with a quarantine; a message is acknowledged only when the database has it."""

    #: the timer's entry of the next look
    _looking: Any = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if hasattr(self.controller, "_quick_release"):
            self._release_what_fails()

    def on_ready(self) -> None:
        """Begin to look for parked messages: an old worker may park some after a new one has started."""
        super().on_ready()
        self.task_consumer.channel.on_malformed = lambda: self.timer.call_after(0, self._keep_malformed)
        self._look()
        if self._looking is not None:
            # this is a new connection, and the old one's entries may have gone with it
            self._looking.cancel()
        self._looking = self.timer.call_repeatedly(LOOK, self._look)

    def create_task_handler(self, *args: Any, **options: Any) -> Callable[[Any], Any]:
        """Celery's handler, behind a look at what it takes as it is; what would end the worker is a message's fault."""
        handle = super().create_task_handler(*args, **options)

        def on_task_received(message: Any) -> Any:
            with crash_counter.counted(message) as poisonous:
                if poisonous:
                    return self._hold(message, quarantine.ATTEMPTS)
                if messages.fault_of(message):
                    return self.on_invalid_task(None, message, InvalidTaskError())
                return self._handled(handle, message)

        return on_task_received

    def _handled(self, handle: Callable[[Any], Any], message: Any) -> Any:
        try:
            return handle(message)
        except (*self.connection_errors, *self.channel_errors, MemoryError):
            raise
        except Exception as error:  # the edge of the process: one message must not end it
            if message.acknowledged:
                raise
            return self.on_invalid_task(None, message, error)

    def _release_what_fails(self) -> None:
        """Let a request that the pool cannot take give its place back: Celery would keep the place for ever."""
        controller = self.controller
        process = controller._process_task  # noqa: SLF001 - Celery has no other hook between place and pool

        def process_task(request: Any) -> None:
            try:
                process(request)
            except MemoryError:
                raise
            except Exception as error:  # noqa: BLE001
                log.error("request_not_taken", error=type(error).__name__)
                controller._quick_release()  # noqa: SLF001
                self._refuse(request)

        controller._process_task = process_task  # noqa: SLF001

    def _refuse(self, request: Any) -> None:
        together = getattr(request, "requests", [request])
        for each in together:
            state.task_ready(each)
            if len(together) == 1:
                self._hold(each.message, "invalid")
            else:
                # one of them is to blame, and alone each shows whether it is the one
                each.reject(requeue=True)

    def on_decode_error(self, message: Any, exc: Exception) -> None:  # noqa: ARG002 - its text may hold the body
        """Hold a body that is not what its content type says."""
        self._hold(message, "undecodable")

    def on_unknown_message(self, body: Any, message: Any) -> None:  # noqa: ARG002
        """Hold what is no task message."""
        self._hold(message, "unknown_message")
        signals.task_rejected.send(sender=self, message=message, exc=None)

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:  # noqa: ARG002
        """Park a task that this worker does not know: the next deploy may bring it, unless it expires before."""
        left = messages.seconds_left(message)
        if left is not None and left < SHORT_LIVED:
            log.warning("unknown_task_expires", task=messages.task_of(message), seconds=left)
            message.ack_log_error(_Log, self.connection_errors)
        else:
            self._hold(message, "unknown_task")

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:  # noqa: ARG002
        """Hold a task message whose parts are not what Celery needs."""
        self._hold(message, "invalid")
        signals.task_rejected.send(sender=self, message=message, exc=exc)

    def _hold(self, message: Any, reason: Reason) -> None:
        try:
            held = quarantine.hold(message, reason)
        except DatabaseError as error:
            log.warning("message_not_held", reason=reason, error=type(error).__name__, seconds=WAIT)
            database_breaker.record_failure()
            self._later(message)
            return
        if held or reason != "unknown_task":
            self._answer(message, reason)
            message.ack_log_error(_Log, self.connection_errors)
        else:
            # good work that nobody knows yet: it waits in the broker until there is room
            self._park(message)

    def _answer(self, message: Any, reason: Reason) -> None:
        """Tell a caller who waits that his message cannot be read; one of an unknown task may run yet."""
        task_id = messages.task_id_of(message)
        if reason not in ("undecodable", "invalid") or not task_id:
            return
        error = InvalidPayload.at("type", "", f"the message is {reason} and was put aside; correct it and send it anew")
        try:
            self.app.backend.store_result(task_id, error, states.FAILURE)
        except (*self.connection_errors, *self.channel_errors, OSError) as failure:
            log.warning("failure_not_told", error=type(failure).__name__)

    def _park(self, message: Any) -> None:
        try:
            message.channel.qos.park(message.delivery_tag)
        except (*self.connection_errors, *self.channel_errors) as error:
            log.warning("message_not_parked", error=type(error).__name__)
            self._later(message)

    def _later(self, message: Any) -> None:
        """Give the message back after a while; should the connection fail first, the broker does so by itself."""
        channel = message.channel

        def give_back() -> None:
            if self.connection and not getattr(channel, "closed", False) and not message.acknowledged:
                message.reject_log_error(_Log, self.connection_errors, requeue=True)

        self.timer.call_after(WAIT, give_back)

    def _look(self) -> None:
        """Send again what is known by now, and bring back what waits for room."""
        if database_breaker.is_open():
            return
        try:
            quarantine.replay_known(self.app.tasks)
        except DatabaseError as error:
            log.warning("parked_messages_wait", error=type(error).__name__)
            database_breaker.record_failure()
            return
        self._keep_malformed()
        queues = [queue.name for queue in self.task_consumer.queues]
        with suppress(RedisError, OSError), self.task_consumer.channel.conn_or_acquire() as client:
            malformed.bring_back(client, queues)

    def _keep_malformed(self) -> None:
        """Let the database have what the broker keeps of entries that are no messages."""
        try:
            with self.task_consumer.channel.conn_or_acquire() as client:
                quarantine.take_over(client)
        except (DatabaseError, RedisError, OSError) as error:
            log.warning("malformed_entries_wait", error=type(error).__name__)


class _Log:
    """Kombu's log of acknowledgements that failed, without the tag's neighbourhood."""

    @staticmethod
    def critical(template: str, *args: object, **_: object) -> None:  # noqa: ARG004
        log.error("not_acknowledged")
