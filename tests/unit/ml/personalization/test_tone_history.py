"""The tone over time: the features' own figures, turning points with the message that caused them, no wobble."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.emotions import EmotionalState
from ml.features import emotional, extract
from ml.language.emotion.reader import SURE
from ml.personalization.tone_history import CHANGE, CONFIDENT, RECENT, timeline, tone_history, turning_points
from ml.profiles import LeadProfile, MessageSignal

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def said(
    number: int,
    polarity: float | None,
    state: EmotionalState | None = "neutral",
    *,
    confidence: float = 0.5,
    days: float | None = None,
) -> MessageSignal:
    at = NOW - timedelta(days=30 - number if days is None else days)
    rest: EmotionalState = "curious" if state == "neutral" else "neutral"
    return MessageSignal(
        event_id=f"e{number}",
        occurred_at=at,
        recorded_at=at,
        channel="sms",
        polarity=polarity,
        state=state,
        confidence=confidence if state else 0.0,
        tones={state: confidence, rest: 1 - confidence} if state else {},
    )


def course(*polarities: float | None, confidence: float = 0.5) -> list[MessageSignal]:
    return [said(number, polarity, confidence=confidence) for number, polarity in enumerate(polarities)]


def turns(*polarities: float | None, confidence: float = 0.5) -> list[str]:
    return [turn.event_id for turn in turning_points(course(*polarities, confidence=confidence))]


def lead(*messages: MessageSignal, as_of: datetime = NOW) -> LeadProfile:
    return LeadProfile(lead_id="1", as_of=as_of, messages=messages)


def row(profile: LeadProfile) -> dict[str, float | str | None]:
    return extract([profile]).to_rows()[0]


def test_a_change_that_lasts_is_a_turning_point_with_its_message() -> None:
    assert turns(0.5, 0.4, 0.6, -0.5, -0.4, -0.6) == ["e3"]
    (turn,) = turning_points(course(0.5, 0.4, 0.6, -0.5, -0.4, -0.6))
    assert turn.before == pytest.approx(0.5)
    assert turn.after == pytest.approx(-0.45)
    assert turn.at == NOW - timedelta(days=27)


def test_there_and_back_are_two() -> None:
    assert turns(0.5, 0.5, -0.5, -0.6, 0.5, 0.6) == ["e2", "e4"]


@pytest.mark.parametrize(
    "polarities",
    [
        (0.5, 0.4, -0.6, 0.5, 0.4),  # one message stands alone
        (0.5, 0.2, 0.4, 0.1, 0.3),  # less than the least change
        (0.3, -0.1, 0.2, -0.15, 0.25, -0.1),  # to and fro
        (0.6,),
        (None, None, 0.4),
        (),
    ],
)
def test_a_wobble_is_none(polarities: tuple[float | None, ...]) -> None:
    assert turns(*polarities) == []


def test_the_newest_message_counts_only_where_its_tone_is_confident() -> None:
    assert turns(0.5, 0.4, -0.6, confidence=CONFIDENT) == ["e2"]
    assert turns(0.5, 0.4, -0.6, confidence=CONFIDENT - 0.01) == []
    assert turns(0.5, -0.6, confidence=CONFIDENT) == [], "one message before it is no habit"


@given(st.lists(st.floats(-1, 1) | st.none(), max_size=12), st.floats(0, 1))
def test_every_turning_point_is_at_least_the_least_change(polarities: list[float | None], confidence: float) -> None:
    messages = course(*polarities, confidence=confidence)
    by_id = {message.event_id: message for message in messages}
    for turn in turning_points(messages):
        polarity = by_id[turn.event_id].polarity
        assert polarity is not None
        assert abs(polarity - turn.before) >= CHANGE


def test_the_figures_are_those_of_the_features() -> None:
    messages = [
        said(1, 0.8, "excited", confidence=0.9, days=40),
        said(2, -0.2, "anxious", confidence=0.7, days=12),
        said(3, -0.6, "frustrated", confidence=0.6, days=1),
    ]
    profile = lead(*messages)
    tone, features = tone_history(row(profile), profile), row(profile)
    assert tone.shares == {
        name.removeprefix("tone_"): value for name, value in features.items() if name.startswith("tone_")
    }
    assert (tone.polarity, tone.trend, tone.volatility) == (
        features["polarity"],
        features["polarity_trend"],
        features["polarity_volatility"],
    )
    # by hand, with the half-life that stands in one place alone
    weights = [2 ** (-(age - 1) / emotional.HALF_LIFE_DAYS) for age in (40, 12, 1)]
    share = weights[2] * 0.6 / sum(weights)
    assert tone.shares["frustrated"] == pytest.approx(share, abs=1e-6)
    assert tone.trend is not None
    assert tone.trend < 0


def test_the_state_is_the_one_with_the_largest_share_and_sure_where_the_newest_says_so_too() -> None:
    anxious = [said(1, -0.2, "anxious", confidence=0.8, days=9), said(2, -0.3, "anxious", confidence=SURE, days=1)]
    tone = tone_history(row(lead(*anxious)), lead(*anxious))
    assert (tone.state, tone.sure, tone.last_event_id, tone.messages) == ("anxious", True, "e2", 2)
    doubtful = lead(anxious[0])
    assert tone_history(row(doubtful), doubtful).sure is False


@pytest.mark.parametrize(
    ("messages", "why_not"),
    [
        ((), "no_messages"),
        ((said(1, None, None),), "nothing_read"),
        ((said(1, 0.5, "excited", days=RECENT.days + 1),), "too_old"),
    ],
)
def test_why_there_is_none(messages: tuple[MessageSignal, ...], why_not: str) -> None:
    tone = tone_history(row(lead(*messages)), lead(*messages))
    assert (tone.why_not, tone.state, tone.sure, tone.confidence, dict(tone.shares)) == (why_not, None, False, 0.0, {})


def test_features_of_an_earlier_version_hold_no_tone() -> None:
    profile = lead(said(1, 0.5, "excited", confidence=0.9))
    assert tone_history({"showings": 1.0}, profile).why_not == "nothing_read"


def test_what_was_not_known_then_does_not_count() -> None:
    later = replace(said(2, -0.9, "angry"), recorded_at=NOW + timedelta(hours=1))
    profile = lead(said(1, 0.5, "excited", confidence=0.9), later)
    assert [at.event_id for at in timeline(profile)] == ["e1"]
    assert tone_history(row(profile), profile).last_event_id == "e1"
    assert [at.event_id for at in timeline(lead(*course(0.1, 0.2, 0.3)), most=2)] == ["e1", "e2"]
