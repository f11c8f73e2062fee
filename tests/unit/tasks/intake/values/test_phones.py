"""Phone numbers: how each is read, and what is refused with which code."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneNumberFormat, example_number, format_number, parse

from tasks.intake.errors import BadValue
from tasks.intake.values import phones
from tasks.intake.values.countries import COUNTRY_OF
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
        ("305-555-1212 ::: 305-555-1313", ("+13055551212", "+13055551313")),
        ("305-555-1212 |##| 305-555-1313", ("+13055551212", "+13055551313")),
        ("^305-555-1212^,^305-555-1313^", ("+13055551212", "+13055551313")),
        ('["305-555-1212"]', ("+13055551212",)),
        ("p:+13055551212", ("+13055551212",)),
        ("z:+13055551212", ("+13055551212",)),
        ("'+13055551212", ("+13055551212",)),
        ("whatsapp:+13055551212", ("+13055551212",)),
        ("WhatsApp: +34 600 111 222", ("+34600111222",)),
        ("WhatsApp +34 600 111 222", ("+34600111222",)),
        ("+34 600 111 222 (móvil)", ("+34600111222",)),
        ("https://wa.me/34600111222", ("+34600111222",)),
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
        ("8125550102", "MX", "+528125550102"),
        ("(81) 2555-0101", "MX", "+528125550101"),
        ("móvil: 600 111 222", "ES", "+34600111222"),
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


@pytest.mark.parametrize(
    ("text", "country"),
    [
        *(("US", "US"), ("us", "US"), ("UK", "GB"), ("USA", "US"), ("U.S.A.", "US"), ("mex", "MX"), ("base.mx", "MX")),
        *(("base.uk", "GB"), ("México", "MX"), ("mexique", "MX"), ("Deutschland", "DE"), ("Österreich", "AT")),
        *(("Alemania", "DE"), ("Brésil", "BR"), ("Espanha", "ES"), ("Korea, South", "KR"), ("Côte d'Ivoire", "CI")),
        *(("+91", "IN"), ("0091", "IN"), ("91", "IN"), ("+ 52", "MX"), ("+1", "US"), ("India (+91)", "IN")),
        *(("+1 (US)", "US"), ("+1 (CA)", "CA"), ("Canada (+1)", "CA"), ("IN +91", "IN"), ("Mexico 52", "MX")),
        *(("MX - Mexico", "MX"), ("DE|Germany", "DE"), ("Texas, USA", "US"), (" \U0001f1f2\U0001f1fd Mexico ", "MX")),
        *(("nowhere", None), ("", None), ("0", None), ("999", None), ("Mexico, USA", None), ("x" * 99, None)),
        *(("base.country", None), ("\u0663\u0664", None), ("800", None)),
    ],
)
def test_countries(text, country):
    assert phones.country_of(text) == country


def test_every_country_is_known_by_its_code_and_each_name_belongs_to_one_that_has_numbers():
    assert all(phones.country_of(code) == code for code in phones.COUNTRIES)
    assert set(COUNTRY_OF.values()) <= set(phones.COUNTRIES)
    for name, code in COUNTRY_OF.items():
        assert phones.country_of(name.title()) == code, name


@given(st.text(max_size=30) | st.from_regex(r"[+(]?[0-9a-z]{1,4}[ ()+,-]{0,3}[0-9A-Z]{0,4}[)]?", fullmatch=True))
def test_any_cell_is_a_known_country_or_none(text):
    assert phones.country_of(text) in {None, *phones.COUNTRIES}


@given(
    st.text(max_size=30)
    | st.from_regex(r"([a-z]{1,9}[:. ] ?)?[+]?[0-9 ()-]{5,16}( ?(:::|/|x) ?[0-9]{2,9})?", fullmatch=True)
)
def test_numbers_are_digits_or_refused(text):
    with contextlib.suppress(BadValue):  # and nothing else
        assert all(number.removeprefix("+").isdecimal() for number in phones.read(text, "MX"))


def test_a_text_longer_than_any_number_is_refused_unread():
    for text in (f"305{BLANKS}x", BLANKS, "1" * 101):
        assert refusal_code(phones.read, text) == "value.too_long"
    assert phones.read(f"305-555-1212{' ' * 88}") == ("+13055551212",)
