"""A fold's loss: of rows that the scorer has not seen, without columns that leak, lead by lead, bit for bit again."""

import numpy as np
import pytest

from ml.churn.scorer import ChurnScorer
from ml.ensemble.cross_validation import split
from ml.ensemble.options import USUAL, EnsembleOptions
from ml.ensemble.stacking import losses
from ml.errors import LabelsError
from ml.leads import LeadScorer
from ml.profiles import FeatureMatrix
from ml.tuning import FoldResult, best, judge, loss_of, problem_of


def rows(count, seed=0):
    rng = np.random.default_rng(seed)
    showings = rng.poisson(2.0, count)
    labels = rng.random(count) < 1 / (1 + np.exp(2.5 - showings))
    table = [
        {"showings": float(each), "listing_views": float(rng.integers(9)), "knows": float(label)}
        for each, label in zip(showings, labels, strict=True)
    ]
    return FeatureMatrix.from_rows(table), labels


@pytest.fixture(scope="module")
def problem():
    matrix, labels = rows(400)
    return problem_of(matrix, labels, scorer=LeadScorer, seed=0)


def test_a_column_that_knows_the_outcome_is_not_learnt_from(problem):
    assert problem.matrix.columns == ("showings", "listing_views")


def test_a_fold_is_judged_on_rows_that_were_not_learnt_from(problem):
    result = judge(problem, USUAL, fold=1, folds=3, seed=4)
    train, validation = split(problem.labels, seed=4, folds=3)[1]
    scorer = LeadScorer()
    scorer.learn(problem.matrix.take(train), problem.labels[train], seed=4, folds=3)
    log_odds = scorer.quick_log_odds(problem.matrix.take(validation))
    assert result.loss == float(losses(log_odds, problem.labels[validation]).mean())
    assert result.rows == len(validation)
    assert 0.6 < result.auc < 1.0


def test_the_same_fold_gives_the_same_figures_bit_for_bit(problem):
    options = EnsembleOptions(penalty=0.05)
    first = judge(problem, options, fold=0, folds=3, seed=0)
    assert judge(problem, options, fold=0, folds=3, seed=0) == first
    assert judge(problem, options, fold=1, folds=3, seed=0) != first
    assert judge(problem, EnsembleOptions(penalty=5.0), fold=0, folds=3, seed=0).loss != first.loss


def test_trees_are_searched_only_where_there_are_rows_for_them(problem):
    assert [parameter.name for parameter in problem.space(folds=3)] == ["penalty"]
    matrix, labels = rows(2400)
    many = problem_of(matrix, labels, scorer=LeadScorer, seed=0)
    assert {"leaves", "forest_depth"} <= {parameter.name for parameter in many.space(folds=3)}
    assert len(problem_of(*rows(400), scorer=ChurnScorer, seed=0).space(folds=3)) > 1, "churn keeps all of its members"


def test_rows_of_a_lead_are_never_on_both_sides():
    matrix, labels = rows(300)
    grouped = problem_of(matrix, labels, scorer=ChurnScorer, seed=0, groups=[f"L{row // 3}" for row in range(300)])
    for train, validation in split(grouped.labels, seed=0, folds=3, groups=grouped.groups):
        assert not set(grouped.groups[train]) & set(grouped.groups[validation])


def test_too_few_outcomes_are_refused():
    matrix, _ = rows(50)
    with pytest.raises(LabelsError):
        problem_of(matrix, [True] + [False] * 49, scorer=LeadScorer, seed=0)


def test_a_trial_without_a_fold_has_no_loss_and_ties_go_to_the_earliest():
    with pytest.raises(ValueError, match="without a fold"):
        loss_of([])
    assert loss_of([FoldResult(loss=1.0, auc=None, rows=1), FoldResult(loss=0.0, auc=None, rows=3)]) == 0.25
    assert best({}) is None
    assert best({4: 0.1, 2: 0.1, 3: 0.2}) == 2
