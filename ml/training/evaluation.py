"""Metrics of predicted probabilities, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ml.arrays import Bools, Floats
from ml.errors import LabelsError
from ml.training.calibration import expected_error, slope_of

#: resamples of a bootstrap
RESAMPLES = 200
_SURE = 1e-15

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """The metrics of probabilities against labels. Every figure is finite."""

    #: share of pairs ranked right, 0 to 1
    auc: float
    #: average precision
    pr_auc: float
    #: mean squared error of the probability, lower is better
    brier: float
    #: expected calibration error over ten bins of equal count
    ece: float
    #: calibration slope, 1 is right; 0 when every probability is the same
    slope: float
    #: share right at 0.5
    accuracy: float
    log_loss: float
    #: positives in the best-scored tenth against the average
    lift_top_decile: float
    base_rate: float
    rows: int
    #: metric -> bounds that hold 95 % of the resamples: auc, pr_auc, brier, log_loss, accuracy
    intervals: Mapping[str, Interval]

    @property
    def recall_top_decile(self) -> float:
        """Share of the positives that are in the best-scored tenth."""
        return self.lift_top_decile * max(1, self.rows // 10) / self.rows


def evaluate(
    labels: Sequence[bool] | Bools,
    probabilities: Sequence[float] | Floats,
    *,
    seed: int,
    scores: Floats | None = None,
) -> Metrics:
    """Return the metrics of probabilities against labels. Raises LabelsError unless both classes are there.

    AUC, PR-AUC and lift rank the rows by `scores`, such as log-odds of which probabilities are the clamped form; by
    the probabilities where there are none.

    >>> found = evaluate([False, False, True, True], [0.1, 0.4, 0.35, 0.8], seed=0)
    >>> found.auc, round(found.brier, 4), found.base_rate
    (0.75, 0.1581, 0.5)
    """
    truth, predicted = validated(labels, probabilities)
    order = predicted if scores is None else scores
    ranking = _Ranking(truth, order, predicted)
    figures = ranking.figures(np.ones(len(truth)))
    slope = slope_of(truth, predicted)
    return Metrics(
        **figures,
        ece=float(expected_error(truth, predicted)),
        slope=slope if np.isfinite(slope) else 0.0,
        lift_top_decile=_lift(truth, order),
        base_rate=float(truth.mean()),
        rows=len(truth),
        intervals=_intervals(ranking, len(truth), seed),
    )


def validated(labels: Sequence[bool] | Bools, probabilities: Sequence[float] | Floats) -> tuple[Bools, Floats]:
    """Return labels and probabilities as arrays. Raises LabelsError when they do not fit together."""
    truth, predicted = np.asarray(labels, dtype=np.bool_), np.asarray(probabilities, dtype=np.float64)
    if truth.shape != predicted.shape or truth.ndim != 1:
        raise LabelsError("labels and probabilities differ in number; give one probability for each label")
    if not np.isfinite(predicted).all() or predicted.min(initial=0.0) < 0 or predicted.max(initial=0.0) > 1:
        raise LabelsError("a probability lies outside 0 to 1; give probabilities, not scores")
    if truth.all() or not truth.any():
        raise LabelsError("all labels are the same; give rows of both outcomes")
    return truth, predicted


def auc(labels: Bools, scores: Floats) -> float:
    """Return the share of pairs that `scores` ranks right; ties count half. Both classes must be there."""
    return _Ranking(labels, scores, scores).auc(np.ones(len(labels)))


class _Ranking:
    """Rows sorted once by score, so that each weighted resample costs a few sums."""

    def __init__(self, labels: Bools, scores: Floats, probabilities: Floats) -> None:
        self.order = np.argsort(-scores, kind="stable")
        self.truth = labels[self.order].astype(np.float64)
        self.predicted = probabilities[self.order]
        #: where a run of equal scores starts
        self.starts = np.flatnonzero(np.r_[True, np.diff(scores[self.order]) != 0])

    def auc(self, weights: Floats) -> float:
        good, bad = self._runs(weights)
        return float((bad * (np.cumsum(good) - good / 2)).sum() / (good.sum() * bad.sum()))

    def pr_auc(self, weights: Floats) -> float:
        good, bad = self._runs(weights)
        true_positives, selected = np.cumsum(good), np.cumsum(good + bad)
        precision = np.divide(true_positives, selected, out=np.zeros_like(true_positives), where=selected > 0)
        return float((precision * good).sum() / good.sum())

    def figures(self, weights: Floats) -> dict[str, float]:
        """Return the weighted figures; `weights` are in the order of the rows as given."""
        weights = weights[self.order]
        total = weights.sum()
        sure = np.clip(self.predicted, _SURE, 1 - _SURE)
        loss = -np.where(self.truth > 0, np.log(sure), np.log1p(-sure))
        return {
            "auc": self.auc(weights),
            "pr_auc": self.pr_auc(weights),
            "brier": float((weights * (self.predicted - self.truth) ** 2).sum() / total),
            "log_loss": float((weights * loss).sum() / total),
            "accuracy": float((weights * ((self.predicted >= 0.5) == (self.truth > 0))).sum() / total),
        }

    def _runs(self, weights: Floats) -> tuple[Floats, Floats]:
        good = np.add.reduceat(weights * self.truth, self.starts)
        return good, np.add.reduceat(weights * (1 - self.truth), self.starts)


def _intervals(ranking: _Ranking, rows: int, seed: int) -> dict[str, Interval]:
    rng = np.random.default_rng(seed)
    positive = np.zeros(rows, dtype=np.bool_)
    positive[ranking.order] = ranking.truth > 0
    drawn = [ranking.figures(_resample(positive, rng)) for _ in range(RESAMPLES)]
    bounds = {name: np.quantile([figures[name] for figures in drawn], [0.025, 0.975]) for name in drawn[0]}
    return {name: (float(low), float(high)) for name, (low, high) in bounds.items()}


def _resample(positive: Bools, rng: np.random.Generator) -> Floats:
    # each class on its own: a resample without positives has no AUC
    weights = np.zeros(len(positive))
    for rows in (np.flatnonzero(positive), np.flatnonzero(~positive)):
        weights[rows] = np.bincount(rng.integers(len(rows), size=len(rows)), minlength=len(rows))
    return weights


def lift_curve(labels: Bools, probabilities: Floats, *, points: int = 20) -> tuple[tuple[float, float], ...]:
    """Return (share of rows taken, best first; share of the positives among them), from nothing to all."""
    shares = np.linspace(0, 1, points + 1)
    recalls = [
        _positives_in_top(labels, probabilities, round(share * len(labels))) / labels.sum() for share in shares.tolist()
    ]
    return tuple((round(share, 6), float(recall)) for share, recall in zip(shares.tolist(), recalls, strict=True))


def _lift(truth: Bools, predicted: Floats) -> float:
    best = max(1, len(predicted) // 10)
    return float(_positives_in_top(truth, predicted, best) / best / truth.mean())


def _positives_in_top(truth: Bools, predicted: Floats, best: int) -> float:
    """Return the positives among the best-scored rows; rows of one score share what is left of the places."""
    if best == 0:
        return 0.0
    cut = np.partition(predicted, len(predicted) - best)[len(predicted) - best]
    above, tied = predicted > cut, predicted == cut
    return float(truth[above].sum() + (best - above.sum()) * truth[tied].mean())
