"""The documentation leads somewhere: every link has its end, and every page is in the index."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
#: a file, a folder or a pattern of files of the repository, as pages write it
NAMED = re.compile(r"(?<![\w/.-])(?:workers|tasks|ml|db|domain|migrations|benchmarks|examples|tests)/[\w./*-]*")
#: decisions tell how it was on their day, so they may name what has moved since
TODAY = [path for path in PAGES if path.parent.name != "decisions"]


def anchors(path):
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(path):
    found = LINK.findall(path.read_text(encoding="utf-8"))
    return [link for link in found if not link.startswith(("http://", "https://", "mailto:"))]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_has_its_end(path):
    for link in links(path):
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def named(path):
    spans = re.findall(r"`([^`\n]+)`", path.read_text(encoding="utf-8"))
    return {name for span in spans for name in NAMED.findall(span)}


@pytest.mark.parametrize("path", TODAY, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_that_a_page_names_exists(path):
    assert [name for name in sorted(named(path)) if not any(ROOT.glob(name.rstrip("/")))] == []


def test_every_page_is_in_the_index():
    listed = {link.partition("#")[0].rstrip("/") for link in links(DOCS / "README.md")}
    there = {path.name for path in DOCS.iterdir() if path.suffix == ".md" or path.is_dir()} - {"README.md"}
    assert there <= listed
