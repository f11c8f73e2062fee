"""A real broker and messages as foreign producers write them."""

import base64
import json
from uuid import uuid4

import pytest
import redis

from tests.integration.relay.live import running


@pytest.fixture(scope="module")
def broker_url(tmp_path_factory):
    with running(tmp_path_factory.mktemp("broker")) as url:
        yield url


@pytest.fixture
def broker(broker_url):
    """A client of the emptied broker."""
    with redis.Redis.from_url(broker_url) as client:
        client.flushall()
        yield client


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
