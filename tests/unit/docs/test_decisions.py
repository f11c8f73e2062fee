"""Every decision says when it was made and whether it holds, and the index says the same."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "decisions"
DECISIONS = sorted(FOLDER.glob("0*.md"))
HEAD = re.compile(r"# (.+)\n\nDate: (\d{4}-\d\d-\d\d)\nStatus: (Proposed|Accepted|Superseded)(.*)\n\n")
LINK = re.compile(r"\[(\d{4})\]\(\1-[^)]+\)")


def row(path):
    head = HEAD.match(path.read_text(encoding="utf-8"))
    assert head, f"{path.name} begins with its title, `Date: ` and `Status: `"
    title, date, status, rest = head.groups()
    rest = LINK.sub(r"\1", rest)
    return f"| {path.name[:4]} | [{title}]({path.name}) | {date} | {status}{rest} |"


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_stands_in_the_index_as_it_says_of_itself(path):
    assert row(path) in (FOLDER / "README.md").read_text(encoding="utf-8").splitlines()


def test_the_numbers_go_up_by_one():
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))
