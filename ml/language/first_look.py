"""Filter out messages whose words show that they refuse nothing; most messages need no second look.

Logistic regression over single words, with a threshold so low that it lets nearly every refusal pass. Only weights and
figures are shipped (`first_look.json`); docs/models/refusals.md is its card.
"""

from __future__ import annotations

import re
import zlib
from functools import cache, lru_cache
from pathlib import Path

from ml.language.recogniser import Recogniser, load

_FILE = Path(__file__).with_suffix(".json")
_WORD = re.compile(r"[a-z0-9]+")
#: messages with fewer words are always read, and so are messages with so many single letters: "S.T.O.P."
_ALWAYS_READ, _LETTERS = 4, 3


def may_refuse(folded: str) -> bool:
    """Return whether a message, folded by `words.fold`, needs to be read.

    >>> may_refuse("the kitchen looks great, what is the price of the second house on oak street?")
    False
    >>> may_refuse("please take my number off of whatever list it is on"), may_refuse("s.t.o.p.")
    (True, True)
    """
    words = _WORD.findall(folded)
    if len(words) < _ALWAYS_READ or sum(len(word) == 1 for word in words) >= _LETTERS:
        return True
    recogniser = _shipped()
    return recogniser.score(hashed_words(words)) >= recogniser.doubt


def hashed_words(words: list[str]) -> frozenset[int]:
    """Return the features of a message.

    >>> len(hashed_words(["stop", "stop", "it"]))
    2
    """
    return frozenset(map(_hash, words))


def split_words(folded: str) -> list[str]:
    """Return the words that the filter uses."""
    return _WORD.findall(folded)


@cache
def _shipped() -> Recogniser:
    return load(_FILE.read_text(encoding="utf-8"))


@lru_cache(maxsize=20_000)
def _hash(word: str) -> int:
    return zlib.crc32(word.encode())
