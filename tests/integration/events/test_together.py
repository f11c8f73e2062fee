"""Messages of one tenant that share a transaction answer and take effect as if each had come alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import text

from db.repositories.events import raw_events
from db.repositories.jobs import idempotency_keys
from db.repositories.leads import leads
from db.session import EVERY_TENANT, reading
from tasks.errors import InvalidPayload
from tasks.events import ingest
from tasks.privacy.rights import forget
from tasks.runtime.batching import Call
from tasks.tenants import configure
from tests.integration.events.test_golden import FIXTURES, LOCATION

pytestmark = pytest.mark.usefixtures("database")
T = "LOC1"
#: what tells when and by whom a message was worked on
PASSING = ("task_id", "computed_at", "took_ms")


def told(number: int, **more: Any) -> dict[str, Any]:
    lead = {"source_system": "site", "external_id": f"u{number}", "email": f"u{number}@example.com"}
    return {"id": f"e{number}", "lead": lead, "kind": "listing_view", **more}


def message(*events: Any, **more: Any) -> dict[str, Any]:
    return {"tenant_id": T, "provider": "generic", "events": list(events), **more}


def together(*messages: dict[str, Any]) -> list[Any]:
    """Work on messages as a child does that gets them in one piece: an answer or an error each."""
    ingest.prepare([Call(task_id=f"t{at}", kwargs=kwargs) for at, kwargs in enumerate(messages)])
    return [alone(f"t{at}", kwargs) for at, kwargs in enumerate(messages)]


def alone(task_id: str, kwargs: dict[str, Any]) -> Any:
    return ingest.apply(kwargs=kwargs, task_id=task_id).get(propagate=False)


def commits() -> int:
    """How many transactions the stored answers were written in."""
    with reading(EVERY_TENANT) as session:
        counted = session.execute(text("SELECT count(DISTINCT finished_at) FROM processed WHERE task LIKE '%ingest'"))
        return int(counted.scalar_one())


def test_they_share_a_transaction_and_have_an_answer_and_a_key_each() -> None:
    configure(tenant_id=T)
    answers = together(message(told(1)), message(told(2), told(3)), message(told(1)), message(told(4)))
    assert [answer["data"]["accepted"] for answer in answers] == [1, 2, 0, 1]
    assert answers[2]["data"]["duplicates"] == 1
    assert [answer["task_id"] for answer in answers] == ["t0", "t1", "t2", "t3"]
    assert commits() == 1
    with reading(EVERY_TENANT) as session:
        assert len(leads.ids(session, T)) == 4
        stored = idempotency_keys.by_task_id(session, T, task_id="t1")
    assert stored is not None
    assert stored.result == answers[1]
    assert alone("t1", message(told(2), told(3))) == answers[1] | {"duplicate": True}, "delivered again"


def test_every_fixture_is_answered_alike_together_and_alone() -> None:
    wrong = {}
    for name, fixture in FIXTURES.items():
        calls = json.loads(fixture)["calls"]
        apart, joined = (answers_of(f"LOC-{way}-{name}", fixture, way) for way in ("alone", "together"))
        if apart != joined or len(apart) != len(calls):
            wrong[name] = (apart, joined)
    assert wrong == {}


def answers_of(tenant: str, fixture: str, way: str) -> list[Any]:
    """The answers to a fixture's messages, without what differs from run to run."""
    played = json.loads(fixture.replace(LOCATION, tenant))
    configure(tenant_id=tenant, settings=played["settings"])
    messages = [
        {"tenant_id": tenant, "provider": played["provider"], "events": call["events"]} for call in played["calls"]
    ]
    one_by_one = [alone(f"{tenant}-{at}", kwargs) for at, kwargs in enumerate(messages)] if way == "alone" else None
    found = one_by_one or together(*messages)
    return [plain(answer, tenant) for answer in found]


def plain(answer: dict[str, Any], tenant: str) -> str:
    data = {**answer["data"], "lead_ids": len(answer["data"]["lead_ids"])}
    kept = {name: value for name, value in answer.items() if name not in {*PASSING, "data", "tenant_id"}}
    return json.dumps({**kept, "data": data}, sort_keys=True).replace(tenant, "")


def test_a_bad_message_fails_alone() -> None:
    configure(tenant_id=T)
    known = alone("before", message(told(9), idempotency_key="k"))
    answers = together(
        message(told(1)),
        message(told(2), provider="carrier pigeon"),
        message(told(3), idempotency_key="k"),
        message(told(9), idempotency_key="k"),
        message(told(4), dry_run=True),
        message(told(5)),
    )
    assert isinstance(answers[1], InvalidPayload)
    assert isinstance(answers[2], InvalidPayload), "the key of another"
    assert answers[3] == known | {"duplicate": True}
    assert [answers[at]["data"]["accepted"] for at in (0, 4, 5)] == [1, 1, 1]
    with reading(EVERY_TENANT) as session:
        found = [leads.find(session, T, external_id=f"u{number}") for number in (1, 2, 3, 4, 5, 9)]
    assert [lead_id is not None for lead_id in found] == [True, False, False, False, True, True]


def test_what_no_database_takes_fails_alone() -> None:
    configure(tenant_id=T)
    answers = together(message(told(1)), message(told(2, text="a\x00b", value=1e400)), message(told(3)))
    assert [answers[at]["data"]["accepted"] for at in (0, 2)] == [1, 1]
    with reading(EVERY_TENANT) as session:
        assert leads.find(session, T, external_id="u2") is None or answers[1]["data"]["accepted"] == 1


def test_somebody_forgotten_is_answered_as_such_and_not_kept(workspace_folder: Any) -> None:
    configure(tenant_id=T)
    alone("before", message(told(1)))
    forget(tenant_id=T, external_ids=[{"external_id": "u1", "source_system": "site"}])
    answers = together(message(told(1)), message(told(2), told(1, id="again")))
    assert answers[0]["data"] | {"lead_ids": []} == answers[0]["data"]
    assert answers[0]["data"]["ignored_by"] == {"forgotten": 1}
    assert (answers[1]["data"]["accepted"], answers[1]["data"]["ignored"], answers[1]["data"]["invalid"]) == (1, 1, [])
    with reading(EVERY_TENANT) as session:
        assert [json.loads(raw.payload)["id"] for raw in raw_events.read_all(session, T)] == ["e2"]
