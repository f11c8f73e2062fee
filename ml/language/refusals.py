"""Read whether a message refuses contact, and over which channels: clear, in doubt, or not at all.

The catalogue of patterns is data (`refusals.toml`); sentences that no pattern knows go to a small trained recogniser.
No text of a message is in a result.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, pairwise

from ml.language import recogniser, refusal_catalogue
from ml.language.first_look import may_refuse
from ml.language.recogniser import Recogniser, features
from ml.language.refusal_catalogue import RefusalCatalogue, RefusalPattern, RefusalVerdict
from ml.language.text import own_words, without_markup
from ml.language.words import Sentence, fold, sentences

__all__ = ["NO_REFUSAL", "MessageRefusal", "RefusalVerdict", "read_message", "without_markup"]

ALL = frozenset({"all"})
#: channels over which people reply; a refusal also closes the one it came over
_REPLY_CHANNELS = frozenset({"sms", "email", "call"})
#: words after a refusal that may also name a channel: "don't call, text or write"
_WORDS_AFTER = 4
#: most words of a message that may be just a keyword
_MOST_KEYWORD_WORDS = 20
#: most words of a message that the recogniser also judges as a whole
_MOST_WHOLE_WORDS = 60
#: a name: a capital letter after a small word
_NAME = re.compile(r"[a-z\u00e3]['\u2019]?\s+[A-Z][a-z]+")
#: words by which the writer of a message speaks of itself; a brokerage's footer says "us"
_OWN = frozenset({"me", "my", "i"})
_EVERY_CHANNEL = frozenset({"sms", "email", "call", "mail"})


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRefusal:
    """The refusal in a message: its channels, and how certain it is."""

    verdict: RefusalVerdict
    #: refused channels: of sms, email, call, mail; or {"all"}; empty when the verdict is "none"
    channels: frozenset[str]
    #: what decided: the id of a catalogue entry, or "recogniser"; no text of the message
    rule: str | None


#: a message that refuses nothing
NO_REFUSAL = MessageRefusal(verdict="none", channels=frozenset(), rule=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _RefusalMatch:
    """One refusal in a sentence."""

    entry: RefusalPattern
    verdict: RefusalVerdict
    words: Sequence[str]
    span: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _EncodedSentence:
    """A sentence as words, and as one character per word."""

    words: Sequence[str]
    coded: str
    #: places at which a clause begins, but for the first
    starts: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecogniserInput:
    """One text that the recogniser judges."""

    features: frozenset[int]
    #: True: it has a word of contact and one that can refuse
    named: bool


def _catalogue() -> RefusalCatalogue:
    return refusal_catalogue.load_shipped()


@cache
def _recogniser() -> Recogniser:
    return recogniser.load_shipped()


def read_message(message: str, channel: str | None = None) -> MessageRefusal:
    """Return what the writer of an inbound message (plain text or HTML) refuses.

    `channel` is the one over which the message came. The channels that the message names are refused, and this one too.

    >>> read_message("STOP").verdict, read_message("Please stop by on Sunday!").verdict
    ('clear', 'none')
    >>> sorted(read_message("don't call me, text me instead", "sms").channels)
    ['call']
    >>> sorted(read_message("no me escriban más").channels)
    ['all']
    """
    text = own_words(message)
    folded = fold(text)
    if not may_refuse(folded):
        return NO_REFUSAL
    encoded = _encoded_sentences(folded)
    return _read_by_patterns(text, encoded, channel) or _read_by_recogniser(encoded, channel)


def verdict_of_patterns(message: str) -> RefusalVerdict:
    """Return the verdict of the patterns alone, without the recogniser, for training one.

    >>> verdict_of_patterns("STOP"), verdict_of_patterns("nice house")
    ('clear', 'none')
    """
    text = own_words(message)
    refusal = _read_by_patterns(text, _encoded_sentences(fold(text)), None)
    return "none" if refusal is None else refusal.verdict


def _read_by_patterns(text: str, encoded: Sequence[_EncodedSentence], channel: str | None) -> MessageRefusal | None:
    matches = [match for sentence in encoded for match in _refusal_matches(sentence)]
    matches += _keyword_messages(encoded)
    matches = [match for match in matches if not match.entry.name or _NAME.search(text)]
    if not matches:
        return None
    counted = [match for match in matches if match.verdict == "clear"] or matches
    return MessageRefusal(
        verdict=counted[0].verdict,
        channels=_refused_channels(counted, encoded, channel),
        rule=counted[0].entry.id,
    )


def recogniser_inputs(message: str) -> list[RecogniserInput]:
    """Return what the recogniser judges in a message: each sentence, then the whole unless the message is long."""
    return list(_inputs_of(_encoded_sentences(fold(own_words(message)))))


def _read_by_recogniser(encoded: Sequence[_EncodedSentence], channel: str | None) -> MessageRefusal:
    """Let the recogniser judge a message that no pattern matches."""
    verdicts = {_recogniser().verdict(item.features, named=item.named) for item in _inputs_of(encoded)}
    if not verdicts & {"clear", "doubt"}:
        return NO_REFUSAL
    channel_of = _catalogue().channel
    named = {channel_of[word] for sentence in encoded for word in sentence.words if word in channel_of}
    return MessageRefusal(
        verdict="clear" if "clear" in verdicts else "doubt",
        channels=frozenset(named | ({str(channel)} & _REPLY_CHANNELS)) if named else ALL,
        rule="recogniser",
    )


def _inputs_of(encoded: Sequence[_EncodedSentence]) -> Iterator[RecogniserInput]:
    """Yield the sentences that may refuse, without those that only sound like it, and then all of them together."""
    gate, refusing, classes = _catalogue().gate, _catalogue().refusing, _catalogue().named
    # single words and mere politeness are left to the catalogue: "no thanks" answers a question
    judged = [
        sentence
        for sentence in encoded
        if len(sentence.words) > 1
        and not (_is_polite(sentence) or _exception_spans(sentence) or _is_taken_back(sentence))
    ]
    named = [bool(refusing.search(sentence.coded) and gate.search(sentence.coded)) for sentence in judged]
    for sentence, is_named in zip(judged, named, strict=True):
        yield RecogniserInput(features=features(sentence.words, classes), named=is_named)
    words = [word for sentence in judged for word in sentence.words]
    if len(judged) > 1 and len(words) <= _MOST_WHOLE_WORDS:
        yield RecogniserInput(features=features(words, classes), named=any(named))


def _is_taken_back(sentence: _EncodedSentence) -> bool:
    """Return whether a pattern matches and the words after it take its meaning away: "don't call me at work"."""
    return any(
        _verdict_after_tail(entry, sentence, match.end()) == "none"
        for entry, pattern in _catalogue().finders["any"].candidates(sentence.coded)
        for match in pattern.finditer(sentence.coded)
    )


def _is_polite(sentence: _EncodedSentence) -> bool:
    return all(_catalogue().polite.match(letter) for letter in sentence.coded)


def _encoded_sentences(folded: str) -> list[_EncodedSentence]:
    return [_encoded(sentence) for sentence in sentences(folded, _catalogue().spelled)]


def _encoded(sentence: Sentence) -> _EncodedSentence:
    catalogue = _catalogue()
    letters, spell = catalogue.lexicon.letters, catalogue.speller.correct
    clauses = [
        [spelt for word in clause for spelt in ((word,) if word in letters else spell(word))] for clause in sentence
    ]
    ends = [*accumulate(map(len, clauses))]
    return _EncodedSentence(
        words=[word for clause in clauses for word in clause],
        coded=catalogue.lexicon.encode(clauses),
        starts=frozenset(ends[:-1]),
    )


def _refusal_matches(sentence: _EncodedSentence) -> Iterator[_RefusalMatch]:
    matches = [
        (entry, match)
        for entry, pattern in _catalogue().finders["any"].candidates(sentence.coded)
        for match in pattern.finditer(sentence.coded)
    ]
    excepted = _exception_spans(sentence) if matches else []
    for entry, match in matches:
        if not any(start < match.end() and match.start() < end for start, end in excepted):
            verdict = _verdict_after_tail(entry, sentence, match.end())
            if verdict != "none":
                yield _RefusalMatch(entry=entry, verdict=verdict, words=sentence.words, span=match.span())
    yield from _keyword_clauses(sentence)


def _exception_spans(sentence: _EncodedSentence) -> list[tuple[int, int]]:
    """Return the spans that only sound like a refusal; a footer takes what follows it, but for the writer's own."""
    footer = _catalogue().footer.search(sentence.coded)
    spans = [(footer.start(), _end_of_footer(sentence, footer.end()))] if footer else []
    spans += [
        match.span()
        for match in _catalogue().sounds_like.finditer(sentence.coded)
        if not any(match.start() < place < match.end() for place in sentence.starts)
    ]
    return spans


def _end_of_footer(sentence: _EncodedSentence, end: int) -> int:
    """Return the place of the first clause after a footer in which the writer speaks of itself; no footer says "me"."""
    bounds = [*sorted(place for place in sentence.starts if place >= end), len(sentence.coded)]
    own = (start for start, after in pairwise(bounds) if not _OWN.isdisjoint(sentence.words[start:after]))
    return next(own, bounds[-1])


def _verdict_after_tail(entry: RefusalPattern, sentence: _EncodedSentence, end: int) -> RefusalVerdict:
    """Return the verdict of a match that ends at `end`, given the words after it in its clause."""
    if not entry.tails or end in sentence.starts or end == len(sentence.coded):
        return entry.verdict
    patterns = [(_catalogue().not_at_all, "none"), (_catalogue().doubtful, "doubt")]
    if entry.wish:
        patterns.insert(0, (_catalogue().not_yet, "none"))
    for pattern, verdict in patterns:
        tail = pattern.match(sentence.coded, end)
        if tail and not any(end <= place < tail.end() for place in sentence.starts):
            return "none" if verdict == "none" else "doubt"
    return entry.verdict


def _keyword_clauses(sentence: _EncodedSentence) -> Iterator[_RefusalMatch]:
    """Yield the sentence, or its first or last clause, if it consists of a keyword and politeness."""
    candidates = _catalogue().finders["clause"].candidates(sentence.coded)
    if not candidates or _catalogue().footer.search(sentence.coded):
        return
    bounds = [0, *sorted(sentence.starts), len(sentence.coded)]
    clauses = {(0, len(sentence.coded)), (0, bounds[1])}
    if not _catalogue().condition.match(sentence.coded):
        clauses.add((bounds[-2], bounds[-1]))
    for start, end in sorted(clauses):
        entry = _whole_match(candidates, sentence.coded[start:end])
        if entry is not None:
            yield _RefusalMatch(entry=entry, verdict=entry.verdict, words=sentence.words, span=(start, end))
            return


def _whole_match(candidates: Sequence[tuple[RefusalPattern, re.Pattern[str]]], coded: str) -> RefusalPattern | None:
    """Return the first pattern that matches a whole text, with or without the politeness around it."""
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


def _keyword_messages(encoded: Sequence[_EncodedSentence]) -> Iterator[_RefusalMatch]:
    """Yield a message, or a clause about a name, that consists of a keyword and politeness."""
    if not encoded or sum(len(sentence.coded) for sentence in encoded) > _MOST_KEYWORD_WORDS:
        return
    finder, polite = _catalogue().finders["message"], _catalogue().polite
    meant = [
        candidate for candidate in encoded if any(not polite.match(letter) for letter in candidate.coded)
    ] or encoded
    for sentence in encoded:
        is_message = len(meant) == 1 and meant[0] is sentence
        bounds = [0, *sorted(sentence.starts), len(sentence.coded)]
        for start, end in {(0, bounds[-1]), *pairwise(bounds)}:
            candidates = [
                (entry, pattern)
                for entry, pattern in finder.candidates(sentence.coded[start:end])
                if entry.name or (is_message and end - start == bounds[-1])
            ]
            entry = _whole_match(candidates, sentence.coded[start:end]) if candidates else None
            if entry is not None:
                yield _RefusalMatch(entry=entry, verdict=entry.verdict, words=sentence.words, span=(start, end))


def _refused_channels(
    matches: Sequence[_RefusalMatch], encoded: Sequence[_EncodedSentence], channel: str | None
) -> frozenset[str]:
    """Return the channels that the words name, and the one the message came over unless the writer welcomes it."""
    catalogue = _catalogue()
    welcome: set[str] = set()
    welcome_places: dict[int, set[int]] = {}
    for sentence in encoded:
        refusing = {place for match in matches if match.words is sentence.words for place in range(*match.span)}
        for phrase in catalogue.welcome.finditer(sentence.coded):
            places = range(*phrase.span())
            if refusing.isdisjoint(places):
                welcome_places.setdefault(id(sentence.words), set()).update(places)
                words = {sentence.words[place] for place in places}
                welcome |= {catalogue.channel[word] for word in words & catalogue.channel.keys()}
    refused: set[str] = set()
    for match in matches:
        named = match.entry.channels or _named_channels(match, welcome_places.get(id(match.words), set()))
        refused |= named or ALL
        if named and not named & ALL and channel in _REPLY_CHANNELS and channel not in welcome:
            refused.add(str(channel))
    if "all" not in refused:
        return frozenset(refused)
    return frozenset(_EVERY_CHANNEL - welcome) if welcome else ALL


def _named_channels(match: _RefusalMatch, welcome_places: set[int]) -> frozenset[str]:
    """Return the channels that a refusal, and the few words after it, name; all if they name everything."""
    catalogue = _catalogue()
    start, end = match.span
    places = range(start, min(len(match.words), end + _WORDS_AFTER))
    words = [match.words[place] for place in places if place not in welcome_places]
    channels = {catalogue.channel[word] for word in words if word in catalogue.channel}
    by = any(word in catalogue.by and following in catalogue.channel for word, following in pairwise(words))
    if not by and any(word in catalogue.everything and word not in catalogue.channel for word in words):
        return ALL
    return frozenset(channels)
