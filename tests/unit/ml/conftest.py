from __future__ import annotations

import numpy as np
import pytest

from ml.ensemble import boosting, forest, linear
from ml.ensemble.ensemble import Ensemble
from ml.ensemble.intervals import cover
from ml.ensemble.preprocessing import fit_preprocessing
from ml.ensemble.stacking import GB, LR, RF, StackedModel
from ml.leads import LeadScorer, Training, train
from ml.profiles import FeatureMatrix
from tests.support.leads import closed


@pytest.fixture(scope="session")
def brokerage() -> tuple[FeatureMatrix, list[bool]]:
    return closed(600)


@pytest.fixture(scope="session")
def training(brokerage: tuple[FeatureMatrix, list[bool]]) -> Training:
    matrix, labels = brokerage
    return train(matrix, labels, seed=0)


@pytest.fixture(scope="session")
def blended(brokerage: tuple[FeatureMatrix, list[bool]]) -> LeadScorer:
    """A scorer with all members, whatever cross-validation would choose."""
    matrix, labels = brokerage[0], np.array(brokerage[1])
    plan = fit_preprocessing(matrix)
    cells = plan.transform(matrix)
    trees, start = boosting.fit(plan.inputs(cells), labels, boosting.Option(8, 25), rows=len(labels), seed=0)
    scorer = LeadScorer()
    scorer.ensemble_ = Ensemble(
        plan=plan,
        blend=StackedModel(constant=0.1, weights={LR: 0.5, GB: 0.3, RF: 0.4}),
        linear=linear.fit(plan, cells, labels, 0.03),
        boosting=trees,
        start=start,
        forest=forest.fit(plan.inputs(cells), labels, seed=0),
    )
    scorer.coverage_ = cover(scorer.log_odds(matrix), labels, np.arange(len(labels)) % 5)
    return scorer
