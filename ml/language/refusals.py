"""Whether a message refuses contact, and over which channels: clear, in doubt, or not at all.

What is read is data (`refusals.toml`): classes of words in English, Spanish, Portuguese and French and patterns over
them. What the patterns do not know goes to a small trained recogniser. No text of a message is in an answer.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, Literal

from ml.language.first_look import may_refuse
from ml.language.grammar import Lexicon, Pattern, letters_of
from ml.language.recogniser import Recogniser, features, shipped
from ml.language.text import own_words, plain
from ml.language.words import Sentence, Speller, fold, sentences

__all__ = ["NONE", "Refusal", "Verdict", "plain", "read"]

Verdict = Literal["clear", "doubt", "none"]
Scope = Literal["any", "clause", "message"]

ALL = frozenset({"all"})
_OVER = frozenset({"sms", "email", "call"})
#: words after a refusal that may name a channel too: "don't call, text or write"
_AFTER = 4
#: words of a message that may be a keyword and no more
_SHORT = 20
#: words of a message that the recogniser judges as a whole too
_LONG = 60
#: a name: a capital letter after a small word
_NAME = re.compile(r"[a-z\u00e3]['\u2019]?\s+[A-Z][a-z]+")
_EVERY = frozenset({"sms", "email", "call", "mail"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What a message refuses, and how sure that is."""

    verdict: Verdict
    #: channels that are refused: of sms, email, call, mail; or {"all"}; empty where verdict is "none"
    channels: frozenset[str]
    #: what read it: the id of a catalogue entry, or "recogniser"; no text of the message
    rule: str | None


#: a message that refuses nothing
NONE = Refusal(verdict="none", channels=frozenset(), rule=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    id: str
    verdict: Verdict
    scope: Scope
    #: what is refused whatever the words are
    channels: frozenset[str]
    #: whether what follows may take it back; whether "now" does
    tails: bool
    wish: bool
    #: whether it is about a person of another name: a word in the message has a capital letter
    name: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """One refusal in a sentence."""

    entry: _Entry
    verdict: Verdict
    words: Sequence[str]
    span: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """A sentence as words and as characters."""

    words: Sequence[str]
    coded: str
    starts: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Finder:
    """Patterns by the words that they need, so that an ordinary sentence is tried against few."""

    patterns: tuple[tuple[_Entry, Pattern], ...]
    by_letter: Mapping[str, tuple[int, ...]]

    @classmethod
    def of(cls, compiled: Sequence[tuple[_Entry, Pattern]]) -> _Finder:
        by_letter: dict[str, list[int]] = {}
        for place, (_, pattern) in enumerate(compiled):
            for letter in letters_of(pattern.needs):
                by_letter.setdefault(letter, []).append(place)
        return cls(patterns=tuple(compiled), by_letter={one: tuple(places) for one, places in by_letter.items()})

    def candidates(self, coded: str) -> list[tuple[_Entry, re.Pattern[str]]]:
        """Give the patterns that may match a sentence, in the order of the catalogue."""
        by_letter = self.by_letter
        places = {place for letter in coded if letter in by_letter for place in by_letter[letter]}
        return [(self.patterns[place][0], self.patterns[place][1].regex) for place in sorted(places)]


class _Catalogue:
    """Everything of `refusals.toml`, compiled."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        classes = {name: frozenset(fold(words).split()) for name, words in data["words"].items()}
        tails, exceptions, typos = data["tails"], data["except"], data["typos"]
        patterns = [pattern for entry in data["pattern"] for pattern in entry["any"]]
        patterns += [one for part in (tails, exceptions, data["welcome"]) for some in part.values() for one in some]
        patterns.append(data["recogniser"]["refusing"])
        self.lexicon = Lexicon.of(classes, data["macros"], data["common"]["words"].split(), patterns)
        self.spelled = frozenset(typos["spelled"].split())
        self.speller = Speller.of(
            self.spelled.union(self.lexicon.index),
            typos["words"].split(),
            typos["not"].split(),
            typos["joined"].split(),
        )
        found = [(_entry(entry), self.lexicon.compile(one)) for entry in data["pattern"] for one in entry["any"]]
        scopes: tuple[Scope, ...] = ("any", "clause", "message")
        self.finders = {scope: _Finder.of([one for one in found if one[0].scope == scope]) for scope in scopes}
        self.footer = self._one(exceptions["footer"])
        self.sounds_like = self._one([*exceptions["kept"], *exceptions["others"]])
        self.not_at_all, self.doubtful = self._one(tails["none"]), self._one(tails["doubt"])
        self.not_yet = self._one(tails["not_yet"])
        self.welcome = self._one(data["welcome"]["patterns"])
        self.polite, self.condition = self._one(["(?:POLITE|EDGE)"]), self._one(["COND"])
        self.channel = {
            word: name for name in ("mail", "email", "call", "sms") for word in fold(data["channels"][name]).split()
        }
        self.everything = frozenset(fold(data["channels"]["all"]).split())
        told = data["recogniser"]
        self.named = {word: name for name in reversed(told["classes"].split()) for word in classes[name]}
        self.gate = self._one(["|".join(told["gate"].split())])
        self.refusing = self._one(["|".join(told["refusing"].split())])
        self.by = frozenset(data["channels"]["by"].split())

    def _one(self, patterns: Sequence[str]) -> re.Pattern[str]:
        return self.lexicon.compile("|".join(f"(?:{pattern})" for pattern in patterns)).regex


def _entry(entry: Mapping[str, Any]) -> _Entry:
    return _Entry(
        id=entry["id"],
        verdict=entry.get("verdict", "clear"),
        scope=entry.get("scope", "any"),
        channels=frozenset(entry.get("channels", ())),
        tails=entry.get("tails", True),
        wish=entry.get("wish", False),
        name=entry.get("name", False),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What the recogniser judges."""

    features: frozenset[int]
    #: whether it has a word of contact and one that can refuse
    named: bool


@cache
def _catalogue() -> _Catalogue:
    """Give the catalogue that ships with Hearth; it is compiled when the first message is read."""
    return _Catalogue(tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")))


@cache
def _recogniser() -> Recogniser:
    return shipped()


def read(message: str, channel: str | None = None) -> Refusal:
    """Tell whether the writer of an inbound message (plain text or HTML) wants to hear no more, and over what.

    `channel` is the one over which the message came; what is named is refused, and this one with it.

    >>> read("STOP").verdict, read("Please stop by on Sunday!").verdict
    ('clear', 'none')
    >>> sorted(read("don't call me, text me instead", "sms").channels), sorted(read("no me escriban más").channels)
    (['call'], ['all'])
    """
    own = own_words(message)
    folded = fold(own)
    if not may_refuse(folded):
        return NONE
    readings = _readings(folded)
    return _by_patterns(own, readings, channel) or _recognised(readings, channel)


def by_patterns(message: str) -> Verdict:
    """Tell what the patterns alone read, without the recogniser, for whoever trains one.

    >>> by_patterns("STOP"), by_patterns("nice house")
    ('clear', 'none')
    """
    own = own_words(message)
    found = _by_patterns(own, _readings(fold(own)), None)
    return "none" if found is None else found.verdict


def _by_patterns(own: str, readings: Sequence[_Reading], channel: str | None) -> Refusal | None:
    found = [one for reading in readings for one in _refusals(reading)]
    found += _whole(readings)
    found = [one for one in found if not one.entry.name or _NAME.search(own)]
    if not found:
        return None
    clear = [one for one in found if one.verdict == "clear"]
    counted = clear or found
    return Refusal(
        verdict=counted[0].verdict,
        channels=_channels(counted, readings, channel),
        rule=counted[0].entry.id,
    )


def hashed(message: str) -> list[Judged]:
    """Give what the recogniser judges in a message: each sentence, and a message that is not long as a whole, last."""
    return list(_judged(_readings(fold(own_words(message)))))


def _recognised(readings: Sequence[_Reading], channel: str | None) -> Refusal:
    """Let the recogniser judge what the patterns do not know."""
    verdicts = {_recogniser().verdict(one.features, named=one.named) for one in _judged(readings)}
    verdict = next((one for one in ("clear", "doubt") if one in verdicts), "none")
    if verdict == "none":
        return NONE
    named = {_catalogue().channel[word] for one in readings for word in one.words if word in _catalogue().channel}
    return Refusal(
        verdict="clear" if verdict == "clear" else "doubt",
        channels=frozenset(named | ({str(channel)} & _OVER)) if named else ALL,
        rule="recogniser",
    )


def _judged(readings: Sequence[_Reading]) -> Iterator[Judged]:
    """Give the sentences that may refuse, without such as only sound like it, and then all of them together."""
    gate, refusing, classes = _catalogue().gate, _catalogue().refusing, _catalogue().named
    # a single word and mere politeness are the catalogue's business: "no thanks" answers a question
    told = [
        one for one in readings if len(one.words) > 1 and not (_polite(one) or _exceptions(one) or _taken_away(one))
    ]
    named = [bool(refusing.search(one.coded) and gate.search(one.coded)) for one in told]
    for one, its in zip(told, named, strict=True):
        yield Judged(features=features(one.words, classes), named=its)
    words = [word for one in told for word in one.words]
    if len(told) > 1 and len(words) <= _LONG:
        yield Judged(features=features(words, classes), named=any(named))


def _taken_away(reading: _Reading) -> bool:
    """Tell whether a pattern matches and what follows takes its meaning away: "don't call me at work"."""
    return any(
        _after(entry, reading, match.end()) == "none"
        for entry, pattern in _catalogue().finders["any"].candidates(reading.coded)
        for match in pattern.finditer(reading.coded)
    )


def _polite(reading: _Reading) -> bool:
    return all(_catalogue().polite.match(letter) for letter in reading.coded)


def _readings(folded: str) -> list[_Reading]:
    return [_reading(sentence) for sentence in sentences(folded, _catalogue().spelled)]


def _reading(sentence: Sentence) -> _Reading:
    catalogue = _catalogue()
    letters, spell = catalogue.lexicon.letters, catalogue.speller.read
    clauses = [
        [known for word in clause for known in ((word,) if word in letters else spell(word))] for clause in sentence
    ]
    ends = [*accumulate(map(len, clauses))]
    return _Reading(
        words=[word for clause in clauses for word in clause],
        coded=catalogue.lexicon.encode(clauses),
        starts=frozenset(ends[:-1]),
    )


def _refusals(reading: _Reading) -> Iterator[_Found]:
    matches = [
        (entry, match)
        for entry, pattern in _catalogue().finders["any"].candidates(reading.coded)
        for match in pattern.finditer(reading.coded)
    ]
    excepted = _exceptions(reading) if matches else []
    for entry, match in matches:
        if not any(start < match.end() and match.start() < end for start, end in excepted):
            verdict = _after(entry, reading, match.end())
            if verdict != "none":
                yield _found(entry, reading, match.span(), verdict)
    yield from _bare(reading)


def _found(entry: _Entry, reading: _Reading, span: tuple[int, int], verdict: Verdict) -> _Found:
    return _Found(entry=entry, verdict=verdict, words=reading.words, span=span)


def _exceptions(reading: _Reading) -> list[tuple[int, int]]:
    """Give the spans that only sound like a refusal; what follows a footer belongs to it."""
    footer = _catalogue().footer.search(reading.coded)
    spans = [(footer.start(), len(reading.coded))] if footer else []
    spans += [
        match.span()
        for match in _catalogue().sounds_like.finditer(reading.coded)
        if not any(match.start() < place < match.end() for place in reading.starts)
    ]
    return spans


def _after(entry: _Entry, reading: _Reading, end: int) -> Verdict:
    """Give what is left of a refusal by what follows it in its clause."""
    if not entry.tails or end in reading.starts or end == len(reading.coded):
        return entry.verdict
    patterns = [(_catalogue().not_at_all, "none"), (_catalogue().doubtful, "doubt")]
    if entry.wish:
        patterns.insert(0, (_catalogue().not_yet, "none"))
    for pattern, verdict in patterns:
        tail = pattern.match(reading.coded, end)
        if tail and not any(end <= place < tail.end() for place in reading.starts):
            return "none" if verdict == "none" else "doubt"
    return entry.verdict


def _bare(reading: _Reading) -> Iterator[_Found]:
    """Find a sentence, or its first or last clause, that consists of a keyword and politeness."""
    candidates = _catalogue().finders["clause"].candidates(reading.coded)
    if not candidates or _catalogue().footer.search(reading.coded):
        return
    bounds = [0, *sorted(reading.starts), len(reading.coded)]
    clauses = {(0, len(reading.coded)), (0, bounds[1])}
    if not _catalogue().condition.match(reading.coded):
        clauses.add((bounds[-2], bounds[-1]))
    for start, end in sorted(clauses):
        entry = _that_is(candidates, reading.coded[start:end])
        if entry is not None:
            yield _found(entry, reading, (start, end), entry.verdict)
            return


def _that_is(candidates: Sequence[tuple[_Entry, re.Pattern[str]]], coded: str) -> _Entry | None:
    """Give what all of a text is, with politeness around it or without."""
    start, end = 0, len(coded)
    while start < end and _catalogue().polite.match(coded, start):
        start += 1
    while end > start and _catalogue().polite.match(coded, end - 1):
        end -= 1
    bounds = {(0, len(coded)), (0, end), (start, len(coded)), (start, end)}
    for entry, pattern in candidates:
        if any(low < high and pattern.fullmatch(coded, low, high) for low, high in bounds):
            return entry
    return None


def _whole(readings: Sequence[_Reading]) -> Iterator[_Found]:
    """Find a message, or a clause about a name, that consists of a keyword and politeness."""
    if not readings or sum(len(reading.coded) for reading in readings) > _SHORT:
        return
    finder, polite = _catalogue().finders["message"], _catalogue().polite
    told = [one for one in readings if any(not polite.match(letter) for letter in one.coded)] or readings
    for reading in readings:
        whole = len(told) == 1 and told[0] is reading
        bounds = [0, *sorted(reading.starts), len(reading.coded)]
        for start, end in {(0, bounds[-1]), *pairwise(bounds)}:
            candidates = finder.candidates(reading.coded[start:end])
            known = [one for one in candidates if one[0].name or (whole and end - start == bounds[-1])]
            entry = _that_is(known, reading.coded[start:end]) if known else None
            if entry is not None:
                yield _found(entry, reading, (start, end), entry.verdict)


def _channels(found: Sequence[_Found], readings: Sequence[_Reading], over: str | None) -> frozenset[str]:
    """Give what is refused: what the words name, and the channel they came over unless that one is welcome."""
    catalogue = _catalogue()
    welcome: set[str] = set()
    spans: dict[int, set[int]] = {}
    for reading in readings:
        taken = {place for one in found if one.words is reading.words for place in range(*one.span)}
        for match in catalogue.welcome.finditer(reading.coded):
            places = range(*match.span())
            if taken.isdisjoint(places):
                spans.setdefault(id(reading.words), set()).update(places)
                welcome |= {
                    catalogue.channel[word] for word in _words_at(reading.words, places) & catalogue.channel.keys()
                }
    refused: set[str] = set()
    for one in found:
        named = one.entry.channels or _named(one, spans.get(id(one.words), set()))
        refused |= named or ALL
        if named and not named & ALL and over in _OVER and over not in welcome:
            refused.add(str(over))
    if "all" not in refused:
        return frozenset(refused)
    return frozenset(_EVERY - welcome) if welcome else ALL


def _words_at(words: Sequence[str], places: Iterable[int]) -> set[str]:
    return {words[place] for place in places}


def _named(found: _Found, welcome: set[int]) -> frozenset[str]:
    """Give the channels that the words of a refusal, and the few after it, name; all where they name everything."""
    catalogue = _catalogue()
    start, end = found.span
    words = [found.words[place] for place in range(start, min(len(found.words), end + _AFTER)) if place not in welcome]
    channels = {catalogue.channel[word] for word in words if word in catalogue.channel}
    by = any(word in catalogue.by and following in catalogue.channel for word, following in pairwise(words))
    if not by and any(word in catalogue.everything and word not in catalogue.channel for word in words):
        return ALL
    return frozenset(channels)
