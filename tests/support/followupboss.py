"""A lead of Follow Up Boss, told by the events of its webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from db.repositories.leads import leads
from db.session import EVERY_TENANT, reading
from tasks.crm.followupboss.reader import EVENTS
from tasks.events import ingest
from tests.support.interventions import DAY, NOON, T


def came(event: str, resource: dict[str, Any], at: datetime) -> dict[str, Any]:
    collection = EVENTS[event]
    told = {"eventId": f"{event}-{at.isoformat()}", "event": event, "eventCreated": at.isoformat()}
    raw = {**told, "resourceIds": [resource["id"]], collection: [resource]}
    answer = ingest(tenant_id=T, provider="followupboss", events=[raw], received_at=at.isoformat())["data"]
    assert (answer["invalid"], answer["duplicates"]) == ([], 0)
    return dict(answer)


def text(number: int, message: str, at: datetime, *, incoming: bool) -> dict[str, Any]:
    resource = {"id": number, "personId": 7101, "message": message, "isIncoming": incoming, "created": at.isoformat()}
    return came("textMessagesCreated", resource, at)


def lead_at_risk() -> str:
    """A person who wrote 40 days ago, was written to, and has been silent since; the tenant is the brokerage."""
    person = {"id": 7101, "firstName": "Ottilie", "lastName": "Brandt", "stage": "Hot Prospect", "type": "Buyer"}
    person |= {"emails": [{"value": "ottilie@example.com"}], "phones": [{"value": "212 555 0142"}]}
    person |= {"assignedUserId": 31, "addresses": [{"state": "NY"}], "created": (NOON - 120 * DAY).isoformat()}
    came("peopleCreated", person, NOON - 41 * DAY)
    text(1, "Is the loft still there?", NOON - 40 * DAY, incoming=True)
    text(2, "It is! When can you come?", NOON - 39 * DAY, incoming=False)
    with reading(EVERY_TENANT) as session:
        return str(leads.find(session, T, external_id="7101", source_system="followupboss"))
