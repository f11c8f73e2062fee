"""Push raw entries onto a queue."""

from __future__ import annotations

import json

import redis
from kombu.utils.uuid import uuid


def push(cluster, queue="batch", body=None, **changes):
    """Put a message on a queue as a foreign producer would: our own transport would not write such ones."""
    message = {
        "body": body,
        "headers": {"lang": "py", "task": "toys.echo", "id": uuid()},
        "properties": {
            "correlation_id": "x",
            "delivery_tag": uuid(),
            "delivery_info": {"exchange": "", "routing_key": queue},
            "priority": 0,
        },
        "content-type": "application/json",
        "content-encoding": "utf-8",
    } | changes
    with redis.Redis.from_url(cluster.facts["redis_url"]) as client:
        client.lpush(queue, json.dumps(message))
