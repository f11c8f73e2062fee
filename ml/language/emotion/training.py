"""Fit a head: naive-Bayes-weighted linear support vectors over words and over letters, then one logistic over all.

scikit-learn is imported where a head is fitted: who reads a message needs none of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from ml.arrays import Bools, Floats, Ints
from ml.errors import LabelsError
from ml.language.emotion.head import Head, softmax
from ml.language.ngrams import Hashes, distinct, grams

Kind = Literal["words", "letters"]
#: one of SciPy's sparse matrices
_Sparse: TypeAlias = Any
#: n-grams of each text
_Features: TypeAlias = Sequence[Hashes]

#: added to every count of an n-gram, so that one that a label never has does not rule it out
ALPHA = 0.2
#: texts whose n-grams are made at once, which bounds the memory
_AT_ONCE = 2_000
#: labels of the rows with several are chosen anew so often when the logistic is fitted
_ROUNDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One kind of n-grams, weighted by itself; the parts' scores are added."""

    kind: Kind
    #: texts in which an n-gram must stand to be kept
    least: int
    #: inverse strength of the penalty
    c: float
    share: float = 1.0


#: of the head that ships: rare n-grams are left out for its size
SHIPPED = (Part(kind="words", least=3, c=0.01), Part(kind="letters", least=8, c=0.001))


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """Texts with their labels."""

    texts: Sequence[str]
    #: texts by labels: whether the text has the label
    targets: Bools


def one_hot(labels: Sequence[frozenset[str]], names: Sequence[str]) -> Bools:
    """Return texts by labels. Raises LabelsError where a text has no label or one that is not among the names.

    >>> one_hot([frozenset({"angry"})], ["angry", "neutral"]).tolist()
    [[True, False]]
    """
    for row, own in enumerate(labels, 1):
        if not own or not own <= set(names):
            raise LabelsError(f"row {row} has no label, or one that is not known")
    return np.array([[name in own for name in names] for own in labels], dtype=bool).reshape(len(labels), len(names))


def fit(train: Labelled, held_out: Labelled, labels: Sequence[str], parts: Sequence[Part]) -> Head:
    """Return a head whose weights learn from `train`, and whose probabilities and thresholds from `held_out`.

    The same input gives the same bits. Raises LabelsError where a label never, or always, occurs in `train`.
    """
    head = fit_weights(train, labels, parts)
    return calibrated(head, held_out)


def fit_weights(train: Labelled, labels: Sequence[str], parts: Sequence[Part]) -> Head:
    """Return a head whose scores mean something and whose probabilities do not yet. Raises LabelsError, as `fit`."""
    require_others(train, labels)
    features = hashed(train.texts)
    fitted = [_fit_part(features[part.kind], train.targets, part) for part in parts]
    hashes = np.concatenate([each for each, _, _ in fitted])
    weights = np.concatenate([each for _, each, _ in fitted])
    # two n-grams of one hash, about one pair among 77,000, cannot be told apart: the first is kept
    known, first = np.unique(hashes, return_index=True)
    size = len(labels)
    return Head(
        labels=tuple(labels),
        hashes=known,
        weights=weights[first],
        scales=np.ones(size),
        biases=np.sum([bias for _, _, bias in fitted], axis=0),
        mixing=np.eye(size),
        offsets=np.zeros(size),
        thresholds=np.full(size, 0.5),
        shares=train.targets.sum(axis=0) / train.targets.sum(),
    )


def require_others(train: Labelled, labels: Sequence[str]) -> None:
    """Raise LabelsError where a label never, or always, occurs."""
    rows = len(train.targets)
    for name, count in zip(labels, train.targets.sum(axis=0).tolist(), strict=True):
        if count in {0, rows}:
            raise LabelsError(f"label {name!r} has {count} of {rows} rows: there is nothing to tell apart")


def calibrated(head: Head, held_out: Labelled) -> Head:
    """Return the head with the logistic and the thresholds that fit texts which its weights did not see."""
    raw = scores(head, held_out.texts)
    mixing, offsets = _logistic(raw, held_out.targets)
    ready = replace(head, mixing=mixing, offsets=offsets)
    return replace(ready, thresholds=_thresholds(ready.calibrate(raw), held_out.targets))


def with_probabilities_of(head: Head, other: Head) -> Head:
    """Return the head with the logistic and the thresholds of another of the same labels."""
    return replace(head, mixing=other.mixing, offsets=other.offsets, thresholds=other.thresholds)


def rounded(head: Head) -> Head:
    """Return a head with weights of eight bits; n-grams that no longer say anything are left out."""
    scales = np.abs(head.weights).max(axis=0) / 127
    weights = np.rint(head.weights / scales).astype(np.int8)
    says = weights.any(axis=1)
    return replace(head, hashes=head.hashes[says], weights=weights[says], scales=scales)


def scores(head: Head, texts: Sequence[str]) -> Floats:
    """Return the raw scores of texts, in steps that bound the memory."""
    steps = range(0, len(texts), _AT_ONCE)
    return np.concatenate([head.score(grams(texts[step : step + _AT_ONCE])).raw for step in steps])


def hashed(texts: Sequence[str]) -> Mapping[Kind, _Features]:
    """Return the sorted, distinct n-grams of each text, by kind."""
    words: list[Hashes] = []
    letters: list[Hashes] = []
    for step in range(0, len(texts), _AT_ONCE):
        some = texts[step : step + _AT_ONCE]
        found = grams(some)
        cut = found.letters_from
        words += distinct(found.hashes[:cut], found.texts[:cut], len(some))
        letters += distinct(found.hashes[cut:], found.texts[cut:], len(some))
    return {"words": words, "letters": letters}


def _fit_part(features: _Features, targets: Bools, part: Part) -> tuple[Hashes, Floats, Floats]:
    """Return the n-grams that are kept, their weights by label, and the biases."""
    every, counts = np.unique(np.concatenate(features), return_counts=True)
    kept = every[counts >= part.least]
    if not len(kept):
        raise LabelsError("the texts have no n-gram in common: there is nothing to learn from")
    matrix = _matrix(features, kept)
    fitted = [_fit_label(matrix, targets[:, label], part.c) for label in range(targets.shape[1])]
    weights = part.share * np.stack([each for each, _ in fitted], axis=1)
    return kept, weights, part.share * np.array([bias for _, bias in fitted])


def _matrix(features: _Features, kept: Hashes) -> _Sparse:
    from scipy import sparse

    flat = np.concatenate(features)
    places = np.minimum(np.searchsorted(kept, flat), len(kept) - 1)
    known = kept[places] == flat
    starts = np.concatenate(([0], np.cumsum([len(row) for row in features])))
    before = np.concatenate(([0], np.cumsum(known)))
    return sparse.csr_matrix(
        (np.ones(int(known.sum())), places[known].astype(np.int32), before[starts].astype(np.int32)),
        shape=(len(features), len(kept)),
    )


def _fit_label(matrix: _Sparse, target: Bools, c: float) -> tuple[Floats, float]:
    """Return the weights of one label against the rest, and the bias.

    Each n-gram is scaled by its log-count ratio: log of its share among the n-grams of the label over that among the
    others.
    """
    from scipy import sparse
    from sklearn.svm import LinearSVC

    own = ALPHA + np.asarray(matrix[target].sum(axis=0)).ravel()
    others = ALPHA + np.asarray(matrix[~target].sum(axis=0)).ravel()
    ratio = np.log((own / own.sum()) / (others / others.sum()))
    model = LinearSVC(C=c, class_weight="balanced", max_iter=3_000, random_state=0)
    model.fit(matrix @ sparse.diags(ratio), target)
    weights: Floats = model.coef_[0] * ratio
    return weights, float(model.intercept_[0])


def _logistic(raw: Floats, targets: Bools) -> tuple[Floats, Floats]:
    """Return the multinomial logistic over scores whose largest probability says how often it is right.

    A prediction counts as right when it is among the labels of the text, so a text with several counts for the one
    that the logistic finds likeliest.
    """
    from sklearn.linear_model import LogisticRegression

    mixing, offsets = np.eye(raw.shape[1]), np.zeros(raw.shape[1])
    for _ in range(_ROUNDS):
        chosen = np.where(targets, softmax(raw @ mixing + offsets), -1.0).argmax(axis=1)
        if len(np.unique(chosen)) < 2:  # one label says nothing about how sure to be
            return mixing, offsets
        model = LogisticRegression(C=1.0, max_iter=3_000).fit(raw, chosen)
        mixing, offsets = _full(model, raw.shape[1])
    return mixing, offsets


def _full(model: Any, size: int) -> tuple[Floats, Floats]:
    """Return a fitted logistic with a column for each label; one that never occurred is never likely."""
    rows, offsets = model.coef_, model.intercept_
    if len(model.classes_) == 2:
        rows, offsets = np.vstack([np.zeros_like(rows), rows]), np.concatenate(([0.0], offsets))
    mixing, full = np.zeros((size, size)), np.full(size, -30.0)
    mixing[:, model.classes_] = rows.T
    full[model.classes_] = offsets
    return mixing, full


def _thresholds(probabilities: Floats, targets: Bools) -> Floats:
    """Return by label the probability from which telling it gives the largest F1."""
    return np.array([_threshold(probabilities[:, place], targets[:, place]) for place in range(targets.shape[1])])


def _threshold(probabilities: Floats, target: Bools) -> float:
    order: Ints = np.argsort(-probabilities, kind="stable")
    right = np.cumsum(target[order])
    f1 = 2 * right / (np.arange(1, len(order) + 1) + max(1, int(target.sum())))
    return float(probabilities[order][int(f1.argmax())])
