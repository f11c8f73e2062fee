"""The blocks of code of a Markdown page: fenced ones, and those indented by four spaces."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

FENCE = re.compile(r"(?P<indent> *)```(?P<language>\w*)\s*")
INDENT = " " * 4


@dataclass(frozen=True, slots=True)
class Block:
    #: the line of the page on which its text begins, from 1
    line: int
    #: as the fence names it; empty where it names none, and for an indented block
    language: str
    text: str


def blocks(text: str) -> Iterator[Block]:
    """The blocks of a page in their order; an indented one follows an empty line, else it is a continued sentence."""
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        if fence := FENCE.fullmatch(lines[at]):
            end = _closing(lines, at)
            yield Block(at + 2, fence["language"], textwrap.dedent("\n".join(lines[at + 1 : end])))
            at = end
        elif lines[at].startswith(INDENT) and not lines[at - 1].strip():
            end = at
            while end < len(lines) and (lines[end].startswith(INDENT) or not lines[end].strip()):
                end += 1
            yield Block(at + 1, "", textwrap.dedent("\n".join(lines[at:end])).rstrip())
            at = end - 1
        at += 1


def _closing(lines: list[str], opening: int) -> int:
    ends = (at for at in range(opening + 1, len(lines)) if lines[at].strip() == "```")
    end = next(ends, None)
    assert end is not None, f"the fence of line {opening + 1} is never closed"
    return end
