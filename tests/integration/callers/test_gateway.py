"""The gateway beside a real cluster, as people start it: a task comes over HTTP, and its answer goes back."""

import http.client
import json
import signal
import subprocess
from urllib.parse import urlsplit

import pytest

from tests.support.commands import HEARTH, ROOT, environment

pytestmark = pytest.mark.cluster("callers")

TENANT = "over-http"


@pytest.fixture(scope="module")
def key(hearth):
    """A key of a new tenant, by the commands for it."""
    assert hearth("tenant", "create", TENANT).exit_code == 0
    made = hearth("tenant", "key", "create", "--tenant", TENANT, "--name", "test", "--json")
    assert made.exit_code == 0, made.output
    return json.loads(made.stdout)["key"]


@pytest.fixture(scope="module")
def gateway(home, hearth):
    """The address of a gateway that runs until the module ends."""
    command = [*HEARTH, "gateway", "--port", "0", "--without-webhooks", "--json"]
    with (home / "gateway.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(home), stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        yield json.loads(process.stdout.readline())["url"]
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, (home / "gateway.log").read_text()
        process.stdout.close()


def ask(gateway, key, method, path, body=None):
    connection = http.client.HTTPConnection(urlsplit(gateway).netloc, timeout=40)
    connection.request(method, path, body and json.dumps(body), {"Authorization": f"Bearer {key}"})
    response = connection.getresponse()
    answer = response.status, json.loads(response.read())
    connection.close()
    return answer


def test_a_lead_comes_over_http_and_is_scored(gateway, key):
    lead = {"external_id": "C-1001", "first_name": "Ada", "email": "ada@example.com"}
    status, envelope = ask(gateway, key, "POST", "/v1/tasks/hearth.leads.upsert?wait=20", {"leads": [lead]})
    assert (status, envelope["data"]["created"]) == (200, 1)
    path = f"/v1/tasks/{envelope['task_id']}"
    assert ask(gateway, key, "GET", path) == (
        200,
        {"task_id": envelope["task_id"], "state": "done", "result": envelope},
    )
    body = {"external_id": "C-1001"}
    status, scored = ask(gateway, key, "POST", "/v1/tasks/hearth.leads.score?wait=20", body)
    assert (status, scored["data"]["lead"]["lead_id"]) == (200, envelope["data"]["lead_ids"][0])
    status, card = ask(gateway, key, "POST", "/v1/tasks/hearth.leads.card?wait=20", body)
    assert (status, card["data"]["lead_id"]) == (200, envelope["data"]["lead_ids"][0])


def test_what_a_worker_refuses_has_its_place(gateway, key):
    status, refused = ask(gateway, key, "POST", "/v1/tasks/hearth.leads.score?wait=20", {"lead_id": "nobody"})
    assert (status, refused["error"]["code"]) == (422, "unknown_lead")
    assert refused["error"]["errors"][0]["loc"] == "lead_ids.0"
