"""The sender needs to know nothing of Follow Up Boss but what its adapter says."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tasks.leads.score import score
from tests.support.followupboss import lead_at_risk, text
from tests.support.interventions import NOON, T, states
from tests.support.sender import Desk, entry, reports, run_reports, state
from workers.delivery.sender.client import Client
from workers.delivery.sender.tenant_sender import SenderLimits, TenantSender
from workers.delivery.sender.tokens import Tokens

pytestmark = pytest.mark.usefixtures("sqlite_database")
KEY = base64.b64encode(b"fka_1:").decode()


@dataclass(frozen=True)
class Taken:
    method: str
    path: str
    headers: dict[str, str]
    body: Any


class FollowUpBoss(ThreadingHTTPServer):
    """Takes every request and says what is left of the window."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.taken: list[Taken] = []
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    server: FollowUpBoss
    protocol_version = "HTTP/1.1"

    def _take(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        self.server.taken.append(Taken(self.command, self.path, dict(self.headers), body))
        self.send_response(201)
        self.send_header("X-RateLimit-Remaining", "9")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_POST = do_PUT = _take

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def boss() -> Iterator[FollowUpBoss]:
    server = FollowUpBoss()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "tokens" / f"{T}.token"
    path.parent.mkdir()
    path.touch(mode=0o600)
    path.write_text("fka_1:Example:s3cret\n")
    return path


@pytest.fixture
def sender_at(boss: FollowUpBoss, token_file: Path) -> Callable[..., TenantSender]:
    def make(clock: Callable[[Any], datetime], holder: str = "one", **limits: Any) -> TenantSender:
        return TenantSender(
            tenant_id=T,
            holder=holder,
            tokens=Tokens(folder=token_file.parent),
            client=Client(base_url=f"http://127.0.0.1:{boss.server_port}/v1", loopback=True, read=10.0, whole=12.0),
            limits=SenderLimits(**limits),
            clock=clock,
        )

    return make


@pytest.fixture
def lead_id(desk: Desk) -> str:
    desk.configure(sender={"crm": "followupboss"})
    return lead_at_risk()


def test_a_task_is_created_once_under_the_tokens_key_and_reported(desk: Desk, boss: FollowUpBoss, lead_id: str) -> None:
    action = desk.handed_over(lead_id, "call_task")
    assert (desk.serve(), desk.serve()) == (1, 0)
    [taken] = boss.taken
    assert (taken.method, taken.path) == ("POST", "/v1/tasks")
    assert (taken.body["personId"], taken.body["type"], taken.body["assignedUserId"]) == (7101, "Call", 31)
    assert taken.headers["Authorization"] == f"Basic {KEY}"
    assert (taken.headers["X-System"], taken.headers["X-System-Key"]) == ("Example", "s3cret")
    assert (state(action), reports()) == (("sent", None), [("executed", action.action_id)])
    run_reports()
    assert states(lead_id) == ["executed"]


def test_a_tag_is_set_beside_those_that_are_there(desk: Desk, boss: FollowUpBoss, lead_id: str) -> None:
    desk.handed_over(lead_id, "pause_automation")
    assert desk.serve() == 1
    [taken] = boss.taken
    assert (taken.method, taken.path) == ("PUT", "/v1/people/7101?mergeTags=true")
    assert taken.body == {"tags": ["ml:pause_automation"]}


def test_who_said_no_in_the_meantime_is_not_called(desk: Desk, boss: FollowUpBoss, lead_id: str) -> None:
    action = desk.handed_over(lead_id, "call_task")
    text(3, "Stop. Do not contact me again.", desk.now, incoming=True)
    desk.later(1)
    assert desk.serve() == 0
    assert entry(action).state in {"blocked", "withdrawn"}
    assert not boss.taken


def test_scores_come_into_the_accounts_own_fields(desk: Desk, boss: FollowUpBoss, lead_id: str) -> None:
    score(tenant_id=T, lead_id=lead_id, as_of=NOON.isoformat())
    desk.at(NOON)
    mapped = {"customMlScore": "ml:score", "customRisk": "ml:band", "f-other": "ml:reason"}
    desk.configure(sender={"crm": "followupboss", "write_back": True}, custom_fields=mapped)
    assert desk.serve() == 1
    [taken] = boss.taken
    assert (taken.method, taken.path) == ("PUT", "/v1/people/7101")
    assert taken.body.keys() == {"customMlScore", "customRisk"}
    assert 0 <= taken.body["customMlScore"] <= 100
