"""Score texts with weights over hashed n-grams, one figure a label.

Naive-Bayes-weighted linear support vectors (Wang & Manning, "Baselines and Bigrams", 2012), one state against the rest;
then one multinomial logistic over all scores, which turns them into probabilities.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from domain.documents import JsonMapping
from ml.arrays import Bools, Floats, Ints
from ml.language.ngrams import Grams, Hashes, places_in

#: share of the words that must be known; below it, probabilities come nearer to the shares of the labels
ENOUGH_KNOWN = 0.75
#: of eight bits as they ship, floats as they are fitted
Weights = NDArray[np.int8] | Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What a head says of some texts."""

    #: texts by states: signed distances, of no unit
    raw: Floats
    #: texts by states, each row adds up to 1
    probabilities: Floats
    #: share of a text's words that the head knows, 0 to 1
    known: Floats


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
        """Return the scores of all texts."""
        rows = len(found.joined.offsets)
        places = places_in(self.hashes, found.hashes)
        known = places >= 0
        raw = np.tile(self.biases, (rows, 1))
        keys = np.unique(found.texts[known] * len(self.hashes) + places[known])
        if len(keys):
            texts, own = np.divmod(keys, len(self.hashes))
            firsts = np.flatnonzero(np.diff(texts, prepend=-1))
            raw[texts[firsts]] += np.add.reduceat(self.weights[own], firsts, axis=0, dtype=np.float64) * self.scales
        share = _share(known[: found.words], found.texts[: found.words], rows)
        return Scores(raw=raw, probabilities=self.probabilities(raw, share), known=share)

    def probabilities(self, raw: Floats, known: Floats) -> Floats:
        """Return probabilities, texts by labels; the less of its words is known, the nearer to the labels' shares."""
        enough = np.minimum(known / ENOUGH_KNOWN, 1.0)[:, None]
        read: Floats = self.shares + enough * (self.calibrate(raw) - self.shares)
        return read

    def calibrate(self, raw: Floats) -> Floats:
        """Return the probabilities of scores, texts by labels, as if all words were known."""
        return softmax(raw @ self.mixing + self.offsets)


def softmax(figures: Floats) -> Floats:
    """Return the exponentials of rows, each row adding up to 1.

    >>> softmax(np.zeros((1, 2))).tolist()
    [[0.5, 0.5]]
    """
    powers = np.exp(figures - figures.max(axis=1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _share(known: Bools, texts: Ints, rows: int) -> Floats:
    """Return by text the share of its words that are known, 0 where there are none."""
    words = np.bincount(texts, minlength=rows)
    share: Floats = np.bincount(texts, weights=known, minlength=rows) / np.maximum(words, 1)
    return share
