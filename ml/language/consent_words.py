"""Read short words that say who may be contacted: names of columns, tags, stages, statuses, cells.

One vocabulary, kept as data in `consent_words.toml`, serves every file, every CRM and every event. What looks like
consent and is not understood is `unclear`: the caller closes that channel and asks a person.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from ml.language.patterns import ENDS, Trie, expand

Channels = frozenset[str]

#: every channel at once
ALL: Channels = frozenset({"all"})
NOBODY: Channels = frozenset()
#: a longer text is prose, which `ml.language.refusals` reads
LONGEST = 120
#: channels that may be refused; a fax is sent to nobody
_OURS = frozenset({"sms", "call", "email", "mail"})

_TABLE: Mapping[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
VERSION: str = _TABLE["version"]
_LISTS: Mapping[str, list[str]] = _TABLE["list"]
_TOUCH, _ON = frozenset(_LISTS["touch"]), frozenset(_LISTS["on"])
_CHANNEL_OF = {word: name for name, words in _TABLE["channels"].items() for word in words if name != "none"}
_YES, _NO, _RESTING, _SILENT = (frozenset(_TABLE["cells"][name]) for name in ("yes", "no", "resting", "silent"))
_STEMS, _STEM_PHRASES = frozenset(_TABLE["stems"]["words"]), tuple(_TABLE["stems"]["phrases"])
_WORDS = frozenset(
    word for words in (*_LISTS.values(), _CHANNEL_OF, _TABLE["parts"]["words"]) for word in words if len(word) > 1
)
#: a longest word of a name that is taken apart
_GLUED = 60
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_APOSTROPHES = re.compile(r"['\u2019\u2018`\u00b4]")
_OR = re.compile(r"[/&+]")
_NOISE = re.compile(r"[^\w\u2713\u2714\u2611]+|_+")
#: words that are one
_PAIRS = frozenset({("e", "mail"), ("e", "mails"), ("e", "mailing"), ("whats", "app")})
#: beginnings of words, one of which each mark has that says anything
_HINT = re.compile(
    r"opt|subs?c?r?i|unsu|sucri|desu|descad|sabon|s[ai]?\W?t\W?o\W?p|d\W?n\W?[cdtem]|not|n[\u2019']?t\b|\bno|n[a\u00e3]o|\bne\b|nicht"
    r"|kein|\bs[ei][nm]\b|black|block|deny|suppress|robinson|remov|delet|wrong|errad|equivoc|faux|mauvais|litig|lawsuit|threat"
    r"|decea|cid[eo]|storb|consent|permis|gdpr|tcpa|casl|lopd|rgpd|dsgvo|lgpd|baja|leave|cease|quit|arr[e\u00ea]t|parar"
    r"|only|solo|forg[eo]t|eras|compl|spam|abuse|abge|abbe|objec|oppos|refus|inscri|never|jamais|nunca|rayer|recha|rehu|off"
    r"|disturb|molest|d[e\u00e9]s(?:in|ab)",
    re.IGNORECASE,
)
#: what is written letter by letter, "D.N.C.", as it grows
_SPELT = frozenset({"dn", "dnc", "dnd", "st", "sto", "stop"})
_JOINING = frozenset({"or", "and", "nor", "o", "y", "ou", "e", "et"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What a column is about, as its name says."""

    #: refusal: a yes closes; consent: a yes opens; about: how consent was given, no attribute of a person
    means: Literal["refusal", "consent", "about"]
    #: of sms, email, call, mail; or all
    channels: Channels


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a short text says of being contacted, by channels; all empty where it says nothing."""

    refused: Channels = NOBODY
    #: no consent was given, which is no refusal
    withheld: Channels = NOBODY
    granted: Channels = NOBODY
    #: it is about consent and is not understood
    unclear: Channels = NOBODY

    def __bool__(self) -> bool:
        return bool(self.refused or self.withheld or self.granted or self.unclear)


NOTHING = Said()


@dataclass(frozen=True, slots=True)
class _Entry:
    means: str
    channels: Channels
    #: it counts only where nothing else is said
    whole: bool
    #: its channels count whatever the words name
    own: bool


@dataclass(frozen=True, slots=True)
class _Match:
    entry: _Entry
    first: int
    last: int


@lru_cache(maxsize=4096)
def column(header: str) -> Column | None:
    """Tell what a column is about by its name; None where it has nothing to do with consent.

    >>> column("HasOptedOutOfEmail"), column("Budget")
    (Column(means='refusal', channels=frozenset({'email'})), None)
    >>> column("DNC List").channels == {"call", "sms"}, column("OPTIN_IP").means
    (True, 'about')
    """
    words = words_of(header)
    if not words or " ".join(words) in _UNLESS:
        return None
    found = [one for one in _matches(words, _HEADERS) if _counts(one, words)]
    spared = _covered(found, "nothing")
    for means in ("refusal", "about_consent", "consent"):
        match = next((one for one in found if one.entry.means == means and not spared & set(_span(one))), None)
        if means == "refusal" and any(one.entry.means == "about_consent" for one in found):
            match = match if match and not _covered(found, "about_consent") & set(_span(match)) else None
        if match is not None:
            named = None if match.entry.own else _named(words, range(len(words)))
            channels = named if named is not None else match.entry.channels
            if not channels:
                return Column(means="about", channels=NOBODY)
            return Column(means="about" if means == "about_consent" else means, channels=channels)  # type: ignore[arg-type]
    return None


def maybe(text: str) -> bool:
    """Tell cheaply whether a text may hold one of the words at all; False is sure.

    >>> maybe("3 bed condo in Doral"), maybe("sms opt-out")
    (False, True)
    """
    return _HINT.search(text) is not None


@lru_cache(maxsize=16384)
def label(text: str) -> Said:
    """Read a tag, a stage or a status.

    >>> label("Do not call/text").refused == {"call", "sms"}, label("DND").refused
    (True, frozenset({'all'}))
    >>> bool(label("Bus stop nearby")), bool(label("do not call before 9")), label("consent unknown").unclear
    (False, False, frozenset({'all'}))
    """
    if len(text) > LONGEST:
        return NOTHING
    words = words_of(text)
    found = list(_matches(words, _LABELS))
    spared = _covered(found, "nothing")
    told: dict[str, Channels] = {}
    for match in found:
        if spared & set(_span(match)) or not _counts(match, words):
            continue
        told[match.entry.means] = told.get(match.entry.means, NOBODY) | _channels(words, match)
    if told.get("refusal"):
        return Said(refused=told["refusal"])
    if "withheld" in told:
        return Said(withheld=told["withheld"])
    if "consent" in told or "refusal" in told:
        return Said(granted=told.get("consent", NOBODY))
    if not spared and (_STEMS & set(words) or any(phrase in " ".join(words) for phrase in _STEM_PHRASES)):
        return Said(unclear=_named(words, range(len(words))) or ALL)
    return NOTHING


def mark(text: str) -> Said:
    """Read a tag, a stage or any other mark that people give: it may close a channel and never opens one.

    >>> bool(mark("sms opt in")), mark("unsubscribed").refused == {"email", "sms"}
    (False, True)
    """
    said = label(text)
    return said if said.refused or said.unclear else NOTHING


def cell(about: Column, text: str, *, dated: bool = False) -> Said:
    """Read a cell of a column that is about consent; `dated` tells that it holds a time.

    >>> refusal, consent = Column(means="refusal", channels=ALL), Column(means="consent", channels=ALL)
    >>> cell(refusal, "Yes").refused, cell(refusal, "Manual").refused, bool(cell(refusal, "0"))
    (frozenset({'all'}), frozenset({'all'}), False)
    >>> cell(consent, "Subscribed").granted, cell(consent, "no").withheld, cell(consent, "Opted out").refused
    (frozenset({'all'}), frozenset({'all'}), frozenset({'all'}))
    """
    word = " ".join(words_of(text))
    if word in _SILENT or about.means == "about":
        return NOTHING
    if about.means == "refusal":
        return NOTHING if word in _NO or word in _RESTING else Said(refused=about.channels)
    return _consent(about.channels, word, label(text), dated=dated)


def _consent(channels: Channels, word: str, said: Said, *, dated: bool) -> Said:
    if word in _YES or dated:
        return Said(granted=channels)
    if said.refused:
        return Said(refused=said.refused if channels == ALL else channels)
    if word in _NO or said.withheld:
        return Said(withheld=channels)
    return Said(granted=channels) if said.granted else Said(unclear=channels)


def silent(text: str) -> bool:
    """Tell whether a cell says nothing: n/a, unknown, a blank date.

    >>> silent("N/A"), silent("no")
    (True, False)
    """
    return " ".join(words_of(text)) in _SILENT


def understood(text: str) -> bool:
    """Tell whether a word of a refusing column is known; any other closes the channel all the same.

    >>> understood("Yes"), understood("perhaps")
    (True, False)
    """
    word = " ".join(words_of(text))
    return word in _YES or word in _NO or word in _RESTING or word in _SILENT or word == "active" or bool(label(text))


def words_of(text: str) -> list[str]:
    """Give the words of a name or mark: small, without accents, those written together parted.

    >>> words_of("IsBlacklisted?"), words_of("donotcall"), words_of("E-Mail abgemeldet")
    (['is', 'blacklisted'], ['do', 'not', 'call'], ['email', 'abgemeldet'])
    """
    text = _APOSTROPHES.sub("", text[: 4 * LONGEST])
    text = _OR.sub(" or ", text) if _OR.search(text) else text
    decomposed = unicodedata.normalize("NFKD", _CAMEL.sub(" ", text)).casefold()
    letters = "".join(mark for mark in decomposed if not unicodedata.combining(mark))
    plain = _NOISE.sub(" ", letters).split()
    parted = (part for word in plain for part in _parted(word))
    return _joined(list(parted))


def _joined(words: list[str]) -> list[str]:
    joined: list[str] = []
    for word in words:
        if joined and ((joined[-1], word) in _PAIRS or joined[-1] + word in _SPELT):
            joined[-1] += word
        else:
            joined.append(word)
    return joined


@lru_cache(maxsize=4096)
def _parted(word: str) -> tuple[str, ...]:
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


def _counts(match: _Match, words: Sequence[str]) -> bool:
    return not match.entry.whole or match.last - match.first + 1 == len(words)


def _channels(words: Sequence[str], match: _Match) -> Channels:
    """Give what a mark closes: what its own words name, else what stands around them, else what such a mark means."""
    if match.entry.own:
        return match.entry.channels
    span = _reaching(words, match)
    own = [words[at] for at in span]
    named = _named(words, span)
    if named is not None:
        return named
    if any(word in _TOUCH for word in own):
        return ALL
    # "email opt out, sms ok": what is welcome is not meant
    meant = [at for at in range(len(words)) if at + 1 == len(words) or words[at + 1] not in _ON]
    around = _named(words, meant)
    return around if around is not None else match.entry.channels


def _reaching(words: Sequence[str], match: _Match) -> range:
    """Go on over "or text", "and emails"."""
    last = match.last
    while last + 2 < len(words) and words[last + 1] in _JOINING and words[last + 2] in _TOUCH:
        last += 2
    return range(match.first, last + 1)


def _named(words: Sequence[str], places: Iterable[int]) -> Channels | None:
    """Give the channels that some words name; empty where they name only one that is none of ours."""
    named = {_CHANNEL_OF[words[at]] for at in places if words[at] in _CHANNEL_OF}
    return frozenset(named & _OURS) if named else None


def _span(match: _Match) -> range:
    return range(match.first, match.last + 1)


def _covered(found: Sequence[_Match], means: str) -> set[int]:
    return {at for match in found if match.entry.means == means for at in _span(match)}


def _matches(words: Sequence[str], table: tuple[Trie, tuple[_Entry, ...]]) -> Iterator[_Match]:
    trie, entries = table
    forms = [(word, *_LISTS_OF.get(word, ()), "_") for word in words]
    for first in range(len(words)):
        nodes = [trie]
        longest: dict[int, int] = {}
        for at in range(first, len(words)):
            nodes = [node[form] for node in nodes for form in forms[at] if form in node]
            if not nodes:
                break
            longest |= {place: at for node in nodes for place in node.get(ENDS, ())}
        for place, last in longest.items():
            yield _Match(entries[place], first, last)


def _compiled(name: str) -> tuple[Trie, tuple[_Entry, ...]]:
    trie: Trie = {}
    entries = []
    for place, table in enumerate(_TABLE[name]):
        channels = frozenset(table.get("channels", ALL))
        entries.append(_Entry(table["means"], channels, table.get("whole", False), table.get("own", False)))
        for pattern in table["patterns"]:
            for phrase in expand(pattern, _LISTS):
                node = trie
                for form in phrase:
                    node = node.setdefault(form, {})
                node.setdefault(ENDS, set()).add(place)
    return trie, tuple(entries)


def _lists_of() -> dict[str, tuple[str, ...]]:
    names: dict[str, list[str]] = {}
    for name, members in _LISTS.items():
        for member in members:
            names.setdefault(member, []).append(f"<{name}>")
    return {word: tuple(found) for word, found in names.items()}


_LISTS_OF = _lists_of()
_UNLESS = frozenset(word for table in _TABLE["header"] for word in table.get("unless", ()))
_HEADERS, _LABELS = _compiled("header"), _compiled("label")
