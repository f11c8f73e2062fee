"""`hearth.conversations.analyze`: what messages say, of a stored lead or of messages that are sent along."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from db.models import AuditEntry, Event, IdempotencyKey, MessageAnalysis
from db.records import EventDraft
from db.repositories.events import events
from db.session import EVERY_TENANT, reading, transaction
from tasks.contracts import answers
from tasks.contracts.base.wire import RESULT_LIMIT
from tasks.conversations import analyze
from tasks.errors import InvalidPayload
from tasks.leads.score import score
from tasks.leads.upsert import upsert
from tasks.privacy.rights import restrict
from tasks.tenants import configure

pytestmark = pytest.mark.usefixtures("database", "workspace_folder")

T = "acme"
NOW = datetime.now(UTC).replace(microsecond=0)
ASKED = "What is the asking price of the blue cottage? We would like to stay under 450k."


def sent(number: int, text: str, *, direction: str = "inbound", hours: float = 5.0) -> dict:
    at = NOW - timedelta(hours=hours, minutes=-number)
    return {"id": f"m{number}", "text": text, "at": at.isoformat(), "direction": direction, "channel": "sms"}


@pytest.fixture(autouse=True)
def _tenant(database: str) -> None:
    configure(tenant_id=T)


def ask(**about):
    envelope = json.loads(json.dumps(analyze(tenant_id=T, **about)))
    assert answers.faults("hearth.conversations.analyze", envelope["data"]) == []
    return envelope


def counts() -> list[int]:
    with reading(EVERY_TENANT) as session:
        return [
            session.scalar(select(func.count()).select_from(model)) or 0
            for model in (MessageAnalysis, Event, AuditEntry, IdempotencyKey)
        ]


def test_messages_that_are_sent_along_are_read_and_not_stored():
    before = counts()
    envelope = ask(messages=[sent(1, ASKED), sent(2, "It is 440k.", direction="outbound"), sent(3, "thanks a lot")])
    data = envelope["data"]
    assert (envelope["status"], data["lead_id"], data["messages"]) == ("ok", None, 2)
    assert [each["message_id"] for each in data["timeline"]] == ["m1", "m3"]
    assert data["extracted"]["budget"] == {
        "value": [None, 450_000.0],
        "bound": "max",
        "confidence": data["extracted"]["budget"]["confidence"],
        "message_ids": ["m1"],
    }
    assert "cottage" not in json.dumps(envelope)
    assert counts() == before


def test_a_question_is_open_until_something_is_sent_after_it():
    asked = [sent(1, ASKED)]
    assert [each["message_id"] for each in ask(messages=asked)["data"]["open_questions"]] == ["m1"]
    answered = [*asked, sent(2, "I will find out.", direction="outbound")]
    assert ask(messages=answered)["data"]["open_questions"] == []
    again = [*answered, sent(3, "How old is the roof?")]
    assert [each["message_id"] for each in ask(messages=again[::-1])["data"]["open_questions"]] == ["m3"]
    assert {each["intent"] for each in ask(messages=again)["data"]["intents"]} >= {"question"}


def test_what_the_brokerage_wrote_is_not_read_as_the_leads():
    data = ask(messages=[sent(1, ASKED, direction="outbound"), sent(2, "STOP", direction="outbound")])
    assert data["status"] == "insufficient_data"
    assert (data["data"]["messages"], data["data"]["intents"], data["data"]["extracted"]) == (0, [], {})
    assert not data["data"]["opt_out_detected"]
    assert data["data"]["tone"]["status"] == "insufficient_data"


def test_a_refusal_is_detected_and_our_own_footer_is_none():
    assert ask(messages=[sent(1, "STOP texting me")])["data"]["opt_out_detected"]
    footer = "Sounds good, see you there.\n\nReply STOP to opt out"
    assert not ask(messages=[sent(1, footer)])["data"]["opt_out_detected"]


def test_of_a_stored_lead_what_was_read_is_told_and_what_came_just_now():
    draft = EventDraft(
        kind="sms",
        occurred_at=NOW - timedelta(days=1),
        recorded_at=NOW,
        direction="inbound",
        channel="sms",
        text=ASKED,
        source_id="s1",
    )
    lead = {"external_id": "L1", "lead_type": "buyer"}
    lead_id = upsert(tenant_id=T, leads=[lead])["data"]["lead_ids"][0]
    with transaction(T) as session:
        events.add(session, T, lead_id=lead_id, drafts=[draft])
    first = ask(external_id="L1")
    assert (first["data"]["lead_id"], first["data"]["external_id"]) == (lead_id, "L1")
    assert counts()[0] == 0, "a query stores nothing"
    score(tenant_id=T, lead_id=lead_id)
    assert counts()[0] == 1
    assert ask(lead_id=lead_id)["data"] == first["data"]
    restrict(tenant_id=T, lead_id=lead_id, restricted=True)
    blocked = ask(lead_id=lead_id)
    assert (blocked["status"], blocked["data"]["blocked"]) == ("blocked", ["restricted"])


def test_the_longest_conversation_fits_an_answer():
    ids = [f"{number:03}" + "x" * 61 for number in range(200)]
    texts = [
        f"Can we see it at {number % 12 + 1}pm? It is too expensive. My budget is {number}k." for number in range(200)
    ]
    messages = [
        {**sent(number, text), "id": message_id, "channel": "c" * 40}
        for number, (message_id, text) in enumerate(zip(ids, texts, strict=True))
    ]
    envelope = ask(messages=messages)
    assert len(json.dumps(envelope)) < RESULT_LIMIT
    assert len(envelope["data"]["timeline"]) == 200


@pytest.mark.parametrize(
    ("about", "code"),
    [
        ({}, "missing"),
        ({"lead_id": "1", "messages": [sent(1, "hello")]}, "missing"),
        ({"messages": [sent(1, "hello"), sent(1, "hello")]}, "unknown_value"),
        ({"messages": [sent(1, "hello")], "timezone": "Mars/Olympus"}, "unknown_value"),
        ({"messages": [{**sent(1, "hello"), "direction": "sideways"}]}, "unknown_value"),
        ({"messages": [sent(number, "x") for number in range(201)]}, "too_many"),
        ({"lead_id": "nobody"}, "unknown_lead"),
    ],
)
def test_what_cannot_be_asked_is_refused(about, code):
    with pytest.raises(InvalidPayload) as caught:
        analyze(tenant_id=T, **about)
    assert caught.value.code == code
