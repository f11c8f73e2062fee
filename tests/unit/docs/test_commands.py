"""What a page shows as a command runs when it is pasted: Hearth is in its virtual environment, on nobody's PATH."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGES = [
    path
    for folder in (".", "docs", "examples")
    for path in sorted((ROOT / folder).glob("**/*.md" if folder != "." else "*.md"))
]
#: where a command of a line begins: at its start, after another one, or after the variables that it is given
BARE = re.compile(r"(?:^|[;&|(]|\b[A-Z_]+=\S*\s)\s*(?:\$ )?hearth (?=[a-z])")


def code_of(text):
    """The lines of a page that stand in a block of code, with their numbers."""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            yield number, line


def bare(text):
    return [number for number, line in code_of(text) if BARE.search(line)]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_can_be_pasted(path):
    assert bare(path.read_text(encoding="utf-8")) == []


def test_a_command_on_nobodys_path_is_found_wherever_it_stands():
    lines = ("hearth up", "HEARTH_HOME=x hearth card", ".venv/bin/hearth up && hearth card", ".venv/bin/hearth up")
    assert bare("\n".join(["hearth in words", "```", *lines, "```"])) == [3, 4, 5]
    assert bare("- a point:\n\n    hearth up   # a comment\n    .venv/bin/hearth up\n") == [3]
    assert bare("```\n\\c hearth hearth_owner\n-- after `hearth migrate`\nhearth (CLI)\n```") == []
