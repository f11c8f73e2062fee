"""The sentiment head: lexicon figures and n-grams added up, falling back to VADER where few of the words are known.

Only weights under 32-bit hashes are stored, no text of any data set; docs/models/sentiment.md is its card.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from domain.documents import JsonMapping
from ml.errors import ArtifactCorruptedError, ArtifactFormatError
from ml.language.sentiment.features import LEXICAL, Ngrams, lexical, ngrams
from ml.language.sentiment.idioms import literal
from ml.language.sentiment.lexicons import LexiconReading, read

#: changes when older weights can no longer be read
FORMAT = 1
#: digits of stored figures; the rest differs from machine to machine
_DIGITS = 6
#: the unit of the ratings that it learns from: -4 to 4
SCALE = 4.0


@dataclass(frozen=True, slots=True)
class Parts:
    """All that the head needs to know of a text."""

    #: what the lexicons say of the text as written
    raw: LexiconReading
    #: what they say of it with its idioms taken as they are meant
    reading: LexiconReading
    ngrams: Ngrams
    figures: tuple[float, ...]


def parts(text: str) -> Parts:
    """Return the parts of a text whose idioms are taken as they are meant.

    >>> parts("no problem").reading == parts("good").raw
    True
    """
    meant = literal(text)
    raw, found = read(text), ngrams(meant)
    reading = raw if meant is text else read(meant)
    return Parts(raw, reading, found, lexical(reading, len(found)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Surety:
    """The probability that the sign of a polarity is right, as a logistic function."""

    bias: float = 0.0
    #: of the polarity's distance from zero
    strength: float = 0.0
    #: of half the difference between VADER and TextBlob
    disagreement: float = 0.0
    #: of the share of known words
    known: float = 0.0

    def of(self, polarity: float, disagreement: float, known: float) -> float:
        """Return the probability; all three are 0 to 1, the polarity may be negative.

        >>> Surety(strength=8, disagreement=-1).of(-0.5, 0.0, 1.0) > 0.9
        True
        """
        odds = self.bias + self.strength * abs(polarity) + self.disagreement * disagreement + self.known * known
        return 1.0 / (1.0 + math.exp(-odds))


@dataclass(frozen=True, kw_only=True)
class SentimentModel:
    """What was learnt from ratings of -4 to 4."""

    #: hash of an n-gram -> weight; known words whose weight is zero are in it too
    weights: Mapping[int, float]
    #: weights of the lexicon figures, in the order of `LEXICAL`
    lexical: tuple[float, ...]
    bias: float
    #: what VADER's compound alone says of a rating: its slope, through zero
    vader: float
    #: share of VADER in the blend where all words are known, and share of known words below which it rises to one
    vader_share: float
    familiar: float
    surety: Surety = Surety()
    about: JsonMapping = field(default_factory=dict)

    def known(self, found: Ngrams) -> float:
        """Return the share of the words that the head knows, 0 to 1; 0 without words."""
        return len(found.words & self.weights.keys()) / len(found.words) if found.words else 0.0

    def polarity(self, text: Parts) -> float:
        """Return the blend, -1 negative to 1 positive.

        Where fewer than `familiar` of the words are known, the share of VADER rises in proportion, to 1 where none is.
        """
        trust = (1.0 - self.vader_share) * min(1.0, self.known(text.ngrams) / self.familiar)
        rating = trust * self._learnt(text) + (1.0 - trust) * self.vader * text.reading.compound
        return max(-1.0, min(1.0, rating / SCALE))

    def confidence(self, text: Parts, polarity: float) -> float:
        """Return the probability that the sign of the polarity is right; lower where the lexicons disagree."""
        disagreement = abs(text.reading.compound - text.reading.textblob) / 2
        return self.surety.of(polarity, disagreement, self.known(text.ngrams))

    def _learnt(self, text: Parts) -> float:
        get = self.weights.get
        found = text.ngrams
        counted = sum([get(gram, 0.0) for gram in found.words]) + sum([get(gram, 0.0) for gram in found.pairs])
        figures = sum(weight * figure for weight, figure in zip(self.lexical, text.figures, strict=True))
        return self.bias + figures + (counted / math.sqrt(len(found)) if len(found) else 0.0)


def dump(model: SentimentModel) -> str:
    """Return a model as canonical JSON: 32-bit hashes with weights of eight bits."""
    pairs = sorted(model.weights.items())
    scale = max((abs(weight) for _, weight in pairs), default=0.0) / 127 or 1.0
    body = {
        "format": FORMAT,
        "lexical": {name: round(weight, _DIGITS) for name, weight in zip(LEXICAL, model.lexical, strict=True)},
        "bias": round(model.bias, _DIGITS),
        "vader": round(model.vader, _DIGITS),
        "vader_share": model.vader_share,
        "familiar": model.familiar,
        "surety": {name: round(getattr(model.surety, name), _DIGITS) for name in Surety.__dataclass_fields__},
        "about": dict(model.about),
        "scale": scale,
        "hashes": _packed(f"<{len(pairs)}I", [gram for gram, _ in pairs]),
        "weights": _packed(f"<{len(pairs)}b", [round(weight / scale) for _, weight in pairs]),
    }
    return _canonical(body | {"sha256": _digest(body)})


def load(text: str) -> SentimentModel:
    """Return the model that `dump` wrote.

    Raises ArtifactCorruptedError if a byte was changed, ArtifactFormatError if another version wrote it.

    >>> zeros = (0.0,) * len(LEXICAL)
    >>> model = SentimentModel(weights={7: 2.0}, lexical=zeros, bias=0, vader=2, vader_share=0.1, familiar=0.5)
    >>> load(dump(model)).weights
    {7: 2.0}
    """
    try:
        body = json.loads(text)
    except ValueError as error:
        raise ArtifactCorruptedError(ArtifactCorruptedError.__doc__) from error
    if body.pop("sha256", None) != _digest(body):
        raise ArtifactCorruptedError(ArtifactCorruptedError.__doc__)
    if body["format"] != FORMAT:
        raise ArtifactFormatError(ArtifactFormatError.__doc__)
    hashes, weights = base64.b64decode(body["hashes"]), base64.b64decode(body["weights"])
    values = struct.unpack(f"<{len(weights)}b", weights)
    scaled = [body["scale"] * value for value in values]
    return SentimentModel(
        weights=dict(zip(struct.unpack(f"<{len(values)}I", hashes), scaled, strict=True)),
        lexical=tuple(body["lexical"][name] for name in LEXICAL),
        bias=body["bias"],
        vader=body["vader"],
        vader_share=body["vader_share"],
        familiar=body["familiar"],
        surety=Surety(**body["surety"]),
        about=body["about"],
    )


def _digest(body: Mapping[str, object]) -> str:
    return hashlib.sha256(_canonical(body).encode()).hexdigest()


def _packed(form: str, values: Sequence[int]) -> str:
    return base64.b64encode(struct.pack(form, *values)).decode("ascii")


def _canonical(body: Mapping[str, object]) -> str:
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False) + "\n"
