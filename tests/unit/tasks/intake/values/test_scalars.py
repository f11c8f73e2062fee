"""Single cells: what is read, and what is refused with which code."""

from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.intake.errors import BadValue
from tasks.intake.values import scalars, vocabulary
from tests.support.cells import refusal_code


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ANN.LEE@Example.COM", ("ann.lee@example.com",)),
        ("mailto:ann@example.com", ("ann@example.com",)),
        ("Ann Lee <ann@example.com>", ("ann@example.com",)),
        ("o'brien+re@mail.example.co.uk", ("o'brien+re@mail.example.co.uk",)),
        ("ann@example.com; bob@example.com", ("ann@example.com", "bob@example.com")),
        ("ann@example.com, ANN@example.com", ("ann@example.com",)),
        ("bad@, ann@example.com", ("ann@example.com",)),
        ("ann@example.com ::: bob@example.com", ("ann@example.com", "bob@example.com")),
        ("ann@example.com:::bob@example.com", ("ann@example.com", "bob@example.com")),
        ("ann@example.com |##| bob@example.com", ("ann@example.com", "bob@example.com")),
        ("^ann@example.com^,^bob@example.com^", ("ann@example.com", "bob@example.com")),
        ('["ann@example.com"]', ("ann@example.com",)),
        ("e-mail: ann@example.com", ("ann@example.com",)),
        ("zoë@exämple.com", ("zoë@exämple.com",)),
    ],
)
def test_emails(text, found):
    assert scalars.emails(text) == found


@pytest.mark.parametrize(
    "text",
    ["ann", "ann@", "@example.com", "ann@example", "a..b@example.com", "ann@@example.com", "noemail@example.com"],
)
def test_bad_emails(text):
    assert refusal_code(scalars.emails, text) == "value.email"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("450000", 450_000),
        ("$450k", 450_000),
        ("$ 450 K", 450_000),
        ("1.2M", 1_200_000),
        ("1.2 million", 1_200_000),
        ("450,000", 450_000),
        ("1,234,567.89", 1_234_567.89),
        ("1.234.567,89", 1_234_567.89),
        ("1 234,5", 1234.5),
        ("1'234.5", 1234.5),
        ("12,5", 12.5),
        ("12,50", 12.5),
        ("1,234", 1234),
        ("1.234", 1.234),
        ("12,34,567", 1_234_567),
        ("€1.500.000", 1_500_000),
        ("USD 300", 300),
        ("-12.5", -12.5),
        ("−12.5", -12.5),
        ("(300)", -300),
        ("1e5", 100_000),
        (".5", 0.5),
        ("+7", 7),
    ],
)
def test_numbers(text, found):
    assert scalars.number(text) == pytest.approx(found, rel=1e-12)


@pytest.mark.parametrize(
    "text",
    [
        "NaN",
        "nan",
        "inf",
        "-Infinity",
        "1e999",
        "1e20",
        "abc",
        "12 apples",
        "1.2.3",
        "1,2,3",
        "",
        "$",
        "--5",
        "٣٤٥x",
        "5%",
    ],
)
def test_bad_numbers(text):
    assert refusal_code(scalars.number, text) == "value.number"


@given(st.text(max_size=12) | st.from_regex(r"[-+$]?[0-9.,]{1,8}(e[0-9]{1,4})?[kM]?", fullmatch=True))
def test_numbers_are_finite_or_refused(text):
    with contextlib.suppress(BadValue):  # and nothing else
        assert math.isfinite(scalars.number(text))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("400-500k", (400_000, 500_000)),
        ("$400k - $500k", (400_000, 500_000)),
        ("$400,000–$500,000", (400_000, 500_000)),
        ("400k to 500k", (400_000, 500_000)),
        ("900-1.2M", (900_000, 1_200_000)),
        ("1.1-1.2M", (1_100_000, 1_200_000)),
        ("500k+", (500_000, None)),
        ("over $500k", (500_000, None)),
        ("under 500k", (None, 500_000)),
        ("up to $500,000", (None, 500_000)),
        ("<500k", (None, 500_000)),
        ("450k", (450_000, 450_000)),
    ],
)
def test_spans(text, found):
    assert scalars.span(text) == found


@pytest.mark.parametrize("text", ["500k-400k", "a lot", "400-", "nan-5"])
def test_bad_spans(text):
    assert refusal_code(scalars.span, text) == "value.number"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("12", 12.0),
        ("-36.4", -36.4),
        ("5191", 5191.0),
        ("0.5", 0.5),
        ("1,234.5", 1234.5),
        ("4,857", 4857.0),
        ("1,5", 1.5),
        ("1e3", 1000.0),
        ("00123", "00123"),
        ("0", 0.0),
        ("1234567890123456", "1234567890123456"),
        ("12%", "12%"),
        ("inf", "inf"),
        ("1e99", "1e99"),
        ("02.Medium", "02.Medium"),
        ("10-20", "10-20"),
        ("=1+1", "=1+1"),
    ],
)
def test_cells_of_own_columns(text, found):
    assert scalars.custom_value(text) == found
    assert type(scalars.custom_value(text)) is type(found)


@pytest.mark.parametrize(
    ("column", "text", "found"),
    [
        ("lead_type", "Buyers", "buyer"),
        ("lead_type", "Buyer, Seller", "both"),
        ("lead_type", "Seller/Buyer", "both"),
        ("lead_type", "REALTOR", "agent"),
        ("lead_type", "Buyer;Seller", "both"),
        ("lead_type", "^Buyer^,^Seller^", "both"),
        ("lead_type", '["Buyer","Seller"]', "both"),
        ("lead_type", "{Seller,Buyer}", "both"),
        ("lead_type", "Seller|Buyer", "both"),
        ("lead_type", "Buyer |##| Seller", "both"),
        ("lead_type", "Buyer ::: Buyers", "buyer"),
        ("lead_type", "Buyer + Both", "both"),
        ("lead_type", "^Buyer^", "buyer"),
        ("timeline", '["3-6 months"]', "3-6"),
        ("preapproval", "cash; cash buyer", "cash"),
        ("opportunity_status", "Closed - Won", "won"),
        ("opportunity_status", "Cancelled", "abandoned"),
        ("timeline", "0–3 months", "0-3"),
        ("timeline", "ASAP", "0-3"),
        ("timeline", "6-Mar", "3-6"),
        ("timeline", "12+", "12+"),
        ("preapproval", "Pre-Approved", "preapproved"),
        ("preapproval", "none", "none"),
    ],
)
def test_levels(column, text, found):
    assert scalars.level(column, text) == found


def test_unknown_levels():
    for text in ("wizard", "Buyer, Investor", "Buyer; wizard", "[]", "x;" * 400):
        assert refusal_code(scalars.level, "lead_type", text) == "value.enum"


@pytest.mark.parametrize(("text", "found"), [("Yes", True), ("x", True), ("1", True), ("No", False), ("FALSE", False)])
def test_switches(text, found):
    assert scalars.switch(text, vocabulary.YES, vocabulary.NO) is found


def test_bad_switches():
    assert refusal_code(scalars.switch, "perhaps", vocabulary.YES, vocabulary.NO) == "value.enum"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        *(("a, b ,a", ["a", "b"]), ("a;b, c", ["a", "b, c"]), ("one", ["one"]), ("['x','y']", ["x", "y"]), (" ; ", [])),
        ("Buyer |##| VIP |##| Condo, big", ["Buyer", "VIP", "Condo, big"]),
        ("* myContacts ::: Buyers", ["myContacts", "Buyers"]),
        ("^Buyer^,^Seller^", ["Buyer", "Seller"]),
        ("^Miami, FL^ ; ^Doral^", ["Miami, FL", "Doral"]),
        ('["Buyer", "Miami, FL", 7, true, ""]', ["Buyer", "Miami, FL", "7", "true"]),
        ('"Miami, FL", "Doral"', ["Miami, FL", "Doral"]),
        ("{Buyer,VIP}", ["Buyer", "VIP"]),
        ('"VIP" client', ['"VIP" client']),
        ("Q&A, Buyer's, 'hot'", ["Q&A", "Buyer's", "hot"]),
        ("R&D|open house", ["R&D", "open house"]),
        ("[Hot] a, b [cold]", ["[Hot] a", "b [cold]"]),
        ('[{"a":"b"}]', ['[{"a":"b"}]']),
        ("^", ["^"]),
        ("[", ["["]),
        ("", []),
    ],
)
def test_lists(text, found):
    assert scalars.split_list(text, ";|\n,") == found


def test_deep_and_long_lists_are_taken_for_text():
    assert scalars.split_list("[" * 30_000 + "]" * 30_000, ",") == ["[" * 30_000 + "]" * 30_000]
    assert scalars.split_list(f"[{'9' * 5_000}]", ",") == ["9" * 5_000]
    assert len(scalars.split_list(",".join(map(str, range(200))), ",")) == 100


@pytest.mark.parametrize(
    ("text", "found"),
    [
        *(("Buyer", "Buyer"), ("Buyer, Seller", "Buyer, Seller"), (' "VIP" client', '"VIP" client'), ("", "")),
        *(("^Buyer^,^Seller^", "Buyer;Seller"), ('["Buyer"]', "Buyer"), ("a |##| b", "a;b"), ("a ::: a", "a")),
        *(("{Buyer,Seller}", "Buyer;Seller"), ("[Hot] lead", "[Hot] lead"), ('"Won"', "Won")),
    ],
)
def test_unwrapped(text, found):
    assert scalars.unwrapped(text) == found


@given(st.text(max_size=30) | st.text("^[]{}\"',;|#:* ab", max_size=20))
def test_any_text_is_a_list_of_items(text):
    items = scalars.split_list(text, ";|\n,")
    assert all(item and item == item.strip() for item in items)
    assert len(set(items)) == len(items)
    assert isinstance(scalars.unwrapped(text), str)
    for read in (scalars.emails, scalars.number, scalars.span, lambda cell: scalars.level("lead_type", cell)):
        with contextlib.suppress(BadValue):  # and nothing else
            read(text)


def test_zones():
    assert scalars.zone("America/Chicago") == "America/Chicago"
    for text in ("Mars/Base", "../etc/passwd", "", "America"):
        assert refusal_code(scalars.zone, text) == "value.enum"


@pytest.mark.parametrize("text", ["", "abc", "1:75", "-5", "5 fortnights", "1h 5x"])
def test_bad_durations(text):
    assert refusal_code(scalars.duration, text) == "value.number"
