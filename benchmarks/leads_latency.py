"""How fast leads are scored: one row and a batch, against the same members as plain scikit-learn models."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from benchmarks import harness, tables
from benchmarks.figures import Figures, Outcome, Ratio, median, rounded, spread
from ml import artifacts
from ml.arrays import Bools
from ml.ensemble import boosting, forest, linear
from ml.ensemble.ensemble import Ensemble
from ml.ensemble.preprocessing import Preprocessing, fit_preprocessing
from ml.ensemble.stacking import GB, LR, RF, StackedModel
from ml.leads import LeadScorer
from ml.profiles import FeatureMatrix

SEED = 0
#: leaves and trees of the boosted member
TREES = boosting.Option(leaves=8, rounds=300)
ROW_GOAL, REASONS_GOAL, BATCH_GOAL = 0.5, 1.0, 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Both:
    """Our scorer with all three members, as loaded from its artifact, and the same members in scikit-learn."""

    ours: LeadScorer
    plan: Preprocessing
    line: Any
    boosted: Any
    forest: Any
    artifact: int

    def theirs(self, matrix: FeatureMatrix) -> Any:
        """What the plain members say, averaged."""
        cells = self.plan.transform(matrix)
        terms, inputs = self.plan.terms(cells), self.plan.inputs(cells)
        members = (
            self.line.predict_proba(terms),
            self.boosted.predict_proba(inputs),
            self.forest.predict_proba(inputs),
        )
        return sum(said[:, 1] for said in members) / len(members)


def measure(quick: bool) -> Outcome:
    """One row at a time, then all rows at once, ours and theirs in turn."""
    name, (matrix, labels) = _data()
    singles, rounds = (100, 3) if quick else (500, 9)
    matrix, labels = tables.first(matrix, labels, 3000) if quick else (matrix, labels)
    with threadpool_limits(1):
        both = _both(matrix, labels)
        rows = [matrix.take([row]) for row in range(singles)]
        alone = {name: _each(work, rows) for name, work in _works(both).items()}
        batch = _batches(both, matrix, rounds)
        apart = np.abs(both.ours.quick(matrix) - both.ours.probabilities(matrix)).max()
    figures: Figures = {
        "one_row_ms": {name: spread(taken) for name, taken in alone.items()},
        "batch_rows_per_s": {name: rounded(len(matrix) / taken) for name, taken in batch.items()},
        "artifact_bytes": both.artifact,
        "largest_difference_of_the_batch": float(apart),
    }
    ratios = _ratios({name: median(taken) for name, taken in alone.items()}, batch)
    return Outcome(data=name, rows=len(matrix), seed=SEED, figures=figures, ratios=ratios)


def _data() -> tuple[str, tuple[FeatureMatrix, Bools]]:
    found = tables.load(tables.X_EDUCATION)
    return ("simulated leads", tables.simulated(9000)) if found is None else ("x_education", found)


def _both(matrix: FeatureMatrix, labels: Bools) -> Both:
    plan = fit_preprocessing(matrix)
    cells = plan.transform(matrix)
    inputs = plan.inputs(cells)
    trees, start = boosting.fit(inputs, labels, TREES, rows=len(labels), seed=SEED)
    scorer = LeadScorer()
    scorer.coverage_ = None
    scorer.ensemble_ = Ensemble(
        plan=plan,
        blend=StackedModel(constant=0.0, weights={LR: 0.3, GB: 0.5, RF: 0.2}),
        linear=linear.fit(plan, cells, labels, 0.3),
        boosting=trees,
        start=start,
        forest=forest.fit(inputs, labels, seed=SEED),
    )
    stored = artifacts.dump(scorer)
    loaded = artifacts.load(stored)
    assert isinstance(loaded, LeadScorer)
    return Both(
        ours=loaded,
        plan=plan,
        artifact=len(stored),
        line=LogisticRegression(C=0.3, solver="newton-cholesky").fit(plan.terms(cells), labels),
        boosted=HistGradientBoostingClassifier(
            max_iter=TREES.rounds, max_leaf_nodes=TREES.leaves, max_depth=8, early_stopping=False, random_state=SEED
        ).fit(inputs, labels),
        forest=RandomForestClassifier(
            forest.TREES, min_samples_leaf=max(5, len(labels) // 500), max_depth=10, max_features=0.4, random_state=SEED
        ).fit(inputs, labels),
    )


def _works(both: Both) -> dict[str, Callable[[FeatureMatrix], Any]]:
    return {
        "log_odds": both.ours.log_odds,
        "without_contributions": both.ours.quick,
        "with_three_reasons_each_way": lambda row: both.ours.score(row, explain=3),
        "scikit_learn": both.theirs,
    }


def _each(work: Callable[[FeatureMatrix], Any], rows: Sequence[FeatureMatrix]) -> list[float]:
    """Milliseconds of each row alone; the first, which fills caches, is not counted."""
    work(rows[0])
    return [1000 * _seconds(lambda row=row: work(row)) for row in rows]  # type: ignore[misc]


def _batches(both: Both, matrix: FeatureMatrix, rounds: int) -> dict[str, float]:
    works = _works(both)
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            taken[name].append(_seconds(lambda work=work: work(matrix)))  # type: ignore[misc]
    return {name: median(seconds) for name, seconds in taken.items()}


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _ratios(alone: dict[str, float], batch: dict[str, float]) -> dict[str, Ratio]:
    reasons = alone["with_three_reasons_each_way"]
    speed = batch["scikit_learn"] / batch["without_contributions"]
    return {
        "one_row_ms": Ratio(
            value=alone["without_contributions"], goal=ROW_GOAL, better="lower", of="one row without reasons, p50"
        ),
        "reasons_ms": Ratio(value=reasons, goal=REASONS_GOAL, better="lower", of="a score with reasons, p50"),
        "batch": Ratio(value=speed, goal=BATCH_GOAL, better="higher", of="scikit-learn's time for all rows over ours"),
    }


if __name__ == "__main__":
    harness.run("leads_latency", measure)
