"""Messages of one task and tenant that share a transaction: a commit for all, an answer and a key each.

The worker hands over the messages that wait (`workers.worker.batching`). Messages that cannot share a transaction are
left out. Where one of them fails, all are left out: each then runs alone, with its own retries and its own error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog

from db.errors import DatabaseBusy, DatabaseUnavailable
from db.records import ClaimDraft
from db.repositories import tenants
from db.repositories.jobs import idempotency_keys
from db.session import Session
from tasks.contracts.base.request import Request, parse
from tasks.contracts.base.wire import digest
from tasks.errors import InvalidPayload
from tasks.runtime.context import Json, TaskContext, TaskResult

log = structlog.get_logger(__name__)

#: (session, requests with their work) -> an answer each
Bodies = Callable[[Session, Sequence[tuple[Any, TaskContext]]], list[TaskResult]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One message: its task id and what it asks."""

    task_id: str
    kwargs: Mapping[str, Any]


class BatchResults:
    """Answers that are committed already, until their own message asks for them."""

    def __init__(self) -> None:
        self._known: dict[str, Json] = {}
        #: messages of the last time that found no database
        self._missed: set[str] = set()

    def take(self, task_id: str | None) -> Json | None:
        """The answer of a message, once; None where it is to be worked on."""
        return self._known.pop(task_id, None) if task_id else None

    def missed(self, task_id: str | None) -> bool:
        """Whether a message was tried and found no database, told once: to try it anew would only take time."""
        found = task_id in self._missed
        self._missed.discard(task_id or "")
        return found

    def prepare(self, context: TaskContext, contract: type[Request], bodies: Bodies, calls: Sequence[Call]) -> None:
        """Do what calls of one tenant ask in one transaction, that of `work`; those of the last time are let go of."""
        self._known.clear()
        self._missed.clear()
        try:
            self._known = _together(context, contract, bodies, calls)
        except Exception as error:  # noqa: BLE001  # whatever it is, the one that fails is to say so by itself
            log.warning("not_together", task=context.task, messages=len(calls), error=type(error).__name__)
            if isinstance(error, DatabaseUnavailable) and not isinstance(error, DatabaseBusy):
                self._missed = {call.task_id for call in calls}


def args_hash(request: Request) -> str:
    """What tells two requests with the same key apart."""
    return digest(request.model_dump(mode="python", exclude_unset=True, exclude={"idempotency_key", "request_id"}))


def key_of(request: Request, task_id: str) -> str:
    """The idempotency key of a request."""
    return request.idempotency_key or request.default_key() or f"task:{task_id}"


def _together(context: TaskContext, contract: type[Request], bodies: Bodies, calls: Sequence[Call]) -> dict[str, Json]:
    asked = [one for call in calls if (one := _asked(context, contract, call))]
    tenant_ids = {request.tenant_id for request, _ in asked}
    if len(asked) < 2 or len(tenant_ids) > 1:  # there is nothing to share
        return {}
    tenant_id = tenant_ids.pop()
    with context.transaction(tenant_id) as session:
        context.tenant = tenants.require(session, tenant_id)
        fresh = _claimed(session, context, [(request, replace(own, tenant=context.tenant)) for request, own in asked])
        answers = bodies(session, fresh) if fresh else []
        told = {
            key_of(request, own.task_id): own.envelope(request, answer)
            for (request, own), answer in zip(fresh, answers, strict=True)
        }
        idempotency_keys.finish_many(session, tenant_id, task=context.task, results=told, now=context.now)
    return {own.task_id: told[key_of(request, own.task_id)] for request, own in fresh}


def _asked(context: TaskContext, contract: type[Request], call: Call) -> tuple[Request, TaskContext] | None:
    """A message with work of its own that shares what goes with the effect; None where it has to go by itself."""
    try:
        request, warnings = parse(contract, call.kwargs)
    except InvalidPayload:
        return None
    if request.dry_run:
        return None
    return request, replace(context, task_id=call.task_id, args_hash=args_hash(request), warnings=list(warnings))


def _claimed(
    session: Session, context: TaskContext, asked: Sequence[tuple[Request, TaskContext]]
) -> list[tuple[Request, TaskContext]]:
    """Those whose keys are new; a known one gets its first answer by itself."""
    drafts = [
        ClaimDraft(key=key_of(request, own.task_id), args_hash=own.args_hash, task_id=own.task_id)
        for request, own in asked
    ]
    claimed = idempotency_keys.claim_many(session, context.tenant_id, task=context.task, drafts=drafts, now=context.now)
    return [one for one, found in zip(asked, claimed, strict=True) if found.record is None and not found.conflict]
