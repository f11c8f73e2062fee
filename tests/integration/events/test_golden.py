"""Every type of event and every trap, as the documented shapes have them: messages in, the lead as it stands out.

A fixture names its settings, its messages with what is to be answered, and what is to be known of each lead
afterwards (only what it names is compared). The people are invented.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from db.records import LeadRecord
from db.repositories.due_queues.queues import rescore_queue
from db.repositories.events import events, raw_events
from db.repositories.leads import leads
from db.session import EVERY_TENANT, reading, transaction
from tasks.crm.highlevel.envelope import TYPES
from tasks.events import ingest
from tasks.tenants import configure

#: stands for the tenant in the fixtures, each of which has one of its own
LOCATION = "LOC7kQ2mVx"
FOLDER = Path(__file__).parents[2] / "golden" / "highlevel"
FIXTURES = {path.stem: path.read_text() for path in sorted(FOLDER.glob("*.json"))}


def plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


@pytest.mark.parametrize("name", FIXTURES)
@pytest.mark.usefixtures("database")
def test_a_lead_stands_as_the_events_of_the_fixture_say(name: str) -> None:
    assert play(f"LOC-{name}", FIXTURES[name]) == []


def play(tenant: str, text: str, system: str = "ghl") -> list[Any]:
    """Send a fixture's messages; return what differs from what it expects, as pairs. `system` knows its leads."""
    fixture = json.loads(text.replace(LOCATION, tenant))
    configure(tenant_id=tenant, settings=fixture["settings"])
    pairs, kept = [], 0
    for call in fixture["calls"]:
        answer = ingest(tenant_id=tenant, provider=fixture["provider"], events=call["events"])
        found = {**answer["data"], "warnings": [[each["code"], each["path"]] for each in answer["warnings"]]}
        pairs.append(({key: found[key] for key in call["answer"]}, call["answer"]))
        kept += found["accepted"] + found["ignored"]
    with reading(EVERY_TENANT) as session:
        stored = [raw for raw in raw_events.read_all(session, tenant) if raw.outcome in {"accepted", "ignored"}]
        pairs.append((len(stored), kept))
        for external_id, expected in fixture["leads"].items():
            lead_id = leads.find(session, tenant, external_id=external_id, source_system=system)
            record = leads.get(session, tenant, lead_ids=[str(lead_id)])[0]
            pairs.append((known_of(session, tenant, record, expected), expected))
    if "due" in fixture:
        with transaction(EVERY_TENANT) as session:
            taken = rescore_queue.claim(session, tenant, limit=10).lead_ids
            pairs.append((list(leads.external_ids(session, tenant, lead_ids=taken).values()), fixture["due"]))
    return [pair for pair in pairs if pair[0] != pair[1]]


def known_of(session: Any, tenant: str, record: LeadRecord, expected: dict[str, Any]) -> dict[str, Any]:
    """What the fixture names, as it is stored."""
    found: dict[str, Any] = {}
    for name, wanted in expected.items():
        if name in {"events", "times", "facts", "texts"}:
            happened = events.for_leads(session, tenant, lead_ids=[record.lead_id])[record.lead_id]
            found[name] = {
                "events": [[event.kind, event.direction, event.channel] for event in happened],
                "times": [plain(event.occurred_at) for event in happened],
                "facts": [dict(event.facts) for event in happened],
                "texts": list(events.texts(session, tenant, lead_id=record.lead_id).values()),
            }[name]
        elif isinstance(wanted, dict):
            told = getattr(record, name)
            found[name] = {key: plain(told.get(key)) for key in wanted} if wanted else dict(told)
        else:
            found[name] = plain(getattr(record, name))
    return found


def test_every_type_of_the_contract_has_a_fixture() -> None:
    told = {
        event.get("type")
        for text in FIXTURES.values()
        for call in json.loads(text)["calls"]
        for event in call["events"]
        if isinstance(event, dict)
    }
    assert set(TYPES) <= told
