"""Results of Celery that outlive the broker they came from."""

from __future__ import annotations

from typing import Any

from celery import Celery


def release(app: Celery) -> None:
    """Let the results that `app` still waits for be forgotten in silence.

    The destructor of a result tells the broker that nobody waits any more. When that broker has ended, Celery looks
    for it twenty times, a second each, before it gives up with an error.
    """
    celery: Any = app
    # None until a result is asked for
    consumer = getattr(celery._backend, "result_consumer", None)  # noqa: SLF001
    if consumer is not None:
        consumer.stop()
        consumer.cancel_for = _nobody_waits


def drop(app: Celery, result: Any) -> None:
    """Forget one result without a word to the broker; should its answer still come, nobody looks at it."""
    celery: Any = app
    for known in celery.backend._pending_results:  # noqa: SLF001 - the public way talks to the broker
        known.pop(result.id, None)
    result.backend = None


def _nobody_waits(task_id: str) -> None:
    """Answer as a consumer whose subscription has ended already."""
