"""Handle, in a worker's main process, a task that kills its process, never ends, or finds no database."""

from __future__ import annotations

import time
from collections.abc import Mapping

import structlog
from billiard.einfo import ExceptionWithTraceback
from celery.exceptions import InvalidTaskError, TimeLimitExceeded, WorkerLostError
from celery.worker import state

from db.errors import DatabaseError
from domain.documents import JsonMapping
from tasks.runtime.failures import delivery_attempts
from tasks.runtime.failures.retry_policy import DatabaseAway
from tasks.runtime.task import HearthTask
from workers.base import messages, quarantine
from workers.base.celery_types import Failure, Message
from workers.base.quarantine import Reason
from workers.base.redaction import RedactedRequest
from workers.telemetry import figures
from workers.worker.circuit_breaker import database_breaker

log = structlog.get_logger(__name__)

#: the soft time limit of a message that has only a hard one, as a share of it: the task can then report it itself
SOFT_SHARE = 0.9

#: hard and soft, as a message gives them
Limits = tuple[object, object]


class GuardedRequest(RedactedRequest):
    """A request that quarantines a poison message before Celery acknowledges it.

    A message is poison when it killed its process too often, or had to be killed at its hard time limit.
    """

    time_limits: Limits
    #: whether the task has failed or is retried
    _failed = False

    def __init__(self, message: Message, *, headers: JsonMapping | None = None, **options: object) -> None:
        super().__init__(message, headers=headers, **options)
        # Celery finds out in the pool only, where it acknowledges the message and answers no caller
        if not isinstance(self.kwargs, Mapping):
            raise InvalidTaskError("Task keyword arguments must be a mapping")
        if "self" in self.kwargs:
            # no contract has this key, and Celery would take it for the task
            raise InvalidTaskError("No keyword argument may be called self")
        # the pool checks a hard limit only after the soft one, and the task's soft limit may be the longer of the two
        self.time_limits = _limits(self.time_limits, self.task.soft_time_limit)

    def on_failure(self, exc_info: Failure, send_failed_event: bool = True, return_ok: bool = False) -> object:
        """End a failed task as Celery does; quarantine a poison message, or give it back while that is not possible."""
        self._failed = True
        if result := figures.result_of(_error(exc_info)):
            figures.ended.record(self.name, result, self._seconds())
        reason = self._poison(exc_info)
        if reason and (self._has_attempts_left(reason) or not self._quarantine(reason)):
            state.task_ready(self)
            self.reject(requeue=True)
            return None
        return super().on_failure(exc_info, send_failed_event=send_failed_event, return_ok=return_ok)

    def on_retry(self, exc_info: Failure) -> object:
        """End a try that is not the last as Celery does; where it found no database, open the circuit breaker."""
        if isinstance(_error(exc_info), DatabaseAway):
            database_breaker.record_failure()
        return super().on_retry(exc_info)

    def acknowledge(self) -> None:
        """Acknowledge as Celery does and count what succeeded; a task that has written shows that the database answers.

        Celery has no other call of ours for a success: it makes a class for each task, with its own `on_success`.
        """
        ended = self.time_start is not None and not self._failed and not self._already_revoked
        if ended and not self.acknowledged:
            figures.ended.record(self.name, "succeeded", self._seconds())
        if ended and isinstance(self.task, HearthTask) and self.task.kind != "query":
            database_breaker.record_success()
        super().acknowledge()

    def _seconds(self) -> float | None:
        """Return for how long it has run; None where no child has begun."""
        return None if self.time_start is None else max(0.0, time.time() - self.time_start)

    def _poison(self, exc_info: Failure) -> Reason | None:
        """Return the reason to quarantine this message, or None."""
        error = _error(exc_info)
        if self.acknowledged or state.should_terminate or self._already_cancelled or self._already_revoked:
            return None
        if isinstance(error, TimeLimitExceeded):
            return "poison"
        lost = isinstance(error, WorkerLostError | SystemExit | KeyboardInterrupt)
        return quarantine.ATTEMPTS if lost and self._out_of_tries() and not self._success_was_stored() else None

    def _out_of_tries(self) -> bool:
        task = self.task
        if not task.retry_on_worker_lost:
            return not task.reject_on_worker_lost
        return task.max_retries is not None and self._context.retries >= task.max_retries

    def _has_attempts_left(self, reason: Reason) -> bool:
        """Return whether some of its retries were no crashes; then delivery_attempts decides when it is quarantined."""
        headers = self._context
        if (
            reason != quarantine.ATTEMPTS
            or not isinstance(self.task, HearthTask)
            or not delivery_attempts.ended_before(headers)
        ):
            return False
        if not delivery_attempts.unrecorded_attempts(headers):
            delivery_attempts.record_death(messages.tenant_of(self.message), task=self.task.name, task_id=str(self.id))
        return True

    def _quarantine(self, reason: Reason) -> bool:
        """Return whether the message may be acknowledged; a quarantine that is full has counted it."""
        try:
            quarantine.hold(self.message, reason)
        except DatabaseError as error:
            log.warning("poison_not_held", task=self.name, error=type(error).__name__)
            database_breaker.record_failure()
            return False
        return True


def _error(exc_info: Failure) -> object:
    error = exc_info.exception
    return error.exc if isinstance(error, ExceptionWithTraceback) else error


def _limits(given: Limits, usual_soft: float | None) -> Limits:
    """Return a message's time limits, hard and soft, the soft one below the hard one."""
    hard, soft = given
    if not isinstance(hard, int | float) or soft is not None:
        return given
    return hard, min(hard * SOFT_SHARE, usual_soft or hard)
