"""Load catalogues of phrases from data files: what to find in copy, and what a match means.

A pattern consists of words and groups: `(a|b c)` is one of them, `[a]` is optional, `<name>` is a list of the
catalogue, `_` is any word, a comma matches a comma, `.` at the end requires the end of the sentence; `<money>`,
`<percent>` and `<number>` match what they say. A member of a list that has a space is itself a pattern. All words are
written as `phrases.normalised` returns them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import product
from math import prod
from typing import Any, Literal, TypeAlias

from domain.documents import TomlMapping
from ml.errors import CatalogueError

Tier = Literal["block", "warn", "info"]
#: worst first
TIERS: tuple[Tier, ...] = ("block", "warn", "info")

#: word -> the trie of what may follow; under the two keys below the entries, which a recursive type cannot tell apart
Trie: TypeAlias = dict[str, Any]

#: key of a trie under which the entries stand whose phrase ends here
ENTRIES = ""
#: key under which they stand if their phrase must end with the sentence
SENTENCE_END = "."
#: kind of a figure in a text -> how a pattern writes it
CLASSES: Mapping[str, str] = {"money": "<money>", "percent": "<percent>", "number": "<number>"}
_PATTERN = re.compile(r"[()\[\]|]|<[a-z_]+>|[^\s()\[\]|<>]+")
#: a pattern with more phrases is a mistake
_MOST = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A match of a rule in a text: its position, never the words."""

    id: str
    cls: str
    tier: Tier
    start: int
    end: int
    suggestion: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PhraseEntry:
    """One entry of a catalogue."""

    id: str
    cls: str
    tier: Tier
    suggestion: str | None
    source: str

    def finding(self, start: int, end: int) -> Finding:
        """Return the finding of this entry at a position of a text."""
        return Finding(id=self.id, cls=self.cls, tier=self.tier, start=start, end=end, suggestion=self.suggestion)


@dataclass(frozen=True, slots=True)
class PhraseCatalogue:
    """The entries of a catalogue, with their phrases as tries."""

    version: str
    entries: tuple[PhraseEntry, ...]
    phrases: Trie
    #: phrases in which an entry's words mean something else
    exceptions: Trie
    #: word -> lists that contain it
    lists: Mapping[str, tuple[str, ...]]


def read_data_file(package: str, name: str) -> str:
    """Return the text of a data file of a package.

    Raises:
        CatalogueError: the file is missing or is not text.

    """
    try:
        return (resources.files(package) / name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(f"{name} cannot be read ({type(error).__name__}): install Hearth again") from None


def load_phrases(texts: Mapping[str, str]) -> PhraseCatalogue:
    """Return one catalogue of several files, name -> text, so that copy is read once for all of them.

    Raises:
        CatalogueError: a text is no TOML, has no entries, an entry twice, or one that cannot be read.

    """
    files = [_parse_file(name, text) for name, text in texts.items()]
    try:
        lists = {name: members for file in files for name, members in file.get("list", {}).items()}
        if len(lists) < sum(len(file.get("list", {})) for file in files):
            raise ValueError("a list is defined twice")  # noqa: TRY301 - reported with the errors below
        version = ", ".join(str(file["version"]) for file in files)
        return _catalogue(version, lists, [entry for file in files for entry in file["entry"]])
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise CatalogueError(f"{', '.join(texts)}: {type(error).__name__} {error}: install Hearth again") from None


def version_of(*texts: str) -> str:
    r"""Return the version of the catalogue of several files; only what stands above their first table is read.

    >>> version_of('version = "3"\n[list]\nwords = ["a"]', "version = '1'\n[[entry]]")
    '3, 1'
    """
    return ", ".join(str(tomllib.loads(text.partition("\n[")[0])["version"]) for text in texts)


def _parse_file(name: str, text: str) -> TomlMapping:
    try:
        file = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{name} is no TOML ({error}): install Hearth again") from None
    if not file.get("entry"):
        raise CatalogueError(f"{name} holds no entries: install Hearth again")
    return file


def _catalogue(version: str, lists: Mapping[str, list[str]], tables: Sequence[TomlMapping]) -> PhraseCatalogue:
    entries = tuple(parse_entry(table) for table in tables)
    if len({entry.id for entry in entries}) < len(entries):
        raise ValueError("an entry is defined twice")
    phrases: Trie = {}
    exceptions: Trie = {}
    for place, table in enumerate(tables):
        if not table["pattern"]:
            raise ValueError(f"{table['id']} has no pattern")
        _add_patterns(phrases, table["pattern"], place, lists)
        _add_patterns(exceptions, table.get("unless", []), place, lists)
    return PhraseCatalogue(version, entries, phrases, exceptions, _lists_by_word(lists))


def _lists_by_word(lists: Mapping[str, list[str]]) -> Mapping[str, tuple[str, ...]]:
    """Return, by single word, the lists that contain it."""
    names: dict[str, list[str]] = {}
    for name, members in lists.items():
        for member in members:
            names.setdefault(member, []).append(f"<{name}>")
    return {word: tuple(lists_of_word) for word, lists_of_word in names.items() if " " not in word}


def parse_entry(table: TomlMapping) -> PhraseEntry:
    """Return the entry in a table of a data file.

    Raises:
        KeyError: a key is missing.
        ValueError: the tier is unknown, or a value is empty.

    """
    if table["tier"] not in TIERS or not all(table[name] for name in ("id", "class", "source")):
        raise ValueError(f"{table['id']} has no tier, class or source")
    return PhraseEntry(
        id=table["id"],
        cls=table["class"],
        tier=table["tier"],
        suggestion=table.get("suggestion"),
        source=table["source"],
    )


def _add_patterns(trie: Trie, patterns: Sequence[str], place: int, lists: Mapping[str, list[str]]) -> None:
    for pattern in patterns:
        for phrase in expand(pattern, lists):
            node = trie
            for form in phrase:
                node = node.setdefault(form, {})
            node.setdefault(ENTRIES, set()).add(place)


def expand(pattern: str, lists: Mapping[str, Sequence[str]]) -> list[tuple[str, ...]]:
    """Return every phrase that a pattern matches; the single words of a list stay one form.

    Raises:
        ValueError: a group is not closed, a list is unknown, or the pattern matches nothing or far too many phrases.

    >>> expand("no [more] (kids|small children)", {})
    [('no', 'kids'), ('no', 'more', 'kids'), ('no', 'more', 'small', 'children'), ('no', 'small', 'children')]

    """
    tokens = iter([*_PATTERN.findall(pattern), ENTRIES])
    phrases = sorted(set(_alternatives(tokens, ENTRIES, lists)))
    if not all(phrases) or len(phrases) > _MOST:
        raise ValueError(f"the pattern {pattern!r} stands for nothing or for too much")
    return phrases


def _alternatives(tokens: Iterator[str], closing: str, lists: Mapping[str, Sequence[str]]) -> list[tuple[str, ...]]:
    """Return the phrases of all alternatives up to the closing token."""
    phrases: list[tuple[str, ...]] = []
    parts: list[list[tuple[str, ...]]] = []
    for piece in tokens:
        if piece in {closing, "|"}:
            if prod(map(len, parts)) > _MOST:
                raise ValueError("a pattern stands for too much")
            phrases += [tuple(form for part in chosen for form in part) for chosen in product(*parts)]
            parts = []
        if piece == closing:
            return phrases
        if piece != "|":
            parts.append(_expand_part(piece, tokens, lists))
    raise ValueError("a group of a pattern is not closed")


def _expand_part(piece: str, tokens: Iterator[str], lists: Mapping[str, Sequence[str]]) -> list[tuple[str, ...]]:
    if piece == "(":
        return _alternatives(tokens, ")", lists)
    if piece == "[":
        return [(), *_alternatives(tokens, "]", lists)]
    if piece in {")", "]"}:
        raise ValueError("a group of a pattern is closed twice")
    if piece.startswith("<") and piece not in CLASSES.values():
        members = lists[piece[1:-1]]
        longer = [member for member in members if " " in member]
        words = [(piece,)] if len(longer) < len(members) else []
        return [*words, *(phrase for member in longer for phrase in expand(member, lists))]
    return [(piece,)]
