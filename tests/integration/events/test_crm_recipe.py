"""The recipe "a CRM": one adapter, and its events come in and its actions go out; no other module is touched."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from db.records import EventDraft, LeadDraft
from db.repositories.leads import leads
from db.session import EVERY_TENANT, reading
from domain.crms import DEFAULT_CRM
from tasks.contracts.events import IngestEvents
from tasks.crm.adapter import CrmAction, CrmAdapter, EventReader, Json
from tasks.crm.adapters import ADAPTERS
from tasks.events.ingest import ingest_many
from tasks.intake.parsed_event import WRITE_BACK_PREFIX, IgnoredEvent, ParsedEvent, ReaderContext
from tasks.leads.upsert import upsert
from tests.support.interventions import DAY, NOON, T, brokerage, only, planned, work_at

pytestmark = pytest.mark.usefixtures("sqlite_database", "workspace_folder")


def read(raw: Any, setup: ReaderContext) -> ParsedEvent | IgnoredEvent:
    """A message `{id, person, sent_by_us, at}`, or a note of our own, `{id, person, score}`."""
    at = datetime.fromisoformat(raw["at"])
    if "score" in raw:
        lead = LeadDraft(source_system="toy", external_id=raw["person"], as_of=at)
        state = {f"{WRITE_BACK_PREFIX}score": str(raw["score"])}
        entity = ("person", raw["person"])
        return ParsedEvent(type="score", at=at, key=f"id:{raw['id']}", lead=lead, entity=entity, state=state)
    event = EventDraft(
        kind="sms",
        occurred_at=at,
        recorded_at=max(at, setup.received_at),
        direction="outbound" if raw["sent_by_us"] else "inbound",
        channel="sms",
        source="toy",
        source_id=raw["id"],
    )
    lead = LeadDraft(source_system="toy", external_id=raw["person"], events=(event,))
    return ParsedEvent(type="message", at=at, key=f"id:{raw['id']}", lead=lead)


class Toy(CrmAdapter):
    provider = "toy"
    readers: Mapping[str, EventReader] = {"toy_messages": read}

    def request_of(self, action: CrmAction) -> Json | None:
        if action.contact_id is None or action.action not in self.possible(action.settings):
            return None
        return {"provider": "toy", "to_do": action.title, "person": action.contact_id}

    def possible(self, settings: Mapping[str, Any]) -> frozenset[str]:
        return frozenset({"call_task"})


@pytest.fixture(autouse=True)
def toy(monkeypatch) -> None:
    monkeypatch.setitem(ADAPTERS, "toy", Toy())


def came(*events: dict[str, Any], at: datetime) -> dict[str, Any]:
    # the door knows only the words of `domain.crms`: what lies behind it is tested here
    request = IngestEvents.model_construct(
        tenant_id=T, provider="toy_messages", events=list(events), signature_verified=False, received_at=at
    )
    context = work_at(at)
    with context.transaction(T) as session:
        return only(ingest_many(session, [(request, context)])).data


def message(number: int, at: datetime, *, sent_by_us: bool) -> dict[str, Any]:
    return {"id": f"m{number}", "person": "p1", "sent_by_us": sent_by_us, "at": at.isoformat()}


def lead_at_risk() -> str:
    brokerage()
    lead = {"external_id": "p1", "source_system": "toy", "email": "p1@example.com", "lead_type": "buyer"}
    lead |= {"stage": "engaged", "state": "NY", "created_at": (NOON - 120 * DAY).isoformat()}
    upsert(tenant_id=T, leads=[lead])
    answers = [came(message(days, NOON - days * DAY, sent_by_us=days == 39), at=NOON - days * DAY) for days in (40, 39)]
    assert [answer["accepted"] for answer in answers] == [1, 1]
    with reading(EVERY_TENANT) as session:
        return str(leads.find(session, T, external_id="p1", source_system="toy"))


def test_its_events_come_in_once_each() -> None:
    lead_id = lead_at_risk()
    again = came(message(40, NOON - 40 * DAY, sent_by_us=False), at=NOON)
    assert (again["accepted"], again["duplicates"], again["lead_ids"]) == (0, 1, [])
    assert came(message(1, NOON - DAY, sent_by_us=False), at=NOON)["lead_ids"] == [lead_id]


def test_what_hearth_wrote_back_is_no_news() -> None:
    lead_at_risk()
    note = {"person": "p1", "at": NOON.isoformat()}
    came({**note, "id": "n1", "score": 10}, at=NOON)
    echo = came({**note, "id": "n2", "score": 20}, at=NOON + timedelta(hours=1))
    assert echo["ignored_by"] == {"own_echo": 1}


def test_an_action_goes_out_as_its_own_request() -> None:
    lead_id = lead_at_risk()
    action = only(only(planned(NOON, lead_id, crm="toy")).actions)
    assert action.action == "call_task"
    assert action.detail["crm"] == {"provider": "toy", "to_do": action.detail["title"], "person": "p1"}


def test_another_crm_does_not_get_its_actions() -> None:
    lead_id = lead_at_risk()
    action = only(only(planned(NOON, lead_id, crm=DEFAULT_CRM, allowed_actions=["call_task"])).actions)
    assert action.detail["crm"]["provider"] == "ghl"
