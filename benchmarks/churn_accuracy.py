"""How well churn is told: the evaluation's own figures, five folds, with each member alone and who always stays."""

from __future__ import annotations

import time

from benchmarks import churn_data, harness, tables
from benchmarks.figures import Better, Figures, Outcome, Ratio, rounded
from ml.arrays import Bools
from ml.churn.scorer import ChurnScorer
from ml.ensemble.baseline import plain_boosting
from ml.leads import Training, train
from ml.profiles import FeatureMatrix
from ml.training.evaluation import Metrics, auc

SEED = 0
FIGURES = ("auc", "pr_auc", "accuracy", "brier", "ece", "log_loss", "lift_top_decile", "recall_top_decile")
#: lower is better
ERRORS = frozenset({"brier", "ece"})
#: how far the ensemble may lie behind one plain boosting of 250 trees
PLAIN_GOAL = -0.001
#: standard errors on either side of a 95 % interval
_SIDES = 2 * 1.96


def measure(quick: bool) -> Outcome:
    """Each set in turn; without real sets a simulated one, which has no goals."""
    found = {name: loaded for name, known in churn_data.SETS.items() if (loaded := churn_data.load(known)) is not None}
    figures: Figures = {}
    ratios: dict[str, Ratio] = {}
    for name, (matrix, labels) in (found or {"simulated": tables.simulated(6000)}).items():
        part = tables.first(matrix, labels, 1500) if quick else (matrix, labels)
        told, figures[name] = _figures(*part)
        ratios[f"noise.{name}"] = _noise(told)
        if name in churn_data.SETS and not quick:
            ratios |= _goals(name, told.metrics)
            ahead = told.metrics.auc - figures[name]["plain_boosting_auc"]
            of = "our AUC minus that of plain boosting"
            ratios[f"plain.{name}"] = Ratio(value=ahead, goal=PLAIN_GOAL, better="higher", of=of)
    rows = sum(told["rows"] for told in figures.values())
    return Outcome(data=" and ".join(figures), rows=rows, seed=SEED, figures=figures, ratios=ratios)


def _figures(matrix: FeatureMatrix, labels: Bools) -> tuple[Training, Figures]:
    started = time.monotonic()
    found = train(matrix, labels, seed=SEED, scorer=ChurnScorer())
    seconds = time.monotonic() - started
    usable = matrix.select([name for name in matrix.columns if name not in found.leaks])
    return found, {
        "rows": found.rows,
        **_shown(found.metrics),
        "plain_boosting_auc": rounded(auc(labels, plain_boosting(usable, labels, seed=SEED))),
        "always_stays_accuracy": rounded(1 - found.metrics.base_rate),
        "members": {name: _shown(member) for name, member in found.members.items()},
        "weights": {name: rounded(weight) for name, weight in found.weights.items()},
        "choice": found.choice,
        "seconds": rounded(seconds),
    }


def _shown(metrics: Metrics) -> Figures:
    return {name: rounded(getattr(metrics, name)) for name in FIGURES}


def _noise(found: Training) -> Ratio:
    """How far the ensemble lies behind its best member, against the noise of that member's own log loss."""
    best = min(found.members, key=lambda name: found.members[name].log_loss)
    low, high = found.members[best].intervals["log_loss"]
    behind = found.metrics.log_loss - found.members[best].log_loss
    of = f"log loss minus that of {best} alone; the goal is one standard error of it"
    return Ratio(value=behind, goal=rounded((high - low) / _SIDES), better="lower", of=of)


def _goals(name: str, metrics: Metrics) -> dict[str, Ratio]:
    sides: dict[str, Better] = {figure: "lower" if figure in ERRORS else "higher" for figure in FIGURES}
    return {
        f"{figure}.{name}": Ratio(value=getattr(metrics, figure), goal=goal, better=sides[figure], of="out of fold")
        for figure, goal in churn_data.SETS[name].goals.items()
    }


if __name__ == "__main__":
    harness.run("churn_accuracy", measure)
