"""A check: estimates are as good as calibration, alerts are ranked by harm, and actions follow harm alone."""

import numpy as np
import pytest

from ml.monitoring.alerts import Alert, action_of, of_estimate, ranked
from ml.monitoring.check import Observed, check
from ml.monitoring.performance import estimated, realised
from ml.monitoring.reference import reference_of
from ml.profiles import FeatureMatrix


def world(count, *, seed, odds=0.0, truth=0.0):
    """Scores of a calibrated model, and labels; `truth` moves what happens and not what is said."""
    rng = np.random.default_rng(seed)
    height = rng.normal(odds, 1.5, count)
    return 1 / (1 + np.exp(-height)), rng.random(count) < 1 / (1 + np.exp(-height - truth))


@pytest.fixture(scope="module")
def reference():
    said, labels = world(4000, seed=0)
    matrix = FeatureMatrix.from_rows([{"views": float(np.float32(p))} for p in said])
    return reference_of(matrix, labels, said)


def observed(said, labels=(), **given):
    columns = {"views": [float(np.float32(p)) for p in said]}
    return Observed(probabilities=said.tolist(), columns=columns, labels=labels, served=said[: len(labels)], **given)


def test_estimated_performance_is_within_sampling_error_of_what_comes():
    gaps, errors = [], []
    for seed in range(40):
        said, labels = world(1000, seed=seed)
        expected, real = estimated(said), realised(labels, said)
        gaps.append((abs(expected.accuracy - real.accuracy), abs(expected.brier - real.brier)))
        errors.append((expected.accuracy_error, expected.brier_error))
    assert (np.mean(gaps, axis=0) <= 1.2 * np.mean(errors, axis=0)).all()


def test_figures_of_labels_are_those_of_their_definitions():
    said, labels = world(500, seed=1)
    found = realised(labels, said)
    assert found.brier == pytest.approx(np.mean((said - labels) ** 2))
    assert found.accuracy == np.mean((said >= 0.5) == labels)
    assert found.kappa_t == pytest.approx((found.accuracy - found.no_change) / (1 - found.no_change))
    assert realised([], []) is None
    assert realised([True, True], [1.0, 1.0]).log_loss < 1e-9


def test_a_model_that_does_as_before_is_left_alone(reference):
    said, labels = world(900, seed=2)
    found = check(observed(said, labels), reference)
    assert (found.action, found.direction, found.alerts) == ("none", None, ())


def test_what_happens_turns_and_labels_ask_for_a_retraining(reference):
    before, after = world(600, seed=3), world(600, seed=4, truth=-3.0)
    said, labels = (np.concatenate(pair) for pair in zip(before, after, strict=True))
    found = check(observed(said, labels, since=600), reference)
    assert (found.action, found.direction) == ("retrain", "worse")
    assert found.alerts[0].series == "performance"


def test_drift_of_an_earlier_window_is_known_and_no_alert(reference):
    before, after = world(600, seed=3), world(1200, seed=4, truth=-3.0)
    said, labels = (np.concatenate(pair) for pair in zip(before, after, strict=True))
    found = check(observed(said, labels, since=1700), reference)
    assert any(finding.level == "retrain" for finding in found.findings)
    assert found.action != "retrain"


def test_less_sure_scores_warn_before_any_label(reference):
    rng = np.random.default_rng(5)
    found = check(observed(rng.uniform(0.4, 0.6, 500)), reference)
    assert found.realised is None
    assert "estimate" in {alert.series for alert in found.alerts if alert.level == "warning"}
    assert found.action == "warn"


def test_a_season_of_the_estimate_is_held_against_the_first_window(reference):
    rng = np.random.default_rng(6)
    said = rng.uniform(0.4, 0.6, 500)
    assert of_estimate(said, baseline=reference.expected_brier, rows=reference.rows)
    begun = observed(said, first_probabilities=rng.uniform(0.4, 0.6, 500))
    assert "estimate" not in {alert.series for alert in check(begun, reference).alerts}


def test_alerts_stand_in_the_order_of_their_harm_and_not_of_their_level():
    alerts = [
        Alert(series="feature:a", level="warning", direction="worse", effect=0.01, reason=""),
        Alert(series="feature:b", level="watch", direction="worse", effect=0.05, reason=""),
        Alert(series="performance", level="watch", direction="better", effect=-0.2, reason=""),
    ]
    assert [alert.series for alert in ranked(alerts)] == ["feature:b", "feature:a", "performance"]
    assert action_of(alerts) == "warn"


def test_without_reference_labels_and_estimates_still_tell():
    said, labels = world(300, seed=7)
    found = check(observed(said, labels), None)
    assert (found.inputs, found.score) == ((), None)
    assert found.realised.labels == found.estimated.rows == 300


def test_a_change_within_the_window_that_is_no_shift_of_the_whole_is_watched(reference):
    said = np.sort(world(1500, seed=8)[0])
    found = check(observed(said), reference)
    told = {alert.series: alert.level for alert in found.alerts}
    assert {shift.shifted for shift in found.inputs} == {"none"}
    assert told["feature:views"] == told["score"] == "watch"
    assert found.action == "none"
