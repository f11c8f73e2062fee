"""Errors, from what a body raises to what its caller reads: a TaskError, a retry, or Unexpected.

An error is translated at the edge of the task. A caller is told what to correct or when to try again; the log is told
the type and the place of a fault. Neither gets a value of the message.
"""

from __future__ import annotations

import errno
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import structlog
from celery.exceptions import Ignore, Reject, Retry, SoftTimeLimitExceeded

from db.errors import (
    DatabaseBusy,
    DatabaseUnavailable,
    FenceLost,
    KeyConflict,
    ReferenceGone,
    SchemaOutdated,
    UnknownAssessment,
    UnknownBackfill,
    UnknownLead,
    UnknownRecord,
    UnknownRetraining,
    UnknownStudy,
    UnknownTenant,
)
from domain.documents import JsonObject
from tasks.contracts.base.request import Request
from tasks.errors import InvalidPayload, TaskError, TimedOut, Unexpected
from tasks.runtime.broker.queue_depth import DepthUnknown
from tasks.runtime.celery_types import RunningTask
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.failures import retries, retry_policy
from tasks.runtime.failures.retry_policy import RetryPolicy
from tasks.runtime.leases import LeaseBusy

log = structlog.get_logger(__name__)

#: the first that fits holds: DatabaseBusy is a DatabaseUnavailable
_POLICIES: tuple[tuple[type[Exception], RetryPolicy], ...] = (
    (DatabaseBusy, retry_policy.ROWS_BUSY),
    (DatabaseUnavailable, retry_policy.DATABASE_AWAY),
    (SchemaOutdated, retry_policy.SCHEMA_OUTDATED),
    (ReferenceGone, retry_policy.REFERENCE_GONE),
    (DepthUnknown, retry_policy.BROKER_AWAY),
)

#: what is not there -> code, field and message
_UNKNOWN: Mapping[type[UnknownRecord], tuple[str, str, str]] = {
    UnknownTenant: ("unknown_tenant", "tenant_id", "no such tenant; create it first"),
    UnknownAssessment: ("unknown_value", "assessment_id", "no assessment of this tenant has this id"),
    UnknownBackfill: (
        *("unknown_value", "backfill_id"),
        "no import of this tenant has this id, or no chunk of it this number",
    ),
    UnknownRetraining: ("unknown_value", "retraining_id", "no retraining of this tenant has this id"),
    UnknownStudy: ("unknown_value", "study_id", "no search of this tenant has this id"),
}


@contextmanager
def translated(task: RunningTask, *, counted: bool = True, quarantines: bool = True) -> Iterator[None]:
    """Translate what the block raises; see `retries.retry` for `counted` and `quarantines`."""
    try:
        yield
    except (TaskError, Retry, Ignore, Reject):
        raise
    except Exception as error:  # noqa: BLE001  # the edge of the process: whatever it is, its text must not get out
        raise _translation(task, error, counted=counted, quarantines=quarantines) from None


def absorbed(task: RunningTask, request: Request, context: TaskContext, run: Callable[[], JsonObject]) -> JsonObject:
    """Return what `run` returns; where it fails for good, tell the task's owner (`on_fault`) and answer `partial`.

    For steps of a pipeline: the others go on, and the owner's row says which step failed.
    """
    assert task.on_fault is not None
    try:
        with translated(task, quarantines=False):
            return run()
    except TaskError as error:
        failed = type(error).__name__
        with translated(task):
            task.on_fault(request, failed)
        return context.envelope(request, TaskResult(data={"failed": failed}, status="partial"))


def invalid_payload(error: Exception) -> InvalidPayload | None:
    """Return what an error of the database says of the message; None when it says nothing of it."""
    match error:
        case UnknownLead():
            places = [{"loc": f"lead_ids.{at}", "msg": "no such lead of this tenant"} for at in error.positions[:50]]
            return InvalidPayload("unknown_lead", places)
        case KeyConflict():
            message = "this key was used with other arguments; use a new key"
            return InvalidPayload.at("conflict", "idempotency_key", message)
        case _:
            return next((InvalidPayload.at(*what) for kind, what in _UNKNOWN.items() if isinstance(error, kind)), None)


def policy_for(error: Exception) -> RetryPolicy | None:
    """Return the retry policy of a transient error; None for any other."""
    if isinstance(error, OSError):
        return retry_policy.DISK_FULL if error.errno in (errno.ENOSPC, errno.EDQUOT) else None
    return next((policy for kind, policy in _POLICIES if isinstance(error, kind)), None)


def _translation(task: RunningTask, error: Exception, *, counted: bool, quarantines: bool) -> Exception:
    if isinstance(error, LeaseBusy | FenceLost):
        return retries.wait(task, quarantines=quarantines)
    if isinstance(error, SoftTimeLimitExceeded):
        return TimedOut(f"{task.name} ran into its time limit; send less at once")
    if invalid := invalid_payload(error):
        return invalid
    if policy := policy_for(error):
        return retries.retry(task, policy, counted=counted, quarantines=quarantines)
    log.error("unexpected_error", error=type(error).__name__, frames=_frames(error))
    return Unexpected(f"{type(error).__name__} in {task.name}; the log has the place by task id")


def _frames(error: BaseException) -> list[str]:
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)[-8:]]
