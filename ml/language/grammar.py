"""Patterns over classes of words, compiled to regular expressions over one character a word.

Each word of the catalogue has a character, so that a sentence of twenty words is a string of twenty characters: a class
is a set of characters, every repetition is bounded, and matching takes linear time. A word that begins a clause has a
second character: the end of a clause is seen, and exceptions do not reach over it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from ml.errors import CatalogueError

_PLAIN, _FIRST = 0x4E00, 0xE000
_UNKNOWN, _NUMBER = chr(_PLAIN), chr(_PLAIN + 1)
_CLAUSE_START = f"[{chr(_FIRST)}-\uf8ff]"
_END = rf"(?={_CLAUSE_START}|\Z)"
_START = rf"(?:\A|(?={_CLAUSE_START}))"
_PART = re.compile(r"\s*(<[A-Z]+>|[A-Za-z0-9\u00f1&]+|[$^)|?]|\(\?:|\(\?=|\(\?!|\(\?<!|\{\d+,\d+\})\s*")
#: how much dearer a common word is as one that a sentence must hold
_COMMON_COST = 50


@dataclass(frozen=True, slots=True)
class Lexicon:
    """A character for each known word."""

    index: Mapping[str, int]
    letters: Mapping[str, str]
    #: places of the words of each class, and of each word
    sets: Mapping[str, frozenset[int]]
    macros: Mapping[str, str]
    #: words that every other sentence holds
    common: frozenset[int]

    @classmethod
    def of(
        cls,
        classes: Mapping[str, frozenset[str]],
        macros: Mapping[str, str],
        common: Iterable[str],
        patterns: Iterable[str],
    ) -> Lexicon:
        """Gather the words of classes and patterns; 0 is a word that is none of them, 1 is a number."""
        literal = {
            word
            for pattern in (*patterns, *macros.values())
            for word in re.findall(r"(?<![A-Z<])[a-z0-9\u00f1&]+(?![A-Z_])", re.sub(r"\{\d+,\d+\}", " ", pattern))
        }
        kinds: dict[str, list[str]] = {}
        for name, words in classes.items():
            for word in words:
                kinds.setdefault(word, []).append(name)
        # words of the same classes have neighbouring characters, so that a class is a few ranges
        known = sorted(literal.union(*classes.values()), key=lambda word: (kinds.get(word, []), word))
        index = {word: place for place, word in enumerate(known, 2)}
        often = frozenset(index[word] for word in common if word in index)
        sets = {word: frozenset([place]) for word, place in index.items()}
        sets |= {name: frozenset(index[word] for word in words) for name, words in classes.items()}
        digits = (place for word, place in index.items() if word.isdigit())
        sets |= {"UNKNOWN": frozenset([0]), "NUMBER": frozenset([1, *digits])}
        letters = {word: chr(_PLAIN + place) for word, place in index.items()}
        return cls(index=index, letters=letters, sets=sets, macros=macros, common=often)

    def encode(self, clauses: Sequence[Sequence[str]]) -> str:
        """Give a sentence as characters."""
        letters, other = self.letters, self.other
        coded = [letters[word] if word in letters else other(word) for clause in clauses for word in clause]
        place = 0
        for clause in clauses[:-1]:
            place += len(clause)
            coded[place] = chr(ord(coded[place]) + _FIRST - _PLAIN)
        return "".join(coded)

    def other(self, word: str) -> str:
        """Give the character of a word that stands nowhere."""
        return _NUMBER if word.isdigit() else _UNKNOWN

    def compile(self, pattern: str) -> Pattern:
        """Compile one pattern. Raises CatalogueError."""
        made = _Parser(lexicon=self, parts=self._parts(pattern)).alternatives()
        return Pattern(source=made.regex, needs=made.needs or frozenset(range(len(self.index) + 2)))

    def _parts(self, pattern: str) -> list[str]:
        """Give the words and signs of a pattern, macros expanded."""
        parts: list[str] = []
        place = 0
        while place < len(pattern):
            part = _PART.match(pattern, place)
            if part is None:
                raise CatalogueError(f"refusals.toml: {pattern[place : place + 20]!r} cannot be read")
            place = part.end()
            name = part[1].strip("<>")
            parts += ["(?:", *self._parts(self.macros[name]), ")"] if name in self.macros else [part[1]]
        return parts


@dataclass(frozen=True, slots=True)
class Pattern:
    """A translated pattern, and words of which a sentence that it matches holds one."""

    source: str
    needs: frozenset[int]

    @property
    def regex(self) -> re.Pattern[str]:
        """Give it compiled, which is done when it is first looked for: all of them together take a second."""
        return _compiled(self.source)


@cache
def _compiled(source: str) -> re.Pattern[str]:
    return re.compile(source)


@dataclass(frozen=True, slots=True)
class _Piece:
    regex: str
    needs: frozenset[int] | None
    #: its words, where it is one word
    words: frozenset[int] | None = None


@dataclass(slots=True)
class _Parser:
    """Reads the parts of a pattern: sequences of words and groups, with alternatives and bounded repetition."""

    lexicon: Lexicon
    parts: list[str]
    place: int = 0

    def alternatives(self) -> _Piece:
        """Read up to the end of the group: alternatives of one word become one set. One word of each is needed."""
        found = [self._sequence()]
        while self._next() == "|":
            self.place += 1
            found.append(self._sequence())
        sets = [piece.words for piece in found if piece.words is not None]
        longer = [piece.regex for piece in found if piece.words is None]
        needs = [piece.needs for piece in found if piece.needs is not None]
        every = frozenset[int]().union(*needs) if len(needs) == len(found) else None
        words = frozenset[int]().union(*sets)
        regex = "|".join([*([_set(words)] if words else []), *longer])
        return _Piece(regex, every, words if not longer else None)

    def _next(self) -> str:
        return self.parts[self.place] if self.place < len(self.parts) else ""

    def _sequence(self) -> _Piece:
        pieces: list[_Piece] = []
        while self._next() not in ("", "|", ")"):
            pieces.append(self._repeated())
        if len(pieces) == 1:
            return pieces[0]
        needs = [piece.needs for piece in pieces if piece.needs is not None]
        return _Piece("".join(piece.regex for piece in pieces), min(needs, key=self._cost, default=None))

    def _cost(self, needs: frozenset[int]) -> int:
        return len(needs) + _COMMON_COST * len(needs & self.lexicon.common)

    def _repeated(self) -> _Piece:
        piece = self._atom()
        sign = self._next()
        if sign == "?" or sign.startswith("{"):
            self.place += 1
            needs = None if sign == "?" or sign.startswith("{0") else piece.needs
            return _Piece(f"{piece.regex if piece.words is not None else f'(?:{piece.regex})'}{sign}", needs)
        return piece

    def _atom(self) -> _Piece:
        part = self._next()
        self.place += 1
        if part.startswith("("):
            inner = self.alternatives()
            self.place += 1
            if part == "(?:" and inner.words is not None:
                return inner
            return _Piece(f"{part}{inner.regex})", inner.needs if part == "(?:" else None)
        fixed = {"END": _END, "ANY": ".", "^": _START, "$": r"\Z"}.get(part)
        if fixed is not None:
            return _Piece(fixed, None)
        words = self.lexicon.sets.get(part)
        if words is None:
            raise CatalogueError(f"refusals.toml: there is no class {part}")
        return _Piece(_set(words), None if 0 in words else words, words)


@cache
def _set(codes: frozenset[int]) -> str:
    """Give a set of words, in both their characters, as ranges."""
    ranges: list[list[int]] = []
    for code in sorted(codes):
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    told = "".join(f"{chr(base + low)}-{chr(base + high)}" for base in (_PLAIN, _FIRST) for low, high in ranges)
    return f"[{told}]"


def letters_of(words: Iterable[int]) -> list[str]:
    """Give both characters of each word."""
    return [chr(base + word) for word in words for base in (_PLAIN, _FIRST)]
