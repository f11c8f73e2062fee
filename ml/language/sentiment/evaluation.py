"""Measure how well polarity is read: against ratings of people, and as positive or not against labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ml.arrays import Bools, Floats, Ints
from ml.errors import LabelsError
from ml.language.sentiment import fitting
from ml.language.sentiment.fitting import Rated
from ml.language.sentiment.model import parts
from ml.language.sentiment.reader import read_sentiments

#: a figure for each reader: hearth, vader, textblob
Figures = Mapping[str, float | None]
_FEWEST = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingFigures:
    """Pearson's correlation with the ratings by reader; None where it does not exist."""

    rows: int
    pearson: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFigures:
    """Share right and area under the curve by reader, positive against the rest; None without both of them."""

    rows: int
    accuracy: Figures
    auc: Figures


def against_ratings(texts: Sequence[str], ratings: Sequence[float]) -> RatingFigures:
    """Return how closely the shipped reader and the two lexicons follow ratings on any scale.

    >>> against_ratings(["lovely house", "it is a house", "terrible house"], [2, 0, -2]).pearson["hearth"] > 0.9
    True
    """
    target = np.asarray(ratings, dtype=float)
    return RatingFigures(
        rows=len(texts), pearson={name: pearson(said, target) for name, said in _readings(texts).items()}
    )


def against_labels(texts: Sequence[str], labels: Sequence[str], positive: str) -> LabelFigures:
    """Return how well the readers tell the texts labelled `positive` from the others.

    A text is told positive where its polarity is above zero. Raises LabelsError where no label says `positive`.

    >>> against_labels(["lovely house", "terrible house"], ["good", "bad"], "good").auc["hearth"]
    1.0
    """
    truth = np.array([label.strip() == positive for label in labels], dtype=bool)
    if not truth.any():
        raise LabelsError(f"no row has the label {positive!r}")
    readings = _readings(texts)
    return LabelFigures(
        rows=len(texts),
        accuracy={name: float(np.mean((said > 0) == truth)) for name, said in readings.items()},
        auc={name: auc(said, truth) for name, said in readings.items()},
    )


def rated(texts: Sequence[str], ratings: Sequence[float], kinds: Sequence[str]) -> Rated:
    """Return texts ready for the functions below; reading the lexicons is most of the work, and is done once."""
    return Rated(parts=[parts(text) for text in texts], ratings=np.asarray(ratings, dtype=float), kinds=kinds)


def five_folds(texts: Rated, *, folds: int = 5, seed: int = 0) -> dict[str, Figures]:
    """Return, by kind, Pearson's r of heads that are fitted on the other folds of the same kind.

    These heads have the form of the shipped one and know only texts of the kind: the figure says what the form is worth
    where texts of one's own kind are rated. Raises LabelsError where a kind has fewer than two texts a fold.
    """
    return {
        kind: _figures(own, out_of_fold(own, folds=folds, seed=seed))
        for kind in sorted(set(texts.kinds))
        for own in [texts.subset(_of(texts, kind))]
    }


def pooled_folds(texts: Rated, *, folds: int = 5, seed: int = 0) -> dict[str, Figures]:
    """Return, by kind, Pearson's r of heads that are fitted as the shipped one on the other folds of all kinds."""
    said = out_of_fold(texts, folds=folds, seed=seed)
    return _by_kind(texts, said)


def kind_left_out(texts: Rated) -> dict[str, Figures]:
    """Return, by kind, Pearson's r of heads that are fitted as the shipped one on the other kinds only."""
    said = out_of_kind(texts)
    return _by_kind(texts, said)


def out_of_fold(texts: Rated, *, folds: int = 5, seed: int = 0) -> Floats:
    """Return polarities, each from a head that has not seen the text. Raises LabelsError with too few texts."""
    if len(texts.parts) < _FEWEST * folds:
        raise LabelsError(f"{len(texts.parts)} rated texts are too few for {folds} folds")
    fold = np.random.default_rng(seed).permutation(len(texts.parts)) % folds
    return _held_out(texts, fold)


def out_of_kind(texts: Rated) -> Floats:
    """Return polarities, each from a head that has seen no text of its kind."""
    names = sorted(set(texts.kinds))
    return _held_out(texts, np.array([names.index(kind) for kind in texts.kinds]))


def pearson(said: Floats, target: Floats) -> float | None:
    """Return Pearson's correlation; None where one side does not vary.

    >>> round(pearson(np.array([1.0, 2, 3]), np.array([2.0, 4, 6])), 6)
    1.0
    """
    if len(said) < _FEWEST or not np.ptp(said) or not np.ptp(target):
        return None
    return float(np.corrcoef(said, target)[0, 1])


def auc(said: Floats, truth: Bools) -> float | None:
    """Return the probability that a positive text has the higher polarity than another; None without both.

    >>> auc(np.array([0.1, 0.9]), np.array([False, True]))
    1.0
    """
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(truth, said)) if 0 < truth.sum() < len(truth) else None


def _readings(texts: Sequence[str]) -> dict[str, Floats]:
    read = read_sentiments(texts)
    return {
        "hearth": np.array([sentiment.polarity for sentiment in read]),
        "vader": np.array([sentiment.vader for sentiment in read]),
        "textblob": np.array([sentiment.textblob for sentiment in read]),
    }


def _by_kind(texts: Rated, said: Floats) -> dict[str, Figures]:
    return {
        kind: _figures(texts.subset(here), said[here])
        for kind in sorted(set(texts.kinds))
        for here in [_of(texts, kind)]
    }


def _of(texts: Rated, kind: str) -> Bools:
    return np.array([other == kind for other in texts.kinds], dtype=bool)


def _figures(texts: Rated, said: Floats) -> Figures:
    return {
        "hearth": pearson(said, texts.ratings),
        "vader": pearson(np.array([text.raw.compound for text in texts.parts]), texts.ratings),
        "textblob": pearson(np.array([text.raw.textblob for text in texts.parts]), texts.ratings),
    }


def _held_out(texts: Rated, group: Ints) -> Floats:
    said = np.zeros(len(texts.parts))
    for held in np.unique(group):
        here = group == held
        model = fitting.fit(texts.subset(~here))
        said[here] = fitting.predict(model, texts.subset(here).parts)
    return said
