"""Live scores on both databases: what happened makes a lead due, a worker scores it, and silence makes it due again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from db.models import Lead, RescoreDue
from db.repositories.due_queues.queues import rescore_queue
from db.repositories.events import raw_events
from db.repositories.leads import leads
from db.repositories.predictions import predictions
from db.session import EVERY_TENANT, database_time, reading, transaction
from tasks.events import ingest
from tasks.leads.card import card
from tasks.leads.rescoring import rescore
from tasks.leads.worklist import worklist
from tasks.privacy.retention import purge
from tasks.tenants import configure

pytestmark = pytest.mark.usefixtures("database")
NOW = datetime.now(UTC)
T = "LOC1"


@pytest.fixture(autouse=True)
def tenant(database: str) -> None:
    configure(tenant_id=T)


def created(number: int, at: datetime = NOW) -> dict[str, Any]:
    return {
        "type": "ContactCreate",
        "locationId": T,
        "webhookId": f"c{number}",
        "id": f"ct{number}",
        "email": f"l{number}@example.com",
        "source": "Website",
        "dateAdded": at.isoformat(),
        "timestamp": at.isoformat(),
    }


def said(number: int, message: int, body: str = "hello") -> dict[str, Any]:
    told = {"messageType": "SMS", "direction": "inbound", "body": body, "dateAdded": NOW.isoformat()}
    who = {"contactId": f"ct{number}", "messageId": f"m{message}", "webhookId": f"m{message}"}
    return {"type": "InboundMessage", "locationId": T, **who, **told}


def shift(seconds: float) -> None:
    """Let time pass for what is due."""
    with transaction(EVERY_TENANT) as session:
        for row in session.query(RescoreDue).all():
            later = {
                name: at - timedelta(seconds=seconds) for name in ("due_at", "free_at") if (at := getattr(row, name))
            }
            own = (RescoreDue.tenant_id == row.tenant_id, RescoreDue.lead_id == row.lead_id)
            session.execute(update(RescoreDue).where(*own).values(**later)) if later else None


def due() -> int:
    with reading(EVERY_TENANT) as session:
        return sum(rescore_queue.due(session).values())


def scores(lead_id: str) -> int:
    with reading(EVERY_TENANT) as session:
        return len(predictions.history(session, T, lead_id=lead_id, kind="lead_score", limit=50))


def test_an_event_scores_its_lead_once_a_window() -> None:
    lead_id = ingest(tenant_id=T, events=[created(1)])["data"]["lead_ids"][0]
    assert due() == 1
    assert rescore(tenant_id=T)["data"] == {"due": 1, "scored": 1}
    assert (due(), scores(lead_id)) == (0, 1)
    assert worklist(tenant_id=T)["data"]["leads"][0]["lead_id"] == lead_id
    ingest(tenant_id=T, events=[said(1, 1)])
    ingest(tenant_id=T, events=[said(1, 2), said(1, 3)])
    assert due() == 0
    shift(31)
    assert due() == 1
    rescore(tenant_id=T)
    assert scores(lead_id) == 2
    assert rescore(tenant_id=T)["data"]["due"] == 0


def test_what_changes_nothing_makes_nobody_due() -> None:
    ingest(tenant_id=T, events=[created(1)])
    rescore(tenant_id=T)
    shift(60)
    before = due()
    again = {**created(1), "webhookId": "other", "tags": ["ml:hot"]}
    assert ingest(tenant_id=T, events=[created(1), {**created(1), "webhookId": "c9"}, again])["data"]["accepted"] == 0
    assert due() == before == 0


def test_silence_makes_a_lead_due_when_it_becomes_too_long() -> None:
    lead_id = ingest(tenant_id=T, events=[created(1, NOW - timedelta(days=5))])["data"]["lead_ids"][0]
    rescore(tenant_id=T)
    with reading(EVERY_TENANT) as session:
        at = session.query(RescoreDue).one().due_at
    assert at is not None
    assert abs(at - (NOW + timedelta(days=2))) < timedelta(minutes=1)
    assert card(tenant_id=T, lead_id=lead_id)["data"]["next"]["overdue"] is False


def test_an_unanswered_inquiry_is_looked_at_again_in_the_next_interval() -> None:
    ingest(tenant_id=T, events=[created(1, datetime.now(UTC))])  # five minutes from now, not from the run's beginning
    rescore(tenant_id=T)
    with reading(EVERY_TENANT) as session:
        at = session.query(RescoreDue).one().due_at
    assert at is not None
    assert timedelta(0) < at - NOW <= timedelta(hours=1, minutes=5)


def test_a_worker_that_dies_gives_its_leads_back_and_events_meanwhile_count() -> None:
    ingest(tenant_id=T, events=[created(1), created(2)])
    with transaction(EVERY_TENANT) as session:
        taken = rescore_queue.claim(session, T, limit=10)
    assert len(taken.lead_ids) == 2
    assert due() == 0
    ingest(tenant_id=T, events=[said(1, 1)])
    with transaction(EVERY_TENANT) as session:
        rescore_queue.complete(session, T, taken=taken, due={})
    shift(31)
    assert due() == 1  # the one that spoke meanwhile
    with transaction(EVERY_TENANT) as session:
        taken = rescore_queue.claim(session, T, limit=10)
    shift(rescore_queue.lease + 1)
    assert due() == 1  # nobody settled it


def test_a_lead_that_cannot_be_scored_holds_up_no_other() -> None:
    lead_ids = ingest(tenant_id=T, events=[created(number) for number in range(1, 6)])["data"]["lead_ids"]
    with transaction(EVERY_TENANT) as session:
        broken = (Lead.tenant_id == T, Lead.lead_id == lead_ids[2])
        sound = session.scalars(select(Lead.custom).where(*broken)).one()
        session.execute(update(Lead).where(*broken).values(custom=b"broken"))
    assert rescore(tenant_id=T)["data"] == {"due": 5, "scored": 4}
    assert [scores(lead_id) for lead_id in lead_ids] == [1, 1, 0, 1, 1]
    assert due() == 0
    with transaction(EVERY_TENANT) as session:
        session.execute(update(Lead).where(*broken).values(custom=sound))
    shift(3601)
    rescore(tenant_id=T)
    assert scores(lead_ids[2]) == 1, "its turn comes again"


def test_closed_leads_are_settled_without_a_score() -> None:
    won = {"type": "OpportunityStatusUpdate", "locationId": T, "id": "o1", "contactId": "ct1", "status": "won"}
    lead_id = ingest(tenant_id=T, events=[created(1), {**won, "webhookId": "o1"}])["data"]["lead_ids"][0]
    assert rescore(tenant_id=T)["data"] == {"due": 1, "scored": 0}
    assert (due(), scores(lead_id)) == (0, 0)


def test_soonest_wins() -> None:
    lead_id = ingest(tenant_id=T, events=[created(1)])["data"]["lead_ids"][0]
    with transaction(EVERY_TENANT) as session:
        now = database_time(session)
        rescore_queue.schedule(session, T, due={lead_id: now + timedelta(days=1)})
    assert due() == 1
    with transaction(EVERY_TENANT) as session:
        taken = rescore_queue.claim(session, T, limit=1)
        rescore_queue.complete(session, T, taken=taken, due={lead_id: now + timedelta(days=2)})
        rescore_queue.schedule(session, T, due={lead_id: now - timedelta(seconds=1)})
    assert due() == 1


def test_raw_events_stay_sealed() -> None:
    lead_id = ingest(tenant_id=T, events=[created(1), said(1, 1, "a secret wish")], signature_verified=True)["data"][
        "lead_ids"
    ][0]
    with transaction(EVERY_TENANT) as session:
        kept = raw_events.read_all(session, T)
        assert [(raw.type, raw.lead_id, raw.verified) for raw in kept] == [
            ("ContactCreate", lead_id, True),
            ("InboundMessage", lead_id, True),
        ]
        assert b"a secret wish" in kept[1].payload


def test_raw_events_go_when_they_were_kept_long_enough(workspace_folder: Path) -> None:
    ingest(tenant_id=T, events=[created(1)], received_at=(NOW - timedelta(days=31)).isoformat())
    ingest(tenant_id=T, events=[created(2)])
    purge()
    with reading(EVERY_TENANT) as session:
        assert [raw.received_at > NOW - timedelta(days=1) for raw in raw_events.read_all(session, T)] == [True]


def test_a_dry_run_changes_nothing() -> None:
    assert ingest(tenant_id=T, events=[created(1)], dry_run=True)["data"]["accepted"] == 1
    with reading(EVERY_TENANT) as session:
        assert leads.ids(session, T) == []
    assert ingest(tenant_id=T, events=[created(1)])["data"]["accepted"] == 1
