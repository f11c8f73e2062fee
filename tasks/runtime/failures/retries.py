"""Retries: send a message again after a delay, give up with Unavailable, or quarantine it when its policy is exhausted.

The policies and their back-off are in tasks.runtime.failures.retry_policy. A retry here is a new copy of the message
with its state in the headers; it does not count as a Celery retry, since those count crashes.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

from celery.exceptions import Reject, Retry
from kombu.exceptions import OperationalError as BrokerError

from domain.documents import JsonObject
from tasks.errors import Unavailable
from tasks.runtime import outbox
from tasks.runtime.celery_types import RunningTask
from tasks.runtime.failures import delivery_attempts, retry_policy
from tasks.runtime.failures.retry_policy import RetryPolicy

#: seconds between two looks at work that another worker does, and the number of looks before they become rarer
WAIT, WAITS = 2.0, 600
#: message header: the number of looks so far
WAITED = "hearth_waited"


def retry(task: RunningTask, policy: RetryPolicy, *, counted: bool = True, quarantines: bool = True) -> Exception:
    """Return the exception that retries the message while the policy allows it; after that Unavailable.

    `counted` is False when this delivery could not be recorded as an attempt; the copy then says so. `quarantines` is
    False when the task's owner takes care of a failure by itself. A query gives up after a few tries.
    """
    now = datetime.now(UTC)
    state = retry_policy.next_state(task.request.get(retry_policy.RETRY_HEADER), policy, now)
    seconds, unavailable = state.delay(), Unavailable(policy.message)
    if _runs_in_caller(task) or retry_policy.expires_within(task.request.expires, seconds, now):
        return unavailable
    if task.kind == "query" and state.tries > retry_policy.QUERY_TRIES:
        return unavailable
    if state.is_exhausted(policy, now) and (not quarantines or _quarantine(task, state.tries, now)):
        return unavailable
    headers = {retry_policy.RETRY_HEADER: state.header()}
    if not counted:
        headers |= delivery_attempts.carry_over_headers(task.request)
    return _send_later(task, unavailable, seconds, headers, policy.retry)


def wait(task: RunningTask, *, quarantines: bool) -> Exception:
    """Return the exception that looks again later at work that another worker does now; after that Unavailable."""
    unavailable = Unavailable("another worker does this now; its result will be the answer")
    waited = task.request.get(WAITED)
    waits = waited + 1 if isinstance(waited, int) else 1
    if _runs_in_caller(task):
        return unavailable
    if waits > WAITS and (not quarantines or _quarantine(task, waits, datetime.now(UTC))):
        return unavailable
    seconds = WAIT if waits <= WAITS else retry_policy.BACKOFF_LIMIT
    return _send_later(task, unavailable, seconds, {WAITED: waits})


def _runs_in_caller(task: RunningTask) -> bool:
    """Return whether the task runs in its caller's own process: the caller decides what to do next."""
    return bool(task.request.called_directly or task.request.is_eager)


def _quarantine(task: RunningTask, tries: int, now: datetime) -> bool:
    """Quarantine the message; return False when that is not possible now. A query is not kept: it loses nothing."""
    if task.kind == "query":
        return True
    draft = retry_policy.message_of(task.request, task=task.name, queue=task.default_queue, tries=tries)
    payload = task.request.args[0] if task.request.args else task.request.kwargs or {}
    tenant_id = str(payload.get("tenant_id", ""))
    return retry_policy.quarantine_message(tenant_id, draft, row=outbox.row_of(task.request), now=now)


def _send_later(
    task: RunningTask, unavailable: Unavailable, seconds: float, headers: JsonObject, kind: type[Retry] = Retry
) -> Exception:
    """Send a copy of the message to arrive after some seconds; give the message back when the broker takes none."""
    retries = task.request.retries or 0
    copy = task.signature_from_request(
        countdown=seconds,
        retries=retries,
        headers={**(task.request.headers or {}), delivery_attempts.ENDED: retries, **headers},
    )
    try:
        copy.apply_async()
    except BrokerError:
        # Celery's own retry would drop the message here
        return cast("Exception", Reject("the broker takes no messages now", requeue=True))
    return cast("Exception", kind(exc=unavailable, when=seconds, sig=copy))
