"""Single cells: what is read, what is refused with which code."""

from __future__ import annotations

import contextlib
import math
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneNumberFormat, example_number, format_number, parse

from tasks.intake.errors import BadValue
from tasks.intake.values import dates, phones, scalars, vocabulary

NEW_YORK = ZoneInfo("America/New_York")
UTC_ZONE = ZoneInfo("UTC")


def code(function, *arguments):
    with pytest.raises(BadValue) as caught:
        function(*arguments)
    return caught.value.code


# --- e-mail


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
    assert code(scalars.emails, text) == "value.email"


# --- phone


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("(305) 555-1212", ("+13055551212",)),
        ("305.555.1212", ("+13055551212",)),
        ("1-305-555-1212", ("+13055551212",)),
        ("+1 305 555 1212", ("+13055551212",)),
        ("3055551212.0", ("+13055551212",)),
        ("305-555-1212 x45", ("+13055551212",)),
        ("305-555-1212 ext. 45", ("+13055551212",)),
        ("cell: 305-555-1212", ("+13055551212",)),
        ("(305) 555-1212 (mobile)", ("+13055551212",)),
        ("+44 20 7946 0018", ("+442079460018",)),
        ("011 44 20 7946 0018", ("+442079460018",)),
        ("0044 20 7946 0018", ("+442079460018",)),
        ("020 7946 0018", ("02079460018",)),
        ("305-555-1212 / 305-555-1313", ("+13055551212", "+13055551313")),
        ("305-555-1212; (305) 555-1212", ("+13055551212",)),
        ("305-555-1212 or 305-555-1313", ("+13055551212", "+13055551313")),
        ("home, 305-555-1313", ("+13055551313",)),
    ],
)
def test_phones(text, found):
    assert phones.read(text) == found


@pytest.mark.parametrize(
    "text",
    ["5.55E+09", "5,55E+09", "3E9", "555-1212", "0000000000", "123-456-7890", "call me", "305-555-HOME", "+", "12"],
)
def test_bad_phones(text):
    assert code(phones.read, text) == "value.phone"


# --- numbers


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
    assert code(scalars.number, text) == "value.number"


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
    assert code(scalars.span, text) == "value.number"


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


# --- levels and switches


@pytest.mark.parametrize(
    ("column", "text", "found"),
    [
        ("lead_type", "Buyers", "buyer"),
        ("lead_type", "Buyer, Seller", "both"),
        ("lead_type", "Seller/Buyer", "both"),
        ("lead_type", "REALTOR", "agent"),
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
    assert code(scalars.level, "lead_type", "wizard") == "value.enum"


def test_no_word_means_two_levels():
    for levels in vocabulary.LEVELS.values():
        pairs = {(vocabulary.level_key(word), level) for level, known in levels.items() for word in (level, *known)}
        assert len({word for word, _ in pairs}) == len(pairs)


@pytest.mark.parametrize(("text", "found"), [("Yes", True), ("x", True), ("1", True), ("No", False), ("FALSE", False)])
def test_switches(text, found):
    assert scalars.switch(text, vocabulary.YES, vocabulary.NO) is found


def test_bad_switches():
    assert code(scalars.switch, "perhaps", vocabulary.YES, vocabulary.NO) == "value.enum"


@pytest.mark.parametrize(
    ("text", "found"),
    [("a, b ,a", ["a", "b"]), ("a;b, c", ["a", "b, c"]), ("one", ["one"]), ("['x','y']", ["x", "y"]), (" ; ", [])],
)
def test_lists(text, found):
    assert scalars.split_list(text, ";|\n,") == found


def test_zones():
    assert scalars.zone("America/Chicago") == "America/Chicago"
    for text in ("Mars/Base", "../etc/passwd", "", "America"):
        assert code(scalars.zone, text) == "value.enum"


# --- dates


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-01-31", datetime(2026, 1, 31, 5)),
        ("2026-01-31T15:04:05Z", datetime(2026, 1, 31, 15, 4, 5)),
        ("2026-01-31 15:04:05+02:00", datetime(2026, 1, 31, 13, 4, 5)),
        ("2026-01-31T15:04:05.123456Z", datetime(2026, 1, 31, 15, 4, 5, 123456)),
        ("20260131", datetime(2026, 1, 31, 5)),
        ("2026/01/31", datetime(2026, 1, 31, 5)),
        ("2026-1-5", datetime(2026, 1, 5, 5)),
        ("1/31/2026", datetime(2026, 1, 31, 5)),
        ("31/1/2026", datetime(2026, 1, 31, 5)),
        ("1/31/26", datetime(2026, 1, 31, 5)),
        ("5/5/2026", datetime(2026, 5, 5, 4)),
        ("31.01.2026", datetime(2026, 1, 31, 5)),
        ("01.02.2026", datetime(2026, 2, 1, 5)),
        ("1/31/2026 3:04 PM", datetime(2026, 1, 31, 20, 4)),
        ("1/31/2026, 12:04 am", datetime(2026, 1, 31, 5, 4)),
        ("1/31/2026 3:04:05 p.m.", datetime(2026, 1, 31, 20, 4, 5)),
        ("1/31/2026 15:04 PST", datetime(2026, 1, 31, 23, 4)),
        ("Jan 31, 2026", datetime(2026, 1, 31, 5)),
        ("January 31st, 2026 at 3:04 PM", datetime(2026, 1, 31, 20, 4)),
        ("31 Jan 2026", datetime(2026, 1, 31, 5)),
        ("31-Jan-26", datetime(2026, 1, 31, 5)),
        ("Sat, 31 Jan 2026 15:04:05 +0000", datetime(2026, 1, 31, 15, 4, 5)),
        ("Sat Jan 31 2026 15:04:05 GMT-0500 (Eastern Standard Time)", datetime(2026, 1, 31, 20, 4, 5)),
        ("46053", datetime(2026, 1, 31, 5)),
        ("46053.5", datetime(2026, 1, 31, 17)),
        ("1769871845", datetime(2026, 1, 31, 15, 4, 5)),
        ("1769871845000", datetime(2026, 1, 31, 15, 4, 5)),
        ("2026-07-01 12:00", datetime(2026, 7, 1, 16)),
    ],
)
def test_dates(text, found):
    assert dates.moment(text, NEW_YORK) == found.replace(tzinfo=UTC)
    assert dates.moment(text, NEW_YORK).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        *("2/30/2026", "30/2/2026", "2026-02-30", "13/13/2026", "0000-00-00", "1/32/2026", "2026-13-01", "31.02.2026"),
        *("yesterday", "12", "2026", "1/2", "1/31/2026 25:00", "1/31/2026 13:04 PM", "Jan 2026", "1500-01-01", "99999"),
        *("9999-12-31T23:59:59-12:00", "1/31/2026 15:04 XYZ", "2026-01-31T15:04:05+99:00"),
    ],
)
def test_bad_dates(text):
    assert code(dates.moment, text, UTC_ZONE) == "value.date"


def test_ambiguous_dates_need_an_order():
    assert code(dates.moment, "1/2/2026", UTC_ZONE) == "value.date_ambiguous"
    assert dates.moment("1/2/2026", UTC_ZONE, "mdy") == datetime(2026, 1, 2, tzinfo=UTC)
    assert dates.moment("1/2/2026", UTC_ZONE, "dmy") == datetime(2026, 2, 1, tzinfo=UTC)
    # What has one reading only keeps it.
    assert dates.moment("31/1/2026", UTC_ZONE, "mdy") == datetime(2026, 1, 31, tzinfo=UTC)


@given(st.text(max_size=25) | st.from_regex(r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}( [0-9:]{4,8})?", fullmatch=True))
def test_dates_are_aware_or_refused(text):
    with contextlib.suppress(BadValue):  # and nothing else
        assert dates.moment(text, NEW_YORK).tzinfo is UTC


# --- phones of a country


@pytest.mark.parametrize(
    ("text", "country", "found"),
    [
        ("020 7946 0018", "GB", "+442079460018"),
        ("44 20 7946 0018", "GB", "+442079460018"),
        ("+1 305 555 1212", "GB", "+13055551212"),
        ("0171 234567", "DE", "+49171234567"),
        ("06 12 34 56 78", "FR", "+33612345678"),
        ("0412 345 678", "AU", "+61412345678"),
        ("305 555 1212", "CA", "+13055551212"),
        ("1 305 555 1212", "US", "+13055551212"),
        ("55 1234 5678", "MX", "+525512345678"),
    ],
)
def test_phones_of_a_country(text, country, found):
    assert phones.read(text, country) == (found,)


@pytest.mark.parametrize(("text", "country"), [("7946 0018", "US"), ("123 456 7890", "US"), ("12345", "GB")])
def test_bad_phones_of_a_country(text, country):
    assert code(phones.read, text, country) == "value.phone"


@pytest.mark.parametrize(
    ("text", "country", "found"),
    [
        ("06 6982 1234", "IT", "+390669821234"),
        ("011 4123 4567", "AR", "+541141234567"),
        ("+44 (0)20 7946 0018", None, "+442079460018"),
        ("0732 123 456", "RO", "+40732123456"),
    ],
)
def test_phones_as_each_country_writes_them(text, country, found):
    assert phones.read(text, country) == (found,)


def test_every_country_leads_to_an_international_number():
    for country in phones.COUNTRIES:
        example = example_number(country)
        if example is not None and len(number := format_number(example, PhoneNumberFormat.E164)) > 8:
            assert phones.read(format_number(example, PhoneNumberFormat.NATIONAL), country) == (number,), country


@given(st.from_regex(r"1?[2-9][0-9]{2}[2-9][0-9]{6}", fullmatch=True), st.sampled_from(COUNTRY_CODE_TO_REGION_CODE[1]))
def test_north_american_numbers_are_what_the_library_reads(digits, country):
    number = format_number(parse(digits, country), PhoneNumberFormat.E164)
    # Ten or eleven digits of one kind are what people write to leave a field full.
    assert len(set(digits)) == 1 or phones.read(digits, country) == (number,)


BLANKS = " " * 32_000


def test_what_is_longer_than_any_number_or_time_is_not_looked_at():
    for text in (f"305{BLANKS}x", BLANKS, "1" * 101):
        assert code(phones.read, text) == "value.too_long"
    assert phones.read(f"305-555-1212{' ' * 88}") == ("+13055551212",)
    for text in (f"2026-01-01{BLANKS}x", f"2026-01-01T10:00{BLANKS}!", "1" * 65):
        assert code(dates.moment, text, NEW_YORK) == "value.too_long"
    assert dates.moment(f"2026-01-01T10:00{' ' * 47}Z", NEW_YORK) == datetime(2026, 1, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "abc", "1:75", "-5", "5 fortnights", "1h 5x"])
def test_bad_durations(text):
    assert code(scalars.duration, text) == "value.number"
