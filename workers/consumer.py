"""The worker's door, as far as Celery's hooks reach on its stock transport: what cannot run is held, not dropped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from celery import signals
from celery.worker.consumer import Consumer as CeleryConsumer

from db.errors import DatabaseError
from workers import messages, quarantine
from workers.quarantine import Reason

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

    def on_ready(self) -> None:
        """Begin to look for parked messages: an old worker may park some after a new one has started."""
        super().on_ready()
        self._replay_parked()
        if self._looking is not None:
            # this is a new connection, and the old one's entries may have gone with it
            self._looking.cancel()
        self._looking = self.timer.call_repeatedly(LOOK, self._replay_parked)

    def create_task_handler(self, *args: Any, **options: Any) -> Callable[[Any], Any]:
        """Celery's handler; what would end the worker is a message's fault, unless it is the connection's."""
        handle = super().create_task_handler(*args, **options)

        def on_task_received(message: Any) -> Any:
            try:
                return handle(message)
            except (*self.connection_errors, *self.channel_errors, MemoryError):
                raise
            except Exception as error:  # the edge of the process: one message must not end it
                if message.acknowledged:
                    raise
                return self.on_invalid_task(None, message, error)

        return on_task_received

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
            self._later(message)
            return
        if held or reason != "unknown_task":
            message.ack_log_error(_Log, self.connection_errors)
        else:
            # good work that nobody knows yet: it waits in the broker until there is room
            self._later(message)

    def _later(self, message: Any) -> None:
        """Give the message back after a while; should the connection fail first, the broker does so by itself."""
        channel = message.channel

        def give_back() -> None:
            if self.connection and not getattr(channel, "closed", False) and not message.acknowledged:
                message.reject_log_error(_Log, self.connection_errors, requeue=True)

        self.timer.call_after(WAIT, give_back)

    def _replay_parked(self) -> None:
        try:
            quarantine.replay_known(self.app.tasks)
        except DatabaseError as error:
            log.warning("parked_messages_wait", error=type(error).__name__)


class _Log:
    """Kombu's log of acknowledgements that failed, without the tag's neighbourhood."""

    @staticmethod
    def critical(template: str, *args: object, **_: object) -> None:  # noqa: ARG004
        log.error("not_acknowledged")
