"""The writer's own words in a message: no markup, no quoted history, no signature, no footer of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

from mailparser_reply import EmailReplyParser

#: characters of the writer's own words that are read; beyond this nobody says STOP
LONGEST = 4_000
#: characters of a message, markup and history with it, that are looked at
_WHOLE = 8 * LONGEST
#: a longer line is nobody's header or signature; the library's patterns are not linear in the length of a line
_LONGEST_LINE = 300

_TAGS = re.compile(r"<(?:style|script)\b[^<]*(?:</(?:style|script)>)?|<[^<>]{0,2000}>", re.IGNORECASE)
_BLOCK = re.compile(r"<(?:br|/p|/div|/li|/tr|p|div)\b[^<>]{0,2000}>", re.IGNORECASE)
_QUOTING = re.compile(r"<div[^<>]{0,200}(?:gmail_quote|yahoo_quoted|divRplyFwdMsg|moz-cite)", re.IGNORECASE)
_QUOTE = re.compile(r"<(/?)blockquote\b[^<>]{0,2000}>", re.IGNORECASE)
# where what one answers begins; languages that the library knows less of, and messages that lost their line breaks
_HISTORY = re.compile(
    r"""^\s*(?:-{2,}\s*(?:original|forwarded|mensaje|mensagem|message)\b.{0,40}
    |_{10,}
    |(?:from|de|von|enviado|sent|para|to)\s?:\s.{0,200}[@<].{0,200}
    |(?:on|el|em|le|am)\b.{5,200}\b(?:wrote|escribi[oó]|escreveu|a\ [eé]crit)\s?:?\s*)$""",
    re.IGNORECASE | re.VERBOSE,
)
_INLINE = re.compile(
    r"""(?:\bon|\bel|\bem|\ble)\b[^\n]{5,120}?(?:\d{4}|\d:\d\d)[^\n]{0,120}?
    \b(?:wrote|escribi[oó]|escreveu|a\ [eé]crit)\s?:""",
    re.IGNORECASE | re.VERBOSE,
)
_DEVICE = re.compile(
    r"(?:sent from|get outlook|enviado (?:desde|do|de)|envoy[eé] (?:de|depuis)|obtener outlook|sent via)\b",
    re.IGNORECASE,
)
_PARSER = EmailReplyParser(languages=["en", "es", "fr"])


def plain(message: str) -> str:
    """Give the text of a message that may be HTML.

    >>> plain("<p>One &amp; two<br>three</p>").split()
    ['One', '&', 'two', 'three']
    """
    if "<" not in message:
        return message
    return unescape(_TAGS.sub(" ", _BLOCK.sub("\n", message)))


def own_words(message: str) -> str:
    r"""Give what the writer of a message (plain text or HTML) wrote, at most the first 4,000 characters.

    >>> own_words("Please stop\n\nOn Mon, Jan 5, 2026 at 9:00 AM Ada <ada@example.com> wrote:\n> Reply STOP to opt out")
    'Please stop'
    """
    text = message[:_WHOLE]
    text = plain(_without_quotes(text)) if "<" in text else text
    if "\n" in text or "\r" in text:
        text = "\n".join(_own_lines(_latest(text)))
    elif len(text) > 40:
        # each "on" is tried as far as such a line goes: nothing beyond what is read is looked at
        text = _INLINE.split(text.lstrip()[: LONGEST + _LONGEST_LINE], maxsplit=1)[0]
    return text.strip()[:LONGEST]


def _without_quotes(markup: str) -> str:
    """Cut what is quoted: a mail program's own division to its end, block quotes wherever they stand."""
    markup = _QUOTING.split(markup, maxsplit=1)[0]
    kept: list[str] = []
    depth, start = 0, 0
    for tag in _QUOTE.finditer(markup):
        if depth == 0:
            kept.append(markup[start : tag.start()])
        depth = max(0, depth - 1) if tag[1] else depth + 1
        start = tag.end()
    return "\n".join([*kept, markup[start:]] if depth == 0 else kept)


def _latest(text: str) -> str:
    """Cut the mails that are answered. An answer below its quotation is kept: its lines are not marked as quoted."""
    lines = text.splitlines()
    if not any(map(_header, lines)):
        return text
    long = {f"~{number}~": line for number, line in enumerate(lines) if len(line) > _LONGEST_LINE}
    stands_for = {line: name for name, line in long.items()}
    short = _single_blanks([stands_for.get(line, line).strip() for line in lines])
    first = _PARSER.read("\n".join(short)).replies[0]
    reply = [] if first.headers else first.content.splitlines()
    quoted = [number for number, line in enumerate(lines) if line.lstrip().startswith(">")]
    below = lines[quoted[-1] + 1 :] if quoted and len(reply) <= quoted[-1] else []
    return "\n".join([*(long.get(line, line) for line in reply), *below])


def _header(line: str) -> bool:
    return bool(_HISTORY.match(line)) or line.lstrip().startswith(">") or line.rstrip().endswith(":")


def _single_blanks(lines: list[str]) -> Iterator[str]:
    """Give the lines, never two blank ones in a row."""
    before = "x"
    for line in lines:
        if line or before:
            yield line
        before = line


def _own_lines(text: str) -> Iterator[str]:
    """Give the lines up to the signature or the history, without those that are marked as quoted."""
    for line in text.splitlines():
        bare = line.strip()
        if bare in {"--", "-- ", "__", "---"} or _DEVICE.match(bare) or _HISTORY.match(line[:500]):
            return
        if not bare.startswith(">"):
            yield line
