"""Define the CRM's own Celery app, with the one task that Hearth calls back.

    REDIS_URL=redis://… celery -A crm worker --queues crm --pool solo

It needs `celery[redis]` and no code of Hearth: tasks are called by name, arguments are JSON.
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
    # A callback may arrive twice (it is sent at least once): a second call of lead_scored must do no harm.
    task_acks_late=True,
)


@app.task(name="crm.lead_scored", ignore_result=True)
def lead_scored(envelope: dict[str, Any]) -> None:
    """Run on the CRM's queue when a score is ready; `envelope` is the task's answer."""
    lead = envelope["data"]["lead"]
    model = envelope["model"]["version"]
    print(f"lead_scored {lead['lead_id']} {lead['probability']:.2f} {lead['band']} by {model}", flush=True)
