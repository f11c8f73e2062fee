"""The programs in `examples/callers/http`, run as a CRM's developer runs them, through the gateway of a real cluster.

Each has a key that may ask twice a second only: it is told 429 on its way, waits as long as it is told, and gets there.
"""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from tests.support.commands import HEARTH, ROOT, environment

pytestmark = pytest.mark.cluster("callers")

HTTP = ROOT / "examples" / "callers" / "http"
TENANT, RATE = "http-callers", "2"


def on_path(name):
    return pytest.mark.skipif(not shutil.which(name), reason=f"{name} is not on PATH")


@pytest.fixture(scope="module")
def url(home, hearth, tmp_path_factory):
    """The address of a gateway beside the cluster; its tenant is there."""
    log = tmp_path_factory.mktemp("gateway") / "gateway.log"
    command = [*HEARTH, "gateway", "--port", "0", "--without-webhooks", "--json"]
    with log.open("w") as out:
        gateway = subprocess.Popen(
            command, cwd=ROOT, env=environment(home), stdout=subprocess.PIPE, stderr=out, text=True
        )
    try:
        told = gateway.stdout.readline()
        assert told, log.read_text()
        assert hearth("tenant", "create", TENANT).exit_code == 0
        yield json.loads(told)["url"]
    finally:
        gateway.terminate()
        assert gateway.wait(30) == 0, log.read_text()
        gateway.stdout.close()


@pytest.fixture
def bearer(hearth):
    return key(hearth)["key"]


@pytest.fixture
def signing(hearth):
    made = key(hearth, "--signing")
    return {"GATEWAY_KEY_ID": made["key_id"], "GATEWAY_SECRET": made["secret"]}


def key(hearth, *options):
    made = hearth("tenant", "key", "create", "--tenant", TENANT, "--name", "test", "--rate", RATE, *options, "--json")
    assert made.exit_code == 0, made.stderr
    return json.loads(made.stdout)


def run(home, command, **env):
    return subprocess.run(
        command, cwd=HTTP, env=environment(home, **env), capture_output=True, text=True, timeout=110, check=False
    )


@on_path("curl")
def test_curl_waits_sends_again_and_tells_refusals_apart(home, url, bearer):
    def called(*arguments, **env):
        return run(home, ["./curl.sh", *arguments], GATEWAY_URL=url, GATEWAY_KEY=bearer, **env)

    lead = '{"leads": [{"external_id": "C-1", "email": "nora@example.com"}]}'
    task = "hearth.leads.upsert"
    first = called("--wait", "20", task, lead, IDEMPOTENCY_KEY="one")
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout)["data"]["created"] == 1
    again = called(task, lead, IDEMPOTENCY_KEY="one")
    assert json.loads(again.stdout)["task_id"] == json.loads(first.stdout)["task_id"]
    other = called(task, lead.replace("nora", "otis"), IDEMPOTENCY_KEY="one")
    assert (other.returncode, json.loads(other.stdout)["error"]["code"]) == (1, "conflict")
    assert "idempotency key" in other.stderr
    wrong = called(task, lead.replace("nora@", "nora"))
    assert (wrong.returncode, json.loads(wrong.stdout)["error"]["errors"][0]["loc"]) == (1, "leads.0.email")
    assert "correct the places" in wrong.stderr
    accepted = called("hearth.system.ping")
    assert (accepted.returncode, json.loads(accepted.stdout)["state"]) == (0, "accepted")


@on_path("curl")
def test_curl_waits_as_long_as_it_is_told(home, url, bearer):
    command = f"for n in 1 2 3 4 5; do {HTTP / 'curl.sh'} hearth.system.ping & done; wait"
    asked = run(home, ["sh", "-c", command], GATEWAY_URL=url, GATEWAY_KEY=bearer)
    assert asked.stdout.count('"state":"accepted"') == 5, asked.stderr


@on_path("curl")
@pytest.mark.parametrize(
    ("arguments", "key_", "status"),
    [
        ((), "hk_x", 2),
        (("a", "{}", "more"), "hk_x", 2),
        (("hearth.system.ping",), "hk_x", 1),
        (("hearth.backfill.csv",), None, 1),
    ],
)
def test_curl_says_by_its_exit_code_that_it_is_no_use(home, url, bearer, arguments, key_, status):
    refused = run(home, ["./curl.sh", *arguments], GATEWAY_URL=url, GATEWAY_KEY=key_ or bearer)
    assert refused.returncode == status
    assert refused.stderr


@on_path("node")
def test_node_signs_waits_and_tells_refusals_apart(home, url, signing):
    called = run(home, ["node", "node.mjs"], GATEWAY_URL=url, **signing)
    assert called.returncode == 0, called.stderr
    told = json.loads(called.stdout)
    assert told["created"] == 1
    assert told["again"] is True, "the same key is the same task"
    assert told["conflict"] == {"status": 409, "code": "conflict"}
    assert told["refused"] == {"status": 422, "code": "unknown_value", "loc": "leads.0.timeline"}
    assert 0.01 <= told["probability"] <= 0.99


@on_path("node")
def test_node_gives_up_at_once_where_the_key_is_wrong(home, url, signing):
    wrong = signing | {"GATEWAY_SECRET": "hs_" + "0" * 64}
    refused = run(home, ["node", "node.mjs"], GATEWAY_URL=url, **wrong)
    assert refused.returncode == 1
    assert "credentials_refused" in refused.stderr
    assert run(home, ["node", "node.mjs"], GATEWAY_URL=url).returncode == 2


@on_path("php")
def test_php_signs_waits_and_tells_refusals_apart(home, url, signing):
    called = run(home, ["php", "call.php"], GATEWAY_URL=url, **signing)
    assert called.returncode == 0, called.stderr
    created, other, wrong = called.stdout.splitlines()
    assert created.startswith("created 1, 0.")
    assert other == "other arguments: 409 conflict"
    assert wrong == "wrong: 422 unknown_value leads.0.timeline"
