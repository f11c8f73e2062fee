"""What to say: every sentence passes the check of copy, none repeats a text, and a tone triggers nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.emotions import EMOTIONAL_STATES, EmotionalState
from domain.facts import FACT_KINDS, FactKind
from domain.journey import JOURNEY_STAGES, JourneyStage
from domain.purposes import PURPOSES
from ml.errors import CatalogueError
from ml.interventions.wording.copy_check import check_copy
from ml.language.patterns import read_data_file
from ml.personalization import fact_words, guide, suggestion
from ml.personalization.guide import guide_for
from ml.personalization.suggestion import suggest
from ml.personalization.talking_points import LEAST_CONFIDENCE, TalkingPoint, talking_points
from ml.profiles import FactSignal, Interaction, LeadProfile, MessageSignal

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
#: a sentence that begins so proposes to contact somebody
CONTACTING = re.compile(
    r"\b(?:call|ring|text|phone|write to|send|e-?mail|contact|reach out|dial|message) (?:them|the lead)\b",
    re.IGNORECASE,
)


def fact(kind: FactKind, value: object = None, bound: object = None, confidence: float = 0.9) -> FactSignal:
    return FactSignal(kind=kind, value=value, bound=bound, confidence=confidence)  # type: ignore[arg-type]


def said(number: int, *facts: FactSignal, days: float = 1) -> MessageSignal:
    at = NOW - timedelta(days=days)
    return MessageSignal(event_id=f"e{number}", occurred_at=at, recorded_at=at, facts=facts)


def lead(*messages: MessageSignal, **known: object) -> LeadProfile:
    ordered = tuple(sorted(messages, key=lambda message: message.occurred_at))
    return LeadProfile(lead_id="1", as_of=NOW, messages=ordered, **known)  # type: ignore[arg-type]


def point_of(profile: LeadProfile, kind: str) -> TalkingPoint:
    (found,) = [point for point in talking_points(profile) if point.code.removesuffix("_conflict") == kind]
    return found


def every_sentence() -> Iterator[str]:
    yield from (advice.text for advice in guide.shipped().sentences())
    texts, points = suggestion.shipped(), fact_words.shipped()
    shown = ("Saturday 7 March, 14:00", "$450,000 at most")
    for say in texts.sentences():
        for around in texts.tone.values():
            yield from (around.format(say=say.format(value=value)) for value in shown)
    words = [word for each in points.words.values() for word in each.values()]
    values = [*shown, *words, *(text.format(low="3", high="4") for text in points.bound.values())]
    told = [text.format(value=value) for text in (*points.told.values(), *points.record.values()) for value in values]
    yield from told
    for text in told:
        yield points.conflict["record"].format(told=text, record=values[0])
        yield points.conflict["earlier"].format(told=text, earlier=values[0])


def test_every_sentence_passes_the_check_of_copy() -> None:
    sentences = set(every_sentence())
    found = {text: [finding.id for finding in check_copy(text)] for text in sorted(sentences)}
    assert {text: ids for text, ids in found.items() if ids} == {}
    assert len(sentences) > 300


def test_the_check_would_notice() -> None:
    assert [finding.tier for finding in check_copy("Ask whether they want a house in a safe area.")] == ["warn"]


def test_no_code_of_a_guide_means_two_sentences() -> None:
    sentences = list(guide.shipped().sentences())
    assert len({advice.code for advice in sentences}) == len(sentences)
    assert all(advice.text.endswith(".") and advice.text[0].isupper() for advice in sentences)


@pytest.mark.parametrize("stage", JOURNEY_STAGES)
@pytest.mark.parametrize("state", EMOTIONAL_STATES)
def test_there_is_something_to_do_and_to_avoid_for_every_state_and_stage(
    state: EmotionalState, stage: JourneyStage
) -> None:
    told = guide_for(stage, state)
    alone = guide_for(stage)
    assert set(alone.do) < set(told.do)
    assert set(alone.avoid) < set(told.avoid)
    doubtful = guide_for(stage, state, sure=False)
    assert doubtful.do == (*guide.shipped().unsure.do, *told.do)
    assert set(guide.shipped().purposes) == set(PURPOSES)


@given(
    stage=st.sampled_from(JOURNEY_STAGES),
    state=st.sampled_from(EMOTIONAL_STATES),
    confidence=st.floats(0, 1),
    lead_type=st.sampled_from((None, "buyer", "seller", "renter")),
    asked=st.booleans(),
)
def test_a_tone_changes_the_wording_alone_and_no_sentence_proposes_to_contact(
    stage: JourneyStage, state: EmotionalState, confidence: float, lead_type: str | None, *, asked: bool
) -> None:
    points = talking_points(lead(said(1, fact("question")))) if asked else ()
    without = suggest(stage, points, lead_type=lead_type)
    told = suggest(stage, points, lead_type=lead_type, state=state, confidence=confidence)
    assert told.code == without.code
    assert told.text.casefold().endswith(without.text.casefold())
    for one in (without, told):
        assert one.text.count(".") == 1
        assert one.text[0].isupper()
        assert not CONTACTING.search(one.text)


def test_a_tone_that_is_hardly_there_leaves_the_words_as_they_are() -> None:
    plain = suggest("initial_interest", ())
    assert suggest("initial_interest", (), state="angry", confidence=suggestion.TONE_FROM - 0.01) == plain
    assert suggest("initial_interest", (), state="angry", confidence=suggestion.TONE_FROM) != plain


def test_what_is_open_goes_first_then_what_is_not_known_then_the_stage() -> None:
    full = {"numbers": {"budget_max": 500_000.0}, "timeline": "0-3", "preapproval": "preapproved"}
    codes = [
        suggest("serious_consideration", talking_points(lead(said(1, fact("question")), **full))).code,
        suggest("serious_consideration", talking_points(lead(numbers={"budget_max": 5e5}, timeline="0-3"))).code,
        suggest("serious_consideration", talking_points(lead(**full))).code,
        suggest("initial_interest", ()).code,
    ]
    assert codes == ["question", "ask_preapproval", "serious_consideration", "initial_interest"]
    assert suggest("serious_consideration", (), lead_type="seller").code == "ask_timeline"


def test_the_newest_word_wins_and_the_conflict_is_shown_with_its_source() -> None:
    profile = lead(
        said(1, fact("budget", (None, 400_000.0), "max"), days=20),
        said(2, fact("budget", (None, 450_000.0), "max"), days=2),
    )
    point = point_of(profile, "budget")
    assert (point.code, point.event_id, point.field) == ("budget_conflict", "e2", None)
    assert point.text == "They told a budget: $450,000 at most. Before that it was $400,000 at most: ask which holds."
    recorded = point_of(lead(said(1, fact("timeline", "0-3")), timeline="6-12"), "timeline")
    assert recorded.text == ("They told when: within 3 months. The record says in 6 to 12 months: ask which holds.")


def test_what_agrees_is_no_conflict() -> None:
    same = lead(said(1, fact("beds", (3.0, 3.0), "exact")), numbers={"beds_min": 3.0})
    assert point_of(same, "beds").code == "beds"
    house = lead(said(1, fact("property_type", "house")), property_type="single_family")
    assert point_of(house, "property_type").code == "property_type"


def test_a_field_is_named_where_nothing_was_told() -> None:
    profile = lead(numbers={"budget_min": 4e5, "budget_max": 5e5, "beds_min": 3.0}, preapproval="cash")
    shown = {point.code: (point.text, point.field, point.event_id) for point in talking_points(profile)}
    assert shown == {
        "budget": ("Budget in the record: $400,000 to $500,000.", "budget_max", None),
        "preapproval": ("How they pay, by the record: cash.", "preapproval", None),
        "beds": ("Bedrooms in the record: 3 or more.", "beds_min", None),
    }


def test_a_question_is_open_until_somebody_answers() -> None:
    asked = said(1, fact("question"), days=2)

    def after(hours: float, kind: str = "sms", direction: str = "outbound") -> LeadProfile:
        at = asked.occurred_at + timedelta(hours=hours)
        event = Interaction(kind=kind, occurred_at=at, recorded_at=at, direction=direction)
        return lead(asked, interactions=(event,))

    assert [point.code for point in talking_points(lead(asked))] == ["question"]
    assert [point.code for point in talking_points(after(-1))] == ["question"]
    assert talking_points(after(1)) == talking_points(after(1, "call", "inbound")) == ()
    assert [point.code for point in talking_points(after(1, "listing_view", "inbound"))] == ["question"]


def test_a_visit_that_lies_behind_is_none() -> None:
    def visits(value: str) -> list[str]:
        return [point.text for point in talking_points(lead(said(1, fact("visit_time", value))))]

    assert visits("2026-05-02T15:30:00-04:00") == ["They asked for a visit: Saturday 2 May, 15:30."]
    assert visits("2026-05-01") == ["They asked for a visit: Friday 1 May."]
    assert visits("2026-04-30T10:00:00-04:00") == []
    assert visits("no date") == []


@pytest.mark.parametrize(
    "value",
    ["55+ community", "for a christian family", "senior living", "ELM STREET 7", "condo for young couples"],
)
def test_no_text_of_a_record_or_a_fact_is_repeated(value: str) -> None:
    profile = lead(
        said(1, fact("property_type", value), fact("competitor", value)), property_type=value, timeline=value
    )
    told = talking_points(profile)
    assert [point.code for point in told] == ["competitor"]
    assert not [point for point in told if value in point.text or point.fact is not None]


def test_kinds_of_points_are_facts_and_none_is_protected() -> None:
    assert set(fact_words.KINDS) == set(FACT_KINDS) - {"opt_out"}
    refused = lead(said(1, fact("opt_out", "clear")), tags=("veteran",), custom={"Age": 71.0, "Religion": "x"})
    assert talking_points(refused) == ()


def test_a_doubtful_fact_is_none() -> None:
    assert talking_points(lead(said(1, fact("question", confidence=LEAST_CONFIDENCE - 0.01)))) == ()


@pytest.mark.parametrize(
    ("name", "load", "line", "instead", "place"),
    [
        ("guide.toml", guide.load_rules, 'state = "angry"', 'state = "grumpy"', "pair.7.state"),
        ("guide.toml", guide.load_rules, "[stage.ready_to_buy.do]", "[stage.done.do]", "stage.done"),
        ("suggestion.toml", suggestion.load_texts, 'angry = "', 'grim = "', "tone.grim"),
        ("suggestion.toml", suggestion.load_texts, "[missing.active_exploration]", "[missing.never]", "missing.never"),
        ("talking_points.toml", fact_words.load_texts, 'cash = "cash"', 'cash = ""', "preapproval.cash"),
    ],
)
def test_a_mistake_in_the_data_is_named(name: str, load: object, line: str, instead: str, place: str) -> None:
    text = read_data_file("ml.personalization", name)
    assert line in text
    with pytest.raises(CatalogueError, match=place):
        load(text.replace(line, instead, 1))  # type: ignore[operator]
