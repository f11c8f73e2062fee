"""Catalogues of phrases, read from data files: what is looked for in copy, and what it means when it is found.

A pattern is words and groups: `(a|b c)` one of them, `[a]` perhaps, `<name>` a list of the catalogue, `_` any word, a
comma where the text may have one, `.` at its end where the sentence ends there too; `<money>`, `<percent>` and
`<number>` stand for what they say. A member of a list that has a space is itself a pattern. All words are written as
`phrases.plain` gives them.
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

from ml.errors import CatalogueError

Tier = Literal["block", "warn", "info"]
#: worst first
TIERS: tuple[Tier, ...] = ("block", "warn", "info")

Trie: TypeAlias = dict[str, Any]

#: where a trie says which entries end
ENDS = ""
#: where a trie says which entries end if the sentence does
CLOSE = "."
#: what a number of a text stands for in a pattern
CLASSES: Mapping[str, str] = {"money": "<money>", "percent": "<percent>", "number": "<number>"}
_PATTERN = re.compile(r"[()\[\]|]|<[a-z_]+>|[^\s()\[\]|<>]+")
#: more phrases than this are a slip in a pattern
_MOST = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a rule found in a text: where, never what it says."""

    id: str
    cls: str
    tier: Tier
    start: int
    end: int
    suggestion: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a catalogue."""

    id: str
    cls: str
    tier: Tier
    suggestion: str | None
    source: str

    def finding(self, start: int, end: int) -> Finding:
        """Give what it found at a place of a text."""
        return Finding(id=self.id, cls=self.cls, tier=self.tier, start=start, end=end, suggestion=self.suggestion)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Entries with their phrases, ready to be looked for."""

    version: str
    entries: tuple[Entry, ...]
    phrases: Trie
    #: phrases in which an entry's words mean something else
    exceptions: Trie
    #: word -> lists it stands on
    lists: Mapping[str, tuple[str, ...]]


def shipped(package: str, name: str) -> str:
    """Return the text of a data file of a package.

    Raises:
        CatalogueError: it is not there or is no text.

    """
    try:
        return (resources.files(package) / name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(f"{name} cannot be read ({type(error).__name__}): install Hearth again") from None


def load(texts: Mapping[str, str]) -> Catalogue:
    """Read a catalogue of phrases from its files, name -> text, so that a text is read once for all of them.

    Raises:
        CatalogueError: a text is no TOML, holds no entries, an entry twice, or one that cannot be read.

    """
    told = [_told(name, text) for name, text in texts.items()]
    try:
        lists = {name: members for one in told for name, members in one.get("list", {}).items()}
        if len(lists) < sum(len(one.get("list", {})) for one in told):
            raise ValueError("a list stands there twice")  # noqa: TRY301 - told with the others below
        version = ", ".join(str(one["version"]) for one in told)
        return _catalogue(version, lists, [entry for one in told for entry in one["entry"]])
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise CatalogueError(f"{', '.join(texts)}: {type(error).__name__} {error}: install Hearth again") from None


def _told(name: str, text: str) -> dict[str, Any]:
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{name} is no TOML ({error}): install Hearth again") from None
    if not told.get("entry"):
        raise CatalogueError(f"{name} holds no entries: install Hearth again")
    return told


def _catalogue(version: str, lists: Mapping[str, list[str]], listed: Sequence[Mapping[str, Any]]) -> Catalogue:
    entries = tuple(entry_of(one) for one in listed)
    if len({entry.id for entry in entries}) < len(entries):
        raise ValueError("an entry stands there twice")
    phrases: Trie = {}
    exceptions: Trie = {}
    for place, one in enumerate(listed):
        if not one["pattern"]:
            raise ValueError(f"{one['id']} has no pattern")
        _grow(phrases, one["pattern"], place, lists)
        _grow(exceptions, one.get("unless", []), place, lists)
    return Catalogue(version, entries, phrases, exceptions, _single(lists))


def _single(lists: Mapping[str, list[str]]) -> Mapping[str, tuple[str, ...]]:
    """Give for each single word the lists it stands on."""
    names: dict[str, list[str]] = {}
    for name, members in lists.items():
        for member in members:
            names.setdefault(member, []).append(f"<{name}>")
    return {word: tuple(found) for word, found in names.items() if " " not in word}


def entry_of(one: Mapping[str, Any]) -> Entry:
    """Read an entry.

    Raises:
        KeyError: it lacks something.
        ValueError: its tier is none, or something is empty.

    """
    if one["tier"] not in TIERS or not all(one[name] for name in ("id", "class", "source")):
        raise ValueError(f"{one['id']} has no tier, class or source")
    return Entry(
        id=one["id"], cls=one["class"], tier=one["tier"], suggestion=one.get("suggestion"), source=one["source"]
    )


def _grow(trie: Trie, patterns: Sequence[str], place: int, lists: Mapping[str, list[str]]) -> None:
    for pattern in patterns:
        for phrase in expand(pattern, lists):
            node = trie
            for form in phrase:
                node = node.setdefault(form, {})
            node.setdefault(ENDS, set()).add(place)


def expand(pattern: str, lists: Mapping[str, Sequence[str]]) -> list[tuple[str, ...]]:
    """Give every phrase a pattern stands for; a list stays one form for its single words.

    Raises:
        ValueError: a group is not closed, a list is unknown, or the pattern stands for nothing or for far too much.

    >>> expand("no [more] (kids|small children)", {})
    [('no', 'kids'), ('no', 'more', 'kids'), ('no', 'more', 'small', 'children'), ('no', 'small', 'children')]

    """
    tokens = iter([*_PATTERN.findall(pattern), ENDS])
    phrases = sorted(set(_alternatives(tokens, ENDS, lists)))
    if not all(phrases) or len(phrases) > _MOST:
        raise ValueError(f"the pattern {pattern!r} stands for nothing or for too much")
    return phrases


def _alternatives(tokens: Iterator[str], closing: str, lists: Mapping[str, Sequence[str]]) -> list[tuple[str, ...]]:
    """Read one of several until the closing token."""
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
            parts.append(_part(piece, tokens, lists))
    raise ValueError("a group of a pattern is not closed")


def _part(piece: str, tokens: Iterator[str], lists: Mapping[str, Sequence[str]]) -> list[tuple[str, ...]]:
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
