"""Cut what our own messages end with out of a text: "Reply STOP to opt out", "Msg & data rates may apply", ...

A footer comes back where a mail program quotes without a mark, or a phone forwards. It is cut only as a line or a
sentence of its own, and never where the writer speaks of itself: "text STOP to end, that is all I ever get" stays. The
sentences are data (`footers.toml`).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

#: a text without any of these words has no footer; far quicker than the patterns themselves
_MAY_BE = re.compile(
    r"stop|opt|unsub|rates|preferenc|pr[eé]f[eé]renc|einstellung|receiv|receb|recib|recev|hear from|baja|suscrip|inscri"
    r"|d[eé]sabonn|abmeld|help|alto|parar|sair|salir|frequency|tarifas|taxas|frais",
    re.IGNORECASE,
)
#: who writes of itself writes no footer of ours
_OWN = re.compile(
    r"\b(?:i|i['\u2019]?m|i['\u2019]ve|me|my|mine|yo|mi|mis|je|j['\u2019]|moi|eu|meu|minha|ich|mich|io|mio)\b",
    re.IGNORECASE,
)
_LINKS = re.compile(r"[|\u00b7\u2022/\u2013\u2014]|\s-\s|\s{3,}")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_EDGES = " \t\r.!*_-()[]<>\u2022\u00b7|"
#: longer sentences are no footer of ours
_LONGEST = 300


def _any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)


def _with_parts(pattern: str) -> str:
    for name, part in _CATALOGUE["parts"].items():
        pattern = pattern.replace(name, part)
    return pattern


_CATALOGUE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_WHOLE = _any_of(_with_parts(pattern) for patterns in _CATALOGUE["whole"].values() for pattern in patterns)
_OPENS = _any_of(pattern for patterns in _CATALOGUE["opens"].values() for pattern in patterns)
_LEAVES, _LEADS_ELSEWHERE = _any_of(_CATALOGUE["links"]["leave"]), _any_of(_CATALOGUE["links"]["other"])


def without_footers(text: str) -> str:
    r"""Return a text without the sentences and lines that only our own messages have.

    >>> without_footers("Sounds good!\nReply STOP to opt out. Msg & data rates may apply")
    'Sounds good!'
    >>> without_footers("please stop texting me")
    'please stop texting me'
    """
    return "\n".join(_kept_lines(text)).strip() if _MAY_BE.search(text) else text


def _kept_lines(text: str) -> Iterator[str]:
    """Yield the lines without our footers; a line that was nothing else is left out."""
    for line in text.split("\n"):
        if not _MAY_BE.search(line):
            yield line
            continue
        sentences = _SENTENCE.split(line)
        kept = [sentence for sentence in sentences if not is_footer(sentence)]
        if len(kept) == len(sentences):
            yield line
        elif kept:
            yield " ".join(kept)


def is_footer(sentence: str) -> bool:
    """Return whether a sentence or line is one of ours.

    >>> is_footer("Unsubscribe | Manage preferences"), is_footer("Unsubscribe")
    (True, False)
    """
    bare = sentence.strip(_EDGES)
    if not bare or len(bare) > _LONGEST or sentence.rstrip().endswith("?"):
        return False
    spaced = " ".join(bare.split())
    if _WHOLE.fullmatch(spaced):
        return True
    return _is_menu(bare) or (_OPENS.match(spaced) is not None and not _OWN.search(spaced))


def _is_menu(line: str) -> bool:
    """Return whether a line is a row of links, one of which leaves a list and another does not."""
    links = [" ".join(link.split()) for link in _LINKS.split(line) if link.strip()]
    leaving = [_LEAVES.fullmatch(link) is not None for link in links]
    others = [_LEADS_ELSEWHERE.fullmatch(link) is not None for link in links]
    return any(leaving) and any(others) and all(leaves or other for leaves, other in zip(leaving, others, strict=True))
