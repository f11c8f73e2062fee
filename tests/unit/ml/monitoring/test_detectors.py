"""Drift of a series: found soon, told with its direction and beginning, and never out of nothing."""

import random

import numpy as np
import pytest

from ml.errors import LabelsError
from ml.monitoring.change_point import change_point
from ml.monitoring.detectors import DriftDetector


def errors(*parts, seed=0):
    source = random.Random(seed)
    return [float(source.random() < rate) for rate, count in parts for _ in range(count)]


def findings(values):
    detector = DriftDetector()
    return [found for value in values if (found := detector.update(value))]


def test_a_doubled_error_is_found_within_250_labels_at_the_retrain_level():
    delays = []
    for seed in range(30):
        told = findings(errors((0.2, 2000), (0.4, 1000), seed=seed))
        sure = [found for found in told if found.level == "retrain"]
        assert [found.direction for found in sure] == ["worse"]
        delays.append(sure[0].at - 2000)
    assert min(delays) > 0
    assert np.percentile(delays, 90) <= 250


def test_hundred_thousand_stationary_errors_ask_for_no_retraining():
    assert [found for found in findings(errors((0.2, 100_000), seed=5)) if found.level == "retrain"] == []


def test_an_improvement_is_told_and_never_more_than_watched():
    told = findings(errors((0.4, 2000), (0.1, 2000)))
    assert [found for found in told if found.direction == "better" and found.at >= 2000]
    assert {found.level for found in told if found.direction == "better"} == {"watch"}


def test_a_finding_says_when_it_began_and_what_the_error_was_on_both_sides():
    sure = next(found for found in findings(errors((0.1, 1000), (0.5, 500))) if found.level == "retrain")
    assert abs(sure.since - 1000) <= 30
    assert sure.before == pytest.approx(0.1, abs=0.03)
    assert sure.after == pytest.approx(0.5, abs=0.15)  # of some sixty labels
    assert sure.since <= sure.at


def test_positions_count_over_all_values_also_after_a_finding():
    told = [found for found in findings(errors((0.05, 1000), (0.3, 1000), (0.7, 1000))) if found.level == "retrain"]
    assert [round(found.since, -2) for found in told] == [1000, 2000]


def test_a_squared_error_is_watched_like_a_wrong_answer():
    source = np.random.default_rng(0)
    series = np.concatenate([source.beta(2, 18, 1500), source.beta(4, 16, 500)])
    assert any(found.level == "retrain" and found.at > 1500 for found in findings(series.tolist()))


def test_what_is_no_figure_is_refused():
    with pytest.raises(LabelsError):
        DriftDetector().update(float("nan"))


def test_the_change_point_of_a_step_is_the_step():
    assert change_point([0.0] * 30 + [1.0] * 7).at == 30
    # a margin keeps one odd value at an end from being a change
    assert change_point([1.0] + [0.0] * 20 + [0.2] * 20, margin=5).at == 21
