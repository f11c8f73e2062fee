"""From events to a model: a small simulated brokerage in which some leads slow down before they go."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from ml.artifacts import dump, load
from ml.churn.labels import History, Label, StageRecord, labels
from ml.churn.risk import assess
from ml.churn.scorecard import probability_of
from ml.churn.scorer import ChurnScorer
from ml.churn.training import MOST_ROWS, gate, scorecard_probabilities, thinned, train
from ml.ensemble.cross_validation import split
from ml.errors import LabelsError
from ml.features import extract
from ml.leads import Training
from ml.profiles import FeatureMatrix, Interaction, LeadProfile
from tests.support.leads import NOW

DAY = timedelta(days=1)
DATES = [NOW + day * DAY for day in (0, 20, 40)]
UNTIL = NOW + 90 * DAY


def said(day: float, direction: str) -> Interaction:
    at = NOW + day * DAY
    return Interaction(kind="sms", occurred_at=at, recorded_at=at, direction=direction)


def history(rng: np.random.Generator, number: int) -> History:
    """Make a lead that answers every few days until it goes, if it goes."""
    pace, came = float(rng.uniform(1, 12)), -float(rng.uniform(20, 60))
    gone = float(rng.uniform(-20, 60)) if rng.random() < pace / 12 else 1000.0
    moments = np.arange(came, 90, pace)
    replies = [said(day, "inbound") for day in moments.tolist() if day < gone]
    ours = [said(day + 0.1, "outbound") for day in moments.tolist()]
    since = NOW + came * DAY
    profile = LeadProfile(lead_id=str(number), as_of=NOW, created_at=since, interactions=(*replies, *ours))
    standing = StageRecord(since=since, recorded_at=since, stage="engaged")
    return History(profile=profile, observed_at=since, stage_history=(standing,))


@pytest.fixture(scope="module")
def brokerage() -> tuple[FeatureMatrix, list[Label], list[LeadProfile]]:
    rng = np.random.default_rng(0)
    histories = [history(rng, number) for number in range(120)]
    told = labels(histories, DATES, until=UNTIL)
    by_lead = {one.profile.lead_id: one for one in histories}
    profiles = [by_lead[label.lead_id].at(label.as_of) for label in told]
    return extract(profiles), told, profiles


@pytest.fixture(scope="module")
def trained(brokerage: tuple[FeatureMatrix, list[Label], list[LeadProfile]]) -> Training:
    matrix, told, _ = brokerage
    return train(matrix, told, seed=0, folds=3)


def test_who_goes_is_told_by_who_slows_down(trained: Training) -> None:
    assert trained.metrics.auc > 0.85
    assert trained.scorer.kind == "churn"


def test_the_riskier_level_goes_cold_sooner(trained: Training) -> None:
    assert isinstance(trained.scorer, ChurnScorer)
    curves = trained.scorer.curves_
    assert curves is not None
    assert curves.cold.shape[0] == 5
    assert curves.cold[4, 14] > curves.cold[0, 14]


def test_a_trained_model_assesses_and_its_artifact_says_the_same(
    trained: Training, brokerage: tuple[FeatureMatrix, list[Label], list[LeadProfile]]
) -> None:
    matrix, _, profiles = brokerage
    again = load(dump(trained.scorer))
    assert isinstance(again, ChurnScorer)
    assert isinstance(trained.scorer, ChurnScorer)
    found = assess(profiles[:20], matrix.take(range(20)), scorer=trained.scorer)
    assert found == assess(profiles[:20], matrix.take(range(20)), scorer=again)
    assert any(one is not None and one.days_to_churn is not None for one in found)


def test_snapshots_of_a_lead_are_on_one_side_of_a_fold() -> None:
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 60, 300)
    parts = split(rng.random(300) < 0.3, seed=0, groups=groups)
    assert sorted(np.concatenate([held for _, held in parts]).tolist()) == list(range(300))
    assert not any(set(groups[seen]) & set(groups[held]) for seen, held in parts)


def test_outcomes_of_one_lead_alone_teach_nothing() -> None:
    truth = np.array([True] * 5 + [False] * 20)
    with pytest.raises(LabelsError):
        split(truth, seed=0, groups=np.array([0] * 5 + list(range(1, 21))))


def test_labels_without_features_are_refused(brokerage: tuple[FeatureMatrix, list[Label], list[LeadProfile]]) -> None:
    matrix, told, _ = brokerage
    with pytest.raises(LabelsError):
        train(matrix, told[:-1], seed=0)


def test_leads_are_counted_once_an_outcome_and_what_is_missing_is_told(
    brokerage: tuple[FeatureMatrix, list[Label], list[LeadProfile]],
) -> None:
    _, told, _ = brokerage
    cold = {label.lead_id for label in told if label.churned}
    kept = {label.lead_id for label in told if label.churned is False}
    found = gate(told)
    assert found.missing["labelled"] == 200 - len(cold | kept)
    assert found.missing.get("gone_cold", 0) == max(0, 40 - len(cold))
    assert "kept" not in found.missing
    assert len(kept) > 40
    assert gate(told * 9) == found


def test_many_leads_have_fewer_dates_each_spread_over_all_of_the_time() -> None:
    dates = [NOW + week * DAY for week in range(26)]
    assert list(thinned(dates, 10, 3)) == dates
    chosen = [thinned(dates, 5_000, number) for number in range(5_000)]
    assert sum(map(len, chosen)) <= MOST_ROWS
    assert {date for own in chosen for date in own} == set(dates)


def test_what_a_model_has_to_beat_is_what_the_scorecard_says(
    brokerage: tuple[FeatureMatrix, list[Label], list[LeadProfile]],
) -> None:
    matrix, _, profiles = brokerage
    few = matrix.take(range(5))
    risks = assess(profiles[:5], few)
    assert scorecard_probabilities(profiles[:5], few).tolist() == [
        risk.probability for risk in risks if risk is not None
    ]
    assert all(
        probability_of({one.name: one.value for one in risk.indicators}) == pytest.approx(risk.probability, abs=1e-12)
        for risk in risks
        if risk is not None
    )
