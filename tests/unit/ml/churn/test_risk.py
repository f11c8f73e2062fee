from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from domain.risk import HORIZON_DAYS, RISK_STARTS
from ml.artifacts import dump, load
from ml.churn import derived_sums
from ml.churn.labels import Label, SnapshotState
from ml.churn.risk import CADENCE, assess, level_of, levels_of
from ml.churn.scorer import ChurnScorer
from ml.churn.survival import Curves, fit_curves
from ml.errors import ArtifactCorruptedError, LabelsError
from ml.features import extract
from ml.leads import Training, train
from ml.profiles import FeatureMatrix, Interaction, LeadProfile
from tests.support.leads import NOW, closed, leads

LEAD = LeadProfile(lead_id="1", as_of=NOW, created_at=NOW - timedelta(days=60), stage="engaged")


@pytest.fixture(scope="module")
def trained(brokerage: tuple[FeatureMatrix, list[bool]]) -> Training:
    return train(*brokerage, seed=0, folds=3, scorer=ChurnScorer())


@pytest.fixture(scope="module")
def scorer(trained: Training) -> ChurnScorer:
    assert isinstance(trained.scorer, ChurnScorer)
    return trained.scorer


def said(days: float, direction: str) -> Interaction:
    at = NOW - timedelta(days=days)
    return Interaction(kind="sms", occurred_at=at, recorded_at=at, direction=direction)


def test_levels_begin_where_they_are_written() -> None:
    assert [level_of(start) for start in RISK_STARTS] == ["low", "medium", "high", "critical"]
    assert [level_of(start - 1e-9) for start in RISK_STARTS] == ["very_low", "low", "medium", "high"]


def test_all_members_are_kept_whatever_they_count(scorer: ChurnScorer) -> None:
    matrix, _ = closed(40, seed=1)
    members = scorer.members(matrix)
    assert sorted(members) == ["gb", "lr", "rf"]
    assert all(((one >= 0) & (one <= 1)).all() for one in members.values())


def test_the_ensemble_is_no_worse_than_its_best_member_by_more_than_noise(trained: Training) -> None:
    best = min(trained.members.values(), key=lambda one: one.log_loss)
    low, high = best.intervals["log_loss"]
    assert sorted(trained.members) == ["gb", "lr", "rf"]
    assert trained.metrics.log_loss <= best.log_loss + (high - low) / 4


def test_a_batch_says_what_reasons_add_up_to_and_what_one_lead_alone_gets(scorer: ChurnScorer) -> None:
    matrix, _ = closed(50, seed=2)
    together, members = scorer.together(matrix)
    assert together == pytest.approx(scorer.probabilities(matrix), abs=1e-9)
    assert (together == scorer.quick(matrix)).all()
    for row in (0, 17, 49):
        alone, own = scorer.together(matrix.take([row]))
        assert alone[0] == pytest.approx(together[row], abs=1e-12)
        assert {name: one[0] for name, one in own.items()} == pytest.approx({n: one[row] for n, one in members.items()})


def test_good_signs_are_no_reason_for_risk(scorer: ChurnScorer) -> None:
    matrix, _ = closed(80, seed=3)
    found = scorer.explained(matrix)
    showings = found.features.index("showings")
    many = matrix.values[:, matrix.positions()["showings"]] > 2
    # the labels of the brokerage are of closed leads: as a risk they would contradict sense
    assert (found.contributions[many, showings] > 0).all()
    assert found.absurd[many, showings].all()


def test_an_artifact_answers_bit_for_bit(scorer: ChurnScorer) -> None:
    scorer.curves_ = Curves(cold=np.tile(np.linspace(0, 0.9, 31), (5, 1)))
    again = load(dump(scorer))
    matrix, _ = closed(30, seed=4)
    assert isinstance(again, ChurnScorer)
    assert (again.log_odds(matrix) == scorer.log_odds(matrix)).all()
    for name, own in again.members(matrix).items():
        assert (own == scorer.members(matrix)[name]).all()
    assert again.curves_ is not None
    assert (again.curves_.cold == scorer.curves_.cold).all()
    assert json.loads(dump(scorer))["kind"] == "churn"


def test_curves_that_fall_are_no_artifact(scorer: ChurnScorer) -> None:
    scorer.curves_ = Curves(cold=np.array([[0.4, 0.2]]))
    with pytest.raises(ArtifactCorruptedError):
        load(dump(scorer))
    scorer.curves_ = None


def test_sums_are_of_numbers_with_one_last_word() -> None:
    rows = [
        {
            "custom:day calls": 1.0,
            "custom:eve calls": 2.0,
            "custom:night calls": None if row else 4.0,
            "custom:a fee": 1.0,
        }
        | {"custom:x kind": "a", "custom:y kind": "b", "custom:z kind": "c", "calls": 3.0, "custom:b fee": 2.0}
        for row in range(2)
    ]
    matrix = FeatureMatrix.from_rows(rows)
    found = derived_sums.find(matrix)
    assert list(found) == ["custom:sum of calls"]
    widened = derived_sums.add(matrix, found)
    assert widened.to_rows()[0]["custom:sum of calls"] == 7
    assert widened.to_rows()[1]["custom:sum of calls"] is None
    assert derived_sums.add(matrix, {}) is matrix


def test_a_model_with_sums_reads_leads_that_lack_their_parts() -> None:
    rng = np.random.default_rng(0)
    parts = rng.uniform(0, 10, (400, 3))
    rows = [dict(zip(("custom:a min", "custom:b min", "custom:c min"), row, strict=True)) for row in parts.tolist()]
    scorer = ChurnScorer()
    scorer.learn(FeatureMatrix.from_rows(rows), parts.sum(axis=1) > 15, seed=0, folds=2)
    assert "custom:sum of min" in scorer.features_
    high, low = scorer.probabilities(
        FeatureMatrix.from_rows([dict.fromkeys(rows[0], 8.0), dict.fromkeys(rows[0], 2.0)])
    )
    assert high > 0.9 > 0.1 > low
    assert np.isfinite(scorer.probabilities(FeatureMatrix.from_rows([{"custom:a min": 3.0}]))).all()


def labelled(days: float, event: str | None) -> Label:
    past = SnapshotState(stage=None, timeline=None, threshold=7, quiet_since=NOW, silent_days=0, contacted=True)
    return Label(
        lead_id="1",
        as_of=NOW,
        snapshot=past,
        outcome="kept",
        reason=None,
        at=None,
        days=days,
        event=event,
    )


def test_followed_leads_count_for_as_long_as_they_were_followed() -> None:
    # of 100 half go cold on day 10, the others were followed for 5 days only: all that reached day 10 went
    told = [labelled(10, "churned")] * 50 + [labelled(5, None)] * 50
    cold = fit_curves(told, np.zeros(100, dtype=np.intp), count=1).cold[0]
    assert (cold[9], round(cold[10], 6)) == (0, 1)


def test_who_has_won_cannot_go_cold_any_more() -> None:
    told = [labelled(3, "won")] * 60 + [labelled(10, "churned")] * 40
    cold = fit_curves(told, np.zeros(100, dtype=np.intp), count=1).cold[0]
    assert cold[-1] == pytest.approx(0.4)


def test_a_level_with_few_leads_leans_on_all() -> None:
    told = [labelled(10, "churned")] * 100 + [labelled(50, None)] * 2
    levels = np.array([0] * 100 + [1] * 2)
    cold = fit_curves(told, levels, count=3).cold
    assert cold[0, 10] > cold[1, 10] > 0.5
    # nobody had the third
    assert cold[2, 10] == pytest.approx(100 / 102)


def test_a_truth_that_is_simulated_is_found_again() -> None:
    rng = np.random.default_rng(0)
    cold, won, lost_sight = rng.exponential(40, 4000), rng.exponential(120, 4000), rng.uniform(0, 150, 4000)
    first = np.minimum(np.minimum(cold, won), lost_sight)
    told = [
        labelled(float(day), "churned" if day == c else "won" if day == w else None)
        for day, c, w in zip(first.tolist(), cold.tolist(), won.tolist(), strict=True)
    ]
    found = fit_curves(told, np.zeros(4000, dtype=np.intp), count=1).cold[0]
    rates = 1 / 40, 1 / 120
    truth = rates[0] / sum(rates) * (1 - np.exp(-sum(rates) * 61))
    assert found[60] == pytest.approx(truth, abs=0.03)


def test_nobody_followed_is_no_curve() -> None:
    with pytest.raises(LabelsError):
        fit_curves([], np.zeros(0, dtype=np.intp), count=5)


def test_the_calendar_bounds_the_days_until_a_lead_is_cold() -> None:
    curves = Curves(cold=np.array([[0.0, 0.1, 0.2], [0.0, 0.6, 0.9]]))
    days = curves.days(np.array([0, 1, 1]), np.array([0.0, 3.0, 30.0]), np.array([7.0, 7.0, 7.0]))
    assert np.isnan(days[0])
    assert days[1:].tolist() == [4, 1]


def test_without_a_model_the_scorecard_answers() -> None:
    silent = replace(LEAD, interactions=(said(20, "outbound"), said(25, "inbound")))
    found = assess([silent], extract([silent]))[0]
    assert found is not None
    assert (found.scope, found.members, found.neglected) == ("scorecard", {}, False)
    assert (found.days_silent, found.threshold) == (25, 14)
    assert 0 < found.confidence < 0.5
    assert found.level == level_of(found.probability)
    assert len(found.indicators) == 10


def test_a_model_answers_with_its_members(scorer: ChurnScorer) -> None:
    profiles, _ = leads(30, seed=5)
    matrix = extract(profiles)
    found = assess(profiles, matrix, scorer=scorer)
    assert [one and one.probability for one in found] == scorer.quick(matrix).tolist()
    for one, row in zip(found, range(30), strict=True):
        assert one is not None
        assert one.scope == "model"
        assert one.members == {name: own[row] for name, own in scorer.members(matrix).items()}
        assert 0 <= one.confidence <= 1


def test_members_that_differ_and_features_that_lack_cost_confidence(scorer: ChurnScorer) -> None:
    profiles, _ = leads(30, seed=6)
    matrix = extract(profiles)
    bare = FeatureMatrix.from_rows([{"showings": 1.0}] * 30)
    full, poor = (assess(profiles, one, scorer=scorer) for one in (matrix, bare))
    assert all(a and b and a.confidence > b.confidence for a, b in zip(full, poor, strict=True))


def test_a_lead_is_looked_at_again_when_its_silence_is_too_long_or_at_its_levels_pace() -> None:
    for days in (0, 5, 10, 13, 20, 40):
        lead = replace(LEAD, interactions=(said(days, "inbound"),))
        found = assess([lead], extract([lead]))[0]
        assert found is not None
        pause = (found.next_check_at - NOW) / timedelta(days=1)
        left = 14 - days
        assert pause == pytest.approx(min(CADENCE[found.level], left) if left > 0 else CADENCE[found.level])


def test_days_to_churn_are_told_only_where_it_is_likely() -> None:
    warm, cold = (replace(LEAD, interactions=(said(days, "inbound"),)) for days in (0, 40))
    first, second = assess([warm, cold], extract([warm, cold]))
    assert first is not None
    assert second is not None
    assert (first.days_to_churn, second.probability > 0.5) == (None, True)
    assert second.days_to_churn is not None
    assert 0 < second.days_to_churn < HORIZON_DAYS


def test_a_lead_that_ended_has_no_risk_and_one_that_came_back_has() -> None:
    lost = Interaction(kind="outcome.lost", occurred_at=NOW - timedelta(days=9), recorded_at=NOW - timedelta(days=9))
    over, agent = replace(LEAD, interactions=(lost,)), replace(LEAD, lead_type="agent")
    back = replace(over, times={"stage_changed_at": NOW - timedelta(days=3)})
    refused = replace(back, interactions=(replace(lost, kind="unsubscribed"),))
    profiles = [over, agent, back, refused]
    assert [one is None for one in assess(profiles, extract(profiles))] == [True, True, False, True]


def test_nobody_contacted_it_so_it_is_neglected() -> None:
    asked = Interaction(kind="inquiry", occurred_at=NOW - timedelta(days=9), recorded_at=NOW - timedelta(days=9))
    alone = replace(LEAD, interactions=(asked,))
    called = replace(alone, times={"last_contacted_at": NOW - timedelta(days=8)})
    found = assess([alone, called], extract([alone, called]))
    assert [one and one.neglected for one in found] == [True, False]


def test_nobody_asked_about_is_nobody_assessed() -> None:
    assert assess([], extract([])) == []


def test_levels_of_many_are_the_levels_of_each() -> None:
    shares = np.linspace(0, 1, 101)
    assert [("very_low", "low", "medium", "high", "critical")[at] for at in levels_of(shares)] == [
        level_of(share) for share in shares.tolist()
    ]
