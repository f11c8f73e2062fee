"""Idempotency: an effect happens once for each key, and a duplicate of its message gets the first result.

The key is the sender's, else one that follows from the content, else the task id. It is claimed in the transaction of
the effect, so both are committed or neither is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from db.repositories.jobs import idempotency_keys
from db.session import Session
from domain.documents import JsonMapping, JsonObject
from tasks.contracts.base.request import Request
from tasks.contracts.base.wire import digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A task's claim to an idempotency key."""

    task: str
    key: str
    #: of the arguments: the same key with others is a conflict
    args_hash: str
    task_id: str
    now: datetime


def once(session: Session, tenant_id: str, claim: Claim, run: Callable[[], JsonObject]) -> JsonObject:
    """Return what `run` returns and store it under the key, or return the stored result where the key was used before.

    Raises:
        KeyConflict: the key was used with other arguments.

    """
    stored = idempotency_keys.claim(
        session,
        tenant_id,
        task=claim.task,
        key=claim.key,
        args_hash=claim.args_hash,
        task_id=claim.task_id,
        now=claim.now,
    )
    if stored is not None:
        return as_duplicate(stored.result)
    envelope = run()
    idempotency_keys.finish(session, tenant_id, task=claim.task, key=claim.key, result=envelope, now=claim.now)
    return envelope


def key_of(request: Request, task_id: str) -> str:
    """Return the idempotency key of a request."""
    return request.idempotency_key or request.default_key() or f"task:{task_id}"


def args_hash(request: Request) -> str:
    """Return the hash that tells two requests with the same key apart."""
    return digest(request.model_dump(mode="python", exclude_unset=True, exclude={"idempotency_key", "request_id"}))


def as_duplicate(result: JsonMapping | None) -> JsonObject:
    """Return a stored envelope, marked as one that was given before."""
    return {**(result or {}), "duplicate": True}
