from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.risk import INDICATORS
from ml.churn import scorecard
from ml.churn.indicators import Indicator, measure, spread
from ml.features import extract
from ml.features.events import KINDS
from ml.interventions.policy import LEAVE
from ml.profiles import FactSignal, FeatureMatrix, Interaction, LeadProfile, MessageSignal
from ml.urgency import THRESHOLDS
from tests.support.leads import NOW, leads

LEAD = LeadProfile(lead_id="1", as_of=NOW, created_at=NOW - timedelta(days=60), stage="engaged")


def happened(kind: str, *days: float, direction: str | None = None) -> tuple[Interaction, ...]:
    """Make events of a kind so many days ago."""
    moments = [NOW - timedelta(days=day) for day in days]
    return tuple(Interaction(kind=kind, occurred_at=at, recorded_at=at, direction=direction) for at in moments)


def lead(*groups: tuple[Interaction, ...], **changes: object) -> LeadProfile:
    return replace(LEAD, interactions=tuple(one for group in groups for one in group), **changes)


def said(days: float, polarity: float | None = None, **told: Any) -> MessageSignal:
    """Make what was read in a message so many days ago; `told` are facts by kind, or state and confidence."""
    at = NOW - timedelta(days=days)
    state, confidence = told.pop("state", None), told.pop("confidence", 0.0)
    facts = tuple(FactSignal(kind=kind, value=value, bound=None, confidence=0.9) for kind, value in told.items())
    return MessageSignal(
        event_id=f"{days}",
        occurred_at=at,
        recorded_at=at,
        polarity=polarity,
        state=state,
        confidence=confidence,
        facts=facts,
    )


def signs_of(profile: LeadProfile) -> dict[str, Indicator]:
    measured = measure([profile], extract([profile]))
    return {one.name: one for one in spread(measured)[0]}


def test_a_lead_of_whom_nothing_is_known_warns_of_nothing_but_time() -> None:
    found = signs_of(LeadProfile(lead_id="1", as_of=NOW))
    assert tuple(found) == INDICATORS
    assert {one.value for one in found.values()} == {0.0}
    assert not any(one.known for one in found.values())


def test_engagement_declines_against_the_leads_own_past() -> None:
    usual = happened("listing_view", *range(16, 56, 4))
    steady, fallen = lead(usual, happened("listing_view", 1, 5, 9, 13)), lead(usual)
    assert signs_of(steady)["declining_engagement"].value == 0
    found = signs_of(fallen)["declining_engagement"]
    assert (found.value, found.known) == (pytest.approx(10 / 13, abs=1e-4), True)
    assert found.evidence == {"signs_14d": 0, "signs_before_42d": 10}
    assert signs_of(fallen)["decreased_browsing"].value == found.value


def test_a_fall_from_little_says_little() -> None:
    few, many = lead(happened("reply", 20)), lead(happened("reply", *range(16, 56, 2)))
    assert signs_of(few)["declining_engagement"].value < signs_of(many)["declining_engagement"].value


def test_browsing_is_told_apart_from_talking() -> None:
    talks = lead(happened("reply", 1, 3, 5), happened("search", *range(16, 56, 4)))
    found = signs_of(talks)
    assert found["decreased_browsing"].value > 0.7
    assert found["declining_engagement"].value < 0.2


def test_answers_are_held_against_earlier_answers() -> None:
    before = happened("sms", *range(30, 60, 3), direction="outbound") + happened(
        "sms", *range(29, 59, 3), direction="inbound"
    )
    now = happened("sms", 2, 6, 10, 14, direction="outbound")
    found = signs_of(lead(before, now))["reduced_response_rate"]
    assert found.value == pytest.approx(4 / 6, abs=1e-4)
    assert found.evidence["messages_28d"] == 4
    answered = lead(before, now, happened("sms", 1, 5, 9, 13, direction="inbound"))
    assert signs_of(answered)["reduced_response_rate"].value == 0


def test_missed_appointments_fade_and_weigh_against_kept_ones() -> None:
    missed = signs_of(lead(happened("no_show", 0)))["missed_appointments"]
    assert missed.value == 0.5
    assert missed.evidence == {"missed": 1, "kept": 0, "last_missed_days": 0}
    assert signs_of(lead(happened("no_show", 60)))["missed_appointments"].value == pytest.approx(1 / 3, abs=1e-4)
    kept = lead(happened("no_show", 0), happened("showing", 0, 1, 2))
    assert signs_of(kept)["missed_appointments"].value < 0.25


def tone(*messages: MessageSignal) -> Indicator:
    return signs_of(replace(LEAD, messages=messages))["negative_sentiment"]


def test_tone_counts_by_how_much_was_read() -> None:
    few, many = (tone(*(said(day, -0.8) for day in range(count))) for count in (1, 18))
    assert (few.value, many.value) == (pytest.approx(0.8 / 3, abs=1e-4), pytest.approx(0.72))
    assert tone(*(said(day, 0.5) for day in range(9))).value == 0
    assert not tone().known
    assert not tone(said(3)).known, "a message that was not read for its polarity"


def test_newer_messages_count_more_and_a_turn_for_the_worse_counts_too() -> None:
    better, worse = tone(said(40, -0.6), said(2, 0.6)), tone(said(40, 0.6), said(2, -0.6))
    assert better.value == 0
    assert worse.value > tone(said(2, -0.6), said(1, -0.6)).value / 2
    weight = 2 ** (-38 / 21)
    assert worse.evidence["polarity"] == pytest.approx((-0.6 + 0.6 * weight) / (1 + weight), abs=0.01)


def test_a_tone_that_is_not_sure_does_not_count() -> None:
    messages = [said(1, -0.5, state="angry", confidence=0.49), said(2, -0.5, state="frustrated", confidence=0.5)]
    assert tone(*messages).evidence == {"messages": 2, "negative_messages": 1, "polarity": -0.5}


def test_old_messages_and_those_not_yet_known_tell_nothing() -> None:
    assert not tone(said(113, -0.9), said(-1, -0.9)).known
    late = replace(said(5, -0.9), recorded_at=NOW + timedelta(days=1))
    assert not tone(late).known


def test_tone_alone_comes_to_no_plan() -> None:
    """The worst tone there is, of somebody of whom nothing else warns, in more messages than anybody reads."""
    furious = [said(day / 4, -1.0, state="angry", confidence=0.99) for day in range(200)]
    calm = replace(lead(happened("reply", 1)), messages=())
    quiet, angry = calm, replace(calm, messages=tuple(furious))
    measured = measure([quiet, angry], extract([quiet, angry]))
    before, after = scorecard.probabilities(measured).tolist()
    assert before < after < LEAVE
    values = {name: float(one.values[1]) for name, one in measured.items()}
    assert values["negative_sentiment"] > 0.98
    assert scorecard.without_tone(values) == pytest.approx(before, abs=1e-4)


def test_a_competitor_counts_where_the_lead_names_one() -> None:
    named = replace(LEAD, messages=(said(3, competitor="brokerage"), said(9, competitor="has_agent")))
    found = signs_of(named)["competitor_activity"]
    assert (found.value, found.evidence["mentions"], found.known) == (0.75, 2, True)
    unsure = replace(named.messages[0].facts[0], confidence=0.3)
    doubtful = replace(LEAD, messages=(replace(named.messages[0], facts=(unsure,)),))
    assert signs_of(doubtful)["competitor_activity"].value == 0


def test_a_decision_is_put_off_where_the_lead_says_so() -> None:
    later = replace(LEAD, messages=(said(30, timeline="0-3"), said(10, timeline="3-6")))
    found = signs_of(later)["delayed_decisions"]
    assert (found.value, found.evidence["put_off"]) == (0.5, 1)
    sooner = replace(LEAD, messages=(said(30, timeline="12+"), said(10, timeline="0-3")))
    assert signs_of(sooner)["delayed_decisions"].value == 0
    dear = replace(LEAD, messages=tuple(said(day, price_objection="too_expensive") for day in (1, 2, 3, 4)))
    assert signs_of(dear)["delayed_decisions"].value == 0.5
    assert signs_of(dear)["delayed_decisions"].evidence["price_objections"] == 4
    assert "put_off" not in signs_of(dear)["delayed_decisions"].evidence


def test_who_looks_around_and_does_not_answer_is_served_elsewhere() -> None:
    looks, sent = happened("listing_view", 1, 2, 3, 4, 5), happened("sms", 3, 6, direction="outbound")
    assert signs_of(lead(looks, sent))["competitor_activity"].value == pytest.approx(0.25)
    answered = lead(looks, sent, happened("sms", 2, direction="inbound"))
    assert signs_of(answered)["competitor_activity"].value == 0
    named = signs_of(lead(happened("competitor_mention", 3, 9)))["competitor_activity"]
    assert (named.value, named.evidence["mentions"]) == (0.75, 2)


def test_decisions_are_late_by_stage_and_by_the_leads_own_timeline() -> None:
    changed = {"stage_changed_at": NOW - timedelta(days=63)}
    found = signs_of(lead(times=changed))["delayed_decisions"]
    assert found.value == pytest.approx(0.5)
    assert found.evidence["usual_days"] == 42
    waited = signs_of(lead(created_at=NOW - timedelta(days=182), timeline="0-3"))["delayed_decisions"]
    assert waited.value == 1
    assert signs_of(lead(timeline="0-3"))["delayed_decisions"].value == 0


@pytest.mark.parametrize(("stage", "value"), [("engaged", 0.25), ("offer", 0.7), ("past_client", 7 / 360)])
def test_gaps_are_measured_by_the_stages_patience(stage: str, value: float) -> None:
    found = signs_of(lead(happened("reply", 7), stage=stage))["communication_gaps"]
    assert found.value == pytest.approx(value, abs=1e-4)
    assert found.evidence["threshold_days"] == THRESHOLDS[stage]


def test_habits_change_when_the_mix_does() -> None:
    before = happened("listing_view", *range(30, 80, 5))
    same, other = lead(before, happened("listing_view", *range(10))), lead(before, happened("search", *range(10)))
    assert signs_of(same)["behavioral_changes"].value == 0
    found = signs_of(other)["behavioral_changes"]
    assert found.value == pytest.approx(10 / 15, abs=1e-4)
    assert found.evidence["kinds_dropped"] == 1


def test_financing_lacks_the_more_the_nearer_the_move() -> None:
    near, far = (signs_of(lead(preapproval="none", timeline=when))["external_factors"] for when in ("0-3", "12+"))
    assert (near.value, far.value) == (0.6, 0.1)
    assert signs_of(lead(preapproval="cash", timeline="0-3"))["external_factors"].value == 0


def test_a_snapshot_without_its_events_is_told_by_its_features() -> None:
    row = {
        "activity_trend": -1.0,
        "response_rate": 0.0,
        "no_shows": 2.0,
        "showings": 1.0,
        "view_days": 28.0,
        "silence_days": 28.0,
    }
    found = {one.name: one for one in spread(measure([LEAD], FeatureMatrix.from_rows([row])))[0]}
    assert found["declining_engagement"].value == pytest.approx(1 - np.exp(-1), abs=1e-4)
    assert found["reduced_response_rate"].value == 1
    assert found["missed_appointments"].value == 0.5
    assert found["decreased_browsing"].value == 0.5
    assert found["communication_gaps"].value == 1


MIXED = st.builds(
    lambda kind, day, direction: happened(kind, day, direction=direction)[0],
    st.sampled_from([*KINDS, "sms", "email", "competitor", "note"]),
    st.floats(-30, 200),
    st.sampled_from([None, "inbound", "outbound"]),
)


@given(st.lists(st.lists(MIXED, max_size=12), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_every_indicator_is_a_share_with_finite_evidence_and_a_batch_gives_what_one_gives(
    drawn: list[list[Interaction]],
) -> None:
    profiles = [lead(tuple(events)) for events in drawn]
    together = measure(profiles, extract(profiles))
    for row, profile in enumerate(profiles):
        found = spread(together)[row]
        assert {one.name: one for one in found} == signs_of(profile)
        assert all(0 <= one.value <= 1 for one in found)
        assert all(np.isfinite(list(one.evidence.values())).all() for one in found)


def test_the_future_changes_no_indicator() -> None:
    known = lead(happened("reply", 5, 20), happened("sms", 3, direction="outbound"))
    later = lead(known.interactions, happened("no_show", -2), happened("competitor", -1), happened("reply", -1))
    assert signs_of(later) == signs_of(known)


def test_the_scorecard_weighs_every_indicator_and_each_raises_the_risk() -> None:
    assert tuple(scorecard.WEIGHTS) == INDICATORS
    assert min(scorecard.WEIGHTS.values()) > 0
    quiet, loud = lead(happened("reply", 1)), lead(happened("reply", 40), happened("no_show", 2))
    measured = measure([quiet, loud], extract([quiet, loud]))
    low, high = scorecard.probabilities(measured).tolist()
    assert low < 0.2 < 0.5 < high


def test_the_scorecard_orders_a_brokerage_by_silence() -> None:
    profiles, _ = leads(60)
    matrix = extract(profiles)
    risk = scorecard.probabilities(measure(profiles, matrix))
    silent = matrix.values[:, matrix.positions()["silence_days"]]
    known = np.isfinite(silent)
    assert np.corrcoef(risk[known], silent[known])[0, 1] > 0.5
