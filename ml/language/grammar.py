"""Compile patterns over classes of words to regular expressions over one character per word.

Each word of the catalogue has a character, so a sentence of twenty words is a string of twenty characters: a class is a
set of characters, every repetition is bounded, and matching takes linear time. A word that begins a clause has a second
character, so a pattern can see where a clause ends, and an exception does not reach over that end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from ml.errors import CatalogueError

_INNER, _FIRST = 0x4E00, 0xE000
_UNKNOWN, _NUMBER = chr(_INNER), chr(_INNER + 1)
_CLAUSE_START = f"[{chr(_FIRST)}-\uf8ff]"
_END = rf"(?={_CLAUSE_START}|\Z)"
_START = rf"(?:\A|(?={_CLAUSE_START}))"
_PART = re.compile(r"\s*(<[A-Z]+>|[A-Za-z0-9\u00f1&]+|[$^)|?]|\(\?:|\(\?=|\(\?!|\(\?<!|\{\d+,\d+\})\s*")
#: cost of a common word among the words by which a pattern is indexed; a rare word costs 1
_COMMON_COST = 50


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The known words with their characters, and the classes of words."""

    index: Mapping[str, int]
    letters: Mapping[str, str]
    #: name of a class, or a word -> indexes of its words
    sets: Mapping[str, frozenset[int]]
    macros: Mapping[str, str]
    #: words that occur in every second sentence
    common: frozenset[int]

    @classmethod
    def build(
        cls,
        classes: Mapping[str, frozenset[str]],
        macros: Mapping[str, str],
        common: Iterable[str],
        patterns: Iterable[str],
    ) -> Lexicon:
        """Return a lexicon of the words of classes and patterns; index 0 is any other word, 1 is a number."""
        literal = {
            word
            for pattern in (*patterns, *macros.values())
            for word in re.findall(r"(?<![A-Z<])[a-z0-9\u00f1&]+(?![A-Z_])", re.sub(r"\{\d+,\d+\}", " ", pattern))
        }
        kinds: dict[str, list[str]] = {}
        for name, words in classes.items():
            for word in words:
                kinds.setdefault(word, []).append(name)
        # words of the same classes get neighbouring characters, so that a class is a few ranges
        vocabulary = sorted(literal.union(*classes.values()), key=lambda word: (kinds.get(word, []), word))
        index = {word: place for place, word in enumerate(vocabulary, 2)}
        often = frozenset(index[word] for word in common if word in index)
        sets = {word: frozenset([place]) for word, place in index.items()}
        sets |= {name: frozenset(index[word] for word in words) for name, words in classes.items()}
        digits = (place for word, place in index.items() if word.isdigit())
        sets |= {"UNKNOWN": frozenset([0]), "NUMBER": frozenset([1, *digits])}
        letters = {word: chr(_INNER + place) for word, place in index.items()}
        return cls(index=index, letters=letters, sets=sets, macros=macros, common=often)

    def encode(self, clauses: Sequence[Sequence[str]]) -> str:
        """Return a sentence as characters, one per word."""
        letters, other = self.letters, self.other
        coded = [letters[word] if word in letters else other(word) for clause in clauses for word in clause]
        place = 0
        for clause in clauses[:-1]:
            place += len(clause)
            coded[place] = chr(ord(coded[place]) + _FIRST - _INNER)
        return "".join(coded)

    def other(self, word: str) -> str:
        """Return the character of a word that is not in the lexicon."""
        return _NUMBER if word.isdigit() else _UNKNOWN

    def compile(self, pattern: str) -> Pattern:
        """Return one pattern, translated. Raises CatalogueError."""
        piece = _Parser(lexicon=self, parts=self._parts(pattern)).alternatives()
        return Pattern(source=piece.regex, needs=piece.needs or frozenset(range(len(self.index) + 2)))

    def _parts(self, pattern: str) -> list[str]:
        """Return the words and signs of a pattern, with macros expanded."""
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
    """A translated pattern, and a set of words of which every matching sentence has at least one."""

    source: str
    needs: frozenset[int]

    @property
    def regex(self) -> re.Pattern[str]:
        """Return the compiled pattern; it is compiled on first use, since all patterns together take a second."""
        return _compiled(self.source)


@cache
def _compiled(source: str) -> re.Pattern[str]:
    return re.compile(source)


@dataclass(frozen=True, slots=True)
class _Piece:
    regex: str
    needs: frozenset[int] | None
    #: the words it may be, if it matches a single word
    words: frozenset[int] | None = None


@dataclass(slots=True)
class _Parser:
    """Parse the parts of a pattern: sequences of words and groups, with alternatives and bounded repetition."""

    lexicon: Lexicon
    parts: list[str]
    place: int = 0

    def alternatives(self) -> _Piece:
        """Return the alternatives up to the end of the group; single words are merged into one set.

        The needed words are one of each alternative's.
        """
        pieces = [self._sequence()]
        while self._next() == "|":
            self.place += 1
            pieces.append(self._sequence())
        sets = [piece.words for piece in pieces if piece.words is not None]
        longer = [piece.regex for piece in pieces if piece.words is None]
        needs = [piece.needs for piece in pieces if piece.needs is not None]
        every = frozenset[int]().union(*needs) if len(needs) == len(pieces) else None
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
    """Return a set of words, in both their characters, as the ranges of a regular expression."""
    ranges: list[list[int]] = []
    for code in sorted(codes):
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    spans = "".join(f"{chr(base + low)}-{chr(base + high)}" for base in (_INNER, _FIRST) for low, high in ranges)
    return f"[{spans}]"


def characters_of(words: Iterable[int]) -> list[str]:
    """Return both characters of each word."""
    return [chr(base + word) for word in words for base in (_INNER, _FIRST)]
