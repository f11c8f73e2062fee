"""Emotional features: known messages only, weighed by recency, alone as in a batch; and the scorer uses them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from domain.emotions import EMOTIONAL_STATES, EmotionalState
from domain.facts import FactKind
from ml.features import extract, fingerprint
from ml.features.catalogue import FEATURES, OF_ONE_LANGUAGE, names
from ml.features.emotional import HALF_LIFE_DAYS, NUMBERS
from ml.leads import LeadScorer
from ml.profiles import FactSignal, FeatureMatrix, LeadProfile, MessageSignal
from tests.support.leads import NOW, leads

BARE = LeadProfile(lead_id="1", as_of=NOW)


def said(
    days: float, polarity: float | None = None, state: EmotionalState | None = None, **others: Any
) -> MessageSignal:
    moment = NOW - timedelta(days=days)
    tones: dict[EmotionalState, float] = {} if state is None else {"neutral": 0.1}
    if state is not None:
        tones[state] = 1.0 - sum(share for each, share in tones.items() if each != state)
    made: dict[str, Any] = {"event_id": f"{days}", "occurred_at": moment, "recorded_at": moment, "tones": tones}
    return MessageSignal(**(made | {"polarity": polarity, "state": state} | others))


def told(kind: FactKind, value: Any = None, confidence: float = 0.9) -> FactSignal:
    return FactSignal(kind=kind, value=value, bound=None, confidence=confidence)


def known(*messages: MessageSignal) -> dict[str, Any]:
    row = extract([replace(BARE, messages=messages)]).to_rows()[0]
    return {name: value for name, value in row.items() if value is not None}


def random_messages(rng: np.random.Generator, count: int, polarity: float = 0.0) -> tuple[MessageSignal, ...]:
    states = rng.integers(len(EMOTIONAL_STATES), size=count)
    return tuple(
        said(
            float(rng.uniform(0, 90)),
            float(np.clip(rng.normal(polarity, 0.3), -1, 1)),
            EMOTIONAL_STATES[state],
            facts=(told("question"),) if rng.random() < 0.3 else (),
        )
        for state in states
    )


def test_nothing_said_is_missing_not_zero() -> None:
    assert known() == {}


def test_the_group_has_every_column_it_should() -> None:
    assert set(names("emotional")) == {*NUMBERS, "last_tone", "told_preapproval"}
    assert {f"tone_{state}" for state in EMOTIONAL_STATES} <= set(NUMBERS)


def test_a_message_one_half_life_older_counts_half() -> None:
    row = known(said(0, 0.9, "excited"), said(HALF_LIFE_DAYS, -0.9, "angry"))
    assert row["polarity"] == pytest.approx((0.9 - 0.45) / 1.5)
    assert row["tone_excited"] == pytest.approx(0.9 / 1.5)
    assert row["tone_angry"] == pytest.approx(0.45 / 1.5)
    assert row["last_tone"] == "excited"


def test_tones_add_up_and_do_not_change_as_time_passes() -> None:
    profile = replace(BARE, messages=random_messages(np.random.default_rng(1), 12))
    now, later = extract([profile, replace(profile, as_of=NOW + timedelta(days=400))]).to_rows()
    shares = [now[f"tone_{state}"] for state in EMOTIONAL_STATES]
    assert sum(share for share in shares if isinstance(share, float)) == pytest.approx(1)
    assert {name: now[name] for name in names("emotional")} == {name: later[name] for name in names("emotional")}


def test_what_was_said_or_became_known_later_changes_nothing() -> None:
    past = (said(3, 0.4, "curious"),)
    future = said(-1, -1.0, "angry", facts=(told("budget", 9e5),))
    read_late = replace(said(5, -1.0, "angry"), recorded_at=NOW + timedelta(seconds=1))
    assert known(*past, future, read_late) == known(*past)


def test_the_trend_tells_which_way_and_needs_three_messages() -> None:
    rising, falling = (known(*(said(40 - 10 * at, sign * (at - 2) / 2) for at in range(5))) for sign in (1, -1))
    assert rising["polarity_trend"] > 0.1
    assert falling["polarity_trend"] == pytest.approx(-rising["polarity_trend"])
    assert rising["polarity_volatility"] > 0.3
    assert not {"polarity_trend", "polarity_volatility"} & known(said(3, 0.1), said(1, 0.9)).keys()
    assert known(*(said(days, 0.5) for days in (1, 2, 3)))["polarity_volatility"] == 0


def test_facts_count_once_a_message_and_only_sure_ones() -> None:
    row = known(
        said(5, facts=(told("question"), told("question"), told("competitor", confidence=0.2))),
        said(3, facts=(told("budget", (4e5, 4.5e5)), told("preapproval", "started"))),
        said(1, 0.1, facts=(told("preapproval", "none"), told("budget", (5e5, None)), told("question"))),
    )
    assert (row["messages_read"], row["questions_asked"], row["competitor_mentions"]) == (3, 2, 0)
    assert (row["told_budget"], row["told_preapproval"]) == (500_000, "started")
    assert "last_tone" not in row


def test_of_a_language_that_is_not_read_nothing_found_is_not_nothing_said() -> None:
    row = known(said(2, facts=(told("budget", (4e5, 4e5)),)), said(1, facts=(told("visit_time", "2026-03-05"),)))
    assert row == {"messages_read": 2, "visit_times": 1, "told_budget": 400_000}


def test_what_was_said_of_financing_long_ago_says_nothing_now() -> None:
    assert known(said(179, facts=(told("preapproval", "cash"),)))["told_preapproval"] == "cash"
    assert "told_preapproval" not in known(said(181, facts=(told("preapproval", "cash"),)))


def test_what_readers_say_apart_is_kept_and_their_difference_is_of_one_message() -> None:
    row = known(said(1, 0.0, vader=0.5, textblob=-0.5), said(1, 0.0, vader=-0.5, textblob=0.5, event_id="2"))
    assert row["vader_polarity"] == pytest.approx(0)
    assert row["polarity_disagreement"] == pytest.approx(1)


def test_a_batch_gives_what_each_lead_alone_gives_in_any_order_of_messages() -> None:
    rng = np.random.default_rng(2)
    profiles = [
        replace(profile, messages=random_messages(rng, int(rng.integers(0, 9)))) for profile in leads(40, seed=4)[0]
    ]
    together = extract(profiles).to_rows()
    for profile, row in zip(profiles, together, strict=True):
        alone = extract([replace(profile, messages=profile.messages[::-1])]).to_rows()[0]
        assert alone == {name: row[name] for name in alone}


def test_a_scorer_uses_the_tone_where_it_tells_and_tells_of_it() -> None:
    rng = np.random.default_rng(3)
    labels = rng.random(600) < 0.4
    profiles = [
        replace(profile, messages=random_messages(rng, 6, 0.45 if won else -0.05))
        for profile, won in zip(leads(600, seed=5)[0], labels, strict=True)
    ]
    matrix = extract(profiles)
    scorer = LeadScorer().fit(matrix, labels, seed=0)
    assert "polarity" in scorer.features_
    glad, cross = (replace(profiles[0], messages=random_messages(rng, 8, at)) for at in (0.8, -0.8))
    better, worse = scorer.score(extract([glad, cross]), explain=10)
    assert better.probability > worse.probability + 0.2
    assert "the tone of their messages" in {reason.meaning for reason in better.up}


def test_where_many_write_another_language_no_score_learns_from_tone() -> None:
    """To lack a tone would tell the language of who writes."""
    rng = np.random.default_rng(8)
    profiles, labels = leads(300, seed=9)

    def fitted(share: float) -> LeadScorer:
        others = rng.random(300) < share
        wrote = [
            replace(profile, messages=(said(1),) if other else random_messages(rng, 3))
            for profile, other in zip(profiles, others, strict=True)
        ]
        return LeadScorer().fit(extract(wrote), labels, seed=0)

    few, many = fitted(0.01), fitted(0.2)
    assert {"polarity", "tone_excited", "last_tone"} <= set(few.features_)
    assert not OF_ONE_LANGUAGE & set(many.features_)
    assert "messages_read" in many.features_, "that somebody wrote tells no language"


def test_a_model_from_before_and_a_snapshot_from_before_still_score() -> None:
    profiles, labels = leads(300, seed=6)
    whole = extract(profiles)
    older = whole.select([name for name in whole.columns if name not in names("emotional")])
    scorer = LeadScorer().fit(older, labels, seed=0)
    assert (scorer.log_odds(whole) == scorer.log_odds(older)).all()
    told_so = [replace(profile, messages=random_messages(np.random.default_rng(7), 4)) for profile in profiles]
    assert (scorer.log_odds(extract(told_so)) == scorer.log_odds(older)).all()
    newer = LeadScorer().fit(extract(told_so), labels, seed=0)
    assert np.isfinite(newer.log_odds(FeatureMatrix.from_rows(older.to_rows()))).all()


def test_the_fingerprint_is_of_the_catalogue() -> None:
    assert fingerprint() == fingerprint()
    assert len(fingerprint()) == 16
    assert all(FEATURES[name].group == "emotional" for name in names("emotional"))
