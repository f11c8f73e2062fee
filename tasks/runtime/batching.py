"""Batching: messages of one task and one tenant share a transaction, with a result and an idempotency key each.

The worker hands over the messages that wait (see workers.worker.batching) and then runs each of them as Celery runs any
message. Messages that cannot share a transaction are left out. Where one of them fails, nothing is committed: each then
runs alone, with its own retries and its own error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog

from db.errors import DatabaseBusy, DatabaseUnavailable
from db.records import ClaimDraft
from db.repositories import tenants
from db.repositories.jobs import idempotency_keys
from db.session import Session
from domain.documents import JsonMapping, JsonObject
from tasks.contracts.base.request import Request, parse
from tasks.errors import InvalidPayload
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.idempotency import args_hash, key_of

log = structlog.get_logger(__name__)

#: a request, of the task's own contract, and the context of its own message
Item = tuple[Any, TaskContext]
#: (session, items) -> a result for each item, in their order
Bodies = Callable[[Session, Sequence[Item]], list[TaskResult]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One message of a batch: its task id and its kwargs."""

    task_id: str
    kwargs: JsonMapping


class BatchResults:
    """Results that are committed already and wait for Celery to run their own message.

    A pool child prepares one batch, then runs its messages one after another in the same thread. So the results of the
    last batch are all that is ever kept.
    """

    def __init__(self) -> None:
        self._envelopes: dict[str, JsonObject] = {}
        #: messages of the last batch that found no database
        self._unreachable: set[str] = set()

    def take(self, task_id: str | None) -> JsonObject | None:
        """Return the envelope of a message, once; None when the message is still to be run."""
        return self._envelopes.pop(task_id, None) if task_id else None

    def found_no_database(self, task_id: str | None) -> bool:
        """Return, once, whether the batch of a message found no database: to try again now would only take time."""
        unreachable = task_id in self._unreachable
        self._unreachable.discard(task_id or "")
        return unreachable

    def prepare(self, context: TaskContext, contract: type[Request], bodies: Bodies, calls: Sequence[Call]) -> None:
        """Run calls of one tenant in one transaction, that of `context`; results of the last batch are forgotten."""
        self._envelopes.clear()
        self._unreachable.clear()
        try:
            self._envelopes = _run_together(context, contract, bodies, calls)
        except Exception as error:  # noqa: BLE001  # each message runs alone now, and the one that fails says why
            log.warning("not_together", task=context.task, messages=len(calls), error=type(error).__name__)
            if isinstance(error, DatabaseUnavailable) and not isinstance(error, DatabaseBusy):
                self._unreachable = {call.task_id for call in calls}


#: the results of this process. One object for all tasks: a batch is prepared outside of any message, and Celery hands
#: nothing from there to the messages that it runs next
results = BatchResults()


def _run_together(
    context: TaskContext, contract: type[Request], bodies: Bodies, calls: Sequence[Call]
) -> dict[str, JsonObject]:
    """Return the committed envelopes by task id."""
    items = [item for call in calls if (item := _item(context, contract, call))]
    tenant_ids = {request.tenant_id for request, _ in items}
    if len(items) < 2 or len(tenant_ids) > 1:  # there is nothing to share
        return {}
    tenant_id = tenant_ids.pop()
    with context.transaction(tenant_id) as session:
        context.tenant = tenants.require(session, tenant_id)
        tenant = context.tenant
        new = _claimed(session, context, [(request, replace(each, tenant=tenant)) for request, each in items])
        task_results = bodies(session, new) if new else []
        envelopes = {
            key_of(request, each.task_id): each.envelope(request, result)
            for (request, each), result in zip(new, task_results, strict=True)
        }
        idempotency_keys.finish_many(session, tenant_id, task=context.task, results=envelopes, now=context.now)
    return {each.task_id: envelopes[key_of(request, each.task_id)] for request, each in new}


def _item(context: TaskContext, contract: type[Request], call: Call) -> Item | None:
    """Return a message's request with a context that shares what goes with the effect; None when it must run alone."""
    try:
        request, warnings = parse(contract, call.kwargs)
    except InvalidPayload:
        return None
    if request.dry_run:
        return None
    return request, replace(context, task_id=call.task_id, args_hash=args_hash(request), warnings=list(warnings))


def _claimed(session: Session, context: TaskContext, items: Sequence[Item]) -> list[Item]:
    """Return the items whose keys are new. A message with a known key runs alone and gets the first result."""
    drafts = [
        ClaimDraft(key=key_of(request, each.task_id), args_hash=each.args_hash, task_id=each.task_id)
        for request, each in items
    ]
    claims = idempotency_keys.claim_many(session, context.tenant_id, task=context.task, drafts=drafts, now=context.now)
    return [item for item, claim in zip(items, claims, strict=True) if claim.record is None and not claim.conflict]
