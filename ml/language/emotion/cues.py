"""Find phrases by which a lead says how it feels, in words of buying and selling homes.

They stand in `cues.toml`, for the states of which the training data has few examples or none.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cache, lru_cache

from domain.documents import TomlMapping
from domain.emotions import EMOTIONAL_STATES, EmotionalState
from ml.errors import CatalogueError
from ml.language.patterns import ENTRIES, Trie, expand, read_data_file

#: a word, or a mark that ends a phrase; a dash between blanks does, one within a word does not
_TOKEN = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*|[.,;:!?()\n]| [-\u2013\u2014] ")
#: words before a phrase that may negate it
_REACH = 3
_ANY = "_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cue:
    """A phrase that was found: characters [start, end) of the text."""

    id: str
    state: EmotionalState
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class CueCatalogue:
    """The phrases of all cues as tries of words; at the end of a phrase stands the id of its cue."""

    version: str
    states: Mapping[str, EmotionalState]
    #: first word of a phrase -> the tries of what may follow
    starts: Mapping[str, Sequence[Trie]]
    #: word -> lists that contain it
    lists: Mapping[str, tuple[str, ...]]
    #: words that turn what follows into its opposite
    negations: frozenset[str]
    #: words of which every text with a cue has one
    needed: frozenset[str]


def find_cues(text: str) -> tuple[Cue, ...]:
    """Return the cues of a text, in its order; the longest phrase counts where several begin at one word.

    >>> [cue.id for cue in find_cues("Honestly, I'm a bit overwhelmed.")]
    ['overwhelmed.said']
    >>> find_cues("I'm not worried at all")
    ()
    """
    if not any(map(_may_be_cue, text.split())):
        return ()
    words, spans = _words(text)
    return tuple(_found(words, spans, catalogue()))


@cache
def catalogue() -> CueCatalogue:
    """Return the cues that ship with Hearth. Raises CatalogueError."""
    return load_cues(_text())


def cues_checksum() -> str:
    """Return the SHA-256 of the data file. Raises CatalogueError."""
    return hashlib.sha256(_text().encode()).hexdigest()


def _text() -> str:
    return read_data_file("ml.language.emotion", "cues.toml")


def load_cues(text: str) -> CueCatalogue:
    """Return the cues of a data file. Raises CatalogueError, which names the cue."""
    try:
        file = tomllib.loads(text)
        states = {table["id"]: _state(table) for table in file["cue"]}
        if len(states) < len(file["cue"]):
            raise ValueError("a cue is defined twice")  # noqa: TRY301 - reported with the errors below
        return _catalogue(file, states, file.get("list", {}))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CatalogueError(f"cues.toml: {type(error).__name__} {error}: install Hearth again") from None


def _catalogue(
    file: TomlMapping, states: Mapping[str, EmotionalState], lists: Mapping[str, Sequence[str]]
) -> CueCatalogue:
    phrases: Trie = {}
    every: list[tuple[str, ...]] = []
    for table in file["cue"]:
        own = [phrase for pattern in table["phrases"] for phrase in expand(pattern, lists)]
        _add(phrases, own, table["id"])
        every += own
    of_word = _lists_by_word(lists)
    return CueCatalogue(
        version=str(file["version"]),
        states=states,
        starts=_starts(phrases, of_word),
        lists=of_word,
        negations=frozenset(file["negations"]),
        needed=_needed(every, lists, file["common"]),
    )


@lru_cache(16_384)
def _may_be_cue(letters: str) -> bool:
    """Return whether a run of letters has a word without which no cue is found."""
    return not catalogue().needed.isdisjoint(_words(letters)[0])


def _state(table: TomlMapping) -> EmotionalState:
    for state in EMOTIONAL_STATES:
        if table["state"] == state and table["id"].startswith(f"{state}."):
            return state
    raise ValueError(f"{table['id']} is named after no state")


def _add(trie: Trie, phrases: Sequence[tuple[str, ...]], cue: str) -> None:
    for phrase in phrases:
        node = trie
        for word in phrase:
            node = node.setdefault(word, {})
        node[ENTRIES] = cue


def _lists_by_word(lists: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    names: dict[str, tuple[str, ...]] = {}
    for name, members in lists.items():
        for member in members:
            names[member] = (*names.get(member, ()), f"<{name}>")
    return names


def _starts(phrases: Trie, lists: Mapping[str, tuple[str, ...]]) -> dict[str, list[Trie]]:
    words = [form for form in phrases if not form.startswith("<")]
    return {
        word: [phrases[form] for form in (word, *lists.get(word, ())) if form in phrases]
        for word in {*words, *lists}
        if any(form in phrases for form in (word, *lists.get(word, ())))
    }


def _needed(
    phrases: Sequence[tuple[str, ...]], lists: Mapping[str, Sequence[str]], common: Sequence[str]
) -> frozenset[str]:
    """Return the rarest word of each phrase, or of its list, so that few texts need be searched."""
    ranks = {word: rank for rank, word in enumerate(common)}

    def members(form: str) -> list[str]:
        return [word for word in lists[form[1:-1]] if " " not in word] if form.startswith("<") else [form]

    def rarity(form: str) -> tuple[int, int, str]:
        words = members(form)
        return min(ranks.get(word, len(ranks)) for word in words), min(map(len, words)), form

    chosen = {max((form for form in phrase if form != _ANY), key=rarity) for phrase in phrases}
    return frozenset(word for form in chosen for word in members(form))


def _words(text: str) -> tuple[list[str], list[tuple[int, int]]]:
    """Return the words as phrases write them, with their characters; a mark that no phrase goes over is empty."""
    words: list[str] = []
    spans: list[tuple[int, int]] = []
    for match in _TOKEN.finditer(text):
        token = match[0].lower()
        if not token.isalnum():
            token = "".join(filter(str.isalnum, token))
        words.append(token)
        spans.append(match.span())
    return words, spans


def _found(words: Sequence[str], spans: Sequence[tuple[int, int]], known: CueCatalogue) -> Iterator[Cue]:
    at = 0
    while at < len(words):
        nodes = known.starts.get(words[at])
        longest = _longest(words, at + 1, nodes, known) if nodes else None
        if longest is None or _negated(words, at, known.negations):
            at += 1
            continue
        last, cue = longest
        yield Cue(id=cue, state=known.states[cue], start=spans[at][0], end=spans[last][1])
        at = last + 1


def _longest(words: Sequence[str], at: int, nodes: Sequence[Trie], known: CueCatalogue) -> tuple[int, str] | None:
    """Return the last word and the cue of the longest phrase that goes on from the nodes before a word."""
    longest = None
    while nodes:
        ends = [node[ENTRIES] for node in nodes if ENTRIES in node]
        longest = (at - 1, ends[0]) if ends else longest
        word = words[at] if at < len(words) else ""
        forms = (word, *known.lists.get(word, ()), _ANY) if word else ()
        nodes = [node[form] for node in nodes for form in forms if form in node]
        at += 1
    return longest


def _negated(words: Sequence[str], at: int, negations: AbstractSet[str]) -> bool:
    for word in reversed(words[max(0, at - _REACH) : at]):
        if not word:
            return False
        if word in negations:
            return True
    return False
