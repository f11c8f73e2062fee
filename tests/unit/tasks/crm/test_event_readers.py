"""Readers of events: any event is read or refused, never more than that."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.crm import generic, highlevel
from tasks.crm.highlevel.custom_fields import is_ours
from tasks.crm.highlevel.envelope import TYPES
from tasks.intake.errors import EventRefused
from tasks.intake.parsed_event import IgnoredEvent, ParsedEvent, ReaderContext

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SETUP = ReaderContext(tenant_id="L1", now=NOW, received_at=NOW)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda part: st.lists(part, max_size=4) | st.dictionaries(st.text(max_size=10), part, max_size=4),
    max_leaves=12,
)
NAMES = ["id", "contactId", "tags", "dnd", "dndSettings", "email", "phone", "customFields", "appointment", "status"]
NAMES += ["messageType", "body", "direction", "dateAdded", "timestamp", "monetaryValue", "webhookPayload", "webhookId"]


@pytest.mark.parametrize(
    ("read", "raw", "loc"),
    [
        (generic.read, {"kind": "listing_view", "lead": {"external_id": "c1"}}, "at"),
        (highlevel.read, {"type": "ContactUpdate", "locationId": "L1", "id": "c1"}, "timestamp"),
    ],
)
def test_a_text_that_is_longer_than_any_time_is_refused(read, raw, loc) -> None:
    with pytest.raises(EventRefused) as caught:
        read({**raw, loc: "2026-01-01" + " " * 24_000 + "x"}, SETUP)
    assert (caught.value.code, caught.value.loc) == ("too_long", loc)


def test_the_future_is_now() -> None:
    raw = {"type": "ContactUpdate", "locationId": "L1", "id": "c1", "timestamp": "2031-01-01T00:00:00Z"}
    found = highlevel.read(raw, SETUP)
    assert isinstance(found, ParsedEvent)
    assert found.at == NOW


@pytest.mark.parametrize(
    ("name", "ours"), [("ml:hot", True), ("ML:x", True), ("contact.ml_score", True), ("mls", False)]
)
def test_what_is_ours(name: str, ours: bool) -> None:
    assert is_ours(name) is ours


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from([*TYPES, "Other"]), st.dictionaries(st.sampled_from(NAMES), JSON))
def test_no_event_breaks_the_reader(kind: str, told: dict[str, object]) -> None:
    for read, raw in (
        (highlevel.read, {**told, "type": kind, "locationId": "L1"}),
        (highlevel.read_workflow, {**told, "contact_id": "c1", "location": {"id": "L1"}, "message": told}),
        (generic.read, {**told, "lead": {"external_id": "c1"}, "kind": "call"}),
    ):
        with suppress(EventRefused):
            found = read(raw, SETUP)
            assert isinstance(found, ParsedEvent | IgnoredEvent)
            assert not isinstance(found, ParsedEvent) or found.at <= NOW


@pytest.mark.parametrize("told", [{"direction": "in"}, {"type": "InboundMessage"}])
def test_a_refusal_is_read_wherever_the_event_says_that_it_is_inbound(told: dict[str, str]) -> None:
    raw = {"id": "e1", "kind": "sms", "lead": {"external_id": "c1"}, "text": "STOP", **told}
    found = generic.read(raw, SETUP)
    assert isinstance(found, ParsedEvent)
    assert found.lead is not None
    assert [statement.decision for statement in found.lead.statements] == ["unsubscribed"]
