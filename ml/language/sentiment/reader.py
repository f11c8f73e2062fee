"""Read the sentiment of messages: VADER, TextBlob and n-grams, blended by the shipped head (`sentiment.json`)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from ml.language.results import Sentiment
from ml.language.sentiment.model import SentimentModel, load, parts

_FILE = Path(__file__).with_name("sentiment.json")
#: of the code that reads: one more whenever it reads the same text otherwise with the same weights
_READING = 1
#: changes when the same text would be read otherwise
VERSION = f"{_READING}-{hashlib.sha256(_FILE.read_bytes()).hexdigest()[:12]}"


@cache
def shipped() -> SentimentModel:
    """Return the head that ships with Hearth."""
    return load(_FILE.read_text(encoding="utf-8"))


def read_sentiments(texts: Sequence[str]) -> list[Sentiment]:
    """Return the sentiment of each text of own words, English.

    >>> good, bad = read_sentiments(["No problem, we love it!", "This is the worst house so far."])
    >>> bad.polarity < 0 < good.polarity, good.vader < good.polarity
    (True, False)
    """
    model = shipped()
    return [_sentiment(model, text) for text in texts]


def _sentiment(model: SentimentModel, text: str) -> Sentiment:
    known = parts(text)
    polarity = model.polarity(known)
    return Sentiment(
        polarity=round(polarity, 6),
        vader=known.raw.compound,
        textblob=round(known.raw.textblob, 6),
        confidence=round(model.confidence(known, polarity), 6),
    )
