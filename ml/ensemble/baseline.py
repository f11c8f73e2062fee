"""What an ensemble is measured against: one plain gradient boosting, as anybody would fit it first."""

from __future__ import annotations

from typing import Final

import numpy as np
from threadpoolctl import threadpool_limits

from ml.arrays import Bools, Floats, Ints
from ml.ensemble.cross_validation import FOLDS, split
from ml.ensemble.preprocessing import fit_preprocessing
from ml.profiles import FeatureMatrix

#: trees, and how far each is followed; everything else is as scikit-learn has it, but no tree is stopped early
ROUNDS: Final = 250
RATE: Final = 0.06


def plain_boosting(
    matrix: FeatureMatrix, labels: Bools, *, seed: int, folds: int = FOLDS, groups: Ints | None = None
) -> Floats:
    """Return the probabilities of each row by a boosting that was fitted on the other folds, those of the ensemble.

    Numbers are read as they are, levels by how frequent they are among the training rows. Raises LabelsError as
    `split` does.

    >>> rows = [{"showings": float(i % 5)} for i in range(300)]
    >>> labels = np.arange(300) % 5 > 2
    >>> predicted = plain_boosting(FeatureMatrix.from_rows(rows), labels, seed=0)
    >>> bool(predicted[labels].min() > predicted[~labels].max())
    True
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    predicted = np.empty(len(labels))
    for train, validation in split(labels, seed=seed, folds=folds, groups=groups):
        rows = matrix.take(train)
        plan = fit_preprocessing(rows)
        model = HistGradientBoostingClassifier(
            max_iter=ROUNDS, learning_rate=RATE, early_stopping=False, random_state=seed
        )
        # one thread, as for the ensemble
        with threadpool_limits(1):
            model.fit(plan.inputs(plan.transform(rows)), labels[train])
            inputs = plan.inputs(plan.transform(matrix.take(validation)))
            predicted[validation] = model.predict_proba(inputs)[:, 1]
    return predicted
