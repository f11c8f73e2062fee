"""What a lead wants to spend: all spellings of our own collection, and figures that are never money."""

import csv
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ml.language.facts.folding import folded
from ml.language.facts.money.budget import read
from ml.language.facts.reader import read_facts

PHRASES = Path(__file__).parents[5] / "benchmarks" / "money_phrases.tsv"
AT, ZONE = datetime(2026, 11, 30, 18, tzinfo=UTC), ZoneInfo("America/Chicago")


def phrases():
    lines = [line for line in PHRASES.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def wanted(row):
    ends = tuple(float(row[end]) if row[end] else None for end in ("low", "high"))
    return [] if row["bound"] == "none" else [(row["bound"], ends)]


def said(text):
    return [(fact.bound, fact.value) for fact in read(folded(text))]


def test_the_collection_is_large_and_has_a_part_that_is_never_tuned_to():
    rows = phrases()
    assert sum(row["bound"] != "none" for row in rows) >= 60
    assert sum(row["bound"] == "none" for row in rows) >= 30
    assert sum(row["part"] == "held" for row in rows) >= 50
    assert len({row["phrase"] for row in rows}) == len(rows)


def test_value_and_bound_of_the_collection_are_read():
    rows = phrases()
    right = [said(row["phrase"]) == wanted(row) for row in rows]
    assert sum(right) / len(rows) >= 0.95
    held = [good for row, good in zip(rows, right, strict=True) if row["part"] == "held"]
    assert sum(held) / len(held) >= 0.9


def test_no_figure_of_the_collection_that_is_no_money_is_a_budget():
    assert [row["phrase"] for row in phrases() if row["bound"] == "none" and said(row["phrase"])] == []


@pytest.mark.parametrize(
    "text",
    [
        "Ring me on 737 555 0182 or 7375550182.",
        "We want an acre, maybe 2 acres or 1.5 ac",
        "The street number is 2201 and the house is 2201 Willow Creek Dr",
        "Nothing that is older than 1990, please",
        "Is 78745 the right zip code?",
        "Around 2,300 square feet would do, 2,300 sqft max",
        "It is MLS number 889123, listing 889123",
        "Between 20 and 40 minutes from work, under 15 miles",
        "There are 300 homes in that area and 12 units",
        "My FICO score is 780",
        "They charge a $400 HOA fee and a $75 application fee",
        "I have 100k for the down payment",
        "We earn 150k a year",
        "It sold for $512,000 in May",
    ],
)
def test_a_phone_an_acre_a_year_a_street_number_and_the_like_are_never_money(text):
    assert said(text) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("call 512-555-0134, budget 420k", (420_000.0, 420_000.0)),
        ("3 beds, 2 baths, 1,900 sqft on 0.3 acres, $425,000", (425_000.0, 425_000.0)),
        ("we saw 1204 Oak Street built in 2004, our max is 610k", (None, 610_000.0)),
    ],
)
def test_money_beside_other_figures_is_the_only_budget(text, value):
    facts = [fact for fact in read_facts(text, at=AT, zone=ZONE) if fact.kind == "budget"]
    assert [fact.value for fact in facts] == [value]


def test_the_span_is_where_the_amount_stands():
    text = "\u00bfHasta $350 mil d\u00f3lares \u2014 o 300\u2013350k?"
    spans = [text[fact.start : fact.end] for fact in read(folded(text))]
    assert spans == ["$350 mil d\u00f3lares", "300\u2013350k"]


def test_two_amounts_are_two_facts_and_a_range_is_one():
    assert said("at least 300k but no more than 400k") == [("min", (300_000.0, None)), ("max", (None, 400_000.0))]
    assert said("300k-400k") == [("range", (300_000.0, 400_000.0))]


def test_a_figure_that_only_its_surroundings_make_money_is_less_sure():
    assert next(iter(read(folded("budget is 450")))).confidence < next(iter(read(folded("budget is $450k")))).confidence


def test_a_price_of_a_listing_is_at_most_a_guess():
    (listed,) = read(folded("Is your house on Elm for $785,000 still there?"))
    (wanted_price,) = read(folded("We want a house for $785,000"))
    assert listed.confidence <= 0.5 < wanted_price.confidence


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("Our max budget is $610,000", [("max", (None, 610_000.0))]),
        ("3k/mo max", [("max", (None, 3_000.0))]),
        ("we could stretch to 425k", [("max", (None, 425_000.0))]),
        ("that is over our budget of 450k", [("exact", (450_000.0, 450_000.0))]),
        ("don't want to go below 300k", [("min", (300_000.0, None))]),
    ],
)
def test_the_words_around_a_figure_bound_it(text, facts):
    assert said(text) == facts
