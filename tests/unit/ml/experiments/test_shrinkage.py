from __future__ import annotations

import numpy as np
import pytest

from ml.experiments.effects import Arm, difference
from ml.experiments.shrinkage import partial

LARGE = (Arm(9000, 2700), Arm(1000, 200))


def test_a_small_type_leans_on_the_others_and_a_large_one_on_itself() -> None:
    tallies = {"large": LARGE, "small": (Arm(18, 4), Arm(2, 1))}
    found = partial(tallies)
    own = {name: difference(*pair).difference or 0.0 for name, pair in tallies.items()}
    assert found["large"].estimate == pytest.approx(own["large"], abs=0.005)
    assert abs(found["small"].estimate - own["large"]) < abs(found["small"].estimate - own["small"])


def test_a_type_alone_is_what_its_own_leads_say() -> None:
    own, found = difference(*LARGE), partial({"only": LARGE})["only"]
    assert (found.estimate, found.low, found.high) == pytest.approx((own.difference, own.low, own.high))
    assert found.leads == 10_000


def test_a_type_that_lacks_an_arm_is_left_out() -> None:
    assert list(partial({"a": LARGE, "b": (Arm(9, 9), Arm(0, 0)), "c": (Arm(0, 0), Arm(1, 1))})) == ["a"]
    assert partial({"b": (Arm(9, 9), Arm(0, 0))}) == {} == partial({})


def test_types_that_agree_get_shorter_intervals() -> None:
    pair = (Arm(450, 135), Arm(50, 10))
    own, found = difference(*pair), partial(dict.fromkeys("abcdef", pair))["a"]
    assert found.high - found.low < 0.95 * ((own.high or 0) - (own.low or 0))


def test_the_order_of_types_does_not_matter() -> None:
    tallies = {"a": LARGE, "b": (Arm(90, 30), Arm(10, 2)), "c": (Arm(450, 90), Arm(50, 20))}
    turned = partial(dict(reversed(tallies.items())))
    for name, uplift in partial(tallies).items():
        assert (uplift.estimate, uplift.low, uplift.high) == pytest.approx(
            (turned[name].estimate, turned[name].low, turned[name].high)
        )


@pytest.mark.parametrize("kept", [0, 1])
@pytest.mark.parametrize("stayed", [0, 1])
@pytest.mark.parametrize("sent, held", [(1, 1), (9, 1), (20_000, 1), (100_000, 100_000)])
def test_every_tally_has_an_estimate_within_its_interval(kept: int, stayed: int, sent: int, held: int) -> None:
    found = partial(
        {"odd": (Arm(sent, sent * kept), Arm(held, held * stayed)), "usual": LARGE, "few": (Arm(9, 2), Arm(1, 0))}
    )
    for uplift in found.values():
        assert -1 <= uplift.low <= uplift.estimate <= uplift.high <= 1


@pytest.mark.parametrize("high, significant", [(None, True), (0.2, False)])
def test_an_uplift_is_significant_when_its_interval_leaves_out_0(high: float | None, significant: bool) -> None:
    pair = (Arm(9000, 2700), Arm(1000, 200)) if high is None else (Arm(90, 27), Arm(10, 2))
    found = partial({"a": pair})["a"]
    assert (found.significant, found.helps, found.harms) == (significant, significant, False)


def test_harm_is_significant_too() -> None:
    found = partial({"a": (Arm(9000, 1800), Arm(1000, 400))})["a"]
    assert (found.significant, found.helps, found.harms) == (True, False, True)


def test_every_type_keeps_its_coverage_the_one_unlike_the_others_too() -> None:
    effects, random = (0.06, 0.05, 0.07, 0.06, -0.14), np.random.default_rng(0)
    runs, covered = 300, np.zeros(len(effects))
    for _ in range(runs):
        found = partial(
            {
                str(at): (Arm(540, random.binomial(540, 0.26 + effect)), Arm(60, random.binomial(60, 0.26)))
                for at, effect in enumerate(effects)
            }
        )
        covered += [found[str(at)].low <= effect <= found[str(at)].high for at, effect in enumerate(effects)]
    # a normal posterior's interval holds the last in about 7 of 10
    assert (covered / runs > 0.915).all()
    assert 0.93 < covered.mean() / runs < 0.97
