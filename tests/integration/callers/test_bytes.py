"""Messages of Go, PHP and the shell, byte for byte as their clients write them, sent to a real cluster."""

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest
import redis

from tests.support.commands import ROOT, environment, wait_until

pytestmark = pytest.mark.cluster("callers")

GOLDEN = ROOT / "tests" / "golden" / "callers"
SCRIPT = ROOT / "examples" / "callers" / "redis-cli" / "call.sh"
#: each client's tenant in its messages
TENANTS = {
    "gocelery": "caller-go",
    "celery-php-2": "caller-php2",
    "celery-php-3": "caller-php3",
    "redis-cli": "caller-cli",
}
GOOD = (
    "tenants_configure",
    "ping",
    "ping_positional",
    "leads_upsert",
    "leads_upsert_positional",
    "leads_score",
    "refused_unknown_lead",
    "refused_two_positionals",
)
DROPPED = [
    ("gocelery", "dropped_kwargs_null"),
    ("redis-cli", "dropped_kwargs_null"),
    ("redis-cli", "dropped_kwargs_list"),
]
CLI = shutil.which("redis-cli") or shutil.which("valkey-cli")


def load(client: str, case: str) -> bytes:
    return (GOLDEN / client / f"{case}.json").read_bytes()


def content(message: bytes) -> tuple[str, dict | list]:
    """The task id that the client goes by, and the decoded body."""
    wire = json.loads(message)
    encoded = wire["properties"].get("body_encoding") == "base64"
    body = json.loads(base64.b64decode(wire["body"]) if encoded else wire["body"])
    return wire.get("headers", {}).get("id") or body["id"], body


def renamed(message: bytes) -> bytes:
    """The same message under another id: the same one again would be held once."""
    task_id, _ = content(message)
    wire, other = json.loads(message), str(uuid4())
    if wire["properties"].get("body_encoding") == "base64":
        body = base64.b64decode(wire["body"]).decode().replace(task_id, other)
        wire["body"] = base64.b64encode(body.encode()).decode()
    return json.dumps(wire).replace(task_id, other).encode()


@pytest.fixture(scope="module")
def wire(redis_url):
    with redis.Redis.from_url(redis_url) as connection:
        yield connection


def send(wire: redis.Redis, message: bytes, queue: str = "celery") -> str:
    """What every client does: push to a list, by default `celery`."""
    task_id, _ = content(message)
    wire.delete(f"celery-task-meta-{task_id}")
    wire.lpush(queue, message)
    return f"celery-task-meta-{task_id}"


def read(wire: redis.Redis, key: str) -> str:
    """What every client does: look at one key until it is there."""
    assert wait_until(lambda: wire.exists(key), 20), key
    return wire.get(key).decode("utf-8")


def strict(text: str) -> dict:
    """JSON as other languages know it: without NaN and infinities."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    return json.loads(text, parse_constant=refuse)


@pytest.fixture(scope="module")
def answers(wire) -> dict[tuple[str, str], str]:
    """Every message that gets an answer, sent once in order, with what is stored for it."""
    return {(client, case): read(wire, send(wire, load(client, case))) for client in TENANTS for case in GOOD}


@pytest.fixture
def answer(answers):
    def of(client: str, case: str) -> dict:
        stored = strict(answers[client, case])
        assert stored["status"] == "SUCCESS", stored
        assert stored["result"]["tenant_id"] == TENANTS[client]
        assert stored["result"]["task_id"] == stored["task_id"] == content(load(client, case))[0]
        return stored["result"]

    return of


@pytest.mark.parametrize("client", TENANTS)
def test_a_client_sees_what_it_asked_for_by_keywords_and_by_one_object(client, answer):
    assert answer(client, "tenants_configure")["data"]["created"]
    echoes = [answer(client, case)["data"]["echo"] for case in ("ping", "ping_positional")]
    assert echoes[0] == echoes[1]
    assert echoes[0] in TENANTS[client]
    first, again = (answer(client, case)["data"] for case in ("leads_upsert", "leads_upsert_positional"))
    assert (first["created"], again["unchanged"]) == (1, 1)
    assert first["lead_ids"] == again["lead_ids"]
    assert not first["rejected"]


def test_the_same_facts_get_the_same_score_from_every_language(answer):
    scored = [answer(client, "leads_score") for client in TENANTS]
    assert {envelope["status"] for envelope in scored} == {"ok"}
    assert len({envelope["data"]["lead"]["probability"] for envelope in scored}) == 1
    assert 0.01 <= scored[0]["data"]["lead"]["probability"] <= 0.99


@pytest.mark.parametrize("client", TENANTS)
@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("refused_unknown_lead", ["unknown_lead", [{"loc": "lead_ids.0", "msg": "no such lead of this tenant"}]]),
        ("refused_two_positionals", ["type", [{"loc": "", "msg": "send keyword arguments, or exactly one object"}]]),
    ],
)
def test_a_refusal_is_json_with_a_code_and_the_places_to_mend(client, case, message, answers):
    stored = strict(answers[client, case])
    code, places = stored["result"]["exc_message"]
    assert (stored["status"], stored["result"]["exc_type"]) == ("FAILURE", "InvalidPayload")
    assert code == message[0]
    assert [place["loc"] for place in places] == [place["loc"] for place in message[1]]
    assert places[0]["msg"].startswith(message[1][0]["msg"])


def test_no_answer_holds_what_other_languages_cannot_read(answers):
    def numbers(value):
        if isinstance(value, dict | list):
            for item in value.values() if isinstance(value, dict) else value:
                yield from numbers(item)
        elif isinstance(value, int):
            yield value

    for text in answers.values():
        assert "__type__" not in text  # kombu's mark of a datetime
        assert all(abs(number) <= 2**53 for number in numbers(strict(text)))


@pytest.mark.parametrize("client", TENANTS)
def test_a_client_may_choose_another_queue(client, wire):
    key = send(wire, load(client, "ping"), queue="inference")
    assert strict(read(wire, key))["status"] == "SUCCESS"


@pytest.mark.parametrize("client", ["celery-php-2", "redis-cli"])
def test_a_link_in_the_message_calls_back_on_the_callers_own_queue(client, wire):
    wire.delete("crm-bytes")
    send(wire, load(client, "linked_ping"))
    _, called = wire.brpop("crm-bytes", timeout=20)
    (envelope,), _, _ = content(called)[1]
    assert json.loads(called)["headers"]["task"] == "crm.pinged"
    assert (envelope["tenant_id"], envelope["data"]["echo"]) == (TENANTS[client], "linked")


def test_what_a_protocol_1_message_says_reaches_neither_log_nor_answer(answers, home):
    logs = "".join(path.read_text(encoding="utf-8") for path in (home / "logs").glob("*.log"))
    assert "hearth.leads.upsert" in logs
    for said in ("fernhollow", "stonebrook", "wickham", "larkmoor", "zillow"):
        assert said not in logs.lower()
        assert said not in " ".join(answers.values()).lower()


@pytest.mark.parametrize(("client", "case"), DROPPED)
def test_kwargs_that_are_no_object_are_refused_and_hold_up_nobody(client, case, wire):
    key = send(wire, load(client, case))
    assert strict(read(wire, send(wire, load("redis-cli", "ping"))))["status"] == "SUCCESS"
    refused = strict(read(wire, key))
    assert (refused["status"], refused["result"]["exc_type"]) == ("FAILURE", "InvalidPayload")
    assert wait_until(lambda: not wire.hlen("unacked"), 10)


@pytest.mark.parametrize(
    ("client", "case"),
    [
        ("gocelery", "dropped_kwargs_null"),
        ("redis-cli", "dropped_kwargs_list"),
    ],
)
def test_kwargs_that_are_no_object_are_held_in_quarantine(client, case, wire, hearth, answers):
    def held() -> int:
        listed = hearth("quarantine", "list", "--tenant", TENANTS[client], "--json")
        return sum(message["reason"] == "invalid" for message in json.loads(listed.stdout)["messages"])

    before = held()
    send(wire, renamed(load(client, case)))
    assert wait_until(lambda: held() > before, 10)


def script(home: Path, redis_url: str, *args: str) -> subprocess.CompletedProcess[str]:
    env = environment(home, REDIS_URL=redis_url)
    return subprocess.run([SCRIPT, *args], env=env, capture_output=True, text=True, timeout=40, check=False)


@pytest.mark.skipif(not CLI, reason="neither redis-cli nor valkey-cli is on PATH")
def test_the_shell_alone_gets_an_answer_and_a_refusal(home, redis_url, answers):
    pinged = script(home, redis_url, "inference", "hearth.system.ping", '{"echo": "Zoé & \\"co\\""}')
    assert pinged.returncode == 0, pinged.stderr
    assert strict(pinged.stdout)["result"]["data"]["echo"] == 'Zoé & "co"'
    wrong = json.dumps({"tenant_id": TENANTS["redis-cli"], "lead_id": "nobody"})
    refused = script(home, redis_url, "celery", "hearth.leads.score", wrong)
    assert refused.returncode == 1, refused.stderr
    assert strict(refused.stdout)["result"]["exc_message"][0] == "unknown_lead"


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not on PATH")
@pytest.mark.parametrize(
    "args", [(), ("inference", "hearth.system.ping", "[]"), ("in;ference", "x", "{}"), ("inference", "x", "null")]
)
def test_the_script_refuses_wrong_use_before_it_sends_anything(args, tmp_path):
    refused = script(tmp_path, f"redis://127.0.0.1:{os.getpid()}/0", *args)
    assert refused.returncode == 2
    assert refused.stderr
    assert not refused.stdout


def test_the_messages_are_as_their_clients_write_them():
    for path in GOLDEN.glob("*/*.json"):
        message = path.read_bytes()
        sent, body = json.loads(message), content(message)[1]
        assert not message.endswith(b"\n"), path
        assert ("args" in body) == (path.parent.name in ("gocelery", "celery-php-2"))  # protocol 1's body is an object
        assert ("headers" in sent) == (path.parent.name != "gocelery")
        assert ("correlation_id" in sent["properties"]) == ("php" not in path.parent.name)
