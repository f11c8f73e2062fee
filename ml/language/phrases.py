"""Finding phrases in copy: patterns of words over words, not of characters, each text read once from left to right.

Words are compared in small letters without accents, apostrophes and look-alikes, so quotes, dashes, spacing and case of
any kind make no difference. A phrase does not reach over the end of a sentence; the full stop of an abbreviation ("St.
Anne", "N. Main") is no such end. As every pattern has a bounded number of words, the time a text takes grows with its
length and no text can make it worse.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ml.language.patterns import CLASSES, CLOSE, ENDS, TIERS, Catalogue, Finding, Tier, Trie

_INVISIBLE = "\u00ad\u200b-\u200d\u2060\ufeff"
_APOSTROPHES = "'\u2018\u2019\u02bc\u2032`\u00b4\uff07"
#: what is markup; anything else in angle brackets is read
_BLOCK_TAGS = "br|p|div|li|ul|ol|tr|td|th|table|tbody|thead|h[1-6]|hr|title|head|body|html|section|header|footer|center"
_TAGS = f"{_BLOCK_TAGS}|a|b|i|u|s|em|strong|span|font|small|big|mark|sub|sup|img|meta|link|button|blockquote"
_TOKEN = re.compile(
    rf"""
    (?P<tag> </?(?:{_TAGS})\b[^<>]{{0,500}}> | &\#?\w{{1,8}}; )
    | (?P<money> [$\u00a3\u20ac]\s?\d[\d,]*(?:\.\d+)?k? )
    | (?P<percent> \d[\d,]*(?:\.\d+)?\s?% )
    | (?P<number> \d[\d,]*(?:\.\d+)?\+? )
    | (?P<comma> [,\uff0c] )
    | (?P<word> [^\W\d_](?:[^\W_]|[{_APOSTROPHES}{_INVISIBLE}\u0300-\u036f])* )
    """,
    re.VERBOSE | re.IGNORECASE,
)
#: between two words of one phrase none of these stands
_BREAK = re.compile(r"[.!?;:|\u2022\u00b7\u2026\u3002]|\n\s{0,40}\n|\n\s{0,40}[-*]\s|\s[-\u2010-\u2015]{1,3}\s|\u0000")
_BLOCK_TAG = re.compile(rf"</?(?:{_BLOCK_TAGS})\b", re.IGNORECASE)
#: after these a full stop ends nothing; "no" is not among them, as "No. Children love it" is a whole answer
_ABBREVIATED = frozenset(
    """
    apt approx apts ave bldg blvd cir ct dr fr ft hwy jr ln mi min mins mr mrs ms mt nr opp pkwy pl pt rd rev rm rte
    sec sq sr st ste sts
    """.split()  # noqa: SIM905 - easier to read and to add to
)
#: letters of other alphabets that look like Latin ones
_ALIKE = str.maketrans("аеорсухіјѕԁһӏαορνικτ", "aeopcyxijsdhlaopvikt")


@dataclass(frozen=True, slots=True)
class _Word:
    """A word of a text."""

    start: int
    end: int
    #: what it can stand for in a pattern
    forms: tuple[str, ...]
    #: whether a phrase cannot go on to it
    breaks: bool


def find(text: str, catalogue: Catalogue) -> list[Finding]:
    """Find what a catalogue speaks of, in the order of the text, each place once an entry."""
    words = _words(text, catalogue.lists)
    spared = _spared(words, catalogue)
    found: list[Finding] = []
    reached: dict[int, int] = {}
    for first in _starts(words, catalogue.phrases):
        for place, last in sorted(_longest(words, first, catalogue.phrases).items()):
            if last <= reached.get(place, -1) or spared.get(place, frozenset()) & set(range(first, last + 1)):
                continue
            reached[place] = last
            found.append(catalogue.entries[place].finding(words[first].start, words[last].end))
    return found


def worst(findings: Sequence[Finding]) -> Tier | None:
    """Give the worst tier among findings; None where there is none."""
    tiers = {finding.tier for finding in findings}
    return next((tier for tier in TIERS if tier in tiers), None)


def plain(word: str) -> str:
    r"""Give a word as patterns write it.

    >>> plain("Chil\u00addren\u2019s"), plain("\uff26amily"), plain("n\u043e")
    ('childrens', 'family', 'no')
    """
    marks = unicodedata.normalize("NFKD", word)
    letters = "".join(mark for mark in marks if mark.isalnum())
    return letters.casefold().translate(_ALIKE)


def _spared(words: Sequence[_Word], catalogue: Catalogue) -> dict[int, set[int]]:
    """Give for each entry the words that stand in one of its exceptions."""
    spared: dict[int, set[int]] = {}
    for first in _starts(words, catalogue.exceptions):
        for place, last in _longest(words, first, catalogue.exceptions).items():
            spared.setdefault(place, set()).update(range(first, last + 1))
    return spared


def _starts(words: Sequence[_Word], trie: Trie) -> Iterator[int]:
    return (place for place, word in enumerate(words) if not trie.keys().isdisjoint(word.forms))


def _longest(words: Sequence[_Word], first: int, trie: Trie) -> dict[int, int]:
    """Give the entries whose phrases begin at a word, each with the last word of its longest."""
    longest: dict[int, int] = {}
    nodes, at = [trie], first
    while nodes and at < len(words) and (at == first or not words[at].breaks):
        nodes = [node[form] for node in nodes for form in words[at].forms if form in node]
        closes = at + 1 == len(words) or words[at + 1].breaks
        for node in nodes:
            longest.update(dict.fromkeys(node.get(ENDS, ()), at))
            longest.update(dict.fromkeys(node.get(CLOSE, {}).get(ENDS, ()) if closes else (), at))
        at += 1
    return longest


def _words(text: str, lists: Mapping[str, tuple[str, ...]]) -> list[_Word]:
    words: list[_Word] = []
    ended, gap, last = 0, "", ""
    for match in _TOKEN.finditer(text):
        gap += text[ended : match.start()]
        ended = match.end()
        kind = match.lastgroup or "word"
        if kind == "tag":
            gap += "\u0000" if _BLOCK_TAG.match(match.group()) else ""
            continue
        forms = _forms(match.group(), kind, lists)
        words.append(_Word(match.start(), ended, forms, _parts(gap, last)))
        gap, last = "", forms[0]
    return words


def _parts(gap: str, last: str) -> bool:
    if gap == " ":
        return False
    if last in _ABBREVIATED or (len(last) == 1 and last.isalpha()):
        gap = gap.removeprefix(".")
    return bool(_BREAK.search(gap))


def _forms(token: str, kind: str, lists: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    if kind == "word":
        word = _plain(token)
        return (word, *lists.get(word, ()), "_")
    if kind == "comma":
        return (",",)
    bare = token.replace(",", "")
    return (bare, *lists.get(bare, ()), CLASSES[kind], "_")


@lru_cache(maxsize=8192)
def _plain(token: str) -> str:
    return plain(token)
