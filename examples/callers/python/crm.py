"""The CRM's own Celery app, with the one task that Hearth calls back.

    REDIS_URL=redis://… celery -A crm worker --queues crm --pool solo

It needs `celery[redis]` and nothing of Hearth: tasks are called by name, arguments are JSON.
"""

from __future__ import annotations

import os
from typing import Any

from celery import Celery

app = Celery("crm", broker=os.environ["REDIS_URL"], backend=os.environ["REDIS_URL"])
app.conf.update(
    task_default_queue="crm",
    task_serializer="json",
    result_serializer="json",
    accept_content=["json"],
    broker_connection_retry_on_startup=True,
    # A callback may arrive twice (at least once, never lost): lead_scored must not mind.
    task_acks_late=True,
)


@app.task(name="crm.lead_scored", ignore_result=True)
def lead_scored(envelope: dict[str, Any]) -> None:
    """Runs on the CRM's queue when a score is ready; `envelope` is what the task answered."""
    lead = envelope["data"]["lead"]
    model = envelope["model"]["version"]
    print(f"lead_scored {lead['lead_id']} {lead['probability']:.2f} {lead['band']} by {model}", flush=True)
