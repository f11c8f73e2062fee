"""Columns that may never be features, by law or because they are senseless, recognised by the words of their headers.

Whole words are compared, never parts of words: `Page Views Per Visit` passes, `Language` does not. The words are data,
`prohibited.toml`, one section a language. In doubt a column is refused, since a refused column costs a little accuracy
and a wrong one breaks the law. Not legal advice.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from domain.documents import TomlMapping
from ml.errors import CatalogueError
from ml.language.patterns import read_data_file

_KEYS = frozenset({"little", "words", "accented", "stems", "phrases", "unless"})
#: a run of letters, and the words in it by their capitals: `A` stands for one, `a` for any other letter
_LETTERS, _CASED = re.compile(r"[^\W\d_]+"), re.compile(r"A+(?!a)|A?a+")
_MAIL = re.compile(r"\b([Ee])-([Mm]ails?)\b")
#: how letters are written where a keyboard lacks them
_SPELT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """The words of all languages together, in small letters; without accents unless they say otherwise."""

    #: word -> reason
    words: Mapping[str, str]
    #: word with its accents -> reason; without them it means something else
    accented: Mapping[str, str]
    #: beginning of a compound word -> reason
    stems: Mapping[str, str]
    #: words side by side -> reason
    phrases: Mapping[tuple[str, ...], str]
    #: words that part no others
    little: frozenset[str]
    #: word -> neighbours that give it another meaning
    unless: Mapping[str, frozenset[str]]

    def phrase(self, tokens: tuple[str, ...]) -> str | None:
        """Return the reason of a phrase among words, None where there is none."""
        found = (
            self.phrases.get(tokens[first : first + size])
            for size in sorted({len(phrase) for phrase in self.phrases}, reverse=True)
            for first in range(len(tokens) - size + 1)
        )
        return next((reason for reason in found if reason is not None), None)

    def word(self, word: str) -> str | None:
        """Return the reason of a single word, None where it may stand in a header."""
        plain = unaccented(word)
        stem = next((stem for stem in self.stems if plain.startswith(stem)), None)
        return self.words.get(plain) or self.accented.get(word) or (None if stem is None else self.stems[stem])

    def means_another(self, tokens: tuple[str, ...], index: int) -> bool:
        """Return whether a neighbour gives the word at a place another meaning."""
        neighbours = {*tokens[max(index - 1, 0) : index], *tokens[index + 1 : index + 2]}
        return bool(neighbours & self.unless.get(tokens[index], frozenset()))


def load(text: str) -> Vocabulary:
    """Return the vocabulary of a data file. Raises CatalogueError, which names an unknown key of a language."""
    sections: Mapping[str, TomlMapping] = tomllib.loads(text)
    for language, section in sections.items():
        if unknown := sorted(section.keys() - _KEYS):
            raise CatalogueError(f"{language}: {unknown[0]} is not known here")
    little = frozenset(unaccented(word) for section in sections.values() for word in section.get("little", ()))
    phrases = {_tokens(phrase, little): reason for phrase, reason in _listed(sections, "phrases")}
    glued = {
        unaccented(phrase.replace(" ", "").replace("'", "")): reason for phrase, reason in _listed(sections, "phrases")
    }
    glued |= {"".join(phrase): reason for phrase, reason in phrases.items()}
    unless: defaultdict[str, frozenset[str]] = defaultdict(frozenset)
    for rule in (rule for section in sections.values() for rule in section.get("unless", ())):
        for word in rule["words"]:
            unless[unaccented(word)] |= frozenset(
                spelling for beside in rule["beside"] for spelling in _spellings(beside)
            )
    return Vocabulary(
        words=glued | _by_word(sections, "words"),
        accented=dict(_listed(sections, "accented")),
        stems=_by_word(sections, "stems"),
        phrases=phrases,
        little=little,
        unless=dict(unless),
    )


def unaccented(word: str) -> str:
    """Return a word in small letters without accents.

    >>> unaccented("Género"), unaccented("Straße")
    ('genero', 'strasse')
    """
    parts = unicodedata.normalize("NFKD", word.casefold())
    return "".join(letter for letter in parts if not unicodedata.combining(letter))


def words(header: str) -> tuple[str, ...]:
    """Return the words of a header in small letters, `PostalCode` and `postal_code` alike.

    >>> words("PostalCode / e-mail (home)"), words("estadoCivil"), words("Année de naissance")
    (('postal', 'code', 'email', 'home'), ('estado', 'civil'), ('année', 'de', 'naissance'))
    """
    joined = _MAIL.sub(r"\1\2", unicodedata.normalize("NFKC", header))
    return tuple(word.casefold() for run in _LETTERS.findall(joined) for word in _parted(run))


@lru_cache(maxsize=4096)
def refusal(header: str) -> str | None:
    """Return why a column may not be a feature; None when it may.

    >>> refusal("Preferred Language"), refusal("age"), refusal("Page Views Per Visit")
    ('language', 'age', None)
    >>> refusal("Geburtsdatum"), refusal("ESTADO_CIVIL"), refusal("Nationalité"), refusal("Cidade")
    ('birth date', 'marital status', 'nationality', 'city')
    >>> refusal("City of interest"), refusal("State")
    (None, None)
    """
    known = vocabulary()
    written = [word for word in words(header) if unaccented(word) not in known.little]
    tokens = tuple(map(unaccented, written))
    if (reason := known.phrase(tokens)) is not None:
        return reason
    found = (known.word(word) for place, word in enumerate(written) if not known.means_another(tokens, place))
    return next((reason for reason in found if reason is not None), None)


def refused(headers: Iterable[str]) -> dict[str, str]:
    """Return the columns that may not be features, each with the reason.

    >>> refused(["budget", "Marital Status", "zip"])
    {'Marital Status': 'marital status', 'zip': 'postal code'}
    """
    found = {header: refusal(header) for header in headers}
    return {header: reason for header, reason in found.items() if reason is not None}


def _parted(run: str) -> Iterator[str]:
    shape = "".join("A" if letter.isupper() else "a" for letter in run)
    return (run[part.start() : part.end()] for part in _CASED.finditer(shape))


def _tokens(phrase: str, little: frozenset[str]) -> tuple[str, ...]:
    return tuple(word for word in map(unaccented, words(phrase)) if word not in little)


def _listed(sections: Mapping[str, TomlMapping], key: str) -> Iterator[tuple[str, str]]:
    """Yield what the languages list under a key, each with its reason."""
    for section in sections.values():
        for reason, listed in section.get(key, {}).items():
            yield from ((text, reason) for text in listed)


def _by_word(sections: Mapping[str, TomlMapping], key: str) -> dict[str, str]:
    return {spelling: reason for word, reason in _listed(sections, key) for spelling in _spellings(word)}


def _spellings(word: str) -> set[str]:
    return {unaccented(word), unaccented(word.translate(_SPELT))}


@cache
def vocabulary() -> Vocabulary:
    """Return the words of Hearth's data file. It is read at the first use: what shows a list asks about no column."""
    return load(read_data_file(__package__, "prohibited.toml"))


def reasons() -> frozenset[str]:
    """Return what a column may be refused for.

    >>> "marital status" in reasons()
    True
    """
    return frozenset({*vocabulary().words.values(), *vocabulary().accented.values()})
