"""Events that were kept and not taken in are read again, and taken in once by who understands them now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from db.records import RawEventDraft
from db.repositories.events import events, raw_events
from db.repositories.leads import leads
from db.session import EVERY_TENANT, reading, transaction
from tasks.events import ingest, replay
from tasks.leads.upsert import upsert
from tasks.tenants import configure

pytestmark = pytest.mark.usefixtures("database")
T = "LOC1"
NOW = datetime.now(UTC)
LEAD = {"source_system": "site", "external_id": "u1", "email": "u1@example.com"}


@pytest.fixture(autouse=True)
def tenant(database: str) -> None:
    configure(tenant_id=T)


def outcomes() -> list[str]:
    with reading(EVERY_TENANT) as session:
        return [raw.outcome for raw in raw_events.read_all(session, T)]


def of_the_past(payload: bytes, *, outcome: Any, key: str | None, age: int = 1) -> None:
    """An event as an older version kept it, which did not understand it."""
    draft = RawEventDraft(
        key=key,
        provider="generic",
        type="",
        outcome=outcome,
        lead_id=None,
        verified=True,
        received_at=NOW - timedelta(days=age),
        payload=payload,
    )
    with transaction(EVERY_TENANT) as session:
        raw_events.add(session, T, drafts=[draft])


def replay_of(**counts: int) -> dict[str, Any]:
    """An answer with these counts."""
    none = dict.fromkeys(("read", "accepted", "duplicates", "ignored", "failed", "leads"), 0)
    return {**none, "ignored_by": {}, **counts}


def test_what_is_understood_now_is_taken_in_once_as_of_when_it_came() -> None:
    told = b'{"id": "e1", "lead": {"source_system": "site", "external_id": "u1"}, "kind": "listing_view"}'
    of_the_past(told, outcome="ignored", key="id:e1")
    of_the_past(b'{"id": "e2", "lead": {"external_id": "u1"}, "kind": "moonwalk"}', outcome="ignored", key="id:e2")
    assert replay(tenant_id=T, dry_run=True)["data"]["accepted"] == 1
    assert outcomes() == ["ignored", "ignored"]
    told_again = replay_of(read=2, accepted=1, ignored=1, leads=1) | {"ignored_by": {"unknown_type": 1}}
    assert replay(tenant_id=T)["data"] == told_again
    assert sorted(outcomes()) == ["accepted", "ignored"]
    with reading(EVERY_TENANT) as session:
        lead_id = leads.find(session, T, external_id="u1")
        happened = events.for_leads(session, T, lead_ids=[str(lead_id)])[str(lead_id)]
    assert [(event.kind, event.occurred_at) for event in happened] == [("listing_view", NOW - timedelta(days=1))]
    assert replay(tenant_id=T)["data"]["accepted"] == 0
    assert ingest(tenant_id=T, provider="generic", events=[{"id": "e1", "lead": LEAD, "kind": "listing_view"}])["data"][
        "duplicates"
    ]


def test_what_failed_is_kept_and_taken_in_when_its_reason_is_gone() -> None:
    two = {"phone": "+13055550147", "last_name": "Quill"}
    upsert(tenant_id=T, leads=[{"external_id": "a1", **two}, {"external_id": "a2"}])
    upsert(tenant_id=T, leads=[{"external_id": "a2", **two}])
    unclear = {"id": "e1", "lead": two, "kind": "listing_view"}
    unreadable = {"id": "e2", "lead": {"external_id": "u1", "created_at": "one day"}}
    answer = ingest(tenant_id=T, provider="generic", events=[unclear, unreadable, "no event"])["data"]
    assert [(one["index"], one["code"]) for one in answer["invalid"]] == [(0, "conflict"), (1, "type"), (2, "type")]
    assert outcomes() == ["failed", "failed"], "what is no event at all is not kept"
    assert ingest(tenant_id=T, provider="generic", events=[unclear])["data"]["invalid"], "sent again, answered alike"
    assert replay(tenant_id=T, status=["ignored"])["data"]["read"] == 0
    again = replay(tenant_id=T, status=["failed"])["data"]
    assert (again["read"], again["failed"], again["duplicates"]) == (3, 2, 1)
    upsert(tenant_id=T, leads=[{"external_id": "a1", **two, "phone": "+13055550148"}], policy="overwrite")
    assert replay(tenant_id=T)["data"] == replay_of(read=2, accepted=1, failed=1, leads=1)
    assert sorted(outcomes()) == ["accepted", "failed"]


def test_only_what_was_received_since() -> None:
    of_the_past(b'{"lead": {"external_id": "u1"}, "kind": "listing_view"}', outcome="ignored", key="old", age=9)
    of_the_past(b'{"lead": {"external_id": "u2"}, "kind": "listing_view"}', outcome="ignored", key="new")
    assert replay(tenant_id=T, since=(NOW - timedelta(days=2)).isoformat())["data"]["accepted"] == 1
    with reading(EVERY_TENANT) as session:
        assert leads.find(session, T, external_id="u1") is None


def test_another_locations_event_is_nobodys_here() -> None:
    event = {"type": "ContactCreate", "locationId": "ELSEWHERE", "id": "c1", "webhookId": "w1"}
    assert ingest(tenant_id=T, events=[event])["data"]["invalid"][0]["code"] == "conflict"
    assert outcomes() == []


def test_one_that_cannot_be_stored_holds_up_no_other() -> None:
    of_the_past(b'{"lead": {"external_id": "u1"}, "kind": "listing_view"}', outcome="ignored", key="a")
    of_the_past(b'{"lead": {"external_id": "u\\ud800"}, "kind": "listing_view"}', outcome="ignored", key="b")
    of_the_past(b'{"lead": {"external_id": "u3"}, "kind": "listing_view"}', outcome="ignored", key="c")
    assert replay(tenant_id=T)["data"]["accepted"] == 2
