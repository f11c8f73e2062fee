"""The remote-control command `worker_status`: whether a worker makes progress.

A main process may answer `ping` and still take no message. The tasks that it has started and those that run tell more.
"""

from __future__ import annotations

import os

from celery.worker import control, state

from domain.documents import JsonObject

#: the command's name
COMMAND = "worker_status"


def register() -> None:
    """Register the command with this worker."""
    control.Panel.register(name=COMMAND, type="inspect")(worker_status)


def worker_status(panel: control.Panel, **_: object) -> JsonObject:
    """Return the process id, the queues, the active and started tasks, and whether taking is paused on purpose."""
    consumer = panel.consumer.task_consumer
    return {
        "pid": os.getpid(),
        "queues": sorted(queue.name for queue in consumer.queues),
        "active": len(state.active_requests),
        "started": state.all_total_count[0],
        "pauses": bool(consumer.channel.qos.pauses()),
    }
