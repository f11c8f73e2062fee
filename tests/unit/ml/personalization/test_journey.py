"""The journey stage: monotone in what speaks for a decision, steady, falling with silence, and never silently back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.facts import FactKind
from domain.journey import JOURNEY_STAGES, JourneyStage
from ml.errors import CatalogueError
from ml.features import extract
from ml.features.catalogue import FEATURES
from ml.language.patterns import read_data_file
from ml.personalization.journey import Journey, load_rules, read_journey, shipped
from ml.profiles import FactSignal, Interaction, LeadProfile, MessageSignal

NOW = datetime(2026, 5, 1, tzinfo=UTC)
KINDS = ("listing_view", "search", "listing_saved", "sms", "call", "showing", "offer", "no_show", "email_clicked")

_days = st.floats(0, 400)
_events = st.lists(
    st.builds(
        lambda kind, days, direction: Interaction(
            kind=kind,
            occurred_at=NOW - timedelta(days=days),
            recorded_at=NOW - timedelta(days=days),
            direction=direction,
        ),
        st.sampled_from(KINDS),
        _days,
        st.sampled_from(("inbound", "outbound", None)),
    ),
    max_size=12,
)
_facts: tuple[FactKind, ...] = ("question", "appointment_wish", "visit_time", "budget")
_told = st.sampled_from((None, "none", "started", "preapproved", "cash"))
_numbers = st.dictionaries(
    st.sampled_from(("showings", "offers", "listing_views", "sms_in", "budget_max")), st.floats(0, 500)
)


def said(number: int, days: float, kind: FactKind | None = None, told: str | None = None) -> MessageSignal:
    facts = [FactSignal(kind="preapproval", value=told, bound=None, confidence=0.9)] if told else []
    facts += [FactSignal(kind=kind, value=None, bound=None, confidence=0.9)] if kind else []
    at = NOW - timedelta(days=days)
    return MessageSignal(event_id=str(number), occurred_at=at, recorded_at=at, facts=tuple(facts))


_messages = st.lists(
    st.builds(said, st.integers(0, 10_000), _days, st.none() | st.sampled_from(_facts), _told), max_size=4
)
_leads = st.builds(
    lambda created, stage, timeline, preapproval, numbers, events, messages: LeadProfile(
        lead_id="1",
        as_of=NOW,
        created_at=None if created is None else NOW - timedelta(days=created),
        stage=stage,
        timeline=timeline,
        preapproval=preapproval,
        numbers=numbers,
        interactions=tuple(events),
        messages=tuple(sorted(messages, key=lambda message: message.occurred_at)),
    ),
    st.none() | _days,
    st.sampled_from((None, "new", "engaged", "showing", "offer", "somewhere else")),
    st.sampled_from((None, "0-3", "12+", "unknown")),
    st.sampled_from((None, "none", "started", "preapproved", "cash", "whatever")),
    st.dictionaries(
        st.sampled_from(("showings", "offers", "listing_views", "sms_in", "budget_max")), st.floats(0, 500)
    ),
    _events,
    _messages,
)
_before = st.sampled_from((None, *JOURNEY_STAGES))


def journey(lead: LeadProfile, before: JourneyStage | None = None) -> Journey:
    return read_journey(extract([lead]).to_rows()[0], before)


def place(told: Journey) -> int:
    return JOURNEY_STAGES.index(told.stage)


def with_event(lead: LeadProfile, kind: str, days: float) -> LeadProfile:
    at = NOW - timedelta(days=days)
    event = Interaction(kind=kind, occurred_at=at, recorded_at=at, direction="inbound")
    return replace(lead, interactions=(*lead.interactions, event))


def with_message(lead: LeadProfile, message: MessageSignal) -> LeadProfile:
    return replace(lead, messages=tuple(sorted((*lead.messages, message), key=lambda each: each.occurred_at)))


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lead=_leads, before=_before, kind=st.sampled_from(("showing", "offer")), days=_days)
def test_no_showing_and_no_offer_lowers_the_expected_stage(
    lead: LeadProfile, before: JourneyStage | None, kind: str, days: float
) -> None:
    was, now = journey(lead, before), journey(with_event(lead, kind, days), before)
    assert now.expected >= was.expected - 1e-9
    assert place(now) >= place(was)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lead=_leads, before=_before, level=st.sampled_from(("preapproved", "cash")), days=_days)
def test_no_pre_approval_in_the_record_or_told_lowers_the_expected_stage(
    lead: LeadProfile, before: JourneyStage | None, level: str, days: float
) -> None:
    was = journey(lead, before)
    for now in (replace(lead, preapproval=level), with_message(lead, said(10_001, days, told=level))):
        told = journey(now, before)
        assert told.expected >= was.expected - 1e-9
        assert place(told) >= place(was)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lead=_leads, before=_before, kind=st.sampled_from(_facts), days=_days)
def test_a_wish_a_question_a_budget_or_a_visit_time_never_lowers_it(
    lead: LeadProfile, before: JourneyStage | None, kind: FactKind, days: float
) -> None:
    assert (
        journey(with_message(lead, said(10_001, days, kind)), before).expected >= journey(lead, before).expected - 1e-9
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lead=_leads, before=_before, later=st.floats(0, 300))
def test_time_that_passes_never_raises_it(lead: LeadProfile, before: JourneyStage | None, later: float) -> None:
    aged = replace(lead, as_of=NOW + timedelta(days=later))
    assert journey(aged, before).expected <= journey(lead, before).expected + 1e-6


@given(lead=_leads, before=_before)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_probabilities_add_up_and_the_same_row_gives_the_same_stage(
    lead: LeadProfile, before: JourneyStage | None
) -> None:
    told = journey(lead, before)
    assert sum(told.probabilities.values()) == pytest.approx(1)
    assert min(told.probabilities.values()) >= 0
    expected = sum(at * told.probabilities[stage] for at, stage in enumerate(JOURNEY_STAGES))
    assert told.expected == pytest.approx(expected)
    assert journey(lead, before) == told


def test_a_lead_that_wavers_around_a_cut_keeps_its_stage() -> None:
    rules = shipped()
    points = next(term.points for term in rules.terms if term.features == ("recent_views",))
    row = {"recent_views": 20.0, "silence_days": 0.0}
    cuts = (points - rules.up / 2, points + rules.down / 2)
    # the readiness is the points of this one term; the first cut lies just below it, then just above
    above, below = (replace(rules, cuts=(cut, *(cut + 1 + place for place in range(3)))) for cut in cuts)
    assert [read_journey(row, rules=each).stage for each in (below, above)] == list(JOURNEY_STAGES[:2])
    for before in JOURNEY_STAGES[:2]:
        told = [read_journey(row, before, rules=each) for each in (below, above)]
        assert [each.stage for each in told] == [before, before]
        assert [each.moved for each in told] == ["same", "same"]


def test_silence_lets_it_fall_slowly_and_says_so() -> None:
    events = tuple(
        Interaction(kind=kind, occurred_at=at, recorded_at=at, direction="inbound")
        for kind, days in (("showing", 3), ("showing", 9), ("sms", 2), ("offer", 1), ("listing_view", 2))
        for at in (NOW - timedelta(days=days),)
    )
    lead = LeadProfile(lead_id="1", as_of=NOW, preapproval="preapproved", timeline="0-3", interactions=events)
    first = journey(lead)
    assert place(first) >= 3
    before, steps = first.stage, []
    for days in range(5, 400, 5):
        now = journey(replace(lead, as_of=NOW + timedelta(days=days)), before)
        steps.append((days, now.moved, place(now), now.evidence))
        before = now.stage
    down = [step for step in steps if step[1] == "down"]
    assert not [step for step in steps if step[1] == "up"]
    assert down
    assert down[0][0] >= 10, "a few days of silence change nothing"
    assert steps[-1][2] <= place(first) - 2
    for _, _, _, evidence in down:
        assert ("silence", True) in [(item.code, item.weight < 0) for item in evidence]


def test_a_regression_is_told_against_the_stage_before() -> None:
    told = read_journey({"listing_views": 1.0, "silence_days": 90.0}, "decision_making")
    assert (told.moved, told.before, told.stage) == ("down", "decision_making", "initial_interest")


def test_a_lead_of_whom_nothing_is_known_is_at_the_beginning() -> None:
    told = read_journey({})
    assert (told.stage, told.moved, told.evidence) == ("initial_interest", "first", ())


def test_every_term_reads_a_feature_that_there_is() -> None:
    unknown = [name for term in shipped().terms for name in term.features if name not in FEATURES]
    assert unknown == []


def test_no_tone_gives_points() -> None:
    read = {name for term in shipped().terms for name in term.features}
    assert not [name for name in read if name.startswith(("tone_", "polarity", "vader", "textblob", "last_tone"))]


@pytest.mark.parametrize(
    ("line", "instead", "place_of_it"),
    [
        ("ready_to_buy = 7.4", "ready_to_buy = 0.5", "cuts"),
        ('kind = "known"', 'kind = "unknown"', "term.15.kind"),
        ("most = 60", "", "term.0.most"),
        ("width = 1.1", "width = true", "rules.width"),
        ('version = "1"', "version = ", "journey.toml"),
        ("grace = 7", "grace = 7\nextra = 1", "rules.extra"),
    ],
)
def test_a_mistake_in_the_rules_is_named(line: str, instead: str, place_of_it: str) -> None:
    text = read_data_file("ml.personalization", "journey.toml")
    assert line in text
    with pytest.raises(CatalogueError, match=place_of_it):
        load_rules(text.replace(line, instead, 1))
