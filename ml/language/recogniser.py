"""Recognise sentences that refuse contact and that no pattern of the catalogue matches, with a small trained model.

Logistic regression over hashed features: words, pairs of words, beginnings of words, and the catalogue's classes of
words. Only weights and figures are shipped (`recogniser.json`); docs/models/refusals.md is its card.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from domain.documents import JsonMapping
from ml.errors import ArtifactCorruptedError

#: changes when older weights can no longer be read
FORMAT = 2
#: letters of a word's beginning, which verbs of all persons share
_BEGINNING = 4
#: most words between two classes that count as a pair
_REACH = 3
_FILE = Path(__file__).with_suffix(".json")


def features(words: Sequence[str], classes: Mapping[str, str]) -> frozenset[int]:
    """Return the hashed features of a sentence; `classes` maps a word to its class.

    >>> len(features(["stop", "texting"], {"stop": "STOP"}))
    12
    """
    return frozenset(zlib.crc32(text.encode()) for text in _features(words, classes))


def _features(words: Sequence[str], classes: Mapping[str, str]) -> Iterator[str]:
    named = [classes.get(word, "") for word in words]
    before, before_class = "^", "^"
    for place, (word, name) in enumerate(zip([*words, "$"], [*named, "$"], strict=True)):
        yield f"w {word}"
        yield f"b {before} {word}"
        if len(word) > _BEGINNING:
            yield f"p {word[:_BEGINNING]}"
        if name:
            yield f"c {name}"
            yield f"d {before_class} {name}"
            for other in named[max(0, place - _REACH) : place]:
                if other:
                    yield f"s {other} {name}"
        before, before_class = word, name


@dataclass(frozen=True, slots=True, kw_only=True)
class Recogniser:
    """The weights of hashed features, and the scores from which a sentence is in doubt or clear."""

    weights: Mapping[int, float]
    bias: float
    clear: float
    doubt: float
    #: how much higher the score must be for a sentence that names no contact
    unnamed: float = 0.0
    about: JsonMapping = field(default_factory=dict)

    def score(self, hashed: frozenset[int]) -> float:
        """Return the log-odds that a sentence refuses."""
        if not hashed:
            return self.bias
        total = sum(self.weights.get(feature, 0.0) for feature in hashed)
        return self.bias + total / math.sqrt(len(hashed))

    def verdict(self, hashed: frozenset[int], *, named: bool = True) -> Literal["clear", "doubt", "none"]:
        """Return the verdict on a sentence; `named`: it names contact.

        >>> Recogniser(weights={1: 5.0}, bias=-1, clear=3, doubt=1).verdict(frozenset({1}))
        'clear'
        """
        score = self.score(hashed) - (0.0 if named else self.unnamed)
        return "clear" if score >= self.clear else "doubt" if score >= self.doubt else "none"


def dump(recogniser: Recogniser) -> str:
    """Return a recogniser as canonical JSON: 32-bit hashes with weights of eight bits."""
    pairs = sorted(recogniser.weights.items())
    scale = max((abs(weight) for _, weight in pairs), default=1.0) / 127
    rounded = [(feature, round(weight / scale)) for feature, weight in pairs]
    nonzero = [(feature, weight) for feature, weight in rounded if weight]
    body = {
        "format": FORMAT,
        "bias": round(recogniser.bias, 6),
        "scale": scale,
        "clear": recogniser.clear,
        "doubt": recogniser.doubt,
        "unnamed": recogniser.unnamed,
        "about": dict(recogniser.about),
        "hashes": _packed(f"<{len(nonzero)}I", [feature for feature, _ in nonzero]),
        "weights": _packed(f"<{len(nonzero)}b", [weight for _, weight in nonzero]),
    }
    return _canonical(body | {"sha256": _digest(body)})


def load(text: str) -> Recogniser:
    """Return the recogniser that `dump` wrote. Raises ArtifactCorruptedError if a byte was changed.

    >>> load(dump(Recogniser(weights={7: 2.0}, bias=-1, clear=3, doubt=1))).weights
    {7: 2.0}
    """
    try:
        body = json.loads(text)
    except ValueError as error:
        raise ArtifactCorruptedError(ArtifactCorruptedError.__doc__) from error
    if body.pop("sha256", None) != _digest(body) or body["format"] != FORMAT:
        raise ArtifactCorruptedError(ArtifactCorruptedError.__doc__)
    hashes, weights = base64.b64decode(body["hashes"]), base64.b64decode(body["weights"])
    values = struct.unpack(f"<{len(weights)}b", weights)
    scaled = [body["scale"] * value for value in values]
    return Recogniser(
        weights=dict(zip(struct.unpack(f"<{len(values)}I", hashes), scaled, strict=True)),
        bias=body["bias"],
        clear=body["clear"],
        doubt=body["doubt"],
        unnamed=body["unnamed"],
        about=body["about"],
    )


def load_shipped() -> Recogniser:
    """Return the recogniser that ships with Hearth."""
    return load(_FILE.read_text(encoding="utf-8"))


def _packed(form: str, values: Sequence[int]) -> str:
    return base64.b64encode(struct.pack(form, *values)).decode("ascii")


def _canonical(body: JsonMapping) -> str:
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False) + "\n"


def _digest(body: JsonMapping) -> str:
    return hashlib.sha256(_canonical(body).encode()).hexdigest()
