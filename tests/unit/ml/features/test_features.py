from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.errors import FeatureError
from ml.features import extract
from ml.features.catalogue import FEATURES
from ml.profiles import FeatureMatrix, Interaction, LeadProfile
from tests.support.leads import NOW, events, leads

BARE = LeadProfile(lead_id="1", as_of=NOW)


def known(profile: LeadProfile) -> dict[str, float | str | None]:
    return {name: value for name, value in extract([profile]).to_rows()[0].items() if value is not None}


def happened(kind: str, days: float, direction: str | None = None) -> Interaction:
    moment = NOW - timedelta(days=days)
    return Interaction(kind=kind, occurred_at=moment, recorded_at=moment, direction=direction)


later = st.tuples(
    st.sampled_from(["listing_view", "sms", "email", "showing", "offer", "call", "inquiry", "no_show"]),
    st.sampled_from(["inbound", "outbound", None]),
    st.integers(-90, 90),
    st.integers(0, 90),
).filter(lambda event: event[2] > 0 or event[2] + event[3] > 0)


@given(future=st.lists(later, max_size=8), number=st.integers(0, 19))
@settings(max_examples=60, deadline=None)
def test_what_came_or_became_known_later_changes_nothing(
    future: list[tuple[str, str | None, int, int]], number: int
) -> None:
    profile = leads(20, seed=3)[0][number]
    added = tuple(
        Interaction(
            kind=kind,
            direction=direction,
            occurred_at=NOW + timedelta(days=days),
            recorded_at=NOW + timedelta(days=days + delay),
        )
        for kind, direction, days, delay in future
    )
    assert known(replace(profile, interactions=added + profile.interactions)) == known(profile)


@pytest.mark.parametrize("name", ["last_activity_at", "last_contacted_at", "last_replied_at", "stage_changed_at"])
def test_times_after_as_of_are_missing(name: str) -> None:
    assert known(replace(BARE, stage="new", times={name: NOW + timedelta(seconds=1)})) == {"stage": "new"}
    assert known(replace(BARE, created_at=NOW + timedelta(days=1))) == {}


def test_the_same_moment_counts() -> None:
    assert known(replace(BARE, interactions=(happened("showing", 0),)))["showings"] == 1


def test_nothing_known_is_missing_not_zero() -> None:
    assert known(BARE) == {}


def test_known_events_make_other_counts_zero_and_a_total_wins_when_larger() -> None:
    profile = replace(BARE, interactions=(happened("showing", 2),), numbers={"listing_views": 9.0, "showings": 0.0})
    row = known(profile)
    assert (row["showings"], row["listing_views"], row["offers"]) == (1, 9, 0)


def test_recent_doings_halve_with_their_half_life_and_are_capped() -> None:
    assert known(replace(BARE, interactions=(happened("showing", 30),)))["recent_showings"] == pytest.approx(0.5)
    many = tuple(happened("listing_view", 0) for _ in range(300))
    row = known(replace(BARE, interactions=many))
    assert (row["recent_views"], row["listing_views"]) == (20, 100)


def test_recency_silence_and_reply_time() -> None:
    told = (happened("sms", 5, "outbound"), happened("sms", 4, "inbound"), happened("email", 1, "outbound"))
    row = known(replace(BARE, interactions=told, created_at=NOW - timedelta(days=8)))
    assert (row["reply_days"], row["silence_days"], row["contact_days"], row["age_days"]) == (4, 4, 1, 8)
    assert row["reply_hours"] == 24
    assert row["response_rate"] == 1


def test_the_reply_after_one_lead_is_not_the_next_leads() -> None:
    first = replace(BARE, interactions=(happened("sms", 5, "outbound"),))
    second = replace(BARE, interactions=(happened("sms", 4, "inbound"),))
    assert extract([first, second]).to_rows()[1]["reply_hours"] is None


def test_a_terminal_stage_and_its_date_are_missing() -> None:
    for stage in ("closed", "Lost", "archived", "past_client", "Closed Won"):
        assert known(replace(BARE, stage=stage, times={"stage_changed_at": NOW - timedelta(days=3)})) == {}


def test_outcome_events_are_ignored() -> None:
    assert known(replace(BARE, interactions=(happened("opportunity_won", 1), happened("status_update", 1)))) == {}


def test_texts_that_say_nothing_are_missing() -> None:
    blanks: dict[str, float | str] = {
        "a": "Select",
        "b": " ",
        "c": "UNKNOWN",
        "d": "n/a",
        "e": "None given",
        "f": "x" * 200,
    }
    assert known(replace(BARE, custom=blanks | {"g": float("nan"), "h": float("inf"), "i": 1e300})) == {}


def test_own_columns_join_and_forbidden_ones_are_named() -> None:
    matrix = extract([replace(BARE, custom={"Pool ": "Yes", "Rooms": 4.0, "Marital Status": "x", "ZIP": 33101.0})])
    assert [name for name in matrix.columns if name.startswith("custom:")] == ["custom:Pool ", "custom:Rooms"]
    assert matrix.refused == {"Marital Status": "marital status", "ZIP": "postal code"}


def test_negative_counts_and_wild_numbers_are_missing() -> None:
    assert known(replace(BARE, numbers={"showings": -1.0, "offers": float("inf"), "budget_max": float("nan")})) == {}


def test_canonical_columns_are_all_in_the_catalogue() -> None:
    assert set(extract([BARE]).columns) == set(FEATURES)


def test_a_batch_gives_what_each_lead_alone_gives() -> None:
    profiles, _ = leads(30, seed=5)
    together = extract(profiles).to_rows()
    for profile, row in zip(profiles, together, strict=True):
        assert known(profile) == {name: value for name, value in row.items() if value is not None}


def test_order_of_events_does_not_matter() -> None:
    told = tuple(events(np.random.default_rng(1), NOW, 12))
    assert known(replace(BARE, interactions=told)) == known(replace(BARE, interactions=told[::-1]))


cell = st.one_of(st.none(), st.floats(-(2.0**120), 2.0**120, width=32), st.sampled_from(["a", "b", "1"]))


@given(rows=st.lists(st.dictionaries(st.sampled_from("abcd"), cell), max_size=6))
def test_rows_round_trip_exactly_also_when_a_column_mixes_numbers_and_texts(
    rows: list[dict[str, float | str | None]],
) -> None:
    matrix = FeatureMatrix.from_rows(rows)
    again = FeatureMatrix.from_rows(matrix.to_rows())
    assert again.to_rows() == matrix.to_rows()
    for row, back in zip(rows, matrix.to_rows(), strict=True):
        assert {name: back[name] for name in row} == row


def test_a_value_of_another_kind_is_refused_without_being_shown() -> None:
    with pytest.raises(FeatureError, match="feature 'x'") as caught:
        FeatureMatrix.from_rows([{"x": ["secret"]}])  # type: ignore[dict-item]
    assert "secret" not in str(caught.value)
