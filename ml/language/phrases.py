"""Find phrases in copy by patterns over words, reading each text once from left to right.

Words are compared in lower case without accents, apostrophes and look-alike letters, so quotes, dashes, spacing and
case make no difference. A phrase does not reach over the end of a sentence; the full stop of an abbreviation ("St.
Anne", "N. Main") does not end one. Every pattern has a bounded number of words, so the time grows linearly with the
text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ml.language.patterns import CLASSES, ENTRIES, SENTENCE_END, TIERS, Finding, PhraseCatalogue, Tier, Trie

_INVISIBLE = "\u00ad\u200b-\u200d\u2060\ufeff"
_APOSTROPHES = "'\u2018\u2019\u02bc\u2032`\u00b4\uff07"
#: tags that count as markup; other text in angle brackets is read
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
#: what ends a phrase when it stands between two words
_BREAK = re.compile(r"[.!?;:|\u2022\u00b7\u2026\u3002]|\n\s{0,40}\n|\n\s{0,40}[-*]\s|\s[-\u2010-\u2015]{1,3}\s|\u0000")
_BLOCK_TAG = re.compile(rf"</?(?:{_BLOCK_TAGS})\b", re.IGNORECASE)
#: words whose full stop ends no sentence; "no" is not among them, since "No. Children love it" are two sentences
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
    #: the pattern elements that it matches
    forms: tuple[str, ...]
    #: True: a phrase cannot continue with it
    breaks: bool


def find_phrases(text: str, catalogue: PhraseCatalogue) -> list[Finding]:
    """Return the phrases of a catalogue in a text, in the order of the text, each place once per entry."""
    words = _words(text, catalogue.lists)
    excepted = _excepted_words(words, catalogue)
    findings: list[Finding] = []
    reached: dict[int, int] = {}
    for first in _starts(words, catalogue.phrases):
        for place, last in sorted(_longest(words, first, catalogue.phrases).items()):
            if last <= reached.get(place, -1) or excepted.get(place, frozenset()) & set(range(first, last + 1)):
                continue
            reached[place] = last
            findings.append(catalogue.entries[place].finding(words[first].start, words[last].end))
    return findings


def worst_tier(findings: Sequence[Finding]) -> Tier | None:
    """Return the worst tier among findings; None when there is no finding."""
    tiers = {finding.tier for finding in findings}
    return next((tier for tier in TIERS if tier in tiers), None)


def normalised(word: str) -> str:
    r"""Return a word as patterns write it.

    >>> normalised("Chil\u00addren\u2019s"), normalised("\uff26amily"), normalised("n\u043e")
    ('childrens', 'family', 'no')
    """
    marks = unicodedata.normalize("NFKD", word)
    letters = "".join(mark for mark in marks if mark.isalnum())
    return letters.casefold().translate(_ALIKE)


def _excepted_words(words: Sequence[_Word], catalogue: PhraseCatalogue) -> dict[int, set[int]]:
    """Return, by entry, the words that are part of one of its exceptions."""
    excepted: dict[int, set[int]] = {}
    for first in _starts(words, catalogue.exceptions):
        for place, last in _longest(words, first, catalogue.exceptions).items():
            excepted.setdefault(place, set()).update(range(first, last + 1))
    return excepted


def _starts(words: Sequence[_Word], trie: Trie) -> Iterator[int]:
    return (place for place, word in enumerate(words) if not trie.keys().isdisjoint(word.forms))


def _longest(words: Sequence[_Word], first: int, trie: Trie) -> dict[int, int]:
    """Return the entries whose phrases begin at a word, each with the last word of its longest phrase."""
    longest: dict[int, int] = {}
    nodes, at = [trie], first
    while nodes and at < len(words) and (at == first or not words[at].breaks):
        nodes = [node[form] for node in nodes for form in words[at].forms if form in node]
        closes = at + 1 == len(words) or words[at + 1].breaks
        for node in nodes:
            longest.update(dict.fromkeys(node.get(ENTRIES, ()), at))
            longest.update(dict.fromkeys(node.get(SENTENCE_END, {}).get(ENTRIES, ()) if closes else (), at))
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
        words.append(_Word(match.start(), ended, forms, _breaks_phrase(gap, last)))
        gap, last = "", forms[0]
    return words


def _breaks_phrase(gap: str, last: str) -> bool:
    if gap == " ":
        return False
    if last in _ABBREVIATED or (len(last) == 1 and last.isalpha()):
        gap = gap.removeprefix(".")
    return bool(_BREAK.search(gap))


def _forms(token: str, kind: str, lists: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    if kind == "word":
        word = _normalised_token(token)
        return (word, *lists.get(word, ()), "_")
    if kind == "comma":
        return (",",)
    bare = token.replace(",", "")
    return (bare, *lists.get(bare, ()), CLASSES[kind], "_")


@lru_cache(maxsize=8192)
def _normalised_token(token: str) -> str:
    return normalised(token)
