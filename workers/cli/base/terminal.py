"""Let only harmless text reach a terminal: printable text, line breaks, tabs, and our own drawing codes.

Everything that a command prints passes here, its failures too: names from files, messages and people may hold
sequences that a terminal obeys.
"""

from __future__ import annotations

import json
import re
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TextIO, cast

#: what text may hold besides printable characters
_KEPT = "\n\t"
#: what tables and progress bars are drawn with: colours, steps of the cursor, cleared lines, a hidden cursor
_DRAWING = re.compile(r"(\r|\x1b\[(?:[\d;]*m|\d*[AGK]|\?25[hl]))")


def clean(text: str) -> str:
    """Return text with blanks for control, format and other unprintable characters.

    >>> clean("a\\x1b]0;title\\x07b\\u202ec")
    'a ]0;title b c'
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() or character in _KEPT else " " for character in text)


def line(text: str) -> str:
    """Return text as one line, so that no name can begin a new one.

    >>> line("a\\nscore: 1\\tb")
    'a score: 1 b'
    """
    return text if text.isprintable() else "".join(character if character.isprintable() else " " for character in text)


def drawn(text: str) -> str:
    """Return text drawn by ourselves: our own codes stay, all others go as by `clean`."""
    parts = _DRAWING.split(text)
    # every second part is one of ours
    return "".join(part if at % 2 else clean(part) for at, part in enumerate(parts))


def escaped(document: str) -> str:
    """Return JSON text with its unprintable characters escaped: the same document for every reader.

    >>> escaped('{"a": "\\u202e\\x9b"}')
    '{"a": "\\\\u202e\\\\u009b"}'
    """
    return "".join(character if character.isprintable() else json.dumps(character)[1:-1] for character in document)


class Clean:
    """A stream that passes only harmless text; other attributes are those of the stream below."""

    def __init__(self, below: TextIO, *, drawing: bool = False) -> None:
        self.below = below
        self._cleaned = drawn if drawing else clean

    def write(self, text: str) -> int:
        """Write text; raise TypeError for bytes, as every text stream does."""
        if not isinstance(text, str):
            raise TypeError("a stream of text takes no bytes")
        cleaned = self._cleaned(text)
        try:
            return self.below.write(cleaned)
        except UnicodeEncodeError:
            # a terminal of few characters shows a question mark for the others
            return self.below.write(cleaned.encode(self.below.encoding, "replace").decode(self.below.encoding))

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each."""
        for text in lines:
            self.write(text)

    def __getattr__(self, name: str) -> object:
        if name == "buffer":
            raise AttributeError(name)  # no way around `write`
        return getattr(self.below, name)


def drawing(stream: TextIO) -> TextIO:
    """Return the stream to draw on, below the one that would remove our own codes."""
    below = stream.below if isinstance(stream, Clean) else stream
    return cast("TextIO", Clean(below, drawing=True))


@contextmanager
def harmless() -> Iterator[None]:
    """Clean stdout and stderr until the block ends, and the traceback of an error that ends the process after it."""
    before = sys.stdout, sys.stderr
    out, err = (cast("TextIO", Clean(stream)) for stream in before)
    sys.stdout, sys.stderr = out, err
    sys.excepthook = _fault
    try:
        yield
    finally:
        # click puts deaf streams in their place when the reader of a pipe has gone: they stay
        if sys.stdout is out:
            sys.stdout = before[0]
        if sys.stderr is err:
            sys.stderr = before[1]


def _fault(kind: type[BaseException], error: BaseException, place: TracebackType | None) -> None:
    sys.stderr.write(clean("".join(traceback.format_exception(kind, error, place))))
