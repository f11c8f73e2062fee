from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.risk import INDICATORS
from ml.churn import scorecard
from ml.churn.indicators import Indicator, Tone, measure, spread
from ml.features import extract
from ml.features.events import KINDS
from ml.profiles import FeatureMatrix, Interaction, LeadProfile
from ml.urgency import THRESHOLDS
from tests.support.leads import NOW, leads

LEAD = LeadProfile(lead_id="1", as_of=NOW, created_at=NOW - timedelta(days=60), stage="engaged")


def happened(kind: str, *days: float, direction: str | None = None) -> tuple[Interaction, ...]:
    """Make events of a kind so many days ago."""
    moments = [NOW - timedelta(days=day) for day in days]
    return tuple(Interaction(kind=kind, occurred_at=at, recorded_at=at, direction=direction) for at in moments)


def lead(*groups: tuple[Interaction, ...], **changes: object) -> LeadProfile:
    return replace(LEAD, interactions=tuple(one for group in groups for one in group), **changes)


def signs_of(profile: LeadProfile, tone: Tone | None = None) -> dict[str, Indicator]:
    measured = measure([profile], extract([profile]), tones=[tone])
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


def test_tone_counts_by_how_much_was_read() -> None:
    few, many = (signs_of(LEAD, Tone(messages=count, polarity=-0.8))["negative_sentiment"] for count in (1, 18))
    assert (few.value, many.value) == (pytest.approx(0.8 / 3, abs=1e-4), pytest.approx(0.72))
    assert signs_of(LEAD, Tone(messages=9, polarity=0.5))["negative_sentiment"].value == 0
    assert not signs_of(LEAD)["negative_sentiment"].known


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
