"""Read how many bedrooms and bathrooms a lead wants: exactly, at least, at most or between two numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from domain.facts import Bound, FactKind
from ml.language.facts.folding import FoldedText, word_set
from ml.language.facts.number_words import SMALL, SMALL_WORD
from ml.language.results import Fact

_NUMBER = rf"(?:\d{{1,2}} 1/2|\d{{1,2}} ?\u00bd|\d{{1,2}}(?:\.[05])?|{SMALL_WORD}(?: and a half)?|single)"
_BED = (
    r"(?:bed ?-?rooms?|bed-?r[a-z]{1,6}|bedrms?|beds?|bdrms?|bdrs?|bds?|brs?|b/r|sleeping rooms?"
    r"|hab(?:itacion(?:es)?)?|cuartos?"
    r"|recamaras?|dormitorios?|rooms?(?! ?(?:mates?|service)))"
)
_BATH = (
    r"(?:(?:full |half )?bath ?-?rooms?|(?:full )?baths?|bthrms?|bathrms?|bths?|bas?|washrooms?"
    r"|restrooms?|toilets?|banos?)"
)
_BOUND_BEFORE = (
    r"(?P<before>(?:at least|min(?:imum)?(?: of)?|no (?:less|fewer) than|not less than|more than|over|minimum|al menos"
    r"|por lo menos|max(?:imum)?(?: of)?|no more than|not more than|up to|at most|less than|fewer than"
    r"|maximo|around|about"
    r"|approximately|between|from|entre) )?"
)
_TO = r" ?(?:-|to|or|and|/|o|a|y|through) ?"
_BOUND_AFTER = (
    r"(?P<after> ?\+| ?plus\b| or more| or less| or fewer| and up| or better| minimum| maximum| min\b| max\b| at least"
    r"| o mas)?"
)


def _counted(noun: str) -> re.Pattern[str]:
    """Return the pattern of a number, or two, before a noun."""
    return re.compile(
        rf"(?<![\w.,$])(?<!\d/){_BOUND_BEFORE}(?P<low>{_NUMBER})"
        rf"(?:{_TO}(?P<high>{_NUMBER}))?(?P<plus> ?\+| or more| plus)? ?-?(?:full |spacious |large "
        rf"|big |nice |separate |attached )?"
        rf"{noun}(?![a-z]){_BOUND_AFTER}"
    )


def _named(noun: str) -> re.Pattern[str]:
    """Return the pattern of a number after its noun: "bedrooms: 3", "number of baths is two"."""
    return re.compile(
        rf"\b{noun}(?: (?:count|number|no))?(?: ?[:=] ?| (?:is|are|should be|must be|would be|as|needed is) )"
        rf"{_BOUND_BEFORE}(?P<low>{_NUMBER})(?:{_TO}(?P<high>{_NUMBER}))?(?P<plus> ?\+| or more)?(?![\w%])"
        rf"{_BOUND_AFTER}"
    )


_BEDS, _BATHS = _counted(_BED), _counted(_BATH)
_NAMED_BEDS, _NAMED_BATHS = _named(_BED), _named(_BATH)
#: one number for both: "three bedrooms and baths"
_BOTH = re.compile(rf"(?<![\w.,/$])(?P<low>{_NUMBER}) ?-?(?:{_BED}) (?:and|&) (?:full )?bath(?:room)?s?\b")
#: "3/2"; "3bd/2ba" is read by the patterns above; "4x3", "2b2b"
_PAIR = re.compile(
    r"(?<![\w.,/$(-])(?P<beds>[1-7]) ?(?:/|x|b ?/? ?)(?! )? ?(?P<baths>[1-6](?:\.[05])?)(?: ?b(?:a"
    r"|ath)?)?(?![\w/.:]|,\d| ?(?:acres?|ac|mile|cup"
    r"|of|hours?|days?|am|pm)\b)"
)
_DAY_BEFORE = re.compile(r"\b(?:on|by|until|til|for|before|after|since|from|date|at|is|of|the|our|was|to) \Z")
_DAY_AFTER = re.compile(r" ?(?:at|@|around|works|in the|morning|afternoon|evening|please|or \d{1,2}/)\b")
#: a number alone that answers how many: "I need three.", "at least 3 please"; one is also "one in Austin"
_ALONE = re.compile(
    r"\b(?:just|only|at least|(?:should|must|ought to|needs? to|has to) have|need|want|prefer)(?: "
    r"(?P<least>at least)| just| only)? "
    r"(?P<low>[2-6]|two|three|four|five|six)(?= ?(?:\Z|[.!\n]|,? ?(?:please|pls|thanks)|(?:will"
    r"|would|should) (?:do|suffice|work|be)|(?:is|are) (?:fine|enough|good)))"
)
_ANSWERS = frozenset({"just", "only", "least", "have", "need", "needs", "want", "prefer"})
_STUDIO = re.compile(r"\b(?:studio|efficiency) ?(?:apartments?|apt|unit|flat)?\b")
_NOT_A_ROOM = re.compile(r"\b(?:king|queen|twin|full|double|bunk|sofa) \Z")
_BED_WORDS = word_set(
    """bed beds bedroom bedrooms bedrm bedrms bdrm bdrms bdr bdrs bd bds br brs b rooms room habitacion habitaciones
    hab cuarto cuartos recamara recamaras dormitorio dormitorios"""
)
_BATH_WORDS = word_set(
    """bath baths bathroom bathrooms bathrm bathrms bthrm bths bth ba bas room rooms washroom washrooms restroom
    restrooms toilet toilets bano banos"""
)
_PAIR_WORDS = frozenset({"x", "b", "ba"})
_MOST = 20
#: words before and after a number that bound it
_LEAST = ("at least", "min", "no less", "no fewer", "not less", "al menos", "por lo")
_AT_MOST = ("max", "no more", "not more", "up to", "at most")
_LEAST_AFTER = frozenset({"+", "plus", "or more", "and up", "or better", "minimum", "min", "at least", "o mas"})
_MOST_AFTER = frozenset({"or less", "or fewer", "maximum", "max"})
#: confidence of a number with its noun; of "3/2" and other short forms; of a number alone, which is a guess
_SURE, _PAIRED, _ALONE_CONFIDENCE = 0.97, 0.7, 0.4


def read(message: FoldedText) -> Iterator[Fact]:
    """Yield the numbers of bedrooms and bathrooms that a message says; a studio is no bedroom.

    >>> from ml.language.facts.folding import folded
    >>> [(fact.kind, fact.value, fact.bound) for fact in read(folded("3+ beds, 2 1/2 baths"))]
    [('beds', (3.0, None), 'min'), ('baths', (2.5, 2.5), 'exact')]
    >>> [(fact.kind, fact.value) for fact in read(folded("a 3/2 under 450k"))]
    [('beds', (3.0, 3.0)), ('baths', (2.0, 2.0))]
    """
    words = message.words
    if not words.isdisjoint(_BED_WORDS):
        yield from _read_kind(message.text, "beds", (_BEDS, _NAMED_BEDS))
    if not words.isdisjoint(_BATH_WORDS):
        yield from _read_kind(message.text, "baths", (_BATHS, _NAMED_BATHS))
        for match in _BOTH.finditer(message.text):
            value = _value(match["low"])
            yield _fact("baths", (value, value), "exact", match.span(), _PAIRED)
    if message.has_digit and ("/" in message.text or not words.isdisjoint(_PAIR_WORDS)):
        yield from _read_pairs(message.text)
    if words.isdisjoint(_BED_WORDS) and words.isdisjoint(_BATH_WORDS) and not words.isdisjoint(_ANSWERS):
        for match in _ALONE.finditer(message.text):
            low, least = _value(match["low"]), "at least" in match[0]
            ends = (low, None if least else low)
            yield _fact("beds", ends, "min" if least else "exact", match.span(), _ALONE_CONFIDENCE)
    if "studio" in words:
        for match in _STUDIO.finditer(message.text):
            yield _fact("beds", (0.0, 0.0), "exact", match.span(), _PAIRED)


def _read_kind(text: str, kind: FactKind, patterns: tuple[re.Pattern[str], ...]) -> Iterator[Fact]:
    for pattern in patterns:
        for match in pattern.finditer(text):
            low, high = _value(match["low"]), _value(match["high"] or match["low"])
            if high <= _MOST and not _NOT_A_ROOM.search(text[max(0, match.start() - 12) : match.start("low")]):
                value, bound = _bounded(min(low, high), high, match)
                yield _fact(kind, value, bound, match.span(), _SURE)


def _bounded(low: float, high: float, match: re.Match[str]) -> tuple[tuple[float | None, float | None], Bound]:
    """Return the ends and the bound of a number by the words around it; "more than 2" is at least 3."""
    if low != high:
        return (low, high), "range"
    before, after = match["before"] or "", (match["after"] or "").strip()
    if match["plus"] or after in _LEAST_AFTER or before.startswith(_LEAST):
        return (low, None), "min"
    if after in _MOST_AFTER or before.startswith(_AT_MOST):
        return (None, high), "max"
    if before.startswith(("more than", "over")):
        return (low + 1, None), "min"
    if before.startswith(("less than", "fewer than")):
        return (None, high - 1), "max"
    return (low, high), "around" if before.startswith(("around", "about", "approx")) else "exact"


def _value(words: str) -> float:
    half = "half" in words or "1/2" in words or "\u00bd" in words
    first = re.split(r"[ \u00bd]", words, maxsplit=1)[0]
    whole = 1.0 if first == "single" else float(SMALL.get(first) or first)
    return whole + 0.5 if half else whole


def _read_pairs(text: str) -> Iterator[Fact]:
    """Yield the beds and baths of "3/2", unless it is a day or a fraction."""
    for match in _PAIR.finditer(text):
        if "/" in match[0] and "b" not in match[0]:
            before, after = text[max(0, match.start() - 12) : match.start()], text[match.end() : match.end() + 16]
            if _DAY_BEFORE.search(before) or _DAY_AFTER.match(after) or match[0].startswith("1/"):
                continue
        for kind in ("beds", "baths"):
            value = float(match[kind])
            yield _fact(kind, (value, value), "exact", match.span(), _PAIRED)


def _fact(
    kind: FactKind, value: tuple[float | None, float | None], bound: Bound, span: tuple[int, int], confidence: float
) -> Fact:
    return Fact(kind=kind, value=value, bound=bound, start=span[0], end=span[1], confidence=confidence)
