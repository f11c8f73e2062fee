"""How well leads are scored: the evaluation's own figures beside the best single model of scikit-learn, same folds.

The rivals read numbers and levels by how frequent they are (one-hot for the linear one), planned inside each fold, and
each is tuned over a small grid on the very folds it is judged by, which flatters it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from benchmarks import harness, tables
from benchmarks.figures import Figures, Outcome, Ratio, rounded
from ml.arrays import Bools, Floats
from ml.ensemble.baseline import plain_boosting
from ml.ensemble.cross_validation import split
from ml.ensemble.preprocessing import fit_preprocessing
from ml.leads import LeadScore, Training, train
from ml.leads.results import ALL_ELSE, assemble
from ml.profiles import FeatureMatrix
from ml.training.evaluation import auc

SEED = 0
ECE_GOAL, GAIN_GOAL = 0.02, 0.005
#: how far the ensemble may lie behind one plain boosting of 250 trees
PLAIN_GOAL = -0.001
#: share of the rows, in the order of the file, that the out-of-time figure is taken from
LAST = 0.3
#: below any movement of a score
TINY = 1e-12


def measure(quick: bool) -> Outcome:
    """Each set in turn; without real sets a simulated one, which has no goals."""
    found = {name: loaded for name, known in tables.SETS.items() if (loaded := tables.load(known)) is not None}
    figures: Figures = {}
    ratios: dict[str, Ratio] = {}
    for name, (matrix, labels) in (found or {"simulated": tables.simulated(6000)}).items():
        part = tables.first(matrix, labels, 1500) if quick else (matrix, labels)
        figures[name] = _figures(*part, quick=quick)
        if name in tables.SETS and not quick:
            ratios |= _ratios(name, figures[name])
    rows = sum(told["rows"] for told in figures.values())
    return Outcome(data=" and ".join(figures), rows=rows, seed=SEED, figures=figures, ratios=ratios)


def _figures(matrix: FeatureMatrix, labels: Bools, *, quick: bool) -> Figures:
    started = time.monotonic()
    found = train(matrix, labels, seed=SEED)
    seconds = time.monotonic() - started
    usable = matrix.select([name for name in matrix.columns if name not in found.leaks])
    rivals = {name: _rival(usable, labels, make) for name, make in _rivals(quick).items()}
    cut = len(labels) - round(LAST * len(labels))
    return {
        **_told(found),
        "seconds": rounded(seconds),
        "reasons": _left_by_reasons(assemble(found.scorer.explained(matrix), explain=3)),
        "plain_boosting_auc": rounded(auc(labels, plain_boosting(usable, labels, seed=SEED))),
        "single_models": {name: rounded(value) for name, value in rivals.items()},
        "out_of_time_auc": _later(matrix, labels, cut, _rivals(quick=True)),
    }


def _told(found: Training) -> Figures:
    metrics = found.metrics
    shown = {name: rounded(getattr(metrics, name)) for name in ("auc", "pr_auc", "accuracy", "brier", "ece")}
    members = {name: rounded(member.auc) for name, member in found.members.items()}
    held = None if found.interval is None else rounded(found.interval.coverage)
    return {"rows": found.rows, **shown, "members_auc": members, "choice": found.choice, "interval_coverage": held}


def _left_by_reasons(scores: Sequence[LeadScore]) -> Figures:
    """Shares of the movement that reasons leave: to `rest`, and without words of its own; p50 and p95."""
    shares = [_left(score) for score in scores]
    quantiles = np.quantile(shares, (0.5, 0.95), axis=0)
    return {name: [rounded(float(value)) for value in quantiles[:, at]] for at, name in enumerate(("rest", "unnamed"))}


def _left(score: LeadScore) -> tuple[float, float]:
    listed = sum(abs(reason.contribution) for reason in score.up + score.down)
    parts = sum(abs(part.contribution) for part in score.rest_parts)
    unnamed = sum(abs(part.contribution) for part in score.rest_parts if part.text == ALL_ELSE)
    return abs(score.rest) / max(listed + abs(score.rest), TINY), unnamed / max(listed + parts, TINY)


def _rivals(quick: bool) -> Mapping[str, Callable[[], Any]]:
    """Plain models of scikit-learn; those whose name begins with `linear` read one-hot columns."""
    slow = () if quick else ((0.06, 250, 31), (0.05, 150, 16), (0.03, 300, 8))
    boosted = {f"boosting {rate:g} x {rounds}, {leaves} leaves": _boosting(rate, rounds, leaves)
               for rate, rounds, leaves in ((0.04, 200, 12), *slow)}  # fmt: skip
    return {
        **boosted,
        "forest": lambda: RandomForestClassifier(100, min_samples_leaf=10, max_features=0.4, random_state=SEED),
        "extra trees": lambda: ExtraTreesClassifier(100, min_samples_leaf=10, max_features=0.4, random_state=SEED),
        "linear": lambda: LogisticRegression(C=0.3, solver="newton-cholesky"),
    }


def _boosting(rate: float, rounds: int, leaves: int) -> Callable[[], Any]:
    return lambda: HistGradientBoostingClassifier(
        learning_rate=rate, max_iter=rounds, max_leaf_nodes=leaves, early_stopping=False, random_state=SEED
    )


def _rival(matrix: FeatureMatrix, labels: Bools, make: Callable[[], Any]) -> float:
    said = np.empty(len(labels))
    for seen, held in split(labels, seed=SEED):
        said[held] = _fitted(matrix, labels, make(), seen, held)
    return auc(labels, said)


def _fitted(matrix: FeatureMatrix, labels: Bools, model: Any, seen: Any, held: Any) -> Floats:
    rows = matrix.take(seen)
    plan = fit_preprocessing(rows)
    read = plan.terms if isinstance(model, LogisticRegression) else plan.inputs
    with threadpool_limits(1):
        model.fit(read(plan.transform(rows)), labels[seen])
        said: Floats = model.predict_proba(read(plan.transform(matrix.take(held))))[:, 1]
    return said


def _later(matrix: FeatureMatrix, labels: Bools, cut: int, rivals: Mapping[str, Callable[[], Any]]) -> Figures:
    """Learn from the first rows, judge on the last, ours and plain models."""
    first, last = np.arange(cut), np.arange(cut, len(labels))
    scorer = train(matrix.take(first), labels[first], seed=SEED).scorer
    ours = auc(labels[last], scorer.probabilities(matrix.take(last)))
    told = {name: auc(labels[last], _fitted(matrix, labels, make(), first, last)) for name, make in rivals.items()}
    return {"ours": rounded(ours), **{name: rounded(value) for name, value in told.items()}, "base_rate": 0.5}


def _ratios(name: str, told: Figures) -> dict[str, Ratio]:
    best = max(told["single_models"], key=told["single_models"].get)
    gain = told["auc"] - told["single_models"][best]
    ahead = told["auc"] - told["plain_boosting_auc"]
    goal = tables.SETS[name].auc
    return {
        f"auc.{name}": Ratio(value=told["auc"], goal=goal, better="higher", of="area under the curve, out of fold"),
        f"ece.{name}": Ratio(value=told["ece"], goal=ECE_GOAL, better="lower", of="expected calibration error"),
        f"plain.{name}": Ratio(
            value=ahead, goal=PLAIN_GOAL, better="higher", of="our AUC minus that of plain boosting"
        ),
        f"gain.{name}": Ratio(value=gain, goal=GAIN_GOAL, better="higher", of=f"our AUC minus that of {best}"),
    }


if __name__ == "__main__":
    harness.run("leads_accuracy", measure)
