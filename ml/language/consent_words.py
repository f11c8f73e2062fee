"""Read short words that say who may be contacted: names of columns, tags, stages, statuses, cells.

One vocabulary, `consent_words.toml`, serves every file, every CRM and every event. Words that look like consent and are
not understood are `unclear`: the caller closes that channel and asks a person.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from domain.documents import TomlMapping
from ml.language.patterns import ENTRIES, Trie, expand

Channels = frozenset[str]

#: every channel at once
ALL: Channels = frozenset({"all"})
NO_CHANNELS: Channels = frozenset()
#: a longer text is prose, which `ml.language.refusals` reads
LONGEST = 120
#: channels that may be refused; faxes are not sent
_OURS = frozenset({"sms", "call", "email", "mail"})

_DATA: TomlMapping = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
VERSION: str = _DATA["version"]
_LISTS: Mapping[str, list[str]] = _DATA["list"]
_TOUCH, _ON = frozenset(_LISTS["touch"]), frozenset(_LISTS["on"])
_CHANNEL_OF = {word: name for name, words in _DATA["channels"].items() for word in words if name != "none"}
_YES, _NO, _RESTING, _SILENT = (frozenset(_DATA["cells"][name]) for name in ("yes", "no", "resting", "silent"))
_STEMS, _STEM_PHRASES = frozenset(_DATA["stems"]["words"]), tuple(_DATA["stems"]["phrases"])
_WORDS = frozenset(
    word for words in (*_LISTS.values(), _CHANNEL_OF, _DATA["parts"]["words"]) for word in words if len(word) > 1
)
#: longer words are not split into the words they consist of
_GLUED = 60
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_APOSTROPHES = re.compile(r"['\u2019\u2018`\u00b4]")
_OR = re.compile(r"[/&+]")
_NOISE = re.compile(r"[^\w\u2713\u2714\u2611]+|_+")
#: pairs that are one word
_PAIRS = frozenset({("e", "mail"), ("e", "mails"), ("e", "mailing"), ("whats", "app")})
#: parts of words; every mark that means anything contains one of them
_HINT = re.compile(
    r"opt|subs?c?r?i|unsu|sucri|desu|descad|sabon|s[ai]?\W?t\W?o\W?p|d\W?n\W?[cdtem]|not|n[\u2019']?t\b|\bno|n[a\u00e3]o|\bne\b|nicht"
    r"|kein|\bs[ei][nm]\b|black|block|deny|suppress|robinson|remov|delet|wrong|errad|equivoc|faux|mauvais|litig|lawsuit|threat"
    r"|decea|cid[eo]|storb|consent|permis|gdpr|tcpa|casl|lopd|rgpd|dsgvo|lgpd|baja|leave|cease|quit|arr[e\u00ea]t|parar"
    r"|only|solo|forg[eo]t|eras|compl|spam|abuse|abge|abbe|objec|oppos|refus|inscri|never|jamais|nunca|rayer|recha|rehu|off"
    r"|disturb|molest|sperr|widers|werbeverb|disisc|consens|allow|d[e\u00e9]s(?:in|ab)",
    re.IGNORECASE,
)
#: words that are written letter by letter, "D.N.C.", and their beginnings
_SPELT = frozenset({"dn", "dnc", "dnd", "st", "sto", "stop"})
_JOINING = frozenset({"or", "and", "nor", "o", "y", "ou", "e", "et"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentColumn:
    """The meaning of a column for consent, read from its name."""

    #: refusal: a yes closes the channels; consent: a yes opens them; about: how consent was given, no attribute
    means: Literal["refusal", "consent", "about"]
    #: of sms, email, call, mail; or all
    channels: Channels


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentSignal:
    """The consent that a short text states, by channel; all empty when it states none."""

    refused: Channels = NO_CHANNELS
    #: consent was not given, which is no refusal
    withheld: Channels = NO_CHANNELS
    granted: Channels = NO_CHANNELS
    #: the text is about consent and is not understood
    unclear: Channels = NO_CHANNELS

    def __bool__(self) -> bool:
        return bool(self.refused or self.withheld or self.granted or self.unclear)


NO_SIGNAL = ConsentSignal()


@dataclass(frozen=True, slots=True)
class _LabelEntry:
    means: str
    channels: Channels
    #: True: it counts only if it is the whole text
    whole: bool
    #: True: its own channels count, whatever the words name
    own_channels: bool


@dataclass(frozen=True, slots=True)
class _LabelMatch:
    entry: _LabelEntry
    first: int
    last: int


@lru_cache(maxsize=4096)
def column_meaning(header: str) -> ConsentColumn | None:
    """Return what a column says of consent, by its name; None when it is not about consent.

    >>> column_meaning("HasOptedOutOfEmail"), column_meaning("Budget")
    (ConsentColumn(means='refusal', channels=frozenset({'email'})), None)
    >>> column_meaning("DNC List").channels == {"call", "sms"}, column_meaning("OPTIN_IP").means
    (True, 'about')
    """
    words = split_words(header)
    if not words or " ".join(words) in _EXEMPT_HEADERS:
        return None
    matches = [match for match in _matches(words, _HEADERS) if _applies(match, words)]
    exempt = _covered_places(matches, "nothing")
    about_consent = _covered_places(matches, "about_consent")
    for means in ("refusal", "about_consent", "consent"):
        match = next(
            (
                candidate
                for candidate in matches
                if candidate.entry.means == means and not exempt & set(_span(candidate))
            ),
            None,
        )
        if means == "refusal" and match is not None and about_consent & set(_span(match)):
            match = None
        if match is not None:
            named = None if match.entry.own_channels else _named_channels(words, range(len(words)))
            channels = named if named is not None else match.entry.channels
            if not channels:
                return ConsentColumn(means="about", channels=NO_CHANNELS)
            return ConsentColumn(means="about" if means == "about_consent" else means, channels=channels)  # type: ignore[arg-type]
    return None


def is_known(word: str) -> bool:
    """Return whether a word is one of those by which consent is said, so that it names nobody.

    >>> is_known("unsubscribed"), is_known("DND"), is_known("Maria")
    (True, True, False)
    """
    words = split_words(word)
    return bool(words) and all(part in _WORDS or part in _STEMS or part in _SPELT for part in words)


def may_mention_consent(text: str) -> bool:
    """Return quickly whether a text may contain a word of consent; False is certain.

    >>> may_mention_consent("3 bed condo in Doral"), may_mention_consent("sms opt-out")
    (False, True)
    """
    return _HINT.search(text) is not None


@lru_cache(maxsize=16384)
def read_label(text: str) -> ConsentSignal:
    """Return what a tag, a stage or a status says.

    >>> read_label("Do not call/text").refused == {"call", "sms"}, read_label("DND").refused
    (True, frozenset({'all'}))
    >>> bool(read_label("Bus stop nearby")), bool(read_label("do not call before 9"))
    (False, False)
    >>> read_label("consent unknown").unclear
    frozenset({'all'})
    """
    if len(text) > LONGEST:
        return NO_SIGNAL
    words = split_words(text)
    matches = list(_matches(words, _LABELS))
    exempt = _covered_places(matches, "nothing")
    channels: dict[str, Channels] = {}
    for match in matches:
        if exempt & set(_span(match)) or not _applies(match, words):
            continue
        means = match.entry.means
        channels[means] = channels.get(means, NO_CHANNELS) | _channels_of_match(words, match)
    if channels.get("refusal"):
        return ConsentSignal(refused=channels["refusal"])
    if "withheld" in channels:
        return ConsentSignal(withheld=channels["withheld"])
    if "consent" in channels or "refusal" in channels:
        return ConsentSignal(granted=channels.get("consent", NO_CHANNELS))
    if not exempt and (_STEMS & set(words) or any(phrase in " ".join(words) for phrase in _STEM_PHRASES)):
        return ConsentSignal(unclear=_named_channels(words, range(len(words))) or ALL)
    return NO_SIGNAL


def read_mark(text: str) -> ConsentSignal:
    """Return what a tag, a stage or another mark says; a mark may close a channel and never opens one.

    >>> bool(read_mark("sms opt in")), read_mark("unsubscribed").refused == {"email", "sms"}
    (False, True)
    """
    signal = read_label(text)
    return signal if signal.refused or signal.unclear else NO_SIGNAL


def read_cell(about: ConsentColumn, text: str, *, dated: bool = False) -> ConsentSignal:
    """Return what a cell of a consent column says; `dated`: the cell holds a time.

    >>> refusal, consent = ConsentColumn(means="refusal", channels=ALL), ConsentColumn(means="consent", channels=ALL)
    >>> read_cell(refusal, "Yes").refused, read_cell(refusal, "Manual").refused, bool(read_cell(refusal, "0"))
    (frozenset({'all'}), frozenset({'all'}), False)
    >>> read_cell(consent, "Subscribed").granted, read_cell(consent, "no").withheld
    (frozenset({'all'}), frozenset({'all'}))
    >>> read_cell(consent, "Opted out").refused
    frozenset({'all'})
    """
    word = " ".join(split_words(text))
    if word in _SILENT or about.means == "about":
        return NO_SIGNAL
    if about.means == "refusal":
        return NO_SIGNAL if word in _NO or word in _RESTING else ConsentSignal(refused=about.channels)
    return _consent_cell(about.channels, word, read_label(text), dated=dated)


def _consent_cell(channels: Channels, word: str, signal: ConsentSignal, *, dated: bool) -> ConsentSignal:
    if word in _YES or dated:
        return ConsentSignal(granted=channels)
    if signal.refused:
        return ConsentSignal(refused=signal.refused if channels == ALL else channels)
    if word in _NO or signal.withheld:
        return ConsentSignal(withheld=channels)
    return ConsentSignal(granted=channels) if signal.granted else ConsentSignal(unclear=channels)


def is_blank(text: str) -> bool:
    """Return whether a cell counts as blank: n/a, unknown, an empty date.

    >>> is_blank("N/A"), is_blank("no")
    (True, False)
    """
    return " ".join(split_words(text)) in _SILENT


def is_understood(text: str) -> bool:
    """Return whether a word in a refusal column is known; any other word also closes the channel.

    >>> is_understood("Yes"), is_understood("perhaps")
    (True, False)
    """
    word = " ".join(split_words(text))
    return (
        word in _YES or word in _NO or word in _RESTING or word in _SILENT or word == "active" or bool(read_label(text))
    )


def split_words(text: str) -> list[str]:
    """Return the words of a name or mark: lower case, without accents, compounds split.

    >>> split_words("IsBlacklisted?"), split_words("donotcall"), split_words("E-Mail abgemeldet")
    (['is', 'blacklisted'], ['do', 'not', 'call'], ['email', 'abgemeldet'])
    """
    text = _APOSTROPHES.sub("", text[: 4 * LONGEST])
    text = _OR.sub(" or ", text) if _OR.search(text) else text
    decomposed = unicodedata.normalize("NFKD", _CAMEL.sub(" ", text)).casefold()
    letters = "".join(mark for mark in decomposed if not unicodedata.combining(mark))
    plain = _NOISE.sub(" ", letters).split()
    parted = (part for word in plain for part in _split_compound(word))
    return _join_pairs(list(parted))


def _join_pairs(words: list[str]) -> list[str]:
    joined: list[str] = []
    for word in words:
        if joined and ((joined[-1], word) in _PAIRS or joined[-1] + word in _SPELT):
            joined[-1] += word
        else:
            joined.append(word)
    return joined


@lru_cache(maxsize=4096)
def _split_compound(word: str) -> tuple[str, ...]:
    if len(word) < 5 or len(word) > _GLUED or word in _WORDS:
        return (word,)
    best: list[tuple[str, ...] | None] = [()] + [None] * len(word)
    for end in range(2, len(word) + 1):
        for start in range(max(0, end - 16), end - 1):
            before = best[start]
            if before is not None and word[start:end] in _WORDS:
                shorter = best[end] is None or len(before) + 1 < len(best[end] or ())
                best[end] = (*before, word[start:end]) if shorter else best[end]
    return best[-1] or (word,)


def _applies(match: _LabelMatch, words: Sequence[str]) -> bool:
    return not match.entry.whole or match.last - match.first + 1 == len(words)


def _channels_of_match(words: Sequence[str], match: _LabelMatch) -> Channels:
    """Return the channels of a mark: those its words name, else those named around it, else those of its entry."""
    if match.entry.own_channels:
        return match.entry.channels
    span = _extended_span(words, match)
    named = _named_channels(words, span)
    if named is not None:
        return named
    if any(words[at] in _TOUCH for at in span):
        return ALL
    # "email opt out, sms ok": what is welcome is not meant
    meant = [at for at in range(len(words)) if at + 1 == len(words) or words[at + 1] not in _ON]
    around = _named_channels(words, meant)
    return around if around is not None else match.entry.channels


def _extended_span(words: Sequence[str], match: _LabelMatch) -> range:
    """Return the span of a match, extended over words like "or text", "and emails"."""
    last = match.last
    while last + 2 < len(words) and words[last + 1] in _JOINING and words[last + 2] in _TOUCH:
        last += 2
    return range(match.first, last + 1)


def _named_channels(words: Sequence[str], places: Iterable[int]) -> Channels | None:
    """Return the channels that words name: None when they name none, empty when they name only unknown ones."""
    named = {_CHANNEL_OF[words[at]] for at in places if words[at] in _CHANNEL_OF}
    return frozenset(named & _OURS) if named else None


def _span(match: _LabelMatch) -> range:
    return range(match.first, match.last + 1)


def _covered_places(matches: Sequence[_LabelMatch], means: str) -> set[int]:
    return {at for match in matches if match.entry.means == means for at in _span(match)}


def _matches(words: Sequence[str], table: tuple[Trie, tuple[_LabelEntry, ...]]) -> Iterator[_LabelMatch]:
    trie, entries = table
    forms = [(word, *_LISTS_BY_WORD.get(word, ()), "_") for word in words]
    for first in range(len(words)):
        nodes = [trie]
        longest: dict[int, int] = {}
        for at in range(first, len(words)):
            nodes = [node[form] for node in nodes for form in forms[at] if form in node]
            if not nodes:
                break
            longest |= {place: at for node in nodes for place in node.get(ENTRIES, ())}
        for place, last in longest.items():
            yield _LabelMatch(entries[place], first, last)


def _compiled(name: str) -> tuple[Trie, tuple[_LabelEntry, ...]]:
    trie: Trie = {}
    entries = []
    for place, table in enumerate(_DATA[name]):
        channels = frozenset(table.get("channels", ALL))
        entries.append(_LabelEntry(table["means"], channels, table.get("whole", False), table.get("own", False)))
        for pattern in table["patterns"]:
            for phrase in expand(pattern, _LISTS):
                node = trie
                for form in phrase:
                    node = node.setdefault(form, {})
                node.setdefault(ENTRIES, set()).add(place)
    return trie, tuple(entries)


def _lists_by_word() -> dict[str, tuple[str, ...]]:
    names: dict[str, list[str]] = {}
    for name, members in _LISTS.items():
        for member in members:
            names.setdefault(member, []).append(f"<{name}>")
    return {word: tuple(lists) for word, lists in names.items()}


_LISTS_BY_WORD = _lists_by_word()
_EXEMPT_HEADERS = frozenset(word for table in _DATA["header"] for word in table.get("unless", ()))
_HEADERS, _LABELS = _compiled("header"), _compiled("label")
