"""Read the phone numbers of a cell: E.164 where the country is plain or given, else digits. Raises `BadValue`.

`phonenumbers` (Google's tables) knows the numbers of each country; this module knows what people write around them:
labels, extensions, several numbers in one cell, what a spreadsheet has rounded.
"""

from __future__ import annotations

import re

from phonenumbers import (
    COUNTRY_CODE_TO_REGION_CODE,
    SUPPORTED_REGIONS,
    NumberParseException,
    PhoneNumber,
    PhoneNumberFormat,
    PhoneNumberType,
    ValidationResult,
    country_code_for_region,
    format_number,
    is_possible_number_for_type_with_reason,
    is_valid_number,
    parse,
)

from tasks.intake.errors import BadValue
from tasks.intake.values import scalars

#: characters of a cell: a longer one holds something else than numbers
LONGEST = 100
#: two letters of the countries whose numbers are read without a code
COUNTRIES = tuple(sorted(SUPPORTED_REGIONS))
_BREAK = re.compile(r"[;,|/\n&]|\bor\b|\band\b", re.IGNORECASE)
_EXTENSION = re.compile(r"(?:extension|ext|x|#)\.?\s*+\d{1,6}$", re.IGNORECASE)
_LABEL = re.compile(
    r"^(?:cell|mobile|home|work|office|main|tel|phone|fax|[chmptw])\s*+[.:]"
    r"|\([a-z ]++\)$|(?<=\s)(?:cell|mobile|home|work)$",
    re.IGNORECASE,
)
_PHONE = re.compile(r"\+?[\d\s().\-\u2010-\u2015\u00a0]+")
_PLAIN = re.compile(r"[\d\s().\-]+")
_NO_DIGITS = re.compile(r"\D")
_SCIENTIFIC = re.compile(r"\d+(?:[.,]\d+)?E\+?\d+", re.IGNORECASE)
_NANP = re.compile(r"[2-9]\d{2}[2-9]\d{6}")
#: the countries that share +1
_NORTH_AMERICA = frozenset(COUNTRY_CODE_TO_REGION_CODE[1])
#: digits of a number with its country's code: shorter ones are services
_SHORTEST, _LONGEST = 8, 15


def read(text: str, country: str | None = None) -> tuple[str, ...]:
    """Return the numbers of a cell; `country` (two letters) is that of numbers without a code.

    Without a country, ten digits that are a North American number are taken for one, others stay digits.
    """
    scalars.checked_length(text, LONGEST)
    if _SCIENTIFIC.fullmatch(text):
        raise BadValue("value.phone", "a spreadsheet has rounded this number; export the column as text")
    parts = [text] if _PLAIN.fullmatch(text) and "\n" not in text else _BREAK.split(text)
    numbers = [number for part in parts if (number := _number(part, country))]
    if not numbers:
        raise BadValue("value.phone", "not a phone number with area code; write +1 305 555 0100 or leave it blank")
    return tuple(dict.fromkeys(numbers))


def _number(text: str, country: str | None) -> str | None:
    bare = _EXTENSION.sub("", text.strip().removeprefix("tel:")).rstrip()
    bare = _LABEL.sub("", bare).strip().removesuffix(".0")
    digits = _NO_DIGITS.sub("", bare)
    if not _PHONE.fullmatch(bare) or len(set(digits)) < 2 or not digits.isascii():
        return None
    if bare.startswith(("+", "00")):
        return _international(digits.removeprefix("00"))
    if digits.startswith("011") and len(digits) > 12:
        return _international(digits[3:])
    return _anywhere(digits) if country is None else _national(digits, country)


def _anywhere(digits: str) -> str | None:
    national = digits.removeprefix("1") if len(digits) == 11 else digits
    if len(national) == 10:
        return f"+1{national}" if _NANP.fullmatch(national) else None
    return digits if _SHORTEST <= len(digits) <= _LONGEST else None


def _national(digits: str, country: str) -> str | None:
    if country in _NORTH_AMERICA and _NANP.fullmatch(plain := digits.removeprefix("1")):
        return f"+1{plain}"  # the library's answer too, in a fifth of its time
    found = _parsed(digits, country)
    if found is None and digits.startswith(str(country_code_for_region(country))):
        found = _parsed(f"+{digits}", None)  # written with its country's code and without the plus
    return None if found is None or (found.startswith("+1") and not _NANP.fullmatch(found[2:])) else found


def _international(digits: str) -> str | None:
    if digits.startswith("1"):  # nearly all of them
        return f"+{digits}" if _NANP.fullmatch(digits[1:]) else None
    # A number that its country does not have by the data we ship stays as it was written: countries grow.
    return _parsed(f"+{digits}", None) or (f"+{digits}" if _SHORTEST <= len(digits) <= _LONGEST else None)


def _parsed(text: str, country: str | None) -> str | None:
    """Return a number as E.164; None where its country has neither this number nor lines or mobiles of its length."""
    try:
        found: PhoneNumber = parse(text, country)
    except NumberParseException:
        return None
    length = is_possible_number_for_type_with_reason(found, PhoneNumberType.FIXED_LINE_OR_MOBILE)
    if length != ValidationResult.IS_POSSIBLE and not is_valid_number(found):
        return None
    number: str = format_number(found, PhoneNumberFormat.E164)
    return number if len(number) > _SHORTEST else None
