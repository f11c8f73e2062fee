"""The remote-control command `worker_status`: whether a worker makes progress.

A main process may answer `ping` and still take no message. The tasks that it has started and those that run tell more.
"""

from __future__ import annotations

import os
from typing import Any

from celery.worker import control, state

#: the command's name
COMMAND = "worker_status"

# Celery ships no types
_panel: Any = control.Panel
_state: Any = state


def register() -> None:
    """Register the command with this worker."""
    _panel.register(name=COMMAND, type="inspect")(worker_status)


def worker_status(panel: Any, **_: object) -> dict[str, Any]:
    """Return the process id, the queues, the active and started tasks, and whether taking is paused on purpose."""
    consumer = panel.consumer.task_consumer
    return {
        "pid": os.getpid(),
        "queues": sorted(queue.name for queue in consumer.queues),
        "active": len(_state.active_requests),
        "started": _state.all_total_count[0],
        "pauses": bool(consumer.channel.qos.pauses()),
    }
