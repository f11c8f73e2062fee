"""What the broker keeps of a person: answers to earlier questions, and its append-only file with all that passed."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any, Literal

import structlog
from celery import current_app
from redis.exceptions import NoPermissionError, RedisError, ResponseError

from db.data_subject import Subject

log = structlog.get_logger(__name__)

#: none: the broker keeps no such file. later: it writes one already, or did not answer. refused: it does not let us
Rewriting = Literal["begun", "none", "later", "refused"]
#: answers that are read at once
STEP = 200
#: when the file was last written anew, in seconds since 1970
_WRITTEN = "hearth.privacy.rewritten"
_AWAY = (RedisError, OSError, AttributeError)


def forget_results(
    tenant_id: str, subject: Subject, *, task_ids: Collection[str] = (), dry_run: bool = False
) -> int | None:
    """Remove answers and failures that name a person, and those of tasks given by id; None: the broker is away.

    All answers are read, in steps, since a question leaves no trace but its answer.
    """
    backend, own = current_app.backend, set(task_ids)
    found = 0
    try:
        prefix = _bytes(backend.get_key_for_task("*")).removesuffix(b"*")
        for key, raw in _answers(backend.client, prefix):
            task_id = key.removeprefix(prefix).decode(errors="replace")
            if task_id in own or _names(tenant_id, subject, task_id, raw):
                found += 1 if dry_run else backend.client.delete(key)
    except _AWAY as error:
        log.warning("results_kept", error=type(error).__name__)
        return None
    return found


def rewrite_log() -> Rewriting:
    """Have the broker write its append-only file anew, so that it holds what there is and nothing that was."""
    client, now = current_app.backend.client, time.time()
    try:
        if not client.info("persistence").get("aof_enabled"):
            return "none"
        client.bgrewriteaof()
        client.set(_WRITTEN, now)
    except ResponseError as error:
        state: Rewriting = "refused" if _forbids(error) else "later"
    except _AWAY:
        state = "later"
    else:
        return "begun"
    log.warning("broker_log_not_rewritten", state=state)
    return state


def rewritten_since(moment: datetime) -> bool:
    """Whether the append-only file was written anew after a moment."""
    try:
        return float(current_app.backend.client.get(_WRITTEN) or 0) > moment.timestamp()
    except (*_AWAY, ValueError):
        return False


def _forbids(error: ResponseError) -> bool:
    """An ACL, or a service that has no such command, says no for good; whoever writes already says it for now."""
    return isinstance(error, NoPermissionError) or "unknown command" in str(error)


def _answers(client: Any, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
    cursor = None
    while cursor != 0:
        cursor, keys = client.scan(cursor or 0, match=prefix + b"*", count=STEP)
        values = client.mget(keys) if keys else ()
        yield from ((key, raw) for key, raw in zip(keys, values, strict=True) if raw is not None)


def _names(tenant_id: str, subject: Subject, task_id: str, raw: bytes) -> bool:
    told = _document(raw)
    result = told.get("result") if isinstance(told, dict) else None
    tenant = result.get("tenant_id") if isinstance(result, dict) else None
    if tenant not in (None, tenant_id):  # a failure does not tell its tenant
        return False
    return subject.in_key(task_id) or subject.in_document(told) or subject.in_key(json.dumps(told, ensure_ascii=False))


def _document(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return raw.decode(errors="replace")


def _bytes(key: str | bytes) -> bytes:
    return key.encode() if isinstance(key, str) else key
