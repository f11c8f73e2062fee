"""A first look at a message: whether its words leave open that it refuses contact; most messages need no second look.

Logistic regression over single words, set so low that it lets nearly every refusal pass. What ships is weights and
figures only (`first_look.json`); docs/models/refusals.md is its card.
"""

from __future__ import annotations

import re
import zlib
from functools import cache, lru_cache
from pathlib import Path

from ml.language.recogniser import Recogniser, load

_FILE = Path(__file__).with_suffix(".json")
_WORD = re.compile(r"[a-z0-9]+")
#: shorter messages are read whatever they say, and so are letters that stand alone: "S.T.O.P."
_SHORT, _LETTERS = 4, 3


def may_refuse(folded: str) -> bool:
    """Tell whether a message, folded as `words.fold` does, is to be read at all.

    >>> may_refuse("the kitchen looks great, what is the price of the second house on oak street?")
    False
    >>> may_refuse("please take my number off of whatever list it is on"), may_refuse("s.t.o.p.")
    (True, True)
    """
    words = _WORD.findall(folded)
    if len(words) < _SHORT or sum(len(word) == 1 for word in words) >= _LETTERS:
        return True
    found = _shipped()
    return found.score(hashed(words)) >= found.doubt


def hashed(words: list[str]) -> frozenset[int]:
    """Give the features of a message.

    >>> len(hashed(["stop", "stop", "it"]))
    2
    """
    return frozenset(map(_hash, words))


def words_of(folded: str) -> list[str]:
    """Give the words that are looked at."""
    return _WORD.findall(folded)


@cache
def _shipped() -> Recogniser:
    return load(_FILE.read_text(encoding="utf-8"))


@lru_cache(maxsize=20_000)
def _hash(word: str) -> int:
    return zlib.crc32(word.encode())
