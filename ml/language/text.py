"""Extract the writer's own words from a message, without markup, quoted history, signature and our own footer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

from mailparser_reply import EmailReplyParser

from ml.language.footers import without_footers

#: most characters of the writer's own words that are read; nobody says STOP after that many
LONGEST = 4_000
#: most characters of a message that are processed, markup and history included
_LONGEST_MESSAGE = 8 * LONGEST
#: a longer line is no header and no signature; the library's patterns are not linear in the length of a line
_LONGEST_LINE = 300

# an address in angle brackets is no tag: it tells the header of a quoted mail
_TAGS = re.compile(
    r"<(?:style|script)\b[^<]*(?:</(?:style|script)>)?|<(?![\w.+-]{1,64}@[\w.-]{1,200}>)[^<>]{0,2000}>", re.IGNORECASE
)
_BLOCK = re.compile(r"<(?:br|/p|/div|/li|/tr|p|div)\b[^<>]{0,2000}>", re.IGNORECASE)
_QUOTING = re.compile(r"<div[^<>]{0,200}(?:gmail_quote|yahoo_quoted|divRplyFwdMsg|moz-cite)", re.IGNORECASE)
_QUOTE = re.compile(r"<(/?)blockquote\b[^<>]{0,2000}>", re.IGNORECASE)
# the line before a quoted message; for languages that the library knows less, and messages that lost their line breaks
_HISTORY = re.compile(
    r"""^\s*(?:-{2,}\s*(?:original|forwarded|mensaje|mensagem|message)\b.{0,40}
    |_{10,}
    |(?:from|de|von|enviado|sent|para|to)\s?:\s.{0,200}[@<].{0,200}
    |(?:on|el|em|le|am)\b.{5,200}\b(?:wrote|escribi[oó]|escreveu|a\ [eé]crit)\s?:?\s*)$""",
    re.IGNORECASE | re.VERBOSE,
)
# the header of a quoted mail, three lines or more: who wrote it, when, to whom; some programs name no address
_HEADER = re.compile(
    r"""^[ \t*>]{0,8}(?:from|de|von|da|van)\*?\ ?:.{1,200}
    (?:\r?\n[ \t*>]{0,8}(?:sent|date|to|cc|subject|enviado(?:\ el)?|fecha|para|asunto|data|assunto|gesendet|datum|an
    |betreff|envoy[e\u00e9]|[a\u00e0]|objet|inviato|oggetto|verzonden|aan|onderwerp)\*?\ ?:.{0,300}){2}""",
    re.IGNORECASE | re.VERBOSE | re.MULTILINE,
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


def without_markup(message: str) -> str:
    """Return the text of a message that may be HTML.

    >>> without_markup("<p>One &amp; two<br>three</p>").split()
    ['One', '&', 'two', 'three']
    """
    if "<" not in message:
        return message
    return unescape(_TAGS.sub(" ", _BLOCK.sub("\n", message)))


def own_words(message: str) -> str:
    r"""Return what the writer of a message (plain text or HTML) wrote, at most the first 4,000 characters.

    >>> own_words("Please stop\n\nOn Mon, Jan 5, 2026 at 9:00 AM Ada <ada@example.com> wrote:\n> Reply STOP to opt out")
    'Please stop'
    """
    text = message[:_LONGEST_MESSAGE]
    text = without_markup(_without_quotes(text)) if "<" in text else text
    if "\n" in text or "\r" in text:
        text = "\n".join(_lines_before_signature(_latest_reply(_before_header(text))))
    elif len(text) > 40:
        # the pattern tries each "on" for the length of such a line, so the text is cut to what is read anyway
        text = _INLINE.split(text.lstrip()[: LONGEST + _LONGEST_LINE], maxsplit=1)[0]
    return without_footers(text.strip()[:LONGEST])


def _without_quotes(markup: str) -> str:
    """Return markup without quoted text: cut from a mail program's own quote on, and drop all block quotes."""
    markup = _QUOTING.split(markup, maxsplit=1)[0]
    unquoted: list[str] = []
    depth, start = 0, 0
    for tag in _QUOTE.finditer(markup):
        if depth == 0:
            unquoted.append(markup[start : tag.start()])
        depth = max(0, depth - 1) if tag[1] else depth + 1
        start = tag.end()
    return "\n".join([*unquoted, markup[start:]] if depth == 0 else unquoted)


def _before_header(text: str) -> str:
    """Return the text above the header of a quoted mail; all of it where nothing is above."""
    header = _HEADER.search(text)
    return text[: header.start()] if header and text[: header.start()].strip() else text


def _latest_reply(text: str) -> str:
    """Return the latest reply of a mail, also one below the quotation, since its lines are not marked as quoted."""
    lines = text.splitlines()
    if not any(map(_may_be_header, lines)):
        return text
    long = {f"~{number}~": line for number, line in enumerate(lines) if len(line) > _LONGEST_LINE}
    stands_for = {line: name for name, line in long.items()}
    short = _single_blanks([stands_for.get(line, line).strip() for line in lines])
    first = _PARSER.read("\n".join(short)).replies[0]
    reply = [] if first.headers else first.content.splitlines()
    quoted = [number for number, line in enumerate(lines) if line.lstrip().startswith(">")]
    below = lines[quoted[-1] + 1 :] if quoted and len(reply) <= quoted[-1] else []
    return "\n".join([*(long.get(line, line) for line in reply), *below])


def _may_be_header(line: str) -> bool:
    return bool(_HISTORY.match(line)) or line.lstrip().startswith(">") or line.rstrip().endswith(":")


def _single_blanks(lines: list[str]) -> Iterator[str]:
    """Yield the lines, never two blank ones in a row."""
    before = "x"
    for line in lines:
        if line or before:
            yield line
        before = line


def _lines_before_signature(text: str) -> Iterator[str]:
    """Yield the lines up to the signature or the history, without those that are marked as quoted."""
    for line in text.splitlines():
        bare = line.strip()
        if bare in {"--", "-- ", "__", "---"} or _DEVICE.match(bare) or _HISTORY.match(line[:500]):
            return
        if not bare.startswith(">"):
            yield line
