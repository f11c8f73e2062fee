"""Whether a message withdraws consent: words as data, read sentence by sentence, so that "stop by" is no refusal."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from html import unescape
from pathlib import Path

#: beyond this nobody says STOP; what follows is a mail's history
_LONGEST = 4_000
_RULES: Mapping[str, list[str]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_BREAK = re.compile(r"[.!?;,:\n\r\u2014\u2013]+|\s-\s")
_TAGS = re.compile(r"<(?:style|script)\b.*?</(?:style|script)>|<[^<>]{0,2000}>", re.IGNORECASE | re.DOTALL)
_BLOCK = re.compile(r"<(?:br|/p|/div|/li|/tr|p|div)\b[^<>]{0,2000}>", re.IGNORECASE)
#: where what one answers begins
_HISTORY = re.compile(
    r"^\s*(?:>|-{2,}\s*(?:original|forwarded) message|_{10,}|from:\s|on\b.{5,200}\bwrote:?\s*$)", re.IGNORECASE
)
_QUOTING = re.compile(r"<blockquote\b|<div[^<>]{0,200}gmail_quote", re.IGNORECASE)
_APOSTROPHES = re.compile(r"['\u2019\u2018`]")
_NOISE = re.compile(r"[^a-z0-9 ]+")


def _any(phrases: list[str]) -> str:
    return "|".join(re.escape(phrase) for phrase in sorted(phrases, key=len, reverse=True))


_PHRASE = re.compile(
    rf"\b(?:{_any(_RULES['phrase'])})\b(?!(?: again)? (?:{_any(_RULES['unless_followed_by'])})\b)", re.ASCII
)
_QUOTED = re.compile(rf"\b(?:{_any(_RULES['quoted'])})\b", re.ASCII)
_POLITE = _any(_RULES["politeness"])
_BEFORE = re.compile(rf"^(?:(?:{_POLITE})\b\s*)+", re.ASCII)
_AFTER = re.compile(rf"(?:\s*\b(?:{_POLITE}))+$", re.ASCII)
_SENTENCES, _MESSAGES = frozenset(_RULES["sentence"]), frozenset(_RULES["message"])


def withdraws(message: str) -> bool:
    """Tell whether the writer of an inbound message (plain text or HTML) wants to hear no more.

    >>> withdraws("STOP"), withdraws("Please stop by on Sunday!"), withdraws("Not for me. Please stop texting")
    (True, False, True)
    """
    own = _own(message)
    whole = _words(own)
    if _bare(whole) & (_SENTENCES | _MESSAGES):
        return True
    return any(_refuses(sentence) for sentence in _sentences(own))


def plain(message: str) -> str:
    """Give the text of a message that may be HTML."""
    if "<" not in message:
        return message
    return unescape(_TAGS.sub(" ", _BLOCK.sub("\n", message)))


def _own(message: str) -> str:
    """What the writer wrote, without the message that is answered."""
    kept: list[str] = []
    for line in plain(_QUOTING.split(message[: 8 * _LONGEST], maxsplit=1)[0]).splitlines():
        if _HISTORY.match(line):
            break
        kept.append(line)
    return "\n".join(kept)[:_LONGEST]


def _sentences(text: str) -> Iterator[str]:
    return (sentence for sentence in _BREAK.split(text) if sentence.strip())


def _refuses(sentence: str) -> bool:
    words = _words(sentence)
    if _bare(words) & _SENTENCES:
        return True
    return bool(_PHRASE.search(words)) and not _QUOTED.search(words)


def _bare(words: str) -> set[str]:
    """As it is, and without politeness before it, after it and around it: "no more texts" begins with a "no"."""
    after = _AFTER.sub("", words)
    return {words, after, _BEFORE.sub("", words).strip(), _BEFORE.sub("", after).strip()}


def _words(text: str) -> str:
    plain_letters = unicodedata.normalize("NFKD", _APOSTROPHES.sub("", text)).casefold()
    letters = "".join(letter for letter in plain_letters if not unicodedata.combining(letter))
    return " ".join(_NOISE.sub(" ", letters).split())
