"""Read a text with the two public lexicons, VADER and TextBlob; both are loaded at their first use."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any


@dataclass(frozen=True, slots=True)
class LexiconReading:
    """What the lexicons say of one text."""

    #: VADER's compound, -1 to 1, and its shares of positive and negative words, 0 to 1 each
    compound: float
    positive: float
    negative: float
    #: TextBlob's polarity, -1 to 1, its subjectivity, 0 to 1, and the words it knows
    textblob: float
    subjectivity: float
    assessed: int


def read(text: str) -> LexiconReading:
    """Return what VADER and TextBlob say of a text.

    >>> reading = read("A lovely house, but the street is terrible")
    >>> reading.assessed, reading.textblob < 0 < reading.positive
    (2, True)
    """
    scores = _vader()(text)
    said = _textblob()(text)
    return LexiconReading(
        compound=scores["compound"],
        positive=scores["pos"],
        negative=scores["neg"],
        textblob=max(-1.0, min(1.0, said[0])),
        subjectivity=said[1],
        assessed=len(said.assessments),
    )


@cache
def _vader() -> Callable[[str], dict[str, float]]:
    # imported here, since its word list takes a moment and most commands read no message
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    scores: Callable[[str], dict[str, float]] = SentimentIntensityAnalyzer().polarity_scores
    return scores


@cache
def _textblob() -> Callable[[str], Any]:
    """Return what `TextBlob(text).sentiment` calls, with its word list as a plain dictionary.

    The library asks at every look-up whether the list was loaded, which takes half of its time; the readings are equal.
    """
    said: Any = _english().sentiment
    said("good")  # loads the list
    plain = {"__contains__": dict.__contains__, "__getitem__": dict.__getitem__}
    said.__class__ = type("LoadedSentiment", (type(said),), plain)
    loaded: Callable[[str], Any] = said
    return loaded


def _english() -> ModuleType:
    """Return `textblob.en` without what `textblob` imports beside it.

    The package's own first lines import nltk and with it scikit-learn and scipy.stats: five seconds and a hundred
    megabytes for functions that are not called here. So `textblob.en` is imported under an empty package of that name,
    which is taken away again: who imports `textblob` later gets the real one.
    """
    spec = find_spec("textblob")
    if "textblob" in sys.modules or spec is None or spec.submodule_search_locations is None:
        return import_module("textblob.en")
    empty = ModuleType("textblob")
    empty.__path__ = list(spec.submodule_search_locations)
    sys.modules["textblob"] = empty
    try:
        return import_module("textblob.en")
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "textblob"]:
            del sys.modules[name]
