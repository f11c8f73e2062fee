"""Forget Celery results whose broker has ended."""

from __future__ import annotations

from celery import Celery

from workers.base.celery_types import Result


def release(app: Celery) -> None:
    """Forget the results that `app` still waits for, without contacting the broker.

    The destructor of a result unsubscribes at the broker. When that broker has ended, Celery tries twenty times, a
    second each, before it raises.
    """
    # None until a result is asked for
    consumer = getattr(app._backend, "result_consumer", None)  # noqa: SLF001
    if consumer is not None:
        consumer.stop()
        consumer.cancel_for = _ignore


def drop(app: Celery, result: Result) -> None:
    """Forget one result without contacting the broker; an answer that still comes is ignored."""
    for pending in app.backend._pending_results:  # noqa: SLF001 - the public way talks to the broker
        pending.pop(result.id, None)
    result.backend = None


def _ignore(task_id: str) -> None:
    """Behave like a consumer whose subscription has ended already."""
