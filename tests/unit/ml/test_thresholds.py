from __future__ import annotations

import pytest

from ml.leads.results import band
from ml.thresholds import Threshold, beyond, hot, moved, within

READY = Threshold(name="ready", enter=0.6, leave=0.5)


@pytest.mark.parametrize(
    "before, now, sides",
    [
        (None, 0.6, {"ready": True}),
        (None, 0.59, {}),
        (None, 0.1, {}),
        (0.59, 0.6, {"ready": True}),
        (0.6, 0.9, {}),
        (0.9, 0.5, {}),
        (0.5, 0.49, {"ready": False}),
        (0.49, 0.1, {}),
        (0.9, 0.1, {"ready": False}),
    ],
)
def test_a_score_enters_at_one_height_and_leaves_below_a_lower_one(
    before: float | None, now: float, sides: dict[str, bool]
) -> None:
    assert moved([READY], before, now) == sides


def test_where_a_score_lies_is_told_but_for_what_it_lies_between() -> None:
    low, high = Threshold(name="low", enter=0.3, leave=0.2), Threshold(name="high", enter=0.9, leave=0.8)
    assert beyond([low, READY, high], 0.55) == {"low": True, "high": False}


def test_the_threshold_of_a_tenant_that_names_none_follows_its_hot_band() -> None:
    assert hot({"hot": 0.6, "warm": 0.3}) == Threshold(name="hot", enter=0.6, leave=0.5)
    assert hot({"hot": 0.9}).leave == 0.75


@pytest.mark.parametrize("chosen", ["hot", "warm", "cold"])
@pytest.mark.parametrize("said", [0.01, 0.29, 0.3, 0.45, 0.6, 0.99])
@pytest.mark.parametrize("hot_at, warm_at", [(0.6, 0.3), (0.8, 0.2)])
def test_what_a_person_chose_is_a_probability_of_that_band(
    chosen: str, said: float, hot_at: float, warm_at: float
) -> None:
    found = within(chosen, said, hot=hot_at, warm=warm_at)
    assert band(found, hot=hot_at, warm=warm_at) == chosen
    assert found == said or band(said, hot=hot_at, warm=warm_at) != chosen
