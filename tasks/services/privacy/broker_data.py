"""Remove a person's or a tenant's data from the broker: results, waiting messages, the append-only file of them all."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Literal, Protocol

import structlog
from celery import current_app
from redis.exceptions import NoPermissionError, RedisError, ResponseError

from db.data_subject import DataSubject
from tasks.runtime.broker import queue_depth

log = structlog.get_logger(__name__)

#: none: the broker has no such file; later: it is writing one already, or did not answer; refused: it is not allowed
Rewriting = Literal["begun", "none", "later", "refused"]
#: results that are read at once
STEP = 200
#: key of the time when the file was last rewritten, in seconds since 1970
_WRITTEN = "hearth.privacy.rewritten"
_UNREACHABLE = (RedisError, OSError, AttributeError)


class _ResultStore(Protocol):
    """A Redis client that decodes nothing, as Celery's result backend holds one."""

    def scan(self, cursor: int, *, match: bytes, count: int) -> tuple[int, list[bytes]]:
        """Return some keys and the next cursor, 0 at the end."""

    def mget(self, keys: list[bytes]) -> list[bytes | None]:
        """Return the values of keys, None where there is none."""


class _Queues(Protocol):
    """A Redis client that decodes nothing, as far as queues are concerned."""

    def lrange(self, name: str, start: int, end: int) -> list[bytes]:
        """Return the entries of a list."""

    def zrange(self, name: str, start: int, end: int) -> list[bytes]:
        """Return the members of a sorted set."""

    def lrem(self, name: str, count: int, value: bytes) -> int:
        """Remove entries of a list that equal a value; return how many."""

    def zrem(self, name: str, value: bytes) -> int:
        """Remove a member of a sorted set; return whether it was there, as a number."""

    def hdel(self, name: str, field: str) -> int:
        """Remove a field of a hash."""


def forget_results(
    tenant_id: str, subject: DataSubject, *, task_ids: Collection[str] = (), dry_run: bool = False
) -> int | None:
    """Remove results and failures that name a person, and the results of `task_ids`; return how many.

    None means that the broker cannot be reached. Every result is read, in steps, since a query leaves no other trace.
    """
    backend, wanted = current_app.backend, set(task_ids)
    removed = 0
    try:
        prefix = _bytes(backend.get_key_for_task("*")).removesuffix(b"*")
        for key, raw in _results(backend.client, prefix):
            task_id = key.removeprefix(prefix).decode(errors="replace")
            if task_id in wanted or _names(tenant_id, subject, task_id, raw):
                removed += 1 if dry_run else backend.client.delete(key)
    except _UNREACHABLE as error:
        log.warning("results_kept", error=type(error).__name__)
        return None
    return removed


def withdraw_messages(tenant_id: str, *, dry_run: bool = False) -> int | None:
    """Remove a tenant's waiting messages from every queue; return how many, None when the broker cannot be reached.

    What a worker has in its hands is not among them.
    """
    client: _Queues = current_app.backend.client
    removed = 0
    try:
        for queue in sorted(each.name for each in current_app.conf.task_queues):
            aside = queue_depth.set_aside_key(queue)
            listed = [raw for raw in client.lrange(queue, 0, -1) if _tenant_of(raw) == tenant_id]
            waiting = [raw for raw in client.zrange(aside, 0, -1) if _tenant_of(raw) == tenant_id]
            if dry_run:
                removed += len(listed) + len(waiting)
                continue
            removed += sum(client.lrem(queue, 1, raw) for raw in listed)
            removed += sum(client.zrem(aside, raw) for raw in waiting)
            client.hdel(queue_depth.turns_key(queue), queue_depth.LANE + tenant_id)
    except _UNREACHABLE as error:
        log.warning("messages_kept", error=type(error).__name__)
        return None
    return removed


def forget_tenant_results(tenant_id: str, *, dry_run: bool = False) -> int | None:
    """Remove the results of a tenant's tasks; return how many, None when the broker cannot be reached.

    Failures name no tenant: they hold no values, and expire within a day.
    """
    backend, removed = current_app.backend, 0
    try:
        prefix = _bytes(backend.get_key_for_task("*")).removesuffix(b"*")
        for key, raw in _results(backend.client, prefix):
            if _tenant_in_result(_document(raw)) == tenant_id:
                removed += 1 if dry_run else backend.client.delete(key)
    except _UNREACHABLE as error:
        log.warning("results_kept", error=type(error).__name__)
        return None
    return removed


def rewrite_log() -> Rewriting:
    """Make the broker rewrite its append-only file, so that it contains current data only."""
    client, now = current_app.backend.client, time.time()
    try:
        if not client.info("persistence").get("aof_enabled"):
            return "none"
        client.bgrewriteaof()
        client.set(_WRITTEN, now)
    except ResponseError as error:
        state: Rewriting = "refused" if _forbids(error) else "later"
    except _UNREACHABLE:
        state = "later"
    else:
        return "begun"
    log.warning("broker_log_not_rewritten", state=state)
    return state


def rewritten_since(moment: datetime) -> bool:
    """Return whether the append-only file was rewritten after a moment."""
    try:
        return float(current_app.backend.client.get(_WRITTEN) or 0) > moment.timestamp()
    except (*_UNREACHABLE, ValueError):
        return False


def _forbids(error: ResponseError) -> bool:
    """Return whether the broker refuses for good (an ACL, an unknown command), and not just because it is writing."""
    return isinstance(error, NoPermissionError) or "unknown command" in str(error)


def _results(client: _ResultStore, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
    cursor: int | None = None
    while cursor != 0:
        cursor, keys = client.scan(cursor or 0, match=prefix + b"*", count=STEP)
        values = client.mget(keys) if keys else ()
        yield from ((key, raw) for key, raw in zip(keys, values, strict=True) if raw is not None)


def _names(tenant_id: str, subject: DataSubject, task_id: str, raw: bytes) -> bool:
    document = _document(raw)
    tenant = _tenant_in_result(document)
    if tenant not in (None, tenant_id):  # a failure names no tenant
        return False
    text = json.dumps(document, ensure_ascii=False)
    return subject.in_key(task_id) or subject.in_document(document) or subject.in_key(text)


def _tenant_in_result(document: object) -> object:
    result = document.get("result") if isinstance(document, dict) else None
    return result.get("tenant_id") if isinstance(result, dict) else None


def _tenant_of(raw: bytes) -> object:
    """Return the tenant that a message in a queue names in its keyword arguments, or in its only argument."""
    try:
        entry = json.loads(raw)
        body = entry["body"]
        encoded = entry["properties"].get("body_encoding") == "base64"
        args, kwargs, *_ = json.loads(base64.b64decode(body) if encoded else body)
        first = args[0] if args else None
        return kwargs.get("tenant_id") or (first.get("tenant_id") if isinstance(first, dict) else None)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return None


def _document(raw: bytes) -> object:
    try:
        document: object = json.loads(raw)
    except (ValueError, RecursionError):
        return raw.decode(errors="replace")
    return document


def _bytes(key: str | bytes) -> bytes:
    return key.encode() if isinstance(key, str) else key
