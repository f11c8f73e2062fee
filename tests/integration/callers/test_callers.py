"""The example callers, run as a CRM's developer runs them, against a real cluster."""

import json
import re
import shutil
import subprocess
import sys

import pytest

from tests.support.commands import ROOT, environment, wait_until

pytestmark = pytest.mark.cluster("callers")

CALLERS = ROOT / "examples" / "callers"
OFFLINE = re.compile(r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|ENOTCACHED")
NODE = pytest.mark.skipif(not (shutil.which("node") and shutil.which("npm")), reason="node and npm are not on PATH")


@pytest.fixture
def inbox(home, redis_url, tmp_path):
    """The CRM's own worker; what it prints ends up in this file."""
    log = tmp_path / "crm.log"
    command = [sys.executable, "-m", "celery", "-A", "crm", "worker", "-Q", "crm", "-P", "solo", "--without-mingle"]
    with log.open("w") as out:
        worker = subprocess.Popen(
            command, cwd=CALLERS / "python", env=environment(home, REDIS_URL=redis_url), stdout=out, stderr=out
        )
        yield log
        worker.terminate()
        worker.wait(30)


def test_python_gets_a_result_a_refusal_and_a_callback_on_its_own_queue(home, redis_url, inbox):
    called = subprocess.run(
        [sys.executable, "call.py", "crm-python"],
        cwd=CALLERS / "python",
        env=environment(home, REDIS_URL=redis_url),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert called.returncode == 0, called.stderr
    assert re.search(r"^score 0\.\d\d by scorecard\S* \(", called.stdout, re.MULTILINE)
    assert "refused InvalidPayload unknown_lead at" in called.stdout
    assert wait_until(lambda: "lead_scored" in inbox.read_text(), 30), inbox.read_text()
    assert re.search(r"lead_scored \S+ 0\.\d\d (hot|warm|cold) by scorecard", inbox.read_text())


@NODE
def test_node_gets_a_result_and_reads_a_refusal(home, redis_url, tmp_path):
    folder = shutil.copytree(CALLERS / "node", tmp_path / "node", ignore=shutil.ignore_patterns("node_modules"))
    npm = ["npm", "ci", "--no-audit", "--no-fund", "--prefer-offline"]
    installed = subprocess.run(npm, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    if installed.returncode and OFFLINE.search(installed.stderr):
        pytest.skip("npm cannot reach its registry")
    assert installed.returncode == 0, installed.stderr
    called = subprocess.run(
        ["node", "client.js", "crm-node"],
        cwd=folder,
        env=environment(home, REDIS_URL=redis_url),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert called.returncode == 0, called.stderr
    answer = json.loads(called.stdout)
    assert 0.01 <= answer["probability"] <= 0.99
    assert answer["refused"]["type"] == "InvalidPayload"
    assert answer["refused"]["code"] == "unknown_lead"
    assert answer["refused"]["places"][0]["msg"]
    assert answer["echo"] == "node"
