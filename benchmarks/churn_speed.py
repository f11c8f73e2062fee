"""How fast churn is told: the vectorised ensemble against the same rows one by one, and against plain scikit-learn."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from benchmarks import churn_data, harness, tables
from benchmarks.figures import Figures, Outcome, Ratio, median, rounded
from ml import artifacts
from ml.arrays import Bools, Floats
from ml.churn import derived_sums
from ml.churn.scorer import ChurnScorer
from ml.ensemble import forest
from ml.ensemble.preprocessing import Preprocessing
from ml.ensemble.trees import Trees
from ml.profiles import FeatureMatrix

SEED = 0
GOAL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """Members of the same shape as plain scikit-learn models that read the same columns."""

    plan: Preprocessing
    sums: derived_sums.Sums
    line: Any
    boosted: Any
    forest: Any

    def __call__(self, matrix: FeatureMatrix) -> Floats:
        """What the members say, averaged."""
        cells = self.plan.transform(derived_sums.add(matrix, self.sums))
        inputs = self.plan.inputs(cells)
        said = (
            self.line.predict_proba(self.plan.terms(cells)),
            self.boosted.predict_proba(inputs),
            self.forest.predict_proba(inputs),
        )
        mean: Floats = np.mean([each[:, 1] for each in said], axis=0)
        return mean


def measure(quick: bool) -> Outcome:
    """All rows at once, ours and theirs in turn, and then one by one."""
    name, (matrix, labels) = _data()
    matrix, labels = tables.first(matrix, labels, 1500) if quick else (matrix, labels)
    singles, rounds = (200, 3) if quick else (1000, 9)
    with threadpool_limits(1):
        learnt = ChurnScorer().fit(matrix, labels, seed=SEED)
        stored = artifacts.dump(learnt)
        ours = artifacts.load(stored)
        assert isinstance(ours, ChurnScorer)
        batch = _in_turn({"hearth": ours.together, "scikit_learn": _plain(ours, matrix, labels)}, matrix, rounds)
        alone = _alone(ours, matrix, singles)
    figures: Figures = {
        "batch_rows_per_s": {who: rounded(len(matrix) / taken) for who, taken in batch.items()},
        "row_by_row_per_s": rounded(1 / alone),
        "times_faster_than_row_by_row": rounded(alone / (batch["hearth"] / len(matrix))),
        "artifact_bytes": len(stored),
    }
    ratio = Ratio(
        value=batch["scikit_learn"] / batch["hearth"],
        goal=GOAL,
        better="higher",
        of="scikit-learn's time for all rows over ours, which also keeps what each member says",
    )
    return Outcome(data=name, rows=len(matrix), seed=SEED, figures=figures, ratios={"batch": ratio})


def _data() -> tuple[str, tuple[FeatureMatrix, Bools]]:
    found = churn_data.load(churn_data.TELCO)
    return ("simulated", tables.simulated(7000)) if found is None else ("ibm_telco", found)


def _plain(ours: ChurnScorer, matrix: FeatureMatrix, labels: Bools) -> Plain:
    plan = ours.ensemble_.plan
    cells = plan.transform(derived_sums.add(matrix, ours.sums_))
    inputs, terms = plan.inputs(cells), plan.terms(cells)
    boosted = ours.ensemble_.boosting
    assert boosted is not None
    return Plain(
        plan=plan,
        sums=ours.sums_,
        line=LogisticRegression(C=0.3, solver="newton-cholesky").fit(terms, labels),
        boosted=HistGradientBoostingClassifier(
            max_iter=len(boosted), max_leaf_nodes=_leaves(boosted), max_depth=8, early_stopping=False, random_state=SEED
        ).fit(inputs, labels),
        forest=RandomForestClassifier(
            forest.TREES, min_samples_leaf=max(5, len(labels) // 500), max_depth=10, max_features=0.4, random_state=SEED
        ).fit(inputs, labels),
    )


def _leaves(trees: Trees) -> int:
    """The leaves of the largest tree."""
    ends = trees.child[:, 0] == np.arange(len(trees.child))
    return int(np.add.reduceat(ends, trees.roots).max())


def _in_turn(works: dict[str, Callable[[FeatureMatrix], Any]], matrix: FeatureMatrix, rounds: int) -> dict[str, float]:
    """Seconds for all rows; the first round, which fills caches, is not counted."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds + 1):
        for name, work in works.items():
            started = time.perf_counter()
            work(matrix)
            taken[name].append(time.perf_counter() - started)
    return {name: median(seconds[1:]) for name, seconds in taken.items()}


def _alone(ours: ChurnScorer, matrix: FeatureMatrix, singles: int) -> float:
    """Seconds a row, one at a time."""
    rows = [matrix.take([row]) for row in range(min(singles, len(matrix)))]
    ours.together(rows[0])
    started = time.perf_counter()
    for row in rows:
        ours.together(row)
    return (time.perf_counter() - started) / len(rows)


if __name__ == "__main__":
    harness.run("churn_speed", measure)
