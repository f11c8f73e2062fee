"""Measure how well emotions are told, on texts that people have labelled: the shipped model, or a head fitted there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from domain.emotions import EMOTIONAL_STATES, EmotionalState
from ml.arrays import Bools, Floats, Ints, calibration_error
from ml.errors import LabelsError
from ml.language.emotion import reader, training
from ml.language.emotion.head import Head
from ml.language.emotion.labels import LabelMap, split_cell, ten_states
from ml.language.emotion.training import Labelled, Part
from ml.language.ngrams import grams

#: accuracy from which the product calls a tone sure
SURE_ACCURACY = 0.9
#: fewer rows than this say nothing about an accuracy
_FEWEST = 50
#: of `--fit`: every tenth row of a label is held out, to choose the parts and to make probabilities of scores
_HELD_OUT = 10
_SEED = 0
_WORDS = Part(kind="words", least=2, c=0.01)
_LETTERS = Part(kind="letters", least=2, c=0.001, share=0.5)
#: rows up to which letters are tried too: with more, they take far longer than they gain
_MOST_FOR_LETTERS = 10_000
_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFigures:
    """The quality of one label."""

    rows: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """The quality on the share of the rows that the model is surest of."""

    accuracy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleFigures:
    """The quality on the rows of one label, where there are others; each row gets its likeliest label."""

    rows: int
    accuracy: float
    macro_f1: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EmotionFigures:
    """The quality on labelled texts."""

    rows: int
    #: share of the rows whose likeliest label is among their labels
    accuracy: float
    #: mean of the labels' F1. Where rows have several labels, every label from its threshold on is told, as learnt from
    #: other texts; else the likeliest one
    macro_f1: float
    per_label: Mapping[str, LabelFigures]
    at_half_coverage: Covered
    at_quarter_coverage: Covered
    #: share of the rows, the surest first, up to which accuracy is .9 or more
    coverage_at_90: float
    #: mean difference of confidence and accuracy, in ten bins of confidence
    ece: float
    #: share of the rows that have the most frequent label: the accuracy of always saying it
    majority: float
    single_label: SingleFigures | None
    #: rows that the mapping leaves out
    left_out: int
    #: true label -> told label -> rows of one label
    confusion: Mapping[str, Mapping[str, int]]


def evaluate(texts: Sequence[str], cells: Sequence[str], mapped: LabelMap | None = None) -> EmotionFigures:
    """Return the quality of what ships; without a mapping the labels are the states. Raises LabelsError.

    A class of several states has the sum of their probabilities; states of no class are not told.

    >>> evaluate(["I am so worried about the loan", "This is infuriating"], ["anxious", "frustrated"]).accuracy
    1.0
    """
    mapped = mapped or ten_states()
    classes = [mapped.classes_of(cell, row) for row, cell in enumerate(cells, 1)]
    kept = [text for text, own in zip(texts, classes, strict=True) if own]
    targets = _targets([own for own in classes if own], mapped.names)
    states = reader.probabilities(kept)
    read = np.stack([states[:, _places(own)].sum(axis=1) for own in mapped.members.values()], axis=1)
    return figures(read, targets, mapped.names, _shipped_thresholds(mapped), left_out=len(texts) - len(kept))


def evaluate_fitted(
    texts: Sequence[str], cells: Sequence[str], train_texts: Sequence[str], train_cells: Sequence[str]
) -> EmotionFigures:
    """Return the quality of a head fitted on other texts with labels of the same kind. Raises LabelsError."""
    known = [frozenset(split_cell(cell)) for cell in train_cells]
    names = tuple(sorted(frozenset().union(*known)))
    head = fit_head(Labelled(texts=train_texts, targets=training.one_hot(known, names)), names)
    own = [frozenset(split_cell(cell)) for cell in cells]
    # a label that no text to learn from has is never told
    every = (*names, *sorted(frozenset().union(*own) - set(names)))
    read = np.zeros((len(texts), len(every)))
    read[:, : len(names)] = _probabilities(head, texts)
    thresholds = np.concatenate([head.thresholds, np.full(len(every) - len(names), 2.0)])
    return figures(read, training.one_hot(own, every), every, thresholds)


def fit_head(train: Labelled, names: Sequence[str]) -> Head:
    """Return a head for labels of one's own. Raises LabelsError.

    Words alone, or words and letters: what tells more of the held-out rows right. The weights are then fitted again on
    all rows; what makes probabilities of their scores comes from the rows held out before.
    """
    training.require_others(train, names)
    held = _held_out(train.targets)
    if not held.any():
        raise LabelsError(f"no label has {_HELD_OUT} rows: there is too little to learn from")
    inner, outer = _rows(train, ~held), _rows(train, held)
    choices: list[tuple[Part, ...]] = [(_WORDS,)]
    if len(train.texts) <= _MOST_FOR_LETTERS:
        choices.append((_WORDS, _LETTERS))
    tried = [training.fit(inner, outer, names, parts) for parts in choices]
    right = [_accuracy(_probabilities(head, outer.texts), outer.targets) for head in tried]
    best = int(np.argmax(right))
    return training.with_probabilities_of(training.fit_weights(train, names, choices[best]), tried[best])


def _held_out(targets: Bools) -> Bools:
    """Return every tenth row of each label in a shuffled order; a row counts for the rarest of its labels."""
    rarest = np.where(targets, targets.sum(axis=0), len(targets) + 1).argmin(axis=1)
    held = np.zeros(len(targets), dtype=bool)
    shuffled = np.random.default_rng(_SEED).permutation(len(targets))
    for label in range(targets.shape[1]):
        held[shuffled[rarest[shuffled] == label][_HELD_OUT - 1 :: _HELD_OUT]] = True
    return held


def figures(
    read: Floats, targets: Bools, names: Sequence[str], thresholds: Floats | None, left_out: int = 0
) -> EmotionFigures:
    """Return the quality of probabilities, texts by labels; without thresholds each text gets its likeliest label.

    Raises:
        LabelsError: there are no rows.

    """
    if not len(targets):
        raise LabelsError("there is no row with a label")
    chosen = read.argmax(axis=1)
    right, confidence = targets[np.arange(len(targets)), chosen], read.max(axis=1)
    surest = np.argsort(-confidence, kind="stable")
    several = bool((targets.sum(axis=1) > 1).any())
    one = targets.sum(axis=1) == 1
    told = read >= thresholds if several and thresholds is not None else _one_hot(chosen, len(names))
    per_label = {name: _label(told[:, place], targets[:, place]) for place, name in enumerate(names)}
    return EmotionFigures(
        rows=len(targets),
        accuracy=float(right.mean()),
        macro_f1=_macro(per_label),
        per_label=per_label,
        at_half_coverage=Covered(accuracy=_mean(right[surest[: max(1, len(right) // 2)]])),
        at_quarter_coverage=Covered(accuracy=_mean(right[surest[: max(1, len(right) // 4)]])),
        coverage_at_90=_sure_rows(right[surest]) / len(right),
        ece=calibration_error(right, confidence),
        majority=float(targets.mean(axis=0).max()),
        single_label=_single(chosen[one], targets[one], names) if several and one.any() else None,
        left_out=left_out,
        confusion=_confusion(chosen[one], targets[one], names),
    )


def sure_from(read: Floats, targets: Bools) -> float:
    """Return the confidence from which on predictions are right nine times in ten; 1 where they never are.

    The accuracy must be higher than .9 by 1.64 standard errors, so that it holds on other rows of the kind too.

    >>> sure_from(np.array([[0.8, 0.2]] * 60), np.array([[True, False]] * 60))
    0.8
    """
    confidence = read.max(axis=1)
    surest = np.argsort(-confidence, kind="stable")
    right = targets[np.arange(len(targets)), read.argmax(axis=1)][surest]
    rows = np.arange(1, len(right) + 1)
    accuracy = np.cumsum(right) / rows
    enough = np.flatnonzero(accuracy - 1.64 * np.sqrt(accuracy * (1 - accuracy) / rows) >= SURE_ACCURACY)
    few = not len(enough) or enough[-1] + 1 < _FEWEST
    return 1.0 if few else float(confidence[surest[enough[-1]]])


def _shipped_thresholds(mapped: LabelMap) -> Floats | None:
    """Return the thresholds of the head that ships, where each class is one state that it has learnt."""
    head = reader.head()
    if any(len(states) > 1 for states in mapped.members.values()):
        return None
    own = dict(zip(head.labels, head.thresholds.tolist(), strict=True))
    return np.array([own.get(name, reader.CUES_WEIGH) for name in mapped.names])


def _targets(classes: Sequence[frozenset[str]], names: Sequence[str]) -> Bools:
    return np.array([[name in own for name in names] for own in classes], dtype=bool).reshape(len(classes), len(names))


def _places(states: Sequence[EmotionalState]) -> list[int]:
    return [EMOTIONAL_STATES.index(state) for state in states]


def _rows(all_rows: Labelled, chosen: Bools) -> Labelled:
    places = np.flatnonzero(chosen)
    return Labelled(texts=[all_rows.texts[place] for place in places.tolist()], targets=all_rows.targets[places])


def _probabilities(head: Head, texts: Sequence[str]) -> Floats:
    steps = range(0, len(texts), _AT_ONCE)
    return np.concatenate([head.score(grams(texts[step : step + _AT_ONCE])).probabilities for step in steps])


def _accuracy(read: Floats, targets: Bools) -> float:
    return float(targets[np.arange(len(targets)), read.argmax(axis=1)].mean())


def _one_hot(chosen: Ints, size: int) -> Bools:
    told: Bools = chosen[:, None] == np.arange(size)
    return told


def _label(told: Bools, target: Bools) -> LabelFigures:
    right, said, there = int((told & target).sum()), int(told.sum()), int(target.sum())
    return LabelFigures(
        rows=there,
        precision=right / said if said else 0.0,
        recall=right / there if there else 0.0,
        f1=2 * right / (said + there) if said + there else 0.0,
    )


def _macro(per_label: Mapping[str, LabelFigures]) -> float:
    """Return the mean F1 of the labels that occur in the rows."""
    return float(np.mean([label.f1 for label in per_label.values() if label.rows]))


def _mean(right: Bools) -> float:
    return float(right.mean())


def _sure_rows(right: Bools) -> int:
    """Return how many rows, the surest first, may be told with accuracy .9."""
    accuracy = np.cumsum(right) / np.arange(1, len(right) + 1)
    enough = np.flatnonzero(accuracy >= SURE_ACCURACY)
    return int(enough[-1]) + 1 if len(enough) and enough[-1] + 1 >= min(_FEWEST, len(right)) else 0


def _single(chosen: Ints, targets: Bools, names: Sequence[str]) -> SingleFigures:
    told = _one_hot(chosen, len(names))
    per_label = {name: _label(told[:, place], targets[:, place]) for place, name in enumerate(names)}
    right = targets[np.arange(len(targets)), chosen]
    return SingleFigures(rows=len(targets), accuracy=_mean(right), macro_f1=_macro(per_label))


def _confusion(chosen: Ints, targets: Bools, names: Sequence[str]) -> dict[str, dict[str, int]]:
    true = targets.argmax(axis=1)
    counts = np.zeros((len(names), len(names)), np.intp)
    np.add.at(counts, (true, chosen), 1)
    return {name: dict(zip(names, row.tolist(), strict=True)) for name, row in zip(names, counts, strict=True)}
