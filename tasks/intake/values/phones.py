"""Read the phone numbers of a cell: E.164 where the country is plain or given, else digits. Raises `BadValue`.

`phonenumbers` (Google's tables) knows the numbers of each country; this module knows what people write around them:
labels, extensions, several numbers in one cell, what a spreadsheet has rounded.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

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
from tasks.intake.values.countries import COUNTRY_OF

#: characters of a cell: a longer one holds something else than numbers
LONGEST = 100
#: two letters of the countries whose numbers are read without a code
COUNTRIES = tuple(sorted(SUPPORTED_REGIONS))
_BREAK = re.compile(r"[;,|/\n&]|:::|\bor\b|\band\b", re.IGNORECASE)
_EXTENSION = re.compile(r"(?:extension|ext|x|#)\.?\s*+\d{1,6}$", re.IGNORECASE)
#: `cell: 305…`, `p:+1305…`, `WhatsApp +34…`, `305… (mobile)`, `305… work`
_LABEL = re.compile(
    r"^[^\W\d_]{1,15}\.?\s*+:"
    r"|^(?:cell|mobile|home|work|office|main|tel|phone|fax|whatsapp|[chmptw])\s*+\."
    r"|^(?:whatsapp|wa|tel|phone|mobile|cell|fax)\s"
    r"|\((?:[^\W\d_]|\s)++\)$|(?<=\s)(?:cell|mobile|home|work|whatsapp)$",
    re.IGNORECASE,
)
#: a link to a chat, which holds the number with its country's code
_CHAT_LINK = re.compile(r"(?:https?://)?(?:wa\.me/|api\.whatsapp\.com/send/?\?phone=)\+?(?=\d)", re.IGNORECASE)
#: what encloses the numbers of a list, and the apostrophe that keeps a spreadsheet from counting
_WRAPPING = " \t^\"'[]*"
_PHONE = re.compile(r"\+?[\d\s().\-\u2010-\u2015\u00a0]+")
_PLAIN = re.compile(r"[\d\s().\-]+")
_NO_DIGITS = re.compile(r"\D")
_SCIENTIFIC = re.compile(r"\d+(?:[.,]\d+)?E\+?\d+", re.IGNORECASE)
_NANP = re.compile(r"[2-9]\d{2}[2-9]\d{6}")
#: the countries that share +1
_NORTH_AMERICA = frozenset(COUNTRY_CODE_TO_REGION_CODE[1])
#: digits of a number with its country's code: shorter ones are services
_SHORTEST, _LONGEST = 8, 15
#: records of countries in Odoo
_RECORD_ID = re.compile(r"(?:base|__export__)\.(?:country_)?([a-z]{2})", re.IGNORECASE)
_DIALLING_CODE = re.compile(r"(?:\+|00)?\s*+([1-9]\d{0,2})")
_APART = re.compile(r"[()\[\]|,/:;]| - ")
_NO_NAME = re.compile(r"[\W_]+")
_ACCENTS = re.compile("[\u0300-\u036f]+")
#: codes that are written and are not ISO's
_OTHER_CODES = {"UK": "GB", "EL": "GR", "EN": "GB"}
_LONGEST_COUNTRY = 80


def read(text: str, country: str | None = None) -> tuple[str, ...]:
    """Return the numbers of a cell; `country` (two letters) is that of numbers without a code.

    Without a country, ten digits that are a North American number are taken for one, others stay digits.
    """
    scalars.checked_length(text, LONGEST)
    if _SCIENTIFIC.fullmatch(text):
        raise BadValue("value.phone", "a spreadsheet has rounded this number; export the column as text")
    numbers = [number for part in _parts(text) if (number := _number(part, country))]
    if not numbers:
        raise BadValue("value.phone", "not a phone number with area code; write +1 305 555 0100 or leave it blank")
    return tuple(dict.fromkeys(numbers))


def _parts(text: str) -> list[str]:
    if _PLAIN.fullmatch(text) and "\n" not in text:
        return [text]
    return [part.strip(_WRAPPING) for part in _BREAK.split(_CHAT_LINK.sub("+", text))]


@lru_cache(maxsize=4096)  # countries repeat from row to row
def country_of(text: str) -> str | None:
    """Return the country (two letters) that a country or a dialling code means; None when it is unknown.

    ISO's codes of two and three letters, names in six languages, `+91`, `0091`, `91`, `India (+91)`, `+1 (US)` and
    Odoo's `base.mx`. A code that countries share is that of the largest, unless the cell names another one.
    """
    text = text.strip()
    if not text or len(text) > _LONGEST_COUNTRY:
        return None
    if record := _RECORD_ID.fullmatch(text):
        return _code(record[1])
    whole = _named(text) or _dialled(text)
    if whole:
        return whole
    parts = [part.strip() for part in _APART.split(text)]
    for read_part in (_named, _dialled):  # `Canada (+1)` is not the United States
        found = {country for part in parts if (country := read_part(part))}
        if found:
            return found.pop() if len(found) == 1 else None
    return _code_and_dialling(text)


def _code_and_dialling(text: str) -> str | None:
    """Read `IN +91` and `Mexico 52`."""
    name, _, code = text.rpartition(" ")
    return _named(name) if _dialled(code) else None


def _named(text: str) -> str | None:
    if len(text) == 2:
        return _code(text)
    bare = _ACCENTS.sub("", unicodedata.normalize("NFD", text.casefold())).replace(".", "")
    name = _NO_NAME.sub(" ", bare).strip()
    return COUNTRY_OF.get(name) or (_code(name) if len(name) == 2 else None)


def _code(text: str) -> str | None:
    code = _OTHER_CODES.get(text.upper(), text.upper())
    return code if code in SUPPORTED_REGIONS else None


def _dialled(text: str) -> str | None:
    match = _DIALLING_CODE.fullmatch(text)
    regions = COUNTRY_CODE_TO_REGION_CODE.get(int(match[1])) if match and text.isascii() else None
    return regions[0] if regions and regions[0] in SUPPORTED_REGIONS else None


def _number(text: str, country: str | None) -> str | None:
    bare = text.strip().removeprefix("tel:")
    if not _PHONE.fullmatch(bare):
        bare = _LABEL.sub("", _EXTENSION.sub("", bare).rstrip()).strip()
        if not _PHONE.fullmatch(bare):
            return None
    bare = bare.removesuffix(".0")
    digits = _NO_DIGITS.sub("", bare)
    if len(set(digits)) < 2 or not digits.isascii():
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
