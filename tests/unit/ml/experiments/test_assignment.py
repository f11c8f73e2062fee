from __future__ import annotations

import math

import pytest

from ml.experiments.assignment import Assignment, assign, place

UNITS = [f"lead-{number}" for number in range(20_000)]
#: written down once: who is held out today must be so for as long as the experiment runs
GOLDEN = [
    ("lead-1", "t/interventions/0.1", 0.6020959502268608),
    ("lead-2", "t/interventions/0.1", 0.44210499171475115),
    ("lead-1", "other", 0.1130230007520131),
    ("é", "t:1", 0.5299221105062337),
    ("", "", 0.813974159994924),
    ("1:t", "", 0.9343619689973254),
]


@pytest.mark.parametrize("unit, experiment, there", GOLDEN)
def test_a_place_never_drifts(unit: str, experiment: str, there: float) -> None:
    assert place(unit, experiment) == there


def test_those_held_out_never_drift() -> None:
    held = [
        number for number in range(40) if assign(f"lead-{number}", experiment="t/interventions/0.1", share=0.1).held_out
    ]
    assert held == [12, 36, 39]


@pytest.mark.parametrize("share", [0.05, 0.1, 0.5])
def test_arms_have_their_shares(share: float) -> None:
    held = sum(assign(unit, experiment="a", share=share).held_out for unit in UNITS)
    assert abs(held - share * len(UNITS)) < 3 * math.sqrt(share * (1 - share) * len(UNITS))


def test_places_are_spread_evenly() -> None:
    tenths = [0] * 10
    for unit in UNITS:
        tenths[int(10 * place(unit, "a"))] += 1
    expected = len(UNITS) / 10
    # chi-square with nine degrees of freedom: 27.9 is passed once in 1,000
    assert sum((count - expected) ** 2 / expected for count in tenths) < 27.9


def test_experiments_divide_the_same_units_independently() -> None:
    first, second = (
        {unit for unit in UNITS if assign(unit, experiment=experiment, share=0.1).held_out}
        for experiment in ("tenant-1/interventions", "tenant-2/interventions")
    )
    both = 0.01 * len(UNITS)
    assert abs(len(first & second) - both) < 3 * math.sqrt(both)


def test_who_is_held_out_is_so_at_a_larger_share() -> None:
    few, many = (
        {unit for unit in UNITS if assign(unit, experiment="a", share=share).held_out} for share in (0.05, 0.2)
    )
    assert few < many


def test_names_that_only_look_alike_together_are_not_the_same() -> None:
    assert place("b:c", "a") != place("c", "a:b")


def test_the_propensity_is_that_of_the_arm_it_got() -> None:
    held, sent = (assign("lead-1", experiment="other", share=share) for share in (0.2, 0.1))
    assert (held, sent) == (Assignment(True, 0.2), Assignment(False, 0.9))


@pytest.mark.parametrize("share, held", [(0.0, False), (1.0, True)])
def test_nobody_or_everybody(share: float, held: bool) -> None:
    assert {assign(unit, experiment="a", share=share) for unit in UNITS[:500]} == {Assignment(held, 1.0)}


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_that_is_none(share: float) -> None:
    with pytest.raises(ValueError):
        assign("lead-1", experiment="a", share=share)
