"""What a worker's main process does about a task that takes its process with it, never ends, or finds no database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from billiard.einfo import ExceptionWithTraceback
from celery.exceptions import InvalidTaskError, TimeLimitExceeded, WorkerLostError
from celery.worker import state

from db.errors import DatabaseError
from tasks.runtime import delivery_attempts
from tasks.runtime.retry_policy import DatabaseAway
from tasks.runtime.task import HearthTask
from workers.base import messages, quarantine
from workers.base.quarantine import Reason
from workers.base.redaction import RedactedRequest
from workers.worker.circuit_breaker import database_breaker

log = structlog.get_logger(__name__)

#: of a hard time limit that came without a soft one, this share is the soft one: the task may still say so itself
SOFT_SHARE = 0.9


class GuardedRequest(RedactedRequest):
    """Holds a poison task before Celery acknowledges it: one that lost its process too often, or had to be killed."""

    #: whether its task has failed, or is tried again
    _failed = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Celery finds out in the pool only, where it acknowledges the message and answers nobody.
        if not isinstance(self.kwargs, Mapping):
            raise InvalidTaskError("Task keyword arguments must be a mapping")
        if "self" in self.kwargs:
            # no contract has it, and Celery would take it for the task
            raise InvalidTaskError("No keyword argument may be called self")
        # The pool looks at a hard limit only after the soft one, and the usual soft one is longer than many hard ones.
        self.time_limits: Any = _limits(self.time_limits, self.task.soft_time_limit)

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> Any:
        """Celery's end of a failed task; a poison one fails and is held, or goes back when it cannot be held now."""
        self._failed = True
        reason = self._poison(exc_info)
        if reason and (self._goes_on(reason) or not self._held(reason)):
            state.task_ready(self)
            self.reject(requeue=True)
            return None
        return super().on_failure(exc_info, send_failed_event=send_failed_event, return_ok=return_ok)

    def on_retry(self, exc_info: Any) -> Any:
        """Celery's end of a try that is not the last; one that found no database is a reason to take nothing now."""
        if isinstance(_error(exc_info), DatabaseAway):
            database_breaker.record_failure()
        return super().on_retry(exc_info)

    def acknowledge(self) -> None:
        """Celery's word to the broker; where a task has written, the database is there."""
        ended = self.time_start is not None and not self._failed and not self._already_revoked
        if ended and isinstance(self.task, HearthTask) and self.task.kind != "query":
            database_breaker.record_success()
        super().acknowledge()

    def _poison(self, exc_info: Any) -> Reason | None:
        """Why this message would be held, if at all."""
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

    def _goes_on(self, reason: Reason) -> bool:
        """Some of its tries went with trouble that passes: it comes again, and is held when that is once too often."""
        told = self._context
        if (
            reason != quarantine.ATTEMPTS
            or not isinstance(self.task, HearthTask)
            or not delivery_attempts.ended_before(told)
        ):
            return False
        if not delivery_attempts.to_count(told):
            delivery_attempts.record_death(messages.tenant_of(self.message), task=self.task.name, task_id=str(self.id))
        return True

    def _held(self, reason: Reason) -> bool:
        """Whether the message may be acknowledged; a quarantine that is full has counted it."""
        try:
            quarantine.hold(self.message, reason)
        except DatabaseError as error:
            log.warning("poison_not_held", task=self.name, error=type(error).__name__)
            database_breaker.record_failure()
            return False
        return True


def _error(exc_info: Any) -> Any:
    error = exc_info.exception
    return error.exc if isinstance(error, ExceptionWithTraceback) else error


def _limits(given: Any, usual_soft: float | None) -> Any:
    """A message's time limits, hard and soft, the soft one below the hard one."""
    hard, soft = given
    if not isinstance(hard, int | float) or soft is not None:
        return given
    return hard, min(hard * SOFT_SHARE, usual_soft or hard)
