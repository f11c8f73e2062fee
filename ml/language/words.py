"""Split a text into sentences of comparable words: lower case, without accents, disguises and typing errors."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

#: letters of other alphabets that look like Latin letters
_LOOK_ALIKE = str.maketrans(
    "\u0430\u0431\u0432\u0433\u0435\u0451\u0437\u0438\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445\u0456\u0458"
    "\u0455\u0501\u04bb\u04cf\u051b\u051d\u03b1\u03b2\u03b5\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7\u03c9",
    "abbreezukmhopctyxijsdhlqwabeiknoptuxw",
)
_STOP_SIGN = re.compile("[\U0001f6d1\U0001f6ab\u26d4]")
_LEET = str.maketrans("0134578$@", "oleastbsa")
_LEET_I = str.maketrans("0134578$@", "oieastbsa")
_APOSTROPHE = re.compile(r"['\u2019\u2018\u02bc`\u00b4]")
#: English contractions lose their apostrophe; in other languages it separates two words
_CONTRACTION = re.compile(r"(?<=[a-z])'(?=(?:t|s|m|re|ve|d|ll)\b)")
_ADDRESS = re.compile(r"\bhttps?://\S{1,2000}|\bwww\.\S{1,2000}|[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
#: letters written apart: "S.T.O.P.", "u n s u b"
_SPELLED = re.compile(r"(?<![^\W_])[a-z](?:[ .\-_*/|~]{1,2}[a-z](?![^\W_])){2,20}")
_ENDS_SENTENCE = ".!?;\n\r\u2026\u00bf\u00a1\u2022"
_ENDS_CLAUSE = ',:()[]{}"\u201c\u201d\u00ab\u00bb\u2014\u2013/\\|'
_PARTS_WORDS = "'-_*~^#%=<>\u00b7\u2011\u2010\u00ad\t\x0b\x0c"
_BREAKS = str.maketrans(
    {
        **dict.fromkeys(_PARTS_WORDS, " "),
        **dict.fromkeys(_ENDS_CLAUSE, ","),
        **dict.fromkeys(_ENDS_SENTENCE, "\n"),
    }
)
_LONG_RUN = re.compile(r"(.)\1{2,}")
#: words of other lengths are not corrected: long ones are no misspelling, short ones resemble too many others
_LONGEST_WORD, _SHORTEST_WORD = 24, 5
#: letters at one end of a misspelt word that are correct, since the one wrong letter is nearer to the other end
_RIGHT = 3
#: single letters that a text must have before they are read as a word written apart
_LETTERS_APART = 3

Sentence = list[list[str]]


def fold(text: str) -> str:
    r"""Return a text in lower-case Latin letters, without accents and invisible characters.

    >>> fold("\uff33\uff34\uff2f\uff30\u200b! D\xe9tente, don\u2019t, d\u2019accord, \u0405\u0422\u041e\u0420")
    "stop! detente, dont, d'accord, stop"
    """
    if not text.isascii():
        text = _STOP_SIGN.sub(" emojistop ", text)
        folded = unicodedata.normalize("NFKD", _APOSTROPHE.sub("'", text)).casefold().translate(_LOOK_ALIKE)
        text = "".join(letter for letter in folded if letter.isascii() or _is_visible(letter))
    else:
        text = text.lower().replace("`", "'")
    return _CONTRACTION.sub("", text) if "'" in text else text


def _is_visible(letter: str) -> bool:
    return not unicodedata.combining(letter) and unicodedata.category(letter) not in {"Cf", "Cc", "So", "Sk"}


def sentences(folded: str, spelled: frozenset[str]) -> list[Sentence]:
    """Return the sentences of a folded text as clauses of words; words in `spelled` that were written apart are joined.

    >>> sentences("s.t.o.p. ok, thanks", frozenset({"stop"}))
    [[['stop']], [['ok'], ['thanks']]]
    """
    if "@" in folded or "www." in folded or "://" in folded:
        folded = _ADDRESS.sub(" ", folded)
    split = list(_clauses(folded))
    if sum(len(word) == 1 for sentence in split for clause in sentence for word in clause) < _LETTERS_APART:
        return split
    return list(_clauses(_SPELLED.sub(lambda match: _join_letters(match[0], spelled), folded)))


def _clauses(folded: str) -> Iterator[Sentence]:
    for sentence in (
        folded.replace(" - ", "\n").replace("&", " & ").replace("#", " number ").translate(_BREAKS).split("\n")
    ):
        clauses = [words for clause in sentence.split(",") if (words := clause.split())]
        if clauses:
            yield clauses


def _join_letters(apart: str, spelled: frozenset[str]) -> str:
    letters = "".join(letter for letter in apart if letter.isalpha())
    for end in range(len(letters), 2, -1):
        if letters[:end] in spelled:
            return f"{letters[:end]}. {' '.join(letters[end:])}"
    return apart


@dataclass(frozen=True, slots=True)
class Speller:
    """Correct misspelt words to the known words they mean."""

    #: all words of the catalogue
    known: frozenset[str]
    #: words that are one letter from a correctable word but are no misspelling of it
    others: frozenset[str]
    #: words that people write together with the next one
    prefixes: tuple[str, ...]
    #: a correctable word with one letter less -> the words it may mean
    near: Mapping[str, frozenset[str]]
    #: beginnings and ends of correctable words
    starts: frozenset[str]
    ends: frozenset[str]

    @classmethod
    def build(
        cls, known: Iterable[str], targets: Iterable[str], others: Iterable[str], prefixes: Iterable[str]
    ) -> Speller:
        """Return a speller that corrects to `targets`, which are indexed by their forms with one letter less."""
        correctable = frozenset(targets)
        near: dict[str, set[str]] = {}
        for target in correctable:
            for shorter in {target, *_shorter(target)}:
                near.setdefault(shorter, set()).add(target)
        return cls(
            known=frozenset(known),
            others=frozenset(others),
            prefixes=tuple(sorted(prefixes, key=len, reverse=True)),
            near={shorter: frozenset(words) for shorter, words in near.items()},
            starts=frozenset(target[:_RIGHT] for target in correctable),
            ends=frozenset(target[-_RIGHT:] for target in correctable),
        )

    def correct(self, word: str) -> list[str]:
        """Return the known word or words that a written word means; the word itself if there is none.

        >>> speller = Speller.build(["stop", "texting", "me"], ["texting"], ["testing"], ["stop"])
        >>> [speller.correct(word) for word in ("st0p", "stooop", "textinng", "testing", "stoptexting")]
        [['stop'], ['stop'], ['texting'], ['testing'], ['stop', 'texting']]
        """
        if word in self.known or len(word) > _LONGEST_WORD or word.isdigit():
            return [word]
        plainest = word
        if not word.isalpha() or _LONG_RUN.search(word):
            for plainer in _plainer(word):
                if plainer in self.known:
                    return [plainer]
            plainest = next(iter(_plainer(word)))
        if len(plainest) < _SHORTEST_WORD or plainest in self.others:
            return [word]
        corrected = None
        if plainest[:_RIGHT] in self.starts or plainest[-_RIGHT:] in self.ends:
            corrected = self._nearest(plainest)
        return [corrected] if corrected else self._parts(plainest) or [word]

    def _nearest(self, word: str) -> str | None:
        candidates = {target for shorter in (word, *_shorter(word)) for target in self.near.get(shorter, ())}
        return min((target for target in candidates if _one_edit(word, target)), default=None)

    def _parts(self, word: str) -> list[str] | None:
        if not word.startswith(self.prefixes):
            return None
        for prefix in self.prefixes:
            rest = word[len(prefix) :]
            if word.startswith(prefix) and len(rest) > 1 and rest in self.known:
                return [prefix, rest]
        return None


def _plainer(word: str) -> Iterator[str]:
    """Yield a word without digits that stand for letters and without repeated letters, if it has any."""
    if not word.isalpha():
        yield word.translate(_LEET)
        yield word.translate(_LEET_I)
    if _LONG_RUN.search(word):
        yield _LONG_RUN.sub(r"\1", word)
        yield _LONG_RUN.sub(r"\1\1", word)


def _shorter(word: str) -> list[str]:
    return [word[:place] + word[place + 1 :] for place in range(len(word))]


def _one_edit(word: str, target: str) -> bool:
    """Return whether one letter is missing, added, wrong or swapped with the next (two in words of ten or more)."""
    allowed = 2 if len(target) >= 10 else 1
    rows = [list(range(len(target) + 1))]
    for i, letter in enumerate(word, 1):
        row = [i]
        for j, other in enumerate(target, 1):
            cost = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == target[j - 2] and word[i - 2] == other:
                cost = min(cost, rows[-2][j - 2] + 1)
            row.append(cost)
        rows.append(row)
    return rows[-1][-1] <= allowed
