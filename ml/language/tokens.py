"""Split a message into tokens and sentences, with the place of each: prices, times, abbreviations and emoji stay whole.

Offline and linear: one pattern whose alternatives exclude each other, and short lists of abbreviations.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

TokenKind = Literal["word", "number", "money", "time", "emoji", "emoticon", "url", "email", "punct"]
TOKEN_KINDS: tuple[TokenKind, ...] = get_args(TokenKind)

_PICTURE = "[\U0001f000-\U0001faff\u2600-\u27bf\u2300-\u23ff\u2b05-\u2b55\u3030\u303d\u2190-\u21ff]"
#: what changes a picture: the presentation of an emoji, a tone of skin
_TINT = "[\ufe0f\U0001f3fb-\U0001f3ff]{0,2}"
_FIGURE = r"\d{1,15}(?:[.,]\d{1,9}){0,6}"
#: one alternative a kind, the more special before the more general; a group's name is its kind
_TOKEN = re.compile(
    rf"""
    (?P<url>\b(?:https?://|www\.)[^\s<>]{{1,500}}[^\s<>.,;:!?'")\]])
  | (?P<email>(?<![\w.+-])[\w.+-]{{1,64}}@[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{1,4}}\b)
  | (?P<time>
        \b\d{{1,2}}(?::[0-5]\d){{1,2}}(?:\s?[ap]\.?m\b\.?)?
      | \b\d{{1,2}}\s?(?:[ap]\.m\.|[ap]m\b\.?)
      | \b\d{{1,2}}\s?h\s?[0-5]\d\b)
  | (?P<money>
        [$€£¥]\s?{_FIGURE}(?:\s?(?:k|m|mm|mil|million|mio|thousand|grand)\b)?\+?
      | \b{_FIGURE}\s?(?:[$€£¥]|(?:dollars?|bucks|usd|eur|euros?)\b))
  | (?P<number>
        \b{_FIGURE}(?:/\d{{1,4}}){{0,2}}(?:%|(?:st|nd|rd|th|k|m|mm|x|s)\b)?
      | (?<!\w)\.\d{{1,9}}\b)
  | (?P<emoticon>
        (?<![\w<>])[<>]?[:;=xX][-o^']?[)\](\[dDpP/\\|*@oO]{{1,4}}(?!\w)
      | (?<![\w<>])[)(\]]{{1,2}}[-o]?[:;=](?!\w)
      | (?<![\w<>])<(?:3+(?!\d)|/3)
      | (?<!\w)(?:[oO-][_.][oO-](?!\w)|\^[_.-]?\^))
  | (?P<emoji>
        [\U0001f1e6-\U0001f1ff]{{2}}
      | [0-9#*]\ufe0f?\u20e3
      | {_PICTURE}{_TINT}(?:\u200d(?:{_PICTURE}|[\u2640\u2642]){_TINT}){{0,4}})
  | (?P<abbreviation>
        \b(?:[A-Za-z]\.){{2,6}}
      | \b(?:Mr|Mrs|Ms|Dr|Prof|Jr|Sr|St|Mt|Ft|Ave|Blvd|Rd|Ln|Ct|Hwy|Pkwy|Apt|Bldg|No(?=\.\s?\d)|Inc|Ltd|Corp|vs|etc
        |approx|sq|ft|bd|bdrm|br|ba|bth|yr|hr|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec
        |Mon|Tue|Tues|Wed|Thu|Thur|Thurs|Fri|Sat|Sun)\.(?!\w))
  | (?P<word>[^\W\d_]+(?:['\u2019][^\W\d_]+)*|\w+)
  | (?P<punct>\.{{2,}}|[!?]{{2,}}|-{{2,}}|[^\w\s])
    """,
    re.VERBOSE | re.IGNORECASE,
)
_KIND: dict[str, TokenKind] = {kind: kind for kind in TOKEN_KINDS} | {"abbreviation": "word"}
#: after these a full stop ends no sentence, since a name or a figure follows
_TITLES = frozenset({"mr", "mrs", "ms", "dr", "prof", "mt", "no", "approx", "vs"})
#: capitalised words that begin a sentence after an abbreviation: "on Main St. We like it"
_STARTERS = frozenset(
    """i i'm i'd i'll i've we we're we'd we'll we've you he she they it it's the this that these those there here
    my our your his her their a an is are was were do does did can could would will should have has had what
    when where who why how which if but and so or also please thanks thank let let's just not no yes ok okay
    great hi hello any some both after before maybe sorry""".split()  # noqa: SIM905 - lines of words read better than one word a line
)
_PICTURES = frozenset({"emoji", "emoticon"})
_CLOSES = frozenset("\"'\u201d\u2019)]}\u00bb")
_ENDS = frozenset(".!?\u2026\u3002\uff01\uff1f")
#: how a list item begins
_BULLET = re.compile(r"\s*(?:[-*\u2022\u2013]|\d{1,2}[.)])\s")


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a text, at the characters [start, end)."""

    text: str
    start: int
    end: int
    kind: TokenKind


def tokens(text: str) -> list[Token]:
    """Return the tokens of a text in order; only blanks are between them.

    >>> [(token.text, token.kind) for token in tokens("$450k at 3 p.m., St. Anne :)")]
    [('$450k', 'money'), ('at', 'word'), ('3 p.m.', 'time'), (',', 'punct'), ('St.', 'word'), ('Anne', 'word'), \
(':)', 'emoticon')]
    """
    return [Token(found[0], found.start(), found.end(), _KIND[found.lastgroup or "punct"]) for found in _found(text)]


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Return the sentences of a text as spans [start, end), in order, without the blanks between them.

    A sentence ends at `.`, `!`, `?` or an ellipsis before a blank, at an emoji or emoticon before a capital letter, and
    at a line break unless the next line goes on in lower case; never inside a price, a time or an abbreviation.

    >>> text = "Is St. Anne open at 3 p.m.? Under $1.2m. thanks"
    >>> [text[start:end] for start, end in sentence_spans(text)]
    ['Is St. Anne open at 3 p.m.?', 'Under $1.2m.', 'thanks']
    """
    found = tokens(text)
    spans: list[tuple[int, int]] = []
    first = 0
    for place, token in enumerate(found):
        following = found[place + 1] if place + 1 < len(found) else None
        if following is None or _ends(text, found, place, token, following):
            spans.append((found[first].start, token.end))
            first = place + 1
    return spans


def _ends(text: str, found: list[Token], place: int, token: Token, following: Token) -> bool:
    between = text[token.end : following.start]
    if "\n" in between:
        return _ends_at_line(between, token, following, text)
    if not between or following.kind in _PICTURES:
        return False
    mark = _last_mark(found, place)
    if mark is not None:
        # an ellipsis in the middle of a thought goes on in lower case
        return not (mark.text.startswith("..") or mark.text == "\u2026") or not following.text[0].islower()
    if token.kind in _PICTURES:
        return following.text[0].isupper()
    return token.text.endswith(".") and _ends_after_abbreviation(token, following)


def _last_mark(found: list[Token], place: int) -> Token | None:
    """Return the mark that ends a sentence up to `place`, where quotes, brackets and emoji may follow it."""
    while place and (found[place].text in _CLOSES or found[place].kind in _PICTURES):
        place -= 1
    token = found[place]
    return token if token.kind == "punct" and (token.text[0] in _ENDS) else None


def _ends_after_abbreviation(token: Token, following: Token) -> bool:
    if token.text[:-1].lower() in _TITLES:
        return False
    return following.text[0].isupper() and following.text.lower().replace("\u2019", "'") in _STARTERS


def _ends_at_line(between: str, token: Token, following: Token, text: str) -> bool:
    """Return whether a line break ends a sentence: a soft wrap inside one goes on in lower case without a mark."""
    if between.count("\n") > 1 or token.text[-1] in _ENDS:
        return True
    return not following.text[0].islower() or _BULLET.match(text, following.start) is not None


def _found(text: str) -> Iterator[re.Match[str]]:
    return _TOKEN.finditer(text)
