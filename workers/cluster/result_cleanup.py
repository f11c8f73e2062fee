"""Forget Celery results whose broker has ended."""

from __future__ import annotations

from typing import Any

from celery import Celery


def release(app: Celery) -> None:
    """Forget the results that `app` still waits for, without contacting the broker.

    The destructor of a result unsubscribes at the broker. When that broker has ended, Celery tries twenty times, a
    second each, before it raises.
    """
    celery: Any = app
    # None until a result is asked for
    consumer = getattr(celery._backend, "result_consumer", None)  # noqa: SLF001
    if consumer is not None:
        consumer.stop()
        consumer.cancel_for = _ignore


def drop(app: Celery, result: Any) -> None:
    """Forget one result without contacting the broker; an answer that still comes is ignored."""
    celery: Any = app
    for pending in celery.backend._pending_results:  # noqa: SLF001 - the public way talks to the broker
        pending.pop(result.id, None)
    result.backend = None


def _ignore(task_id: str) -> None:
    """Behave like a consumer whose subscription has ended already."""
