"""Score texts with weights over hashed n-grams: one figure a state, and how much each word speaks for it.

Naive-Bayes-weighted linear support vectors (Wang & Manning, "Baselines and Bigrams", 2012), one state against the rest;
then one multinomial logistic over all scores, which turns them into probabilities.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from domain.documents import JsonMapping
from ml.arrays import Floats, Ints
from ml.language.ngrams import Grams, Hashes, places_in

#: share of the words that must be known; below it, probabilities come nearer to the shares of the labels
ENOUGH_KNOWN = 0.75
#: of eight bits as they ship, floats as they are fitted
Weights = NDArray[np.int8] | Floats
#: bits of a key for which occurrence of an n-gram it is: 4,000 texts of 4,000 letters are fewer
_OCCURRENCE = np.uint64(26)
_PLACE = np.uint64(20)
_LOW = np.uint64((1 << 26) - 1)
_LOW_PLACE = np.uint64((1 << 20) - 1)


@dataclass(frozen=True, slots=True)
class Spoken:
    """The known n-grams of some texts, each once a text: where in the texts it stands first, and its weights' place."""

    #: in order of the texts
    occurrences: Ints
    places: Ints
    #: text of each
    texts: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What a head says of some texts."""

    #: texts by states: signed distances, of no unit
    raw: Floats
    #: texts by states, each row adds up to 1
    probabilities: Floats
    #: share of a text's words that the head knows, 0 to 1
    known: Floats
    spoken: Spoken


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Weights of hashed n-grams, and what makes probabilities of their sums."""

    labels: tuple[str, ...]
    #: sorted
    hashes: Hashes
    #: n-grams by labels; a weight is its figure times the label's scale
    weights: Weights
    scales: Floats
    biases: Floats
    #: labels by labels, and labels: the logistic over the scores
    mixing: Floats
    offsets: Floats
    #: probability from which a label is told where a text may have several
    thresholds: Floats
    #: probabilities of a text of which nothing is known
    shares: Floats
    about: JsonMapping = field(default_factory=dict)

    def score(self, found: Grams) -> Scores:
        """Return the scores of all texts; a text without a known word has the shares of the labels."""
        rows = len(found.joined.offsets)
        places = places_in(self.hashes, found.hashes)
        spoken = _distinct(places, found.texts)
        raw = np.tile(self.biases, (rows, 1))
        if len(spoken.texts):
            firsts = np.flatnonzero(np.diff(spoken.texts, prepend=-1))
            sums = np.add.reduceat(self.weights[spoken.places], firsts, axis=0, dtype=np.float64)
            raw[spoken.texts[firsts]] += sums * self.scales
        known = _share(places[: found.words] >= 0, found.texts[: found.words], rows)
        enough = np.minimum(known / ENOUGH_KNOWN, 1.0)[:, None]
        probabilities = self.shares + enough * (self.calibrate(raw) - self.shares)
        return Scores(raw=raw, probabilities=probabilities, known=known, spoken=spoken)

    def calibrate(self, raw: Floats) -> Floats:
        """Return the probabilities of scores, texts by labels, as if all words were known."""
        return softmax(raw @ self.mixing + self.offsets)

    def contributions(self, spoken: Spoken, labels: Ints) -> Floats:
        """Return how much each known n-gram speaks for the label of its text, compared with the other labels."""
        chosen = labels[spoken.texts]
        weights = self.weights[spoken.places] * self.scales
        return weights[np.arange(len(chosen)), chosen] - weights.mean(axis=1)


def softmax(figures: Floats) -> Floats:
    """Return the exponentials of rows, each row adding up to 1.

    >>> softmax(np.zeros((1, 2))).tolist()
    [[0.5, 0.5]]
    """
    powers = np.exp(figures - figures.max(axis=1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _distinct(places: Ints, texts: Ints) -> Spoken:
    """Return the first occurrence of each known n-gram in each text."""
    at = np.flatnonzero(places >= 0).astype(np.uint64)
    keys = (texts[at].astype(np.uint64) << _PLACE | places[at].astype(np.uint64)) << _OCCURRENCE | at
    keys.sort()
    pairs = keys >> _OCCURRENCE
    first = np.flatnonzero(np.append(True, pairs[1:] != pairs[:-1]))[: len(pairs)]
    kept, pairs = keys[first], pairs[first]
    return Spoken(
        (kept & _LOW).astype(np.intp), (pairs & _LOW_PLACE).astype(np.intp), (pairs >> _PLACE).astype(np.intp)
    )


def _share(known: NDArray[np.bool_], texts: Ints, rows: int) -> Floats:
    """Return by text the share of its words that are known, 0 where there are none."""
    words = np.bincount(texts, minlength=rows)
    share: Floats = np.bincount(texts, weights=known, minlength=rows) / np.maximum(words, 1)
    return share
