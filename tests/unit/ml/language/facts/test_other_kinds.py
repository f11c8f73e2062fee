"""Timeline, pre-approval, question, appointment, objection, competitor, kind of property: and what they are not."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from domain.facts import BOUNDS, FACT_KINDS
from ml.language.facts.reader import VERSION, read_facts

AT, ZONE = datetime(2026, 11, 30, 18, tzinfo=UTC), ZoneInfo("America/Chicago")


def said(text, kind):
    return [fact.value for fact in read_facts(text, at=AT, zone=ZONE) if fact.kind == kind]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("in the next 3 months", "0-3"),
        ("we hope to buy within 6 months", "3-6"),
        ("6 to 9 months out", "6-12"),
        ("moving by spring", "3-6"),
        ("thinking next summer", "6-12"),
        ("sometime next year", "6-12"),
        ("in a year or two", "12+"),
        ("asap please", "0-3"),
        ("just looking", "unknown"),
        ("we're not in a hurry", "unknown"),
        ("en los pr\u00f3ximos 3 meses", "0-3"),
    ],
)
def test_a_timeline_is_told_in_months(text, value):
    assert said(text, "timeline") == [value]


@pytest.mark.parametrize(
    "text",
    ["3 months ago we sold", "the house is 20 years old", "a 2 years lease", "can we meet in 2 weeks?", "we may"],
)
def test_the_past_an_age_and_a_visit_are_no_timeline(text):
    assert said(text, "timeline") == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("We're pre-approved for 450k", "preapproved"),
        ("I have my preapproval letter", "preapproved"),
        ("not pre-approved yet", "none"),
        ("we haven't talked to a lender", "none"),
        ("I still need to get pre-qualified", "none"),
        ("working on our pre-approval", "started"),
        ("we applied for a mortgage", "started"),
        ("we are cash buyers", "cash"),
        ("it would be an all cash offer", "cash"),
        ("estoy preaprobado", "preapproved"),
    ],
)
def test_the_state_of_financing_is_read_with_its_negation(text, value):
    assert said(text, "preapproval") == [value]


@pytest.mark.parametrize(
    "text", ["Do I need to be pre-approved?", "how much cash to close?", "I don't have cash for that"]
)
def test_a_question_about_financing_is_no_state_of_it(text):
    assert said(text, "preapproval") == []


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("Is it still available?", "availability"),
        ("what are the HOA fees", "fees"),
        ("I was wondering if the roof is new", "condition"),
        ("Can you send me the address", "location"),
        ("pets?", "pets"),
        ("tell me what schools are near", "schools"),
        ("\u00bfcu\u00e1nto cuesta?", "price"),
    ],
)
def test_a_question_is_read_with_and_without_its_mark(text, topic):
    assert said(text, "question") == [topic]


@pytest.mark.parametrize(
    "text",
    ["Can we see it tomorrow?", "Could you book a visit?", "Can you find me another one?", "ok?", "How are you?",
     "We know what we want", "What a lovely house!", "That is why we moved", "Any other options?"],
)  # fmt: skip
def test_a_wish_for_a_deed_and_politeness_are_no_question(text):
    assert said(text, "question") == []


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("Can we see it Saturday?", ["visit"]),
        ("I'd like to schedule a tour", ["visit"]),
        ("please call me after five", ["call"]),
        ("can we meet for coffee?", ["meeting"]),
        ("\u00bfpuedo verla?", ["visit"]),
        ("I don't want to schedule a tour", []),
        ("we are not ready to see homes", []),
        ("please cancel the showing", []),
        ("I see what you mean", []),
    ],
)
def test_an_appointment_wish_is_read_unless_refused(text, values):
    assert said(text, "appointment_wish") == values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("that's out of our price range", ["over_budget"]),
        ("we can't afford that", ["cannot_afford"]),
        ("it's too expensive for us", ["too_expensive"]),
        ("the place is overpriced", ["too_expensive"]),
        ("would they take less?", ["wants_lower"]),
        ("interest rates are too high", ["rates"]),
        ("es muy caro", ["too_expensive"]),
        ("not too expensive at all", []),
        ("it isn't overpriced", []),
        ("the ceilings are high", []),
    ],
)
def test_a_price_objection_is_read_unless_negated(text, values):
    assert said(text, "price_objection") == values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("we already have an agent", ["has_agent"]),
        ("I'm working with another realtor", ["has_agent"]),
        ("my realtor will call you", ["has_agent"]),
        ("we listed with RE/MAX", ["brokerage"]),
        ("saw it on Zillow", ["portal"]),
        ("I don't have an agent", []),
        ("do you have an agent?", []),
        ("we need an agent", []),
        ("a compass would help us find the way", []),
    ],
)
def test_a_competitor_is_read_and_never_named(text, values):
    assert said(text, "competitor") == values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a condo or a townhome", ["condo", "townhouse"]),
        ("single-family home", ["single family"]),
        ("a duplex", ["multi family"]),
        ("vacant land", ["land"]),
        ("not a condo", []),
        ("see you at the open house", []),
        ("a housewarming gift", []),
    ],
)
def test_a_kind_of_property_is_read(text, values):
    assert said(text, "property_type") == values


def test_an_opt_out_is_the_verdict_of_the_reader_of_refusals():
    assert said("STOP", "opt_out") == ["clear"]
    assert said("please stop by on Sunday", "opt_out") == []
    known = read_facts("STOP", at=AT, zone=ZONE, refusal="none")
    assert [fact for fact in known if fact.kind == "opt_out"] == []


LONG = (
    "Hi! We're looking for a 3/2 townhome, budget 400-450k, pre-approved. Can we see it tomorrow at 3? Is it still "
    "available? It's a bit over our budget and we already have an agent. We want to move in the next 3 months. STOP"
)


def test_every_fact_of_a_long_message_is_well_formed_and_holds_none_of_its_text():
    facts = read_facts(LONG, at=AT, zone=ZONE)
    assert {fact.kind for fact in facts} == set(FACT_KINDS)
    assert list(facts) == sorted(facts, key=lambda fact: (fact.start, fact.end, fact.kind))
    for fact in facts:
        assert 0 <= fact.start < fact.end <= len(LONG)
        assert 0 < fact.confidence <= 1
        assert fact.bound is None or fact.bound in BOUNDS
    codes = {fact.value for fact in facts if isinstance(fact.value, str) and fact.kind != "visit_time"}
    assert codes <= {
        *("townhouse", "preapproved", "availability", "visit", "over_budget", "has_agent", "0-3", "clear"),
    }


ODD = (
    "",
    " ",
    "?",
    "\n\n",
    "\U0001f3e0",
    "\u0130 want \ufb01ve beds",
    "a" * 4_000,
    "1" * 4_000,
    "$" * 4_000,
    "at " * 1_300,
)


@pytest.mark.parametrize("text", ODD)
def test_odd_texts_are_read_and_their_places_stay(text):
    for fact in read_facts(text, at=AT, zone=ZONE):
        assert 0 <= fact.start < fact.end <= len(text)


def test_the_same_text_gives_the_same_facts_and_the_version_is_told():
    assert read_facts(LONG, at=AT, zone=ZONE) == read_facts(LONG, at=AT, zone=ZONE)
    assert VERSION
