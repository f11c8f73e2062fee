"""Every block of the pages is run by tests/integration/docs/test_pages_run.py, or its table says why not."""

import json

import pytest

from tests.support.markdown import Block, blocks
from tests.support.page_rules import PLACEHOLDERS, ROOT, RULES, Needs, NoCommands, NotRun, Sent, pages, steps

#: languages that the test can run; JSON is read
RUN = ("shell", "python", "javascript", "json")


def test_fenced_and_indented_blocks_are_found_and_a_continued_sentence_is_none():
    page = "Run\n\n    make up\n\n    make down\n\n- a point\n    goes on\n\n  ```json\n  {}\n  ```\n```\nhearth\n```\n"
    assert list(blocks(page)) == [
        Block(3, "", "make up\n\nmake down"),
        Block(11, "json", "{}"),
        Block(14, "", "hearth"),
    ]


@pytest.mark.parametrize("page", pages())
def test_each_block_is_run_or_has_its_reason(page):
    without = [
        f"{page}:{step.line}: {step.language}: {step.text.splitlines()[0]}"
        for step in steps(page)
        if step.language not in RUN and not isinstance(step.rule, NotRun | NoCommands)
    ]
    assert without == []


@pytest.mark.parametrize("page", pages())
def test_the_table_names_what_stands_there_and_nothing_else(page):
    text, found = (ROOT / page).read_text(encoding="utf-8"), {step.key for step in steps(page)}
    assert [key for key in RULES[page] if key not in found] == []
    assert [placeholder for placeholder in PLACEHOLDERS.get(page, {}) if placeholder not in text] == []
    assert all(rule.why for rule in RULES[page].values() if isinstance(rule, NotRun | NoCommands))
    assert all(rule.programs for rule in RULES[page].values() if isinstance(rule, Needs))


@pytest.mark.parametrize("page", pages())
def test_json_is_json(page):
    told = [step for step in steps(page) if step.language == "json"]
    assert all(json.loads(step.text) for step in told)
    assert all(isinstance(step.rule, Sent | NoCommands | None) for step in told)
