"""Fit a sentiment head on rated texts: what all kinds of text agree on, apart from what holds within one kind.

Each kind of text (tweets, reviews, ...) gets corrections of its own beside the weights that all share, as in Daumé,
"Frustratingly Easy Domain Adaptation" (ACL 2007). The corrections take up what is peculiar to a kind and are dropped.
Ridge regression over lexicon figures and n-grams divided by the root of their number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.arrays import Bools, Floats, Ints
from ml.language.sentiment.features import LEXICAL
from ml.language.sentiment.model import Parts, SentimentModel, Surety

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

#: penalty of the ridge, and what a correction of one kind weighs beside the shared weight
PENALTY, OWN = 2.0, 1.0
#: penalty for texts of one kind, which have no corrections to share with
PENALTY_ALONE = 1.0
#: texts that an n-gram must stand in
FEWEST = 2
#: texts that a word must stand in to count as known
KNOWN = 3
#: share of VADER where all words are known: the smallest with which no kind of text that was left out is read more than
#: .01 worse than by VADER; and share of known words below which it rises
VADER_SHARE, FAMILIAR = 0.1, 0.6


@dataclass(frozen=True, kw_only=True)
class Rated:
    """Texts with ratings of -4 to 4, each of a kind."""

    parts: Sequence[Parts]
    ratings: Floats
    kinds: Sequence[str]

    def subset(self, chosen: Bools) -> Rated:
        """Return the chosen texts."""
        places: list[int] = np.flatnonzero(chosen).tolist()
        return Rated(
            parts=[self.parts[place] for place in places],
            ratings=self.ratings[places],
            kinds=[self.kinds[place] for place in places],
        )


def fit(rated: Rated) -> SentimentModel:
    """Return a head without a confidence; with texts of one kind, a head for that kind.

    >>> from ml.language.sentiment.model import parts
    >>> read = [parts(text) for text in ("lovely house", "a house", "terrible house") * 3]
    >>> model = fit(Rated(parts=read, ratings=np.array([2.0, 0.0, -2.0] * 3), kinds=["x"] * 9))
    >>> said = predict(model, read[:3])
    >>> bool(said[0] > said[1] > said[2])
    True
    """
    from sklearn.linear_model import Ridge

    kinds = sorted(set(rated.kinds))
    vocabulary, known = _vocabulary(rated.parts)
    shared = _matrix(rated.parts, vocabulary)
    alone = len(kinds) < 2
    columns = shared if alone else _with_corrections(shared, rated.kinds, kinds)
    ridge = Ridge(alpha=PENALTY_ALONE if alone else PENALTY, solver="sparse_cg", tol=1e-4)
    ridge.fit(columns, rated.ratings)
    weights = ridge.coef_[: shared.shape[1]]
    compound = np.array([text.reading.compound for text in rated.parts])
    grams = np.abs(weights[len(LEXICAL) :])
    counted = grams > grams.max(initial=0.0) / 254  # less than half a step of the eight bits that are stored
    return SentimentModel(
        weights={
            gram: float(weights[len(LEXICAL) + place])
            for gram, place in vocabulary.items()
            if gram in known or counted[place]
        },
        lexical=tuple(float(weight) for weight in weights[: len(LEXICAL)]),
        bias=float(ridge.intercept_),
        vader=float(compound @ rated.ratings / max(compound @ compound, 1.0)),
        vader_share=0.0 if alone else VADER_SHARE,
        familiar=FAMILIAR,
    )


def with_surety(model: SentimentModel, polarities: Floats, rated: Rated) -> SentimentModel:
    """Return a model with the confidence fitted on polarities that other models gave texts they had not seen."""
    from sklearn.linear_model import LogisticRegression

    told = rated.ratings != 0
    rows = np.array(
        [
            (abs(polarity), abs(text.reading.compound - text.reading.textblob) / 2, model.known(text.ngrams))
            for polarity, text in zip(polarities, rated.parts, strict=True)
        ]
    )
    right = np.sign(polarities) == np.sign(rated.ratings)
    logistic = LogisticRegression(C=100.0).fit(rows[told], right[told])
    strength, disagreement, known = map(float, logistic.coef_[0])
    surety = Surety(
        bias=float(logistic.intercept_[0]), strength=strength, disagreement=min(0.0, disagreement), known=known
    )
    return replace(model, surety=surety)


def predict(model: SentimentModel, parts: Sequence[Parts]) -> Floats:
    """Return the polarity of each text."""
    return np.array([model.polarity(text) for text in parts])


def _vocabulary(parts: Sequence[Parts]) -> tuple[dict[int, int], frozenset[int]]:
    """Return the n-grams of several texts with their columns, and those of them that are known words."""
    texts: dict[int, int] = {}
    words: set[int] = set()
    for text in parts:
        words |= text.ngrams.words
        for gram in text.ngrams.words | text.ngrams.pairs:
            texts[gram] = texts.get(gram, 0) + 1
    kept = sorted(gram for gram, count in texts.items() if count >= FEWEST)
    known = frozenset(gram for gram in kept if gram in words and texts[gram] >= KNOWN)
    return {gram: place for place, gram in enumerate(kept)}, known


def _matrix(parts: Sequence[Parts], vocabulary: dict[int, int]) -> csr_matrix:
    """Return the lexicon figures and the n-grams of each text as a sparse row."""
    from scipy.sparse import csr_matrix, hstack

    ends, places, values = [0], [], []
    for text in parts:
        here = sorted(vocabulary[gram] for gram in text.ngrams.words | text.ngrams.pairs if gram in vocabulary)
        places += here
        values += [1.0 / math.sqrt(max(1, len(text.ngrams)))] * len(here)
        ends.append(len(places))
    grams = csr_matrix((values, places, ends), shape=(len(parts), len(vocabulary)))
    return csr_matrix(hstack([csr_matrix(np.array([text.figures for text in parts])), grams]))


def _with_corrections(shared: csr_matrix, kinds: Sequence[str], names: Sequence[str]) -> Any:
    """Return the columns once for all kinds, and once more for each kind, zero elsewhere."""
    from scipy.sparse import diags, hstack

    kind = np.array(kinds)
    own: Sequence[Ints] = [np.flatnonzero(kind == name) for name in names]
    blocks = [shared]
    for rows in own:
        here = np.zeros(len(kind))
        here[rows] = OWN
        blocks.append(diags(here) @ shared)
    return hstack(blocks).tocsr()
