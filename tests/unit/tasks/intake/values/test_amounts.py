"""Amounts of money: what is read in which style of marks, what is a guess, and what is refused."""

from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.intake.errors import BadValue
from tasks.intake.values import amounts
from tests.support.cells import refusal_code

STYLES = (None, "dot_groups", "comma_groups")
WRITTEN = st.from_regex(
    r"(R\$|€|CHF )?[-+(]?[0-9.,' ]{1,9}(e[0-9]{1,4})?( ?(k|mil|Mio\.?|cr))?([-+]|,-)?", fullmatch=True
)
BETWEEN = st.sampled_from(("", "-", " to ", " bis ", " a ", " y ", "entre ", "hasta ", "ab ", "+", " o más"))


def evidence(*cells):
    found = amounts.AmountEvidence()
    for cell in cells:
        found.add(cell)
    return found


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("450000", 450_000),
        ("450000.00", 450_000),
        ("450.000,00", 450_000),
        ("450,000.00", 450_000),
        ("1.250.000", 1_250_000),
        ("1,250,000", 1_250_000),
        ("450.000", 450_000),
        ("450,000", 450_000),
        ("450'000.00", 450_000),
        ("450\u2019000", 450_000),
        ("450 000", 450_000),
        ("450\u202f000,50 €", 450_000.5),
        ("45,00,000", 4_500_000),
        ("₹ 45,00,000", 4_500_000),
        ("Rs. 45,00,000", 4_500_000),
        ("INR 45 lakh", 4_500_000),
        ("45 lacs", 4_500_000),
        ("45L", 4_500_000),
        ("4.5 cr", 45_000_000),
        ("1.2 Crores", 12_000_000),
        ("R$ 450.000", 450_000),
        ("US$ 450k", 450_000),
        ("A$1.2M", 1_200_000),
        ("C$ 450 K", 450_000),
        ("MX$ 2,500,000", 2_500_000),
        ("2,500,000 MXN", 2_500_000),
        ("AED 1.2M", 1_200_000),
        ("450'000.-", 450_000),
        ("CHF 450'000.\u2013", 450_000),
        ("450.000,-", 450_000),
        ("500.- Fr.", 500),
        ("450 000 kr", 450_000),
        ("kr. 450.000", 450_000),
        ("450 000 zł", 450_000),
        ("1,2 Mio. €", 1_200_000),
        ("1,5 Mio", 1_500_000),
        ("1.250 Mio", 1_250_000),
        ("450 Tsd. EUR", 450_000),
        ("450 TEUR", 450_000),
        ("2 mln", 2_000_000),
        ("3 Mrd", 3_000_000_000),
        ("1,5 mi", 1_500_000),
        ("1,5 millones de euros", 1_500_000),
        ("1.5 milhões", 1_500_000),
        ("2 Millionen", 2_000_000),
        ("1.2 MM", 1_200_000),
        ("1.5bn", 1_500_000_000),
        ("300 mil", 300_000),
        ("300 mila", 300_000),
        ("450k€", 450_000),
        ("about $450k", 450_000),
        ("ca. 450.000 €", 450_000),
        ("(300)", -300),
        ("0.00", 0),
        ("0,5", 0.5),
    ],
)
def test_amounts_that_every_style_reads_alike(text, style, found):
    assert amounts.number(text, style) == pytest.approx(found, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "style", "found"),
    [
        ("1.5 mil", "comma_groups", 1_500_000),
        ("2 mil", None, 2_000_000),
        ("2 mil", "dot_groups", 2_000),
        ("1,5 mil", "dot_groups", 1_500),
        ("50 mil", "comma_groups", 50_000),
        ("1.250 mil", None, 1_250_000),
        ("1.250k", "dot_groups", 1_250_000),
        ("1.250k", "comma_groups", 1_250),
        ("1,250k", "comma_groups", 1_250_000),
    ],
)
def test_what_depends_on_the_style(text, style, found):
    assert amounts.number(text, style) == found


@pytest.mark.parametrize(
    "text",
    ["", "$", "abc", "12 apples", "5%", "nan", "inf", "1e999", "1e20", "1.2.3", "1.250.50", "10²", "--5", "1" * 300],
)
def test_bad_amounts(text):
    assert refusal_code(amounts.number, text) == "value.number"
    assert amounts.doubt(text, None, own=False) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("400-500k", (400_000, 500_000)),
        ("entre 300 y 400 mil", (300_000, 400_000)),
        ("entre 300 e 400 mil", (300_000, 400_000)),
        ("de 300 a 400 mil", (300_000, 400_000)),
        ("300k à 400k", (300_000, 400_000)),
        ("300 bis 400 Tsd.", (300_000, 400_000)),
        ("zwischen 300.000 und 400.000 €", (300_000, 400_000)),
        ("300 mila a 400 mila", (300_000, 400_000)),
        ("between $300k and $400k", (300_000, 400_000)),
        ("from 300k to 400k", (300_000, 400_000)),
        ("1 - 1,5 Mio", (1_000_000, 1_500_000)),
        ("80-1.2 cr", (8_000_000, 12_000_000)),
        ("80 lakh - 1.2 cr", (8_000_000, 12_000_000)),
        ("10-30 mil", (10_000, 30_000)),
        ("300-400.000", (300_000, 400_000)),
        ("400.000 - 500.000", (400_000, 500_000)),
        ("300.000 € \u2013 400.000 €", (300_000, 400_000)),
        ("bis 500.000", (None, 500_000)),
        ("unter 500k", (None, 500_000)),
        ("hasta 400 mil", (None, 400_000)),
        ("até 500 mil", (None, 500_000)),
        ("jusqu'à 500 000 €", (None, 500_000)),
        ("fino a 500.000", (None, 500_000)),
        ("up to $500,000", (None, 500_000)),
        ("500k or less", (None, 500_000)),
        ("≤ 500k", (None, 500_000)),
        ("ab 300.000", (300_000, None)),
        ("über 300k", (300_000, None)),
        ("desde 300 mil", (300_000, None)),
        ("a partir de 300.000", (300_000, None)),
        ("à partir de 300 000", (300_000, None)),
        ("dès 300k", (300_000, None)),
        ("500 mil o más", (500_000, None)),
        ("500k+", (500_000, None)),
        ("450.000", (450_000, 450_000)),
    ],
)
def test_ranges_and_bounds(text, found):
    assert amounts.span(text) == found


@pytest.mark.parametrize("text", ["500k-400k", "a lot", "400-", "nan-5", "bis", "entre 300"])
def test_bad_ranges(text):
    assert refusal_code(amounts.span, text) == "value.number"


@pytest.mark.parametrize(
    ("cells", "style"),
    [
        (("1,5",), "dot_groups"),
        (("1.234,50", "450.000"), "dot_groups"),
        (("1.250.000", "300000"), "dot_groups"),
        (("1,234.50",), "comma_groups"),
        (("350.5",), "comma_groups"),
        (("1,250,000",), "comma_groups"),
        (("45,00,000",), "comma_groups"),
        (("450000.00", ""), "comma_groups"),
        (("450.000", "380.000"), None),
        (("450,000",), None),
        (("R$ 450.000",), "dot_groups"),
        (("R$ 300 mil",), "dot_groups"),
        (("£450,000",), "comma_groups"),
        (("1.250.000", "350.5"), None),
        (("450.000", "380.000", "350.5"), None),
        (("1,250,000",) * 99 + ("1,5",), "comma_groups"),
        (("1.2.2026", "10.0.0.1", "450000", "k"), None),
    ],
    ids=lambda value: None if value is None or isinstance(value, str) else value[0],
)
def test_the_style_of_a_column(cells, style):
    assert evidence(*cells).style == style


def test_neighbours_decide_where_a_column_does_not():
    column, neighbour = evidence("450.000"), evidence("1.250.000", "300000")
    assert column.style is None
    assert column.merge([neighbour, evidence("12")]).style == "dot_groups"
    assert column.merge([neighbour, evidence("350.5")]).style is None
    assert column == evidence("450.000")


@pytest.mark.parametrize(
    ("text", "style", "own", "words"),
    [
        ("450.000", "dot_groups", False, "as in the neighbouring columns"),
        ("450.000", None, False, "since money has no three decimals"),
        ("450.000", "comma_groups", True, "unlike in the column"),
        ("450,000", "dot_groups", True, "the comma was read as a thousands mark"),
        ("350.5", "dot_groups", True, "the dot was read as the decimal mark, unlike in the column"),
        ("350,5", "comma_groups", False, "the comma was read as the decimal mark, unlike in the neighbouring"),
        ("350.50", None, False, "the dot was read as the decimal mark"),
        ("1.5 mil", "comma_groups", True, "read as million"),
        ("50 mil", "comma_groups", True, "read as a thousand"),
        ("300-400.000", "dot_groups", True, "lower end was read in thousands"),
        ("bis 500.000", None, False, "thousands mark"),
        ("400.000 - 500.000", "comma_groups", True, "thousands mark"),
    ],
)
def test_guesses_are_told_without_the_value(text, style, own, words):
    hint = amounts.doubt(text, style, own)
    assert words in hint
    assert not any(map(str.isdigit, hint))


@pytest.mark.parametrize(
    ("text", "style", "own"),
    [
        ("450.000", "dot_groups", True),
        ("R$ 450.000", None, False),
        ("450.000 €", "dot_groups", False),
        ("450,000", "comma_groups", False),
        ("450,000", None, False),
        ("350.5", "comma_groups", True),
        ("450000.00", "dot_groups", True),
        ("450'000.00", "dot_groups", True),
        ("1.250.000", None, False),
        ("450000", None, False),
        ("0.00", "dot_groups", True),
        ("1.2M", "dot_groups", True),
        ("300 mil", None, False),
        ("2 mil", "dot_groups", True),
        ("400-500k", None, False),
    ],
)
def test_what_is_plain_raises_no_doubt(text, style, own):
    assert amounts.doubt(text, style, own) is None


@given(st.text(max_size=14) | WRITTEN, st.sampled_from(STYLES))
def test_amounts_are_finite_or_refused(text, style):
    with contextlib.suppress(BadValue):  # and nothing else
        assert math.isfinite(amounts.number(text, style))
    with contextlib.suppress(BadValue):
        assert math.isfinite(amounts.count(text))


@given(st.text(max_size=20) | st.tuples(BETWEEN, WRITTEN, BETWEEN, WRITTEN).map("".join), st.sampled_from(STYLES))
def test_ranges_are_finite_and_in_order_or_refused(text, style):
    hint = amounts.doubt(text, style, own=False)
    try:
        low, high = amounts.span(text, style)
    except BadValue:
        assert hint is None
    else:
        assert all(end is None or math.isfinite(end) for end in (low, high))
        assert low is None or high is None or low <= high


@given(st.integers(1, 999), st.integers(0, 999), st.sampled_from(STYLES), st.booleans())
def test_three_digits_after_a_dot_are_never_decimals_in_silence(thousands, rest, style, own):
    text = f"{thousands}.{rest:03}"
    assert amounts.number(text, style) == thousands * 1000 + rest
    assert amounts.doubt(text, style, own) or (style == "dot_groups" and own)


@given(st.lists(st.text(max_size=12) | WRITTEN))
def test_evidence_takes_any_cell(cells):
    assert evidence(*cells).style in STYLES


@given(st.lists(st.integers(1, 99_999_999).map(lambda cents: cents / 100), min_size=1))
def test_a_column_written_in_one_style_is_read_in_it(values):
    english = [f"{value:,.2f}" for value in values]
    german = [text.translate(str.maketrans(",.", ".,")) for text in english]
    for cells, style in ((english, "comma_groups"), (german, "dot_groups")):
        assert evidence(*cells).style == style
        assert [amounts.number(cell, style) for cell in cells] == values
        assert not any(amounts.doubt(cell, style, own=True) for cell in cells)
