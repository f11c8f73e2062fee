"""Look texts up in a head, word by word: what it knows of a word is worked out once and kept.

Letters never go over a blank, so all n-grams of a run of letters but its pairs with the runs beside it depend on that
run alone. The sums are those of `Head.score`.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from ml.arrays import Floats
from ml.language.emotion.head import ENOUGH_KNOWN, Head, softmax
from ml.language.ngrams import lowered, of_run

#: runs of letters that are kept: the frequent ones of a language, about 30 MB
_KEPT = 16_384
#: what is no blank for `ngrams`
_RUN = re.compile(rb"[^\x00-\x20\x7f]+")


@dataclass(frozen=True, slots=True)
class Run:
    """What a head knows of a run of letters without a blank."""

    #: of the weights of its words, pairs of words within it, and letters
    places: frozenset[int]
    #: its first word, and the hash of its last one
    first: bytes
    last: int
    words: int
    known: int


@dataclass(frozen=True, slots=True)
class Found:
    """What a head knows of a text."""

    data: bytes
    runs: Sequence[Run]
    #: bytes [start, end) of each run
    spans: Sequence[tuple[int, int]]
    #: of the weights of the pairs of words from run to run; -1 where the pair is not known
    pairs: Sequence[int]
    #: share of its words that the head knows
    known: float


@dataclass(frozen=True, slots=True)
class Looked:
    """What a head says of some texts."""

    texts: Sequence[Found]
    #: texts by labels: sums of weights, before scales and biases
    sums: Floats
    probabilities: Floats


class Lookup:
    """A head with the runs of letters that it has met last."""

    def __init__(self, head: Head) -> None:
        """Begin without runs."""
        self.head = head
        self._place = {one: place for place, one in enumerate(head.hashes.tolist())}
        # the last row is of noughts: each text has it, so that none is without a row; so does a pair that is not known
        self._weights = np.vstack([head.weights, np.zeros((1, len(head.labels)), head.weights.dtype)])
        weights = self._weights * head.scales
        self._speaks = (weights - weights.mean(axis=1, keepdims=True)).astype(np.float32)
        self._mixing = head.scales[:, None] * head.mixing
        self._offsets = head.biases @ head.mixing + head.offsets
        self._run = lru_cache(_KEPT)(self._work_out)
        self._speech = lru_cache(_KEPT)(self._speaks_for)

    def look_up(self, texts: Sequence[str]) -> Looked:
        """Return what the head says of texts."""
        found = list(map(self._find, texts))
        sums = self._sums(found)
        enough = np.array([[min(text.known / ENOUGH_KNOWN, 1.0)] for text in found])
        shares = self.head.shares
        return Looked(found, sums, shares + enough * (softmax(sums @ self._mixing + self._offsets) - shares))

    def speaks(self, found: Found, label: int) -> list[float]:
        """Return how much each run of a text speaks for a label, compared with the mean over the labels.

        A run has the weights of its own n-grams and half of those of its pairs, in units of the score.
        """
        of_runs = [self._speech(found.data[start:end])[label] for start, end in found.spans]
        if found.pairs:
            for place, speaks in enumerate(self._speaks[found.pairs, label].tolist()):
                of_runs[place] += speaks / 2
                of_runs[place + 1] += speaks / 2
        return of_runs

    def _find(self, text: str) -> Found:
        data = lowered(text).encode("utf-8", "replace")
        spans = [match.span() for match in _RUN.finditer(data)]
        runs = [self._run(data[start:end]) for start, end in spans]
        crc, place = zlib.crc32, self._place
        pairs = [place.get(crc(after.first, crc(b" ", before.last)), -1) for before, after in pairwise(runs)]
        words = sum([run.words for run in runs])
        return Found(data, runs, spans, pairs, sum([run.known for run in runs]) / words if words else 0.0)

    def _sums(self, found: Sequence[Found]) -> Floats:
        flat: list[int] = []
        firsts: list[int] = []
        for text in found:
            firsts.append(len(flat))
            flat.append(len(self._weights) - 1)
            flat += set().union(text.pairs, *[run.places for run in text.runs])
        sums: Floats = np.add.reduceat(self._weights[np.array(flat)], firsts, axis=0, dtype=np.float64)
        return sums

    def _work_out(self, letters: bytes) -> Run:
        words, others, first = of_run(letters)
        of_words = [place for place in map(self._place.get, words) if place is not None]
        of_others = [place for place in map(self._place.get, others) if place is not None]
        return Run(
            places=frozenset(of_words + of_others),
            first=first,
            last=words[-1],
            words=len(words),
            known=len(of_words),
        )

    def _speaks_for(self, letters: bytes) -> list[float]:
        """Return how much the own n-grams of a run of letters speak for each label."""
        places = sorted(self._run(letters).places)
        summed: list[float] = self._speaks[[*places, -1]].sum(axis=0, dtype=np.float64).tolist()
        return summed
