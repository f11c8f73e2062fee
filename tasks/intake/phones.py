"""Reading phone numbers: E.164 where the country is plain or given, else digits. Raises `BadValue`."""

from __future__ import annotations

import re

from tasks.intake.errors import BadValue

#: country -> its calling code, what a number within the country begins with, fewest and most digits after that
COUNTRIES: dict[str, tuple[str, str, int, int]] = {
    "AE": ("971", "0", 8, 9),
    "AT": ("43", "0", 7, 13),
    "AU": ("61", "0", 9, 9),
    "BE": ("32", "0", 8, 9),
    "BR": ("55", "0", 10, 11),
    "CA": ("1", "1", 10, 10),
    "CH": ("41", "0", 9, 9),
    "DE": ("49", "0", 6, 11),
    "DK": ("45", "", 8, 8),
    "ES": ("34", "", 9, 9),
    "FI": ("358", "0", 6, 11),
    "FR": ("33", "0", 9, 9),
    "GB": ("44", "0", 9, 10),
    "IE": ("353", "0", 7, 9),
    "IL": ("972", "0", 8, 9),
    "IN": ("91", "0", 10, 10),
    "IT": ("39", "", 6, 11),
    "JP": ("81", "0", 9, 10),
    "MX": ("52", "", 10, 10),
    "NL": ("31", "0", 9, 9),
    "NO": ("47", "", 8, 8),
    "NZ": ("64", "0", 8, 10),
    "PL": ("48", "", 9, 9),
    "PT": ("351", "", 9, 9),
    "SE": ("46", "0", 7, 10),
    "SG": ("65", "", 8, 8),
    "US": ("1", "1", 10, 10),
    "ZA": ("27", "0", 9, 9),
}
_BREAK = re.compile(r"\s*(?:[;,|/\n&]|\bor\b|\band\b)\s*", re.IGNORECASE)
_EXTENSION = re.compile(r"\s*(?:extension|ext|x|#)\.?\s*\d{1,6}$", re.IGNORECASE)
_LABEL = re.compile(
    r"^(?:cell|mobile|home|work|office|main|tel|phone|fax|[chmptw])\s*[.:]\s*"
    r"|\s*\([a-z ]+\)$|\s+(?:cell|mobile|home|work)$",
    re.IGNORECASE,
)
_PHONE = re.compile(r"\+?[\d\s().\-\u2010-\u2015\u00a0]+")
_PLAIN = re.compile(r"[\d\s().\-]+")
_NO_DIGITS = re.compile(r"\D")
_SCIENTIFIC = re.compile(r"\d+(?:[.,]\d+)?E\+?\d+", re.IGNORECASE)
_NANP = re.compile(r"[2-9]\d{2}[2-9]\d{6}")


def read(text: str, country: str | None = None) -> tuple[str, ...]:
    """Give the numbers of a cell; `country` (two letters) is that of numbers without a code.

    Without a country, ten digits that are a North American number are taken for one, others stay digits.
    """
    if _SCIENTIFIC.fullmatch(text):
        raise BadValue("value.phone", "a spreadsheet has rounded this number; export the column as text")
    parts = [text] if _PLAIN.fullmatch(text) and "\n" not in text else _BREAK.split(text)
    numbers = [number for part in parts if (number := _number(part, country))]
    if not numbers:
        raise BadValue("value.phone", "not a phone number with area code; write +1 305 555 0100 or leave it blank")
    return tuple(dict.fromkeys(numbers))


def _number(text: str, country: str | None) -> str | None:
    bare = _LABEL.sub("", _EXTENSION.sub("", text.strip().removeprefix("tel:"))).strip().removesuffix(".0")
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
    return digits if 8 <= len(digits) <= 15 else None


def _national(digits: str, country: str) -> str | None:
    code, trunk, least, most = COUNTRIES[country]
    national = digits.removeprefix(trunk)
    if least <= len(national) <= most:
        return _international(f"{code}{national}")
    # Written with its country's code and without the plus.
    rest = digits.removeprefix(code)
    return _international(digits) if rest != digits and least <= len(rest) <= most else None


def _international(number: str) -> str | None:
    if number.startswith("1") and not _NANP.fullmatch(number[1:]):
        return None
    return f"+{number}" if 8 <= len(number) <= 15 else None
