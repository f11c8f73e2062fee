"""Tell the language of a message by its small words and letters, without a trained model.

The words are data (`language_words.toml`). Where nothing speaks for a language, a text of plain letters that look like
English is English: a lead of this product mostly writes it, and a short reply has few small words.
"""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

UNKNOWN = "und"
#: most characters that are looked at; a language is told long before
_LONGEST = 600
#: what one letter that few languages write counts beside a small word
_LETTER = 0.5
#: what the end of an unknown word counts
_ENDING = 0.4
#: letters of a word whose end tells something
_SHORTEST = 5
#: share of the letters in another script from which the script tells
_SCRIPT = 0.3
#: share of the words of plain letters that must look English where no word is known
_LOOKS_ENGLISH = 0.5
_NO_WORDS = re.compile(r"\bhttps?://\S{1,500}|\bwww\.\S{1,500}|[@#]\w{1,64}")
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")


@dataclass(frozen=True, slots=True)
class _Lexicon:
    """What tells a language."""

    #: word -> languages, and what the word counts for each
    words: Mapping[str, tuple[tuple[str, ...], float]]
    #: letter -> languages
    letters: Mapping[str, tuple[str, ...]]
    #: language, first and last letter of its script
    scripts: tuple[tuple[str, str, str], ...]
    #: language -> ends of words
    endings: Mapping[str, tuple[str, ...]]
    english: re.Pattern[str]
    #: languages by how likely they are in a message, the likeliest first
    order: Mapping[str, int]


@cache
def _lexicon() -> _Lexicon:
    data = tomllib.loads(Path(__file__).with_name("language_words.toml").read_text(encoding="utf-8"))
    of_word: dict[str, list[str]] = {}
    for language, words in data["words"].items():
        for word in dict.fromkeys(words.split()):
            of_word.setdefault(word, []).append(language)
    of_letter: dict[str, list[str]] = {}
    for language, letters in data["letters"].items():
        for letter in letters:
            of_letter.setdefault(letter, []).append(language)
    return _Lexicon(
        words={word: (tuple(languages), 1.0 / len(languages)) for word, languages in of_word.items()},
        letters={letter: tuple(languages) for letter, languages in of_letter.items()},
        scripts=tuple((language, first, last) for language, (first, last) in data["scripts"].items()),
        endings={language: tuple(endings.split()) for language, endings in data["endings"].items()},
        english=re.compile("|".join(sorted(data["english"]["groups"].split()))),
        order={language: -place for place, language in enumerate(data["words"])},
    )


def language_of(text: str) -> str:
    """Return the language of a text as an ISO 639-1 code, or `und` where nothing tells it.

    >>> [language_of(text) for text in ("ok thanks", "¿Podemos ver la casa?", "Wann können wir kommen?", "👍 12")]
    ['en', 'es', 'de', 'und']
    """
    written = _NO_WORDS.sub(" ", text[:_LONGEST]).lower().replace("\u2019", "'")
    words = _WORD.findall(written)
    if not words:
        return UNKNOWN
    return _by_script(words) or _by_words(words) or (_by_look(words) if written.isascii() else UNKNOWN)


def _by_script(words: list[str]) -> str | None:
    """Return the language of a script other than the Latin one that a fair part of the letters is written in."""
    joined = "".join(words)
    if joined.isascii():
        return None
    for language, first, last in _lexicon().scripts:
        if sum(first <= letter <= last for letter in joined) > _SCRIPT * len(joined):
            return language
    return None


def _by_words(words: list[str]) -> str | None:
    """Return the language that most words and rare letters speak for, the likelier one where two are equal."""
    lexicon = _lexicon()
    counts: dict[str, float] = defaultdict(float)
    for word in words:
        for language, weight in _of_word(word):
            counts[language] += weight
    if not counts:
        return None
    return max(counts, key=lambda language: (round(counts[language], 6), lexicon.order[language]))


@lru_cache(16_384)  # the frequent words of a language
def _of_word(word: str) -> tuple[tuple[str, float], ...]:
    """Return what a word counts for each language that it speaks for."""
    lexicon = _lexicon()
    languages, weight = lexicon.words.get(word) or _by_ending(word)
    rare = () if word.isascii() else sorted({one for letter in word for one in lexicon.letters.get(letter, ())})
    return (*((language, weight) for language in languages), *((language, _LETTER) for language in rare))


def _by_ending(word: str) -> tuple[list[str], float]:
    """Return the languages that the end of an unknown word speaks for, and what it counts for each."""
    if len(word) < _SHORTEST:
        return [], 0.0
    lexicon = _lexicon()
    languages = [language for language, endings in lexicon.endings.items() if word.endswith(endings)]
    if word.isascii() and lexicon.english.search(word):
        languages.append("en")
    return languages, _ENDING / max(1, len(languages))


def _by_look(words: list[str]) -> str:
    """Return English for words that have its letters, and `und` for others."""
    english = _lexicon().english
    looks = sum(english.search(word) is not None for word in words)
    return "en" if looks >= _LOOKS_ENGLISH * len(words) else UNKNOWN
