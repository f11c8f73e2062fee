"""Fold a message for reading, letter by letter, so that a place in the folded text is the same place in the message."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache


def word_set(words: str) -> frozenset[str]:
    """Return the words of a text that are parted by blanks.

    >>> sorted(word_set("bed beds"))
    ['bed', 'beds']
    """
    return frozenset(words.split())


_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_DIGIT = re.compile(r"[0-9]")
_SENTENCE_END = re.compile(r"[.!?\n]+")
#: words that a full stop only shortens: "approx. 450k", "St. Paul"
_SHORTENED = frozenset(
    {"st", "approx", "sq", "mr", "mrs", "dr", "ave", "apt", "ft"}
    | {"mon", "tue", "tues", "wed", "thu", "thur", "thurs", "fri", "sat"}
    | {"jan", "feb", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec"}
)
_SAME = {
    **dict.fromkeys("\u2018\u2019\u02bc\u00b4`", "'"),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
    **dict.fromkeys("\t\u00a0\u2009\u202f\u2007", " "),
    **dict.fromkeys("\r\x0b\x0c\u2028", "\n"),
}
#: words that only a Spanish text has
_SPANISH = word_set(
    """presupuesto dolares hasta quiero quisiera manana casa casas busco buscamos necesito entre menos maximo minimo
    para por habitaciones cuartos recamaras banos renta hola gracias tengo puedo podemos nosotros lunes martes
    miercoles jueves viernes sabado domingo alrededor departamento"""
)


@dataclass(frozen=True, slots=True)
class SentenceSpan:
    """A sentence of a folded text: characters [start, end), and whether a question mark ends it."""

    start: int
    end: int
    asks: bool


@dataclass(frozen=True, slots=True)
class FoldedText:
    """A message in lower-case letters without accents; as long as the message, place by place."""

    text: str
    #: the words that occur, so that a kind of fact that needs one of them costs one comparison of sets
    words: frozenset[str]
    has_digit: bool
    sentences: tuple[SentenceSpan, ...]

    @property
    def is_spanish(self) -> bool:
        return not self.words.isdisjoint(_SPANISH)


def folded(text: str) -> FoldedText:
    r"""Return a text in lower case, without accents and typographic signs, of the same length.

    >>> folded("Ma\u00f1ana \u2013 3 PM?").text
    'manana - 3 pm?'
    """
    plain = text.lower() if text.isascii() else "".join(map(_plain_letter, text))
    return FoldedText(
        plain, frozenset(_WORD.findall(plain)), _DIGIT.search(plain) is not None, tuple(_sentences(plain))
    )


@lru_cache(maxsize=4096)
def _plain_letter(letter: str) -> str:
    """Return one lower-case character for one character."""
    letter = _SAME.get(letter, letter)
    base = unicodedata.normalize("NFD", letter)[0].lower() if letter.isalpha() else letter
    return base if len(base) == 1 else letter


def _sentences(text: str) -> Iterator[SentenceSpan]:
    start = 0
    for match in _SENTENCE_END.finditer(text):
        if match.start() > start and _ends_sentence(text, match):
            yield SentenceSpan(start, match.start(), "?" in match[0])
            start = match.end()
        elif match.start() == start:
            start = match.end()
    if start < len(text):
        yield SentenceSpan(start, len(text), asks=False)


def _ends_sentence(text: str, match: re.Match[str]) -> bool:
    """Return whether signs end a sentence: not the full stop of "2.5", "a.m" or "St."."""
    if match[0] != ".":
        return True
    if match.end() < len(text) and text[match.end()] not in " \n":
        return False
    return text[max(0, match.start() - 7) : match.start()].rpartition(" ")[2] not in _SHORTENED


def sentence_at(message: FoldedText, place: int) -> str:
    """Return the sentence in which a place stands.

    >>> sentence_at(folded("No. We can meet at 3. Bye"), 8)
    ' we can meet at 3'
    >>> [(span.start, span.end, span.asks) for span in folded("Hi. Is it 2.5?").sentences]
    [(0, 2, False), (3, 13, True)]
    """
    return next((message.text[span.start : span.end] for span in message.sentences if place < span.end), "")
