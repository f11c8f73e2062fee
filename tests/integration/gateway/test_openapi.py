"""What a running gateway answers is what its OpenAPI document says."""

from __future__ import annotations

import json
import re

import jsonschema
import pytest
import redis

from tests.support.gateway import signed
from workers.gateway import openapi
from workers.gateway.server import ROUTES

LEAD = {"external_id": "C-1", "email": "ada@example.com"}
UPSERT = "/v1/tasks/hearth.leads.upsert"
SCORE = "/v1/tasks/hearth.leads.score"
GENERIC = "/v1/webhooks/generic"
NOBODY = f"/v1/tasks/{'0' * 32}.{'0' * 16}"
ENVELOPE = {
    "contract": "1",
    "status": "ok",
    "tenant_id": "acme",
    "task_id": "t",
    "data": {"created": 1, "updated": 0, "unchanged": 0, "rejected": [], "lead_ids": ["l"], "external_ids": ["C-1"]},
    "warnings": [],
    "computed_at": "2026-11-30T10:00:00Z",
    "took_ms": 3,
}


@pytest.fixture(scope="module")
def document():
    return openapi.document()


def described(document, path, method, answer):
    """The document's own entry for an answer, once its body fits."""
    operation = document["paths"][path][method.lower()]
    assert str(answer.status) in operation["responses"], f"{answer.status} is not told of: {answer.raw}"
    told = operation["responses"][str(answer.status)]
    if "$ref" in told:
        told = document["components"]["responses"][told["$ref"].rpartition("/")[2]]
    schema = told["content"]["application/json"]["schema"]
    jsonschema.Draft202012Validator({**schema, "components": document["components"]}).validate(answer.json)
    assert answer.headers["Content-Type"] == "application/json"
    if answer.status == 429:
        assert int(answer.headers["Retry-After"]) >= 1
        assert "Retry-After" in told["headers"]
    return told


@pytest.mark.parametrize(
    ("path", "body", "who", "status", "code"),
    [
        (UPSERT, {"leads": [LEAD]}, "acme", 202, None),
        (UPSERT, {"leads": [LEAD]}, None, 401, "credentials_missing"),
        (UPSERT, {"leads": [LEAD]}, "reading", 403, "scope_missing"),
        (UPSERT, {"leads": [LEAD], "tenant_id": "other"}, "acme", 403, "other_tenant"),
        (UPSERT, {"leads": [{**LEAD, "timeline": "soon"}]}, "acme", 422, "unknown_value"),
        (UPSERT, b"[1]", "acme", 422, "type"),
        (UPSERT, b" " * 700_001, "acme", 413, "too_large"),
        (f"{SCORE}?wait=21", {"external_id": "C-1"}, "acme", 422, "range"),
        (f"{SCORE}?wait=0.05", {"external_id": "C-1"}, "acme", 202, None),
        (GENERIC, b"[]", "acme", 400, "not_json"),
        (GENERIC, {}, None, 401, "credentials_missing"),
        (GENERIC, {}, "reading", 403, "scope_missing"),
        ("/v1/webhooks/highlevel", {}, None, 401, "signature_refused"),
    ],
)
def test_answers_to_posts(gateway, keys, document, path, body, who, status, code):
    answer = gateway.call("POST", path, body, key=getattr(keys, who) if who else None)
    described(document, path.partition("?")[0], "POST", answer)
    assert (answer.status, answer.json.get("error", {}).get("code")) == (status, code)


def test_answers_to_a_key_that_is_used_again_and_one_that_asks_too_often(gateway, keys, document):
    again = {"Idempotency-Key": "once"}
    for email, status in (("a@example.com", 202), ("a@example.com", 202), ("b@example.com", 409)):
        body = {"leads": [{**LEAD, "email": email}]}
        answer = gateway.call("POST", UPSERT, body, key=keys.acme, headers=again)
        assert answer.status == status
        described(document, UPSERT, "POST", answer)
    answers = [gateway.call("POST", UPSERT, {"leads": [LEAD]}, key=keys.slow) for _ in range(2)]
    assert [answer.status for answer in answers] == [202, 429]
    described(document, UPSERT, "POST", answers[1])


def test_a_signature_as_the_document_describes_it_is_good(gateway, keys, document):
    raw = json.dumps({"leads": [LEAD]}).encode()
    answer = gateway.call("POST", UPSERT, raw, headers=signed(keys.signing, "POST", UPSERT, raw))
    described(document, UPSERT, "POST", answer)
    assert answer.status == 202
    schemes = document["components"]["securitySchemes"]
    assert {schemes[name]["name"] for name in ("key", "signature")} == {"X-Hearth-Key", "X-Hearth-Signature"}


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (None, "pending"),
        ({"status": "SUCCESS", "result": ENVELOPE}, "done"),
        (
            {
                "status": "FAILURE",
                "result": {
                    "exc_type": "InvalidPayload",
                    "exc_message": ["unknown_lead", [{"loc": "lead_id", "msg": "no such lead"}]],
                    "exc_module": "tasks.errors",
                },
            },
            "failed",
        ),
    ],
)
def test_states_of_a_task(gateway, keys, document, emptied_redis, outcome, state):
    task_id = gateway.call("POST", UPSERT, {"leads": [LEAD]}, key=keys.acme).json["task_id"]
    if outcome:
        stored = {**outcome, "task_id": task_id, "traceback": None, "children": []}
        emptied_redis.set(f"celery-task-meta-{task_id}", json.dumps(stored))
    answer = gateway.get(f"/v1/tasks/{task_id}", key=keys.acme)
    described(document, "/v1/tasks/{task_id}", "GET", answer)
    assert answer.json["state"] == state
    theirs = gateway.get(f"/v1/tasks/{task_id}", key=keys.other)
    described(document, "/v1/tasks/{task_id}", "GET", theirs)
    assert (theirs.status, theirs.code) == (404, "unknown_task_id")


@pytest.fixture
def emptied_redis(emptied_broker):
    with redis.Redis.from_url(emptied_broker) as client:
        yield client


def test_other_answers_to_gets(gateway, keys, document):
    for path, key, status in (
        ("/healthz", None, 200),
        (NOBODY, keys.acme, 404),
        (NOBODY, None, 401),
        (f"{NOBODY}?wait=x", keys.acme, 422),
    ):
        answer = gateway.get(path, key=key)
        told = "/v1/tasks/{task_id}" if path.startswith(NOBODY) else path
        described(document, told, "GET", answer)
        assert answer.status == status


def test_the_document_is_served_to_everybody_and_says_nothing_of_a_tenant(gateway, keys, document):
    for key in (None, keys.acme, keys.other, "hk_x_y"):
        answer = gateway.get("/v1/openapi.json", key=key)
        assert answer.status == 200
        assert answer.json == document
    assert gateway.call("POST", "/v1/openapi.json", {}).status == 405


def test_it_tells_of_every_route_and_of_nothing_else(document):
    patterns = [re.compile(f"{pattern}$") for module in ROUTES for pattern, _ in module]
    paths = [path.replace("{task_id}", NOBODY.rpartition("/")[2]) for path in document["paths"]]
    assert [path for path in paths if not any(pattern.match(path) for pattern in patterns)] == []
    assert [pattern.pattern for pattern in patterns if not any(map(pattern.match, paths))] == []
