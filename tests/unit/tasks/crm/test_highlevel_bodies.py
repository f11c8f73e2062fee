"""Bodies as users of HighLevel write them: nested and spelled their own way, with placeholders, lists and campaigns."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.crm import generic, highlevel
from tasks.crm.highlevel import dnd
from tasks.crm.highlevel.body import refuses
from tasks.intake.errors import EventRefused
from tasks.intake.parsed_event import IgnoredEvent, ParsedEvent, ReaderContext

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SETUP = ReaderContext(
    tenant_id="L1", now=NOW, received_at=NOW, custom_fields={"cfTime": "timeline", "Move": "Move reason"}
)
HINT = "this field still holds the placeholder; choose the value in the workflow"
PLACEHOLDERS = [
    *("{{contact.id}}", "{{ contact.email }}", "{{contact.phone", "Hi {{contact.first_name}}", "[[contact.id]]"),
    *("%contact.id%", "%EMAIL%", "${contact.id}", "{contact.id}", "*|EMAIL|*", "<<First Name>>", "[object Object]"),
]


def workflow(**told: Any) -> ParsedEvent:
    found = highlevel.read_workflow({"location": {"id": "L1"}, **told}, SETUP)
    assert isinstance(found, ParsedEvent)
    return found


def webhook(**told: Any) -> ParsedEvent | IgnoredEvent:
    return highlevel.read({"locationId": "L1", **told}, SETUP)


def refusal_of(read: Callable[[], object]) -> tuple[str, str, str]:
    with pytest.raises(EventRefused) as caught:
        read()
    return caught.value.code, caught.value.loc, caught.value.hint


@pytest.mark.parametrize("held", PLACEHOLDERS)
@pytest.mark.parametrize("name", ["contact_id", "email", "phone", "first_name", "last_name", "full_name", "webhookId"])
def test_a_placeholder_in_the_field_of_a_person_is_refused_by_name(name: str, held: str) -> None:
    assert refusal_of(lambda: workflow(**{"contact_id": "c1", name: held})) == ("placeholder", name, HINT)


@pytest.mark.parametrize(
    ("told", "loc"),
    [
        ({"contact": {"id": "{{contact.id}}"}}, "contact.id"),
        ({"contact": {"id": "c1", "email": "{{contact.email}}"}}, "contact.email"),
        ({"contact_id": "c1", "customData": {"Phone Number": "{{contact.phone}}"}}, "customData.Phone Number"),
        ({"contact_id": "c1", "customData": {"contact_id": "{{contact.id}}"}}, "customData.contact_id"),
        ({"contact_id": "c1", "customFields": [{"key": "contact.email", "value": "{{x}}"}]}, "customFields.[0]"),
        ({"contact_id": "c1", "opportunity": {"id": "{{opportunity.id}}", "status": "won"}}, "opportunity.id"),
        ({"contact_id": "c1", "locationId": "{{location.id}}"}, "location.id"),
    ],
)
def test_it_is_refused_wherever_it_lies(told: dict[str, Any], loc: str) -> None:
    assert refusal_of(lambda: workflow(**told)) == ("placeholder", loc, HINT)


@pytest.mark.parametrize("blank", ["", " ", None, "null", "undefined", "N/A", "-"])
def test_an_id_that_was_filled_in_with_nothing_is_missing(blank: str | None) -> None:
    told = {"contact_id": blank, "email": "", "phone": blank}
    assert refusal_of(lambda: workflow(**told))[:2] == ("missing", "contact_id")
    assert refusal_of(lambda: webhook(type="ContactCreate", id=blank, email="ada@example.com"))[:2] == ("missing", "id")


@pytest.mark.parametrize("held", PLACEHOLDERS)
def test_elsewhere_it_is_dropped_with_a_note(held: str) -> None:
    told = {"contact_source": held, "tags": ["buyer", held], "customData": {"Budget": held, "Pet": held, "Car": "red"}}
    found = workflow(contact_id="c1", email="ada@example.com", **told)
    assert dict(found.lead.custom) == {"Car": "red"}
    assert found.lead.fields["tags"] == ["buyer"]
    assert not {"source", "budget_min"} & set(found.lead.fields)
    dropped = ["contact_source", "tags", "customData.Budget", "customData.[1]"]
    assert found.warnings == tuple(("placeholder", loc) for loc in dropped)


def test_what_a_person_wrote_is_no_placeholder() -> None:
    for text in (
        "50% off and 20% more",
        "$450k",
        "{}",
        '{"a": 1}',
        "Ada [the agent]",
        "a%20b%20c",
        "<3 beds",
        "[1, 2]",
    ):
        assert workflow(contact_id="c1", customData={"Note to us": text}).lead.custom == {"Note to us": text}
    said = webhook(type="InboundMessage", contactId="c1", messageId="m1", body="I got 'Hi {{contact.first_name}}'")
    assert isinstance(said, ParsedEvent)
    assert said.lead.events[0].text == "I got 'Hi {{contact.first_name}}'"


@pytest.mark.parametrize(
    "refusal",
    [
        {"dnd": True},
        {"tags": "buyer,DNC {{contact.since}}"},
        {"message": {"type": 2, "body": "STOP"}},
        {"contact": {"dndSettings": {"SMS": {"status": "active"}}}},
    ],
)
def test_a_refusal_is_taken_although_another_field_holds_a_placeholder(refusal: dict[str, Any]) -> None:
    found = workflow(contact_id="c1", email="{{contact.email}}", **refusal)
    assert refuses(found)
    assert not found.lead.contact
    assert ("placeholder", "email") in found.warnings


def test_a_refusal_is_taken_although_what_it_came_with_cannot_be_read() -> None:
    found = webhook(type="OpportunityUpdate", contactId="c1", contact={"id": "c1", "dnd": "true"})
    assert isinstance(found, ParsedEvent)
    assert found.lead.consent == {"dnd_all": True}
    assert found.warnings == (("missing", "id"),)
    assert isinstance(webhook(type="InvoicePaid", contact={"id": "c1", "dnd": "false"}), IgnoredEvent)
    unknown = webhook(type="InvoicePaid", contact={"id": "c1", "dnd": "true"})
    assert isinstance(unknown, ParsedEvent)
    assert refuses(unknown)


@pytest.mark.parametrize(
    "told",
    [
        {"contact_id": "c1", "contact": {"id": "c2"}},
        {"contacts": [{"id": "c1"}, {"id": "c2"}]},
        {"contact_id": "c1", "customData": {"contact_id": "c2"}},
        {"contact_id": "c1", "opportunity": {"id": "o1", "contactId": "c2"}},
    ],
)
def test_two_contacts_are_never_one(told: dict[str, Any]) -> None:
    code, _, hint = refusal_of(lambda: workflow(**told))
    assert (code, "one event for each contact" in hint) == ("too_many", True)


def test_a_contact_of_another_location_is_not_kept_whatever_else_is_wrong() -> None:
    for told in ({"locationId": "L2"}, {"contact": {"id": "c1", "locationId": "L2"}}):
        with pytest.raises(EventRefused, match="conflict"):
            highlevel.read_workflow({"location": {"id": "L1"}, "email": "{{x}}", **told}, SETUP)
    with pytest.raises(EventRefused, match="conflict"):
        highlevel.read({"type": "ContactCreate", "locationId": "L2", "contacts": [{"id": "a"}, {"id": "b"}]}, SETUP)


UTM = {
    "utm_source": "facebook",
    "utm_medium": "cpc",
    "utm_campaign": "spring",
    "utm_content": "ad",
    "utm_term": "condo",
}
CAMEL = {"utmSource": "facebook", "utmMedium": "cpc", "utmCampaign": "spring", "utmContent": "ad", "utmTerm": "condo"}


@pytest.mark.parametrize(
    ("told", "utm", "source"),
    [
        ({"attributionSource": {**CAMEL, "sessionSource": "Paid Social"}}, UTM, "Paid Social"),
        ({"attribution_source": {**UTM, "session_source": "Paid Social"}}, UTM, "Paid Social"),
        ({"contact": {"attributionSource": {"UTM Source": "facebook"}}}, {"utm_source": "facebook"}, None),
        ({"lastAttributionSource": CAMEL, "attributionSource": {}}, UTM, None),
        ({"lastAttributionSource": CAMEL, "attributionSource": {"utmSource": "a"}}, {"utm_source": "a"}, None),
        (
            {"attributions": [{"utmSource": "b", "isLast": True}, {"utmSource": "a", "isFirst": True}]},
            {"utm_source": "a"},
            None,
        ),
        (
            {"attributionSource": {"sessionSource": "Social", "campaign": "spring", "medium": "form"}},
            {"utm_campaign": "spring"},
            "Social",
        ),
        (
            {"attributionSource": {"source": "facebook", "medium": "cpc"}},
            {"utm_source": "facebook", "utm_medium": "cpc"},
            None,
        ),
        ({"utm": {"source": "facebook"}}, {"utm_source": "facebook"}, None),
        ({"utm_source": "facebook", "UTM Medium": "cpc"}, {"utm_source": "facebook", "utm_medium": "cpc"}, None),
        ({"customData": {"utmSource": ["facebook"]}}, {"utm_source": "facebook"}, None),
        ({"customFields": [{"id": "x", "name": "utm_term", "value": "condo"}]}, {"utm_term": "condo"}, None),
        ({"attributionSource": "Paid Social"}, {}, "Paid Social"),
        ({"attributionSource": {"utmSource": "{{campaign.name}}", "sessionSource": "Social"}}, {}, "Social"),
    ],
)
def test_campaigns_are_read(told: dict[str, Any], utm: dict[str, str], source: str | None) -> None:
    for found in (workflow(contact_id="c1", **told), webhook(type="ContactCreate", id="c1", **told)):
        assert isinstance(found, ParsedEvent)
        fields = found.lead.fields
        assert {name: value for name, value in fields.items() if name.startswith("utm_")} == utm
        assert fields.get("source") == source


def test_a_source_of_its_own_goes_before_that_of_the_visit() -> None:
    found = workflow(contact_id="c1", contact_source="open house", attributionSource={"sessionSource": "Paid Social"})
    assert found.lead.fields["source"] == "open house"


@pytest.mark.parametrize(
    "told",
    [
        {"Lead Type": "buyer", "Budget Max": "$500k", "Budget Min": 400_000, "Timeframe": "0-3 months"},
        {
            "customData": {
                "Lead Type": ["Buyer"],
                "Max Budget": "500000",
                "Min Budget": "400k",
                "Timeline": "0-3 months",
            }
        },
        {"customData": {"Lead": {"lead_type": "buyer", "budget": "400-500k", "timeline": "0-3"}}},
        {
            "customData": [
                {"key": "lead_type", "value": "buyer"},
                {"id": "budget", "fieldValue": "400k-500k"},
                {"id": "cfTime", "field_value": "asap"},
            ]
        },
        {
            "customFields": '[{"name": "Lead Type", "value": "buyer"}, {"name": "Budget", "value": "400-500k"},'
            ' {"name": "Timeline", "value": "now"}]'
        },
        {
            "contact": {
                "customField": {"contact.lead_type": "buyer", "contact.budget": "$400-500k", "contact.timeline": "0-3"}
            }
        },
        {"contact": {"Lead type": "buyer", "budget": "$400-500k", "cfTime": "0-3"}},
    ],
)
def test_a_field_means_what_its_name_says(told: dict[str, Any]) -> None:
    wanted = {"lead_type": "buyer", "budget_min": 400_000.0, "budget_max": 500_000.0, "timeline": "0-3"}
    assert workflow(contact_id="c1", **told).lead.fields == wanted


def test_what_only_sounds_like_a_column_stays_the_users_own() -> None:
    told = {"Timeline": "when my lease ends", "Move": "a new job", "Interests": ["condo", 2, True], "timeline": "soon"}
    found = workflow(contact_id="c1", customData=told)
    assert found.lead.custom == {
        "Timeline": "when my lease ends",
        "Move reason": "a new job",
        "Interests": "condo; 2; yes",
    }
    assert "timeline" not in found.lead.fields


@pytest.mark.parametrize(
    "told",
    [
        {"contact": {"id": "c1", "email": "ada@example.com", "firstName": "Ada", "phone": "(305) 555-0101"}},
        {"lead": {"ID": "c1", "Email Address": "ada@example.com", "First Name": "Ada", "Phone Number": "305 555 0101"}},
        {"data": {"contact": {"id": "c1", "emails": ["ada@example.com"], "first_name": "Ada", "mobile": "3055550101"}}},
        {
            "contact_id": "c1",
            "customData": {"Email": "ada@example.com", "First Name": "Ada", "Phone Number": "3055550101"},
        },
        {
            "contact": [
                {
                    "id": "c1",
                    "email": "n/a",
                    "emailAddress": "ada@example.com",
                    "firstName": "Ada",
                    "phone": "3055550101",
                }
            ]
        },
        {
            "type": "contact.created",
            "id": "c1",
            "email": "ADA@example.com",
            "firstName": "Ada",
            "phone": "+13055550101",
        },
    ],
)
def test_a_body_of_the_users_own_is_taken(told: dict[str, Any]) -> None:
    found = workflow(**told)
    assert found.lead.external_id == "c1"
    assert found.lead.contact == {"first_name": "Ada", "email": "ada@example.com", "phone": "+13055550101"}
    assert not found.warnings


def test_what_is_not_taken_is_named() -> None:
    assert workflow(contact_id="c1", triggerData={"a": 1}, House={"rooms": 3}).warnings == (("not_read", "[3]"),)
    missing = refusal_of(lambda: workflow(contact={"email": "ada@example.com"}))
    assert missing == ("missing", "contact.id", "send contact_id, or the contact as an object with its id")


@pytest.mark.parametrize(
    "told",
    [
        {"opportunity": {"id": "o1", "status": "won", "monetaryValue": "$425,000", "pipelineId": "p1"}},
        {"deal": {"Id": "o1", "Status": "won", "Lead Value": "425000", "Pipeline ID": "p1"}},
        {"id": "o1", "status": "won", "lead_value": 425_000, "pipeline_id": "p1"},
        {"type": "opportunity.status_changed", "opportunity_id": "o1", "status": "won", "lead_value": "425000"},
    ],
)
def test_an_opportunity_is_taken_however_it_is_nested(told: dict[str, Any]) -> None:
    found = workflow(contact={"id": "c1", "email": "ada@example.com"}, **told)
    assert (found.lead.external_id, found.lead.label, found.closing) == ("c1", True, "won")
    assert (found.lead.fields["deal_value"], found.lead.fields["opportunity_id"]) == (425_000.0, "o1")
    assert found.lead.contact == {"email": "ada@example.com"}


def test_the_type_of_a_body_is_read_as_users_spell_it() -> None:
    assert workflow(type="contact.deleted", contact={"id": "c1"}).gone
    said = workflow(type="outbound_message", contact_id="c1", message={"body": "STOP", "type": "SMS"})
    assert (said.lead.events[0].direction, said.lead.statements) == ("outbound", ())
    assert refuses(workflow(type="inbound.message", contact_id="c1", body="STOP", messageType="SMS"))


@pytest.mark.parametrize("name", ["dateOfBirth", "date_of_birth", "Date of Birth", "DOB", "Birthday", "gender", "SSN"])
def test_a_date_of_birth_is_not_kept(name: str) -> None:
    for told in ({name: "1980-01-02"}, {"customData": {name: "1980-01-02"}}, {"contact": {name: "1980-01-02"}}):
        found = workflow(contact_id="c1", **told)
        assert not {**found.lead.custom, **found.lead.fields, **found.lead.contact}
        assert "1980" not in str(found.state)


@pytest.mark.parametrize(
    ("flag", "blocks"),
    [
        ("True", {"dnd_all": True}),
        ("permanent", {"dnd_all": True}),
        (1, {"dnd_all": True}),
        ("off", {"dnd_all": False}),
        (0.0, {"dnd_all": False}),
        ("", {}),
        ({"sms": "true", "Email": False}, {"dnd_sms": True, "dnd_email": False}),
        ({"SMS": {"Status": "ACTIVE"}, "WhatsApp": {"status": "active"}}, {"dnd_sms": True}),
        (
            [{"channel": "SMS", "status": "active"}, {"type": "Call", "value": "no"}],
            {"dnd_sms": True, "dnd_call": False},
        ),
        (["sms", "email"], {"dnd_sms": True, "dnd_email": True}),
        ("SMS, Calls", {"dnd_sms": True, "dnd_call": True}),
        ({"status": "active"}, {"dnd_all": True}),
        ({"All": {"status": "active"}, "Call": {"status": "inactive"}}, {"dnd_all": True}),
    ],
)
def test_flags_are_read(flag: Any, blocks: dict[str, bool]) -> None:
    assert dnd.consent([flag]) == blocks


def test_only_the_contacts_own_flag_opens_a_channel() -> None:
    assert workflow(contact_id="c1", dnd="false").lead.consent == {"dnd_all": False}
    assert not workflow(contact_id="c1", customData={"dnd": "false"}, House={"dnd": False}).lead.consent
    assert workflow(contact_id="c1", dnd="false", House={"dnd": True}).lead.consent == {"dnd_all": True}


def test_the_person_beside_the_contact_refuses_nothing() -> None:
    assert not refuses(workflow(contact_id="c1", user={"dnd": True, "tags": ["DNC"]}, owner={"dnd": True}))


def test_a_refusal_that_is_all_that_is_new_is_no_repetition() -> None:
    before, after = workflow(contact_id="c1"), workflow(contact_id="c1", House={"SMS Opt Out": "yes"})
    assert refuses(after)
    assert before.state != after.state


def test_a_generic_event_about_a_placeholder_is_refused() -> None:
    for name in ("external_id", "email", "phone", "full_name"):
        lead = {"external_id": "u1", name: "{{contact.id}}"}
        assert refusal_of(lambda lead=lead: generic.read({"lead": lead}, SETUP)) == (
            "placeholder",
            f"lead.{name}",
            HINT,
        )


# any nesting, any spelling

REFUSALS: list[dict[str, Any]] = [
    {"dnd": True},
    {"dnd": "true"},
    {"dndSettings": {"SMS": {"status": "active"}, "Email": {"status": "inactive"}}},
    {"dndSettings": {"Call": {"status": "permanent", "message": "asked"}}},
    {"tags": ["buyer", "DNC"]},
    {"tags": "unsubscribed,buyer"},
    {"smsOptOut": "yes"},
    {"doNotCall": True},
    {"optOut": {"sms": True}},
]
PERSON = {
    "firstName": "Ada",
    "lastName": "Larkmoor",
    "email": "ada@example.com",
    "leadType": "buyer",
    "budgetMax": "$450k",
}
WRAPPERS = ["contact", "lead", "person", "data", "payload", "customData", "House", "triggerData", "opportunity", "note"]
#: a name as others spell it
SPELLINGS: list[Callable[[list[str]], str]] = [
    lambda words: words[0].lower() + "".join(word.title() for word in words[1:]),
    lambda words: "_".join(words).lower(),
    lambda words: " ".join(words).title(),
    lambda words: " ".join(words).upper(),
    lambda words: "-".join(words).lower(),
    lambda words: "".join(words).lower(),
]
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.sampled_from(PLACEHOLDERS)
JSON = st.recursive(
    LEAVES,
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=8), part, max_size=3),
    max_leaves=8,
)


def words_of(name: str) -> list[str]:
    return re.findall(r"[A-Z]{2,}(?![a-z])|[A-Z]?[a-z]+", name)


@st.composite
def respelled(draw: st.DrawFn, value: Any) -> Any:
    """An object whose keys are spelled in any way."""
    if not isinstance(value, Mapping):
        return value
    return {draw(st.sampled_from(SPELLINGS))(words_of(name)): draw(respelled(item)) for name, item in value.items()}


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    """A person with a refusal somewhere, in any nesting; who is meant stands at the top or in the contact."""
    person = draw(respelled(draw(st.sampled_from([{}, PERSON]))))
    refusal: Any = draw(respelled(draw(st.sampled_from(REFUSALS))))
    for wrapper in draw(st.lists(st.sampled_from(WRAPPERS), max_size=4)):
        refusal = {wrapper: [refusal] if draw(st.booleans()) else refusal}
    contact = draw(respelled({"id": "c1"})) | person
    nested = draw(
        st.sampled_from([{"contact_id": "c1", **person}, {"contact": contact}, {"data": {"Contact": contact}}])
    )
    clashes = nested.keys() & refusal.keys()
    return {**nested, **({"extra": refusal} if clashes else refusal), "noise": draw(JSON)}


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(bodies())
def test_no_nesting_and_no_spelling_loses_a_refusal(told: dict[str, Any]) -> None:
    found = workflow(**told)
    assert found.lead.external_id == "c1"
    assert refuses(found)
    for kind in ("ContactUpdate", "OpportunityUpdate", "InboundMessage", "NoteCreate", "InvoicePaid"):
        said = webhook(type=kind, **({**told, "contactId": "c1"} if "contact_id" in told else told))
        assert isinstance(said, ParsedEvent)
        assert refuses(said)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.dictionaries(
        st.sampled_from(["contact", "customData", "opportunity", "message", "tags", "dnd", "calendar", "id"]), JSON
    )
)
def test_any_body_is_read_or_refused_by_name(told: dict[str, Any]) -> None:
    for contact_id in ("c1", "{{contact.id}}"):
        with suppress(EventRefused):
            assert workflow(contact_id=contact_id, **told).lead.external_id == "c1"
