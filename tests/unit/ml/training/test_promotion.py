from __future__ import annotations

import numpy as np
import pytest

from ml.errors import LabelsError
from ml.training.looks import FIRST_LOOK, RISK, Look
from ml.training.paired_test import p_value
from ml.training.promotion import decide


def sample(rows: int = 800, *, noise: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    odds = rng.normal(-1, 1.5, rows)
    labels = rng.random(rows) < 1 / (1 + np.exp(-odds))
    return labels, 1 / (1 + np.exp(-(odds + rng.normal(0, noise, rows))))


def test_promotion_wants_more_than_noise() -> None:
    labels, good = sample(noise=0.3)
    _, same = sample(noise=0.3)
    assert decide(labels, good, None, look=FIRST_LOOK).promoted
    assert decide(labels, np.full(len(labels), labels.mean()), None, look=FIRST_LOOK).verdict == "refuse"
    verdict = decide(labels, good, same, look=FIRST_LOOK)
    assert not verdict.promoted
    assert "champion" in verdict.reason
    worse = np.clip(good * 0.3, 0, 1)
    assert decide(labels, good, worse, look=FIRST_LOOK).reason.startswith("better than the present champion")
    assert decide(labels, worse, good, look=FIRST_LOOK).verdict == "refuse"


def test_what_seems_better_without_proof_is_a_shadow_and_needs_more_proof_at_later_looks() -> None:
    labels, better = sample(900, noise=0.4)
    champion = sample(900, noise=0.9)[1]
    first, late = (decide(labels, better, champion, look=Look(number=number)) for number in (1, 52))
    assert first.gain == late.gain
    assert first.p_value == late.p_value
    assert first.level > late.level > 0
    # a little nearer to the label for eleven leads in twenty
    near = [0.65 if number % 40 < 22 else 0.55 for number in range(0, 200, 2) for _ in range(2)]
    said = [near[number] if number % 2 else 1 - near[number] for number in range(200)]
    few = decide([False, True] * 100, said, [0.4, 0.6] * 100, look=Look(number=9))
    assert (few.verdict, few.look, few.rows) == ("shadow", 9, 200)
    assert "by more than noise at look 9" in few.reason


def test_a_gain_too_small_for_a_change_is_no_promotion() -> None:
    labels, champion = sample(20_000, noise=0.5)
    # every probability a little nearer to its label: sure, and not worth it
    challenger = champion + 0.001 * (labels - champion)
    verdict = decide(labels, challenger, champion, look=FIRST_LOOK)
    assert verdict.p_value is not None
    assert verdict.p_value < 1e-6
    assert verdict.verdict == "shadow"
    assert "less than 1%" in verdict.reason


def test_who_does_not_beat_the_base_rate_is_refused_whomever_it_beats() -> None:
    labels, _ = sample()
    constant, reversed_scores = np.full(len(labels), labels.mean()), np.where(labels, 0.1, 0.9)
    verdict = decide(labels, constant, reversed_scores, look=Look(number=3))
    assert (verdict.verdict, verdict.against, verdict.look) == ("refuse", "the base rate", 3)


def test_a_gain_that_hangs_on_one_row_is_noise() -> None:
    labels, champion = [False, True] * 50, [0.4, 0.6] * 50
    verdict = decide(labels, [0.0, *champion[1:]], champion, look=FIRST_LOOK)
    assert not verdict.promoted
    assert "not better than the present champion by more than noise" in verdict.reason


def test_rows_of_one_lead_say_less_than_as_many_leads() -> None:
    labels = [True, False] * 20
    champion = [0.6 if label else 0.4 for label in labels]
    # better for most leads, and far off for two of them
    newcomer = [(0.2 if number % 20 == 0 else 0.7) if label else 0.4 for number, label in enumerate(labels)]
    rows = [100 * part for part in (labels, newcomer, champion)]
    leads = [str(number) for number in range(40)] * 100
    assert decide(*rows, look=FIRST_LOOK).promoted
    assert not decide(*rows, look=FIRST_LOOK, groups=leads).promoted


def test_probabilities_that_do_not_fit_the_labels_are_refused() -> None:
    with pytest.raises(LabelsError):
        decide([True, False], [0.5, 0.5], [0.5], look=FIRST_LOOK)


def test_all_looks_together_never_take_more_than_the_risk() -> None:
    levels = [Look(number=number).level for number in range(1, 5000)]
    assert min(levels) > 0
    assert sum(levels) == pytest.approx(Look(number=4999).spent)
    assert Look(number=4999).spent < RISK
    assert sorted(levels, reverse=True) == levels


def test_the_p_value_is_small_as_often_as_it_says_also_for_gains_with_a_long_left_tail() -> None:
    rng = np.random.default_rng(5)
    of = np.arange(150)
    for draw in (rng.normal, lambda size: 1 - rng.exponential(size=size)):
        found = np.array([p_value(np.asarray(draw(size=150)), of) for _ in range(4000)])
        assert (found <= 0.02).mean() <= 0.026
        assert (found <= 0.1).mean() == pytest.approx(0.1, abs=0.03)


def test_equal_gains_are_sure_and_losses_are_none() -> None:
    assert p_value(np.full(9, 0.1), np.arange(9)) < 1e-9
    assert p_value(np.full(9, -0.1), np.arange(9)) == 1
    assert p_value(np.full(9, 0.1), np.zeros(9, dtype=np.intp)) == 1
