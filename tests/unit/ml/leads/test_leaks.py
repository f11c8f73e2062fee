"""Columns that know the outcome are named; honest ones, rare ones and those with many levels are not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.arrays import Bools, Floats
from ml.leads import probe, train
from ml.leads.leaks import FEWEST_FILLED, columns_alone, unprobed
from ml.profiles import FeatureMatrix, Value

Cells = Sequence[Value | None]
ROWS = 400
RNG = np.random.default_rng(0)
WON: Bools = RNG.random(ROWS) < 0.4
NOISE: Floats = RNG.random(ROWS)


def matrix(**columns: Cells) -> FeatureMatrix:
    rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    return FeatureMatrix.from_rows(rows)


def named(cells: Cells, labels: Bools = WON) -> bool:
    return "it" in probe(matrix(it=cells), labels, seed=0)


def filled(won: float, lost: float, value: Value = "price") -> list[Value | None]:
    """Fill cells at these rates, whatever is in them."""
    return [value if noise < (won if label else lost) else None for label, noise in zip(WON, NOISE, strict=True)]


@pytest.mark.parametrize("won, lost", [(0, 0.8), (0, 0.3), (0.6, 0), (0.3, 0), (0.008, 0.8), (1, 0), (0, 1)])
def test_what_is_filled_in_for_one_outcome_is_named(won: float, lost: float) -> None:
    assert named(filled(won, lost))
    assert named(filled(won, lost, 7.0))


@pytest.mark.parametrize("won, lost", [(0.02, 0.02), (0.5, 0.5), (0.2, 0.5), (0.9, 0.3), (1, 0.6), (0.03, 0.0)])
def test_what_is_filled_in_for_both_outcomes_or_rarely_is_not(won: float, lost: float) -> None:
    assert not named(filled(won, lost))


@pytest.mark.parametrize("blank, why", [(0.4, None), (0.75, "blank in 0 of")])
def test_blanks_of_one_outcome_are_named_where_they_cover_half_of_it(blank: float, why: str | None) -> None:
    reasons = probe(matrix(it=filled(1, 1 - blank)), WON, seed=0)
    assert reasons.get("it", "None").startswith(str(why))


def test_a_reason_says_the_counts_and_goes_with_the_model() -> None:
    cells = filled(0, 0.8)
    count = sum(cell is not None for cell in cells)
    columns = matrix(visits=NOISE.tolist(), why=cells)
    found = train(columns, WON, seed=0)
    said = f"filled in for 0 of {WON.sum()} positive and {count} of {(~WON).sum()} negative rows"
    assert found.leak_reasons == {"why": said}
    assert found.leaks.keys() == {"why"}
    assert found.leaks["why"] < 0.95
    assert found.dropped["why"] == f"leaks the outcome: {said}"
    assert found.features == ("visits",)
    allowed = train(columns, WON, seed=0, allow_leaks=["why"])
    assert allowed.leak_reasons == found.leak_reasons
    assert "why" in allowed.features
    assert allowed.metrics.auc > found.metrics.auc + 0.2


def test_a_leak_keeps_its_auc_in_the_report_however_many_columns_rank_better() -> None:
    better = {f"n{n}": (0.7 * WON + RNG.normal(size=ROWS)).tolist() for n in range(40)}
    found = train(matrix(**better, zz=filled(0, 0.2)), WON, seed=0)
    assert "zz" in found.leaks
    assert "zz" in found.alone
    assert len(found.alone) == 31


def staged(share: float) -> list[Value | None]:
    """A stage that is `signed` for a share of the won leads and nobody else; the rest of it says nothing."""
    other = ("new", "called", "viewing")
    return [
        "signed" if label and noise < share else other[row % 3]
        for row, (label, noise) in enumerate(zip(WON, NOISE, strict=True))
    ]


def test_a_level_of_one_outcome_is_named_where_it_tells_half_of_it() -> None:
    assert named(staged(0.7))
    assert not named(staged(0.2))


def test_many_small_levels_of_one_outcome_are_seen_together() -> None:
    reasons = [
        f"reason {row % 12}" if not label and noise < 0.8 else "none given yet"
        for row, (label, noise) in enumerate(zip(WON, NOISE, strict=True))
    ]
    assert named(reasons)


def test_an_amount_that_only_won_leads_have_is_named_where_the_others_have_nought() -> None:
    commission: list[Value | None] = [
        1000 * noise if label and noise < 0.8 else 0.0 for label, noise in zip(WON, NOISE.tolist(), strict=True)
    ]
    assert named(commission)


@pytest.mark.parametrize("levels", [5, 40, 130, 400, 10**6])
def test_a_column_of_many_levels_is_not_named(levels: int) -> None:
    assert not named([f"level {n}" for n in np.random.default_rng(1).integers(0, levels, ROWS).tolist()])


def test_a_strong_honest_column_is_not_named() -> None:
    assert not named((1.2 * WON + np.random.default_rng(2).normal(size=ROWS)).tolist())


def test_a_poor_source_is_not_named() -> None:
    rng = np.random.default_rng(3)
    portal = rng.random(2000) < 0.5
    won = rng.random(2000) < np.where(portal, 0.02, 0.2)
    assert not named(["portal" if poor else "referral" for poor in portal.tolist()], won)


def test_recorded_events_are_not_asked_which_outcome_they_belong_to() -> None:
    offers = filled(0.5, 0, 2.0)
    assert probe(matrix(offer_days=offers, **{"custom:Offers": offers}), WON, seed=0).keys() == {"custom:Offers"}


def test_nothing_is_named_by_chance() -> None:
    rng = np.random.default_rng(4)
    rates = rng.random(300)
    cells = np.where(rng.random((ROWS, 300)) < rates, rng.integers(0, 20, (ROWS, 300)), np.nan)
    columns = FeatureMatrix(columns=tuple(f"c{n}" for n in range(300)), values=cells.astype(np.float32))
    assert probe(columns, WON, seed=0) == {}


@given(
    cells=st.lists(st.sampled_from(["a", "b", 1.0, 2.5, None]), min_size=12, max_size=60),
    labels=st.lists(st.booleans(), min_size=60, max_size=60),
)
@settings(max_examples=60, deadline=None)
def test_few_rows_name_nothing_by_one_side_and_break_nothing(cells: list[Value | None], labels: list[bool]) -> None:
    truth = np.array([True] * 5 + [False] * 5 + labels)[: len(cells)]
    alone = columns_alone(matrix(it=cells), truth, seed=0)["it"]
    assert 0 <= alone.auc <= 1
    if len(cells) < 20:
        assert alone.leak is None or alone.auc > 0.95


@pytest.mark.parametrize(
    "cells, reason",
    [
        ([None] * ROWS, "no value at all"),
        ([1.0] * (FEWEST_FILLED - 1) + [None] * (ROWS - FEWEST_FILLED + 1), f"fewer than {FEWEST_FILLED} values"),
        ([f"called back on {row}" for row in range(ROWS)], "text: nearly every value differs"),
        ([f"agent {row % 40}" for row in range(ROWS)], None),
        ([float(row) for row in range(ROWS)], None),
        ([1.0] * FEWEST_FILLED + [None] * (ROWS - FEWEST_FILLED), None),
    ],
)
def test_a_column_that_cannot_be_asked_is_named_with_the_reason(cells: Cells, reason: str | None) -> None:
    assert unprobed(matrix(it=cells)) == ({} if reason is None else {"it": reason})


def test_a_training_tells_which_columns_were_asked() -> None:
    found = train(
        matrix(rooms=[float(x) for x in NOISE], note=[f"called back on {row}" for row in range(ROWS)]), WON, seed=0
    )
    assert found.probed == ("rooms",)
    assert found.unprobed == {"note": "text: nearly every value differs"}


def test_a_training_tells_what_moves_scores_by_meaning() -> None:
    rows = {"showings": [float(x > 0.5) for x in NOISE], "offers": [float(x > 0.8) for x in NOISE], "it": [*NOISE]}
    found = train(matrix(**rows), NOISE > 0.6, seed=0, allow_leaks=tuple(rows))
    assert {each.meaning for each in found.meanings} == {"showings and offers", "it"}
    assert sum(each.share for each in found.meanings) == pytest.approx(1)
    assert [each.log_odds for each in found.meanings] == sorted((e.log_odds for e in found.meanings), reverse=True)
    assert sorted(name for each in found.meanings for name in each.features) == sorted(found.features)
