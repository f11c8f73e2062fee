"""What a worker says of its own work when it is asked: the remote-control question `standing`.

A main process that answers may still take nothing; how much it has started, and what runs, tells.
"""

from __future__ import annotations

import os
from typing import Any

from celery.worker import control, state

#: the question's name
QUESTION = "standing"

# Celery ships no types
_panel: Any = control.Panel
_state: Any = state


def announce() -> None:
    """Let this worker answer the question."""
    _panel.register(name=QUESTION, type="inspect")(tell)


def tell(panel: Any, **_: object) -> dict[str, Any]:
    """Give the main process, its queues, what runs, how many have been started, and whether it waits on purpose."""
    consumer = panel.consumer.task_consumer
    return {
        "pid": os.getpid(),
        "queues": sorted(queue.name for queue in consumer.queues),
        "active": len(_state.active_requests),
        "started": _state.all_total_count[0],
        "pauses": bool(consumer.channel.qos.pauses()),
    }
