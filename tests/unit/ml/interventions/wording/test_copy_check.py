"""What copy may not say: every entry of the catalogues has texts in which it is found and texts that it lets pass."""

from __future__ import annotations

import csv
import os
import re
import tomllib
from pathlib import Path
from re import _parser as parser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.errors import CatalogueError
from ml.interventions.wording import copy_check, fair_housing
from ml.interventions.wording.copy_check import check_copy, worst_tier
from ml.language import patterns, phrases

GOLDEN = tomllib.loads(Path(__file__).with_name("golden_copy.toml").read_text(encoding="utf-8"))
WORST = [(tier, text) for tier, texts in GOLDEN.pop("worst").items() for text in texts]
#: cases from the field, which stand beside the repository where there are any
CASES = Path(os.environ.get("HEARTH_CASES", Path(__file__).parents[6] / "shared" / "cases"))
ENTRIES = {
    entry.id: entry for entry in (*copy_check.catalogue().entries, *(shape.entry for shape in copy_check.shapes()))
}
HITS = [(rule, text) for rule, texts in GOLDEN.items() for text in texts["hits"]]
PASSES = [(rule, text) for rule, texts in GOLDEN.items() for text in texts["passes"]]


def spans(rule: str, text: str) -> list[tuple[int, int]]:
    return [(found.start, found.end) for found in check_copy(text) if found.id == rule]


def test_every_entry_has_golden_hits_and_passes():
    assert set(GOLDEN) == set(ENTRIES)
    assert all(len(texts["hits"]) >= 2 and len(texts["passes"]) >= 2 for texts in GOLDEN.values())


def test_every_entry_says_where_it_comes_from():
    assert all(entry.source and entry.cls and entry.suggestion for entry in ENTRIES.values())


@pytest.mark.parametrize(("rule", "marked"), HITS)
def test_hit(rule, marked):
    text = re.sub("[«»]", "", marked)
    assert spans(rule, text) == [(marked.index("«"), marked.index("»") - 1)]


@pytest.mark.parametrize(("rule", "text"), PASSES)
def test_pass(rule, text):
    assert spans(rule, text) == []


@pytest.mark.parametrize(("tier", "text"), WORST)
def test_worst_tier(tier, text):
    tier_found = worst_tier(check_copy(text))
    assert tier_found in ({None, "info"} if tier == "none" else {tier})


def test_cases_from_the_field():
    path = CASES / "copy" / "fair_housing.tsv"
    if not path.is_file():
        pytest.skip(f"no cases at {path}: set HEARTH_CASES")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    told = [(row["expected"].split(" or "), row["text"]) for row in rows]
    assert [text for tiers, text in told if (worst_tier(check_copy(text)) or "none") not in tiers] == []


@pytest.mark.parametrize("abbreviation", ["St.", "Mt.", "Ft.", "Dr.", "Rev.", "N.", "Fr.", "Sr.", "Mrs."])
def test_the_full_stop_of_an_abbreviation_ends_no_sentence(abbreviation):
    assert worst_tier(fair_housing.check_fair_housing(f"Near {abbreviation} Carmel synagogue")) == "warn"
    assert fair_housing.check_fair_housing(f"Near {abbreviation} Carmel.\n\nSynagogue") == []


def test_other_full_stops_end_a_sentence():
    assert (
        fair_housing.check_fair_housing("Near Carmel. Synagogue. No. Children have a room. The gate is near 5. Church")
        == []
    )


def test_case_and_spacing_make_no_difference():
    texts = [(rule, re.sub("[«»]", "", marked)) for rule, marked in HITS if rule.startswith(("fh", "prom"))]
    changed = [(rule, text.upper().replace(" ", "\u00a0\u2009")) for rule, text in texts if not set("<\n") & set(text)]
    assert len(changed) > 300
    assert [(rule, text) for rule, text in changed if not spans(rule, text)] == []


#: harmless listing copy, some of it near what is forbidden
FINE = (
    "Sunlit corner home with mature maples, a family room and a fenced yard; no kidding, the view is that good.",
    "14 minutes from downtown by train. Two bathrooms, new roof, quiet street.",
    "Exclusive listing with our office. Deed-restricted community with a pool.",
    "Single-family home, white kitchen, Italian marble, English garden, no smoking.",
    "The market report for your zip code is ready. Homes sold in 21 days at the median last month.",
    "Equal housing opportunity. Service animals welcome. Section 8 welcome.",
    "Children's museum, Jewish Community Center and the library are on the 12 bus line.",
)


@pytest.mark.parametrize("text", FINE)
def test_fine_copy_stays_unmarked(text):
    assert [found.id for found in check_copy(text) if found.tier != "info"] == []


def test_findings_tell_where_and_not_what():
    text = "Master suite! Write to ana@example.com, adults only."
    found = check_copy(text)
    assert [(one.id, text[one.start : one.end]) for one in found] == [
        ("fh.master_bedroom", "Master suite"),
        ("personal.email", "ana@example.com"),
        ("fh.adults_only", "adults only"),
    ]
    assert "ana" not in repr(found)
    assert worst_tier(found) == "block"


def test_worst_of_none_is_none():
    assert worst_tier([]) is None
    assert worst_tier(check_copy("Walking distance to the lake")) == "info"
    assert worst_tier(check_copy("Walking distance to the church")) == "warn"


def test_fair_housing_alone_leaves_the_rest():
    assert fair_housing.check_fair_housing("Guaranteed, {{name}}") == []
    assert [one.cls for one in fair_housing.check_fair_housing("Adults only")] == ["familial status"]


def unbounded(tree):
    """Whether an expression repeats something without an end."""
    for kind, value in tree:
        if kind in {parser.MAX_REPEAT, parser.MIN_REPEAT} and value[1] is parser.MAXREPEAT:
            return True
        parts = value if isinstance(value, (list, tuple)) else [value]
        flat = [part for one in parts for part in (one if isinstance(one, list) else [one])]
        if any(isinstance(part, parser.SubPattern) and unbounded(part) for part in flat):
            return True
    return False


@pytest.mark.parametrize("shape", copy_check.shapes(), ids=lambda shape: shape.entry.id)
def test_shapes_repeat_nothing_without_an_end(shape):
    assert not unbounded(parser.parse(shape.pattern.pattern))


def test_the_guard_against_unbounded_shapes_sees_them():
    assert all(unbounded(parser.parse(shape)) for shape in ("a+", "(?:ab)*", "(?:a|(?:b{2,}))x", "[ab](c*?)"))


def depth(trie):
    return max((1 + depth(node) for form, node in trie.items() if form), default=0)


def test_phrases_are_short_so_each_word_of_a_text_costs_the_same():
    assert 3 < depth(copy_check.catalogue().phrases) <= 15


def forms(trie):
    for form, node in trie.items():
        if form:
            yield form
            yield from forms(node)


def test_patterns_are_written_as_texts_are_read():
    catalogue = copy_check.catalogue()
    written = {*forms(catalogue.phrases), *forms(catalogue.exceptions), *catalogue.lists} - {
        "_",
        ",",
        patterns.SENTENCE_END,
    }
    assert {form for form in written if form[0] != "<" and form.rstrip("+") != phrases.normalised(form)} == set()
    assert {form for form in written if form[0] == "<"} <= {
        *patterns.CLASSES.values(),
        *(name for names in catalogue.lists.values() for name in names),
    }


#: what would make an expression that tries every way take for ever
NASTY = (
    "a",
    "no ",
    "perfect for a ",
    "{{",
    "1",
    "<b",
    "(",
    "a@",
    "[first ",
    "\n \n",
    "1 A ",
    "+1-",
    "&a",
    "near ",
    ",",
)


def test_nasty_texts_can_be_read():
    assert all(isinstance(check_copy(part * 1_000), list) for part in NASTY)


@given(st.text(alphabet="no kids{}<>/&;,.!5$%-\u2019\u00ad\u00a0\n", max_size=200))
def test_any_text_can_be_read(text):
    found = check_copy(text)
    assert all(0 <= one.start < one.end <= len(text) for one in found)
    assert found == check_copy(text)


@given(st.sampled_from(HITS), st.text(alphabet=" \n\t\u00a0", max_size=5))
def test_what_stands_before_makes_no_difference(hit, before):
    rule, marked = hit
    text = re.sub("[«»]", "", marked)
    shifted = [(start + len(before) + 5, end + len(before) + 5) for start, end in spans(rule, text)]
    assert spans(rule, f"Look.{before or ' '}{text}") == (shifted if before else [(s + 1, e + 1) for s, e in shifted])


ENTRY = '[[entry]]\nid = "x"\nclass = "c"\ntier = "block"\nsource = "s"\n'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not toml at all [",
        'version = "1"',
        'version = "1"\nentry = []',
        ENTRY + 'pattern = ["a"]',
        'version = "1"\n' + ENTRY,
        'version = "1"\n' + ENTRY + "pattern = []",
        'version = "1"\n' + ENTRY + 'pattern = [""]',
        'version = "1"\n' + ENTRY + 'pattern = ["(a"]',
        'version = "1"\n' + ENTRY + 'pattern = ["a)"]',
        'version = "1"\n' + ENTRY + 'pattern = ["<nobody>"]',
        'version = "1"\n' + ENTRY + 'pattern = ["[a]"]',
        'version = "1"\n[list]\nme = ["not <me>"]\n' + ENTRY + 'pattern = ["<me>"]',
        'version = "1"\n' + ENTRY.replace("block", "maybe") + 'pattern = ["a"]',
        'version = "1"\n' + ENTRY.replace('source = "s"', 'source = ""') + 'pattern = ["a"]',
        'version = "1"\n' + (ENTRY + 'pattern = ["a"]\n') * 2,
        'version = "1"\n' + ENTRY + f'pattern = ["{"(a|b|c|d|e|f) " * 8}"]',
    ],
)
def test_an_empty_or_unreadable_catalogue_refuses_to_start(text):
    with pytest.raises(CatalogueError, match="install Hearth again"):
        patterns.load_phrases({"house.toml": text})


def test_lists_hold_patterns_and_a_full_stop_asks_for_the_end_of_the_sentence():
    text = 'version = "1"\n[list]\nboat = ["yachts", "old (yachts|barges)"]\n' + ENTRY + 'pattern = ["no <boat> ."]'
    house = patterns.load_phrases({"house.toml": text})
    texts = ("No yachts", "No old barges. Ever", "No old yachts", "No yachts here", "No barges")
    assert [len(phrases.find_phrases(one, house)) for one in texts] == [1, 1, 1, 0, 0]


@pytest.mark.parametrize(
    "text",
    ["", "shape = 3", "[[shape]]\nid = 'x'", "[[shape]]\nid='x'\nclass='c'\ntier='block'\nsource='s'\nshape='('"],
)
def test_shapes_that_cannot_be_read_refuse_to_start(text):
    with pytest.raises(CatalogueError, match="install Hearth again"):
        copy_check.load_shapes(text)
