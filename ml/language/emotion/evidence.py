"""Say which words of a text speak for a state, by the weights of the n-grams that lie in them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ml.arrays import Floats, Ints
from ml.language.emotion.head import Head, Scores
from ml.language.ngrams import Grams
from ml.language.results import Evidence

#: most words that are named, and how much one must weigh beside the heaviest
MOST, LEAST_SHARE = 3, 0.5


def evidence(head: Head, found: Grams, scores: Scores, labels: Ints) -> list[tuple[Evidence, ...]]:
    """Return, by text, the words that speak most for its label; words side by side are one span.

    An n-gram's weight is spread evenly over its bytes, and a word has what lies on its own: in units of the score.
    """
    upto = _upto_byte(head, found, scores, labels)
    starts, ends = found.starts[: found.words], found.ends[: found.words]
    weights = upto[ends] - upto[starts]
    cuts = np.searchsorted(found.texts[: found.words], np.arange(len(labels) + 1))
    return [
        _spans(found, text, starts[first:last], ends[first:last], weights[first:last])
        for text, (first, last) in enumerate(pairwise(cuts.tolist()))
    ]


def _upto_byte(head: Head, found: Grams, scores: Scores, labels: Ints) -> Floats:
    """Return how much all bytes before each byte say for the label of their text."""
    spoken, size = scores.spoken, len(found.joined.codes) + 1
    starts, ends = found.starts[spoken.occurrences], found.ends[spoken.occurrences]
    each = head.contributions(spoken, labels) / (ends - starts)
    steps = np.bincount(starts, each, size) - np.bincount(ends, each, size)
    return np.concatenate(([0.0], np.cumsum(np.cumsum(steps))))


def _spans(found: Grams, text: int, starts: Ints, ends: Ints, weights: Floats) -> tuple[Evidence, ...]:
    if not len(weights) or weights.max() <= 0:
        return ()
    heaviest = np.argsort(-weights, kind="stable")[:MOST]
    chosen = np.sort(heaviest[weights[heaviest] >= LEAST_SHARE * weights.max()])
    groups = np.split(chosen, np.flatnonzero(np.diff(chosen) > 1) + 1)
    places = found.joined.characters(text, np.concatenate([starts[chosen], ends[chosen]])).tolist()
    character = dict(zip([*starts[chosen].tolist(), *(-ends[chosen]).tolist()], places, strict=True))
    return tuple(
        _span(group, weights, character[int(starts[group[0]])], character[-int(ends[group[-1]])]) for group in groups
    )


def _span(group: Sequence[int] | Ints, weights: Floats, start: int, end: int) -> Evidence:
    return Evidence(start=start, end=end, weight=round(float(weights[group].sum()), 4), source="model")
