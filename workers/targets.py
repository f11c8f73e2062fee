"""Where a tenant's events go: its `callback` setting, checked once more before every delivery."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from db.errors import SealBroken
from db.sealing import KeyRing, place
from workers.messages import name_or_none

#: a secret that was stored sealed begins so; the rest is base64
SEALED = "sealed:"


class TargetUnusable(Exception):  # noqa: N818 - says the fact
    """Nothing can be delivered until the tenant's setting is corrected; the only argument is a code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A receiver."""

    kind: Literal["celery", "webhook", "pull"]
    #: a task of the receiver's own, and its queue
    task: str = ""
    queue: str = ""
    url: str = ""
    secret: bytes = field(default=b"", repr=False)


def seal(ring: KeyRing, tenant_id: str, secret: str) -> str:
    """A callback's secret as settings may store it."""
    return SEALED + base64.b64encode(ring.seal(secret.encode(), _place(tenant_id))).decode()


def target_of(settings: Mapping[str, Any], tenant_id: str, ring: KeyRing, ours: frozenset[str]) -> Target:
    """The receiver that a tenant's settings name; `ours` are the queues that nobody else may write to.

    Raises:
        TargetUnusable: they name none that may be used.

    """
    callback = settings.get("callback") or {"kind": "pull"}
    kind = callback.get("kind")
    if kind == "celery":
        return _task(callback, ours)
    if kind == "webhook":
        return Target(kind="webhook", url=str(callback.get("url") or ""), secret=_secret(callback, tenant_id, ring))
    if kind == "pull":
        return Target(kind="pull")
    raise TargetUnusable("target.kind")


def _task(callback: Mapping[str, Any], ours: frozenset[str]) -> Target:
    task, queue = name_or_none(callback.get("task")), name_or_none(callback.get("queue"))
    # else a tenant could start tasks of ours, in another tenant's name
    if not task or not queue or queue in ours or task.startswith(("hearth.", "celery.")):
        raise TargetUnusable("target.task")
    return Target(kind="celery", task=task, queue=queue)


def _secret(callback: Mapping[str, Any], tenant_id: str, ring: KeyRing) -> bytes:
    stored = callback.get("secret")
    if not isinstance(stored, str) or not stored:
        raise TargetUnusable("target.secret")
    if not stored.startswith(SEALED):
        return stored.encode()
    try:
        return ring.open(base64.b64decode(stored.removeprefix(SEALED), validate=True), _place(tenant_id))
    except (SealBroken, binascii.Error):
        raise TargetUnusable("target.secret") from None


def _place(tenant_id: str) -> bytes:
    return place(tenant_id, "tenant_settings.callback", "secret")
