"""Return the receiver of a tenant's events: its `callback` setting, checked again before every delivery."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from domain.documents import JsonMapping
from tasks.contracts.base.destinations import OWN_QUEUES, queue_allowed, task_allowed


class TargetUnusable(Exception):  # noqa: N818 - says the fact
    """The callback cannot be used until the tenant's setting is corrected; the only argument is a code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A receiver."""

    kind: Literal["celery", "webhook", "pull"]
    #: a task of the receiver's own, and its queue
    task: str = ""
    queue: str = ""
    url: str = ""
    secret: bytes = field(default=b"", repr=False)


def target_of(callback: JsonMapping | None, ours: frozenset[str]) -> Target:
    """Return the receiver that a callback names, with its secret opened; `ours` are queues only Hearth may write to.

    Raises:
        TargetUnusable: the callback names no receiver that may be used.

    """
    callback = callback or {"kind": "pull"}
    kind = callback.get("kind")
    if kind == "celery":
        return _task(callback, ours)
    if kind == "webhook":
        return _webhook(callback)
    if kind == "pull":
        return Target(kind="pull")
    raise TargetUnusable("target.kind")


def _task(callback: JsonMapping, ours: frozenset[str]) -> Target:
    task, queue = callback.get("task"), callback.get("queue")
    if not isinstance(task, str) or not task_allowed(task):
        raise TargetUnusable("target.task")
    # a setting may be older than the contract's rule
    if not isinstance(queue, str) or not queue_allowed(queue, OWN_QUEUES | ours):
        raise TargetUnusable("target.queue")
    return Target(kind="celery", task=task, queue=queue)


def _webhook(callback: JsonMapping) -> Target:
    url, secret = callback.get("url"), callback.get("secret")
    if not isinstance(secret, str) or not secret:
        raise TargetUnusable("target.secret")
    if not isinstance(url, str):
        raise TargetUnusable("target.url")
    return Target(kind="webhook", url=url, secret=secret.encode())
