"""Phone numbers: how each is read, and what is refused with which code."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneNumberFormat, example_number, format_number, parse

from tasks.intake.values import phones
from tests.support.cells import refusal_code

BLANKS = " " * 32_000


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
    assert refusal_code(phones.read, text) == "value.phone"


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
    assert refusal_code(phones.read, text, country) == "value.phone"


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


def test_a_text_longer_than_any_number_is_refused_unread():
    for text in (f"305{BLANKS}x", BLANKS, "1" * 101):
        assert refusal_code(phones.read, text) == "value.too_long"
    assert phones.read(f"305-555-1212{' ' * 88}") == ("+13055551212",)
