"""Compile the catalogue of refusals (`refusals.toml`): classes of words, and patterns over them, in four languages."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from domain.documents import TomlMapping
from ml.language.grammar import Lexicon, Pattern, characters_of
from ml.language.words import Speller, fold

#: clear: it refuses contact; doubt: a person must decide; none: it refuses nothing
RefusalVerdict = Literal["clear", "doubt", "none"]
#: where a pattern may match: anywhere in a sentence, a whole clause, or a whole message
PatternScope = Literal["any", "clause", "message"]
SCOPES: tuple[PatternScope, ...] = ("any", "clause", "message")


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalPattern:
    """One entry of the catalogue, without its patterns."""

    id: str
    verdict: RefusalVerdict
    scope: PatternScope
    #: what is refused, whatever the words name; empty: the words decide
    channels: frozenset[str]
    #: True: the words after it may take it back
    tails: bool
    #: True: "now" after it takes it back
    wish: bool
    #: True: it is about a person of another name, so the message must hold a word with a capital letter
    name: bool


@dataclass(frozen=True, slots=True)
class PatternIndex:
    """Patterns by the words that they need, so that an ordinary sentence is matched against few."""

    patterns: tuple[tuple[RefusalPattern, Pattern], ...]
    by_letter: Mapping[str, tuple[int, ...]]

    @classmethod
    def build(cls, compiled: Sequence[tuple[RefusalPattern, Pattern]]) -> PatternIndex:
        """Index patterns by each character of which a matching sentence holds one."""
        by_letter: dict[str, list[int]] = {}
        for place, (_, pattern) in enumerate(compiled):
            for letter in characters_of(pattern.needs):
                by_letter.setdefault(letter, []).append(place)
        return cls(patterns=tuple(compiled), by_letter={letter: tuple(places) for letter, places in by_letter.items()})

    def candidates(self, coded: str) -> list[tuple[RefusalPattern, re.Pattern[str]]]:
        """Return the patterns that may match an encoded sentence, in the order of the catalogue."""
        by_letter = self.by_letter
        places = {place for letter in coded if letter in by_letter for place in by_letter[letter]}
        return [(self.patterns[place][0], self.patterns[place][1].regex) for place in sorted(places)]


class RefusalCatalogue:
    """Everything in `refusals.toml`, compiled."""

    def __init__(self, data: TomlMapping) -> None:
        classes = {name: frozenset(fold(words).split()) for name, words in data["words"].items()}
        tails, exceptions, typos = data["tails"], data["except"], data["typos"]
        patterns = [pattern for entry in data["pattern"] for pattern in entry["any"]]
        for section in (tails, exceptions, data["welcome"]):
            patterns += [pattern for group in section.values() for pattern in group]
        patterns.append(data["recogniser"]["refusing"])
        self.lexicon = Lexicon.build(classes, data["macros"], data["common"]["words"].split(), patterns)
        self.spelled = frozenset(typos["spelled"].split())
        self.speller = Speller.build(
            self.spelled.union(self.lexicon.index),
            typos["words"].split(),
            typos["not"].split(),
            typos["joined"].split(),
        )
        compiled = [
            (_entry(entry), self.lexicon.compile(pattern)) for entry in data["pattern"] for pattern in entry["any"]
        ]
        self.finders = {
            scope: PatternIndex.build([pair for pair in compiled if pair[0].scope == scope]) for scope in SCOPES
        }
        self.footer = self._any_of(exceptions["footer"])
        self.sounds_like = self._any_of([*exceptions["kept"], *exceptions["others"]])
        self.not_at_all, self.doubtful = self._any_of(tails["none"]), self._any_of(tails["doubt"])
        self.not_yet = self._any_of(tails["not_yet"])
        self.welcome = self._any_of(data["welcome"]["patterns"])
        self.polite, self.condition = self._any_of(["(?:POLITE|EDGE)"]), self._any_of(["COND"])
        self.channel = {
            word: name for name in ("mail", "email", "call", "sms") for word in fold(data["channels"][name]).split()
        }
        self.everything = frozenset(fold(data["channels"]["all"]).split())
        recogniser = data["recogniser"]
        self.named = {word: name for name in reversed(recogniser["classes"].split()) for word in classes[name]}
        self.gate = self._any_of(["|".join(recogniser["gate"].split())])
        self.refusing = self._any_of(["|".join(recogniser["refusing"].split())])
        self.by = frozenset(data["channels"]["by"].split())

    def _any_of(self, patterns: Sequence[str]) -> re.Pattern[str]:
        return self.lexicon.compile("|".join(f"(?:{pattern})" for pattern in patterns)).regex


@cache
def load_shipped() -> RefusalCatalogue:
    """Return the catalogue that ships with Hearth; it is compiled when the first message is read."""
    path = Path(__file__).with_name("refusals.toml")
    return RefusalCatalogue(tomllib.loads(path.read_text(encoding="utf-8")))


def _entry(entry: TomlMapping) -> RefusalPattern:
    return RefusalPattern(
        id=entry["id"],
        verdict=entry.get("verdict", "clear"),
        scope=entry.get("scope", "any"),
        channels=frozenset(entry.get("channels", ())),
        tails=entry.get("tails", True),
        wish=entry.get("wish", False),
        name=entry.get("name", False),
    )
