from __future__ import annotations

import math

import numpy as np
import pytest

from ml.experiments.effects import Arm, difference
from ml.experiments.power import detectable, needed, weeks_needed


def test_the_size_of_the_domain() -> None:
    assert round(needed(0.20, 0.05, 0.10), -2) == 5700


def test_halves_need_the_fewest() -> None:
    sizes = {share: needed(0.2, 0.05, share) for share in (0.05, 0.1, 0.3, 0.5)}
    assert sorted(sizes.values(), reverse=True) == list(sizes.values())
    # the textbook size of two equal arms, 20 against 25 %: 1,091 each without a correction for continuity
    assert sizes[0.5] == pytest.approx(2 * 1091, abs=3)


@pytest.mark.parametrize(
    "base, effect, share", [(0.2, 0.05, 0.1), (0.5, 0.1, 0.1), (0.05, 0.02, 0.3), (0.9, 0.05, 0.2)]
)
def test_what_is_detectable_is_what_was_planned_for(base: float, effect: float, share: float) -> None:
    leads = needed(base, effect, share)
    held = round(share * leads)
    assert detectable(leads - held, held, base) == pytest.approx(effect, rel=0.01)


def test_the_planned_size_sees_the_effect_in_about_four_of_five_runs() -> None:
    random, leads = np.random.default_rng(0), needed(0.2, 0.05, 0.1)
    held = leads // 10
    seen = 0
    for kept, stayed in zip(
        random.binomial(leads - held, 0.25, 1000).tolist(), random.binomial(held, 0.2, 1000).tolist(), strict=True
    ):
        low = difference(Arm(leads - held, kept), Arm(held, stayed)).low
        seen += low is not None and low > 0
    # Newcombe's interval is a little wider than the approximation: .762 over 20,000 runs
    assert 0.73 < seen / 1000 < 0.8


def test_more_leads_detect_less() -> None:
    found = [detectable(9 * n, n, 0.2) for n in (20, 100, 1000)]
    assert None not in found
    assert found == sorted(found, reverse=True)  # type: ignore[type-var]


def test_a_rise_from_nothing_is_detectable() -> None:
    found = detectable(900, 100, 0.0)
    assert found is not None
    assert 0 < found < 0.02


@pytest.mark.parametrize("treated, held, base", [(0, 10, 0.2), (10, 0, 0.2), (9, 1, 0.5), (900, 100, 1.0)])
def test_nothing_is_detectable(treated: int, held: int, base: float) -> None:
    assert detectable(treated, held, base) is None


@pytest.mark.parametrize(
    "base, effect, share", [(0.2, 0.0, 0.1), (0.98, 0.05, 0.1), (0.2, 0.05, 0.0), (0.2, 0.05, 1.0)]
)
def test_no_size_is_enough(base: float, effect: float, share: float) -> None:
    with pytest.raises(ValueError):
        needed(base, effect, share)


@pytest.mark.parametrize(
    "leads, weekly, settled, weeks", [(1000, 50, 0, 20), (1000, 50, 900, 2), (1000, 50, 1000, 0), (1000, 0, 1200, 0)]
)
def test_weeks_needed(leads: int, weekly: float, settled: int, weeks: float) -> None:
    assert weeks_needed(leads, weekly, settled=settled) == weeks


def test_nobody_comes_so_nobody_knows_when() -> None:
    assert weeks_needed(1000, 0.0) is None
    assert math.isfinite(weeks_needed(1000, 0.1) or math.inf)
