"""A message as Celery writes it, with a tenant."""

from __future__ import annotations

import base64
import json
from uuid import uuid4


def message(tenant_id, number=0, queue="inference", **kwargs):
    """A message of a tenant; bytes, as they lie on the list."""
    task_id = str(uuid4())
    told = {"tenant_id": tenant_id, "number": number, **kwargs}
    body = base64.b64encode(json.dumps([[], told, {"callbacks": None}]).encode()).decode()
    properties = {
        "correlation_id": task_id,
        "reply_to": f"caller-{number}",
        "delivery_info": {"exchange": "", "routing_key": queue},
        "delivery_tag": task_id,
        "body_encoding": "base64",
    }
    headers = {"lang": "py", "task": "toys.note", "id": task_id, "root_id": task_id, "crm": "yes"}
    facts = {"content-type": "application/json", "content-encoding": "utf-8"}
    return json.dumps({"body": body, "headers": headers, "properties": properties, **facts}).encode()
