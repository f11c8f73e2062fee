"""The worker's consumer: a message that cannot be run is quarantined instead of dropped."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import structlog
from celery import signals, states
from celery.exceptions import InvalidTaskError
from celery.worker import state
from celery.worker.consumer import Consumer as CeleryConsumer
from redis.exceptions import RedisError

from db.errors import DatabaseError
from tasks.errors import InvalidPayload
from workers.base import awaited_messages, malformed, messages, quarantine
from workers.base.celery_types import Message, Request, TaskConsumer, Timer, TimerEntry
from workers.base.quarantine import Reason
from workers.telemetry import figures
from workers.worker import crash_counter
from workers.worker.circuit_breaker import database_breaker

log = structlog.get_logger(__name__)

#: seconds before a message that cannot be quarantined now goes back to the end of its queue
WAIT = 2.0
#: a message of an unknown task that expires within so many seconds, such as a tick of the schedule, is not parked
SHORT_LIVED = 60.0
#: seconds between two looks for parked messages whose task is known by now
LOOK = 60.0


class Consumer(CeleryConsumer):
    """Celery's consumer with a quarantine; a message is acknowledged only after the database has stored it."""

    #: of Celery's consumer
    timer: Timer
    task_consumer: TaskConsumer
    #: the timer entry of the periodic look for parked messages
    _periodic_look: TimerEntry | None = None
    #: the same of the report of figures
    _periodic_report: TimerEntry | None = None
    #: the name of the worker, with its host
    hostname: str

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)
        self._reporter = figures.Reporter(self.app.conf.broker_url, self.hostname)
        if hasattr(self.controller, "_quick_release"):
            self._release_rejected_requests()

    def on_ready(self) -> None:
        """Start to report figures, and to look for parked messages: an old worker may park some after this start."""
        super().on_ready()
        self.task_consumer.channel.on_malformed = lambda: self.timer.call_after(0, self._store_malformed)
        self._look()
        for entry in (self._periodic_look, self._periodic_report):
            if entry is not None:
                # this is a new connection; the timer entries of the old one may be gone
                entry.cancel()
        self._periodic_look = self.timer.call_repeatedly(LOOK, self._look)
        self._reporter.report()
        self._periodic_report = self.timer.call_repeatedly(figures.INTERVAL, self._reporter.report)

    def shutdown(self) -> None:
        """End as Celery does, when the last task has ended, and report the figures since the last report."""
        super().shutdown()
        self._reporter.close()

    def create_task_handler(self, *args: object, **options: object) -> Callable[[Message], None]:
        """Return Celery's handler behind our checks; a message that would end the worker is quarantined as invalid."""
        handle = super().create_task_handler(*args, **options)

        def on_task_received(message: Message) -> None:
            with crash_counter.counted(message) as poisonous:
                if poisonous:
                    self._quarantine(message, quarantine.ATTEMPTS)
                elif messages.fault_of(message):
                    self.on_invalid_task(None, message, InvalidTaskError())
                else:
                    self._handled(handle, message)

        return on_task_received

    def _handled(self, handle: Callable[[Message], object], message: Message) -> None:
        try:
            handle(message)
        except (*self.connection_errors, *self.channel_errors, MemoryError):
            raise
        except Exception as error:  # the edge of the process: one message must not end it
            if message.acknowledged:
                raise
            self.on_invalid_task(None, message, error)

    def _release_rejected_requests(self) -> None:
        """Free the pool's slot of a request that the pool cannot take: Celery would keep the slot for ever."""
        controller = self.controller
        process = controller._process_task  # noqa: SLF001 - Celery has no other hook between slot and pool

        def process_task(request: Request) -> None:
            try:
                process(request)
            except MemoryError:
                raise
            except Exception as error:  # noqa: BLE001
                log.error("request_not_taken", error=type(error).__name__)
                controller._quick_release()  # noqa: SLF001
                self._refuse(request)

        controller._process_task = process_task  # noqa: SLF001

    def _refuse(self, request: Request) -> None:
        batch = getattr(request, "requests", [request])
        for each in batch:
            state.task_ready(each)
            if len(batch) == 1:
                self._quarantine(each.message, "invalid")
            else:
                # one of them is the cause; run alone, each shows whether it is
                each.reject(requeue=True)

    def on_decode_error(self, message: Message, exc: Exception) -> None:  # noqa: ARG002 - its text may hold the body
        """Quarantine a body that is not what its content type says."""
        self._quarantine(message, "undecodable")

    def on_unknown_message(self, body: object, message: Message) -> None:  # noqa: ARG002
        """Quarantine what is no task message."""
        self._quarantine(message, "unknown_message")
        signals.task_rejected.send(sender=self, message=message, exc=None)

    def on_unknown_task(self, body: object, message: Message, exc: Exception) -> None:  # noqa: ARG002
        """Quarantine a message of an unknown task, which the next deploy may bring, unless it expires before."""
        left = messages.seconds_left(message)
        if left is not None and left < SHORT_LIVED:
            log.warning("unknown_task_expires", task=messages.task_of(message), seconds=left)
            message.ack_log_error(_Log, self.connection_errors)
        else:
            self._quarantine(message, "unknown_task")

    def on_invalid_task(self, body: object, message: Message, exc: Exception) -> None:  # noqa: ARG002
        """Quarantine a task message whose parts are not what Celery needs."""
        self._quarantine(message, "invalid")
        signals.task_rejected.send(sender=self, message=message, exc=exc)

    def _quarantine(self, message: Message, reason: Reason) -> None:
        try:
            stored = quarantine.hold(message, reason)
        except DatabaseError as error:
            log.warning("message_not_held", reason=reason, error=type(error).__name__, seconds=WAIT)
            database_breaker.record_failure()
            self._give_back_later(message)
            return
        if stored or reason != "unknown_task":
            self._store_failure(message, reason)
            message.ack_log_error(_Log, self.connection_errors)
        else:
            # a good message of a task that is not deployed yet: it waits in the broker until there is room
            self._park(message)

    def _store_failure(self, message: Message, reason: Reason) -> None:
        """Store a failure for a caller that waits; a message of an unknown task may still run."""
        task_id = messages.task_id_of(message)
        if reason not in ("undecodable", "invalid") or not task_id:
            return
        error = InvalidPayload.at("type", "", f"the message is {reason} and was put aside; correct it and send it anew")
        try:
            self.app.backend.store_result(task_id, error, states.FAILURE)
        except (*self.connection_errors, *self.channel_errors, OSError) as failure:
            log.warning("failure_not_told", error=type(failure).__name__)

    def _park(self, message: Message) -> None:
        try:
            message.channel.qos.park(message.delivery_tag)
        except (*self.connection_errors, *self.channel_errors) as error:
            log.warning("message_not_parked", error=type(error).__name__)
            self._give_back_later(message)

    def _give_back_later(self, message: Message) -> None:
        """Return the message back after WAIT seconds; if the connection fails first, the broker does so by itself."""
        channel = message.channel

        def give_back() -> None:
            if self.connection and not getattr(channel, "closed", False) and not message.acknowledged:
                message.reject_log_error(_Log, self.connection_errors, requeue=True)

        self.timer.call_after(WAIT, give_back)

    def _look(self) -> None:
        """Replay quarantined messages whose task or tenant exists by now, and put parked ones back on their queues."""
        if database_breaker.is_open():
            return
        try:
            quarantine.replay_known(self.app.tasks)
            awaited_messages.replay_all()
        except DatabaseError as error:
            log.warning("parked_messages_wait", error=type(error).__name__)
            database_breaker.record_failure()
            return
        self._store_malformed()
        queues = [queue.name for queue in self.task_consumer.queues]
        with suppress(RedisError, OSError), self.task_consumer.channel.conn_or_acquire() as client:
            malformed.bring_back(client, queues)

    def _store_malformed(self) -> None:
        """Move entries that are no messages from the broker's list to the quarantine."""
        try:
            with self.task_consumer.channel.conn_or_acquire() as client:
                quarantine.take_over(client)
        except (DatabaseError, RedisError, OSError) as error:
            log.warning("malformed_entries_wait", error=type(error).__name__)


class _Log:
    """The log that kombu gets for acknowledgements that failed; it drops kombu's text, which may hold values."""

    @staticmethod
    def critical(template: str, *args: object, **_: object) -> None:  # noqa: ARG004
        log.error("not_acknowledged")
