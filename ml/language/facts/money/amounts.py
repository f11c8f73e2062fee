"""Find amounts in a message: figures with a currency, a unit such as k or million, or in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from ml.language.facts.folding import FoldedText
from ml.language.facts.money import not_money
from ml.language.facts.number_words import WORDS, spoken_value

_UNIT = r"k'?s|k|mm|mn|millon(?:es)?|millions?|mil|mill|m|thousand|thou|grand"
# begins with a digit, so that the search leaps from digit to digit; what stands before is looked at afterwards
_FIGURE = re.compile(
    r"(?P<number>\d{1,3}(?:,\d{3}){1,3}(?:\.\d{1,2})?(?![\d,]\d)"
    r"|\d{1,3}(?:\.\d{3}){2}(?![\d.]\d)|\d{1,9}(?:\.\d{1,3})?(?![\d,]\d))"
    rf"(?:[ -]?(?P<unit>{_UNIT})\b)?(?P<hundreds>'?s\b)?(?P<ish> ?-?ish\b)?"
    r"(?P<named> ?(?:us )?(?:dollars|dollar|bucks|usd|dolares|pesos|euros?|\u20ac|\$)(?![\w]))?"
)
#: what stands before a figure: a currency; or a letter or sign that makes it a part of something else
_CURRENCY = re.compile(r"(?:us ?\$|\$|\busd|\u20ac|\u00a3) ?\Z")
_PART_BEFORE = re.compile(r"[\w.,/#:]\Z|(?<![\dkm])-\Z|\d ?h ?\Z")
_SPOKEN = re.compile(
    rf"\b(?P<number>{WORDS})(?P<unit>[ -]?(?:k|grand)\b)?(?P<named> ?(?:dollars|bucks|dolares|pesos)\b)?"
)
#: a figure alone from here on may be money in a message without a word of spending
LARGE = 100_000
#: figures of one message that are looked at
_MOST = 40
_MAGNITUDES = frozenset(
    {"hundred", "thousand", "million", "grand", "mil", "millon", "millones", "fifty", "forty", "fourty", "thirty"}
    | {"twenty", "sixty", "seventy", "eighty", "ninety"}
)
_AFTER = re.compile(rf"[ -]?(?:{not_money.MEASURED}\b|%|\"|'(?! )|/ ?(?:sq|sf|acre)|per (?:sq|square|acre)|psf\b)")
MONTHLY = re.compile(r" ?(?:dollars |bucks )?(?:a|per|each|every|/|al|por) ?(?:mo|month|mth|mes)\b|/mo|/month")
#: a year, when it stands alone as four digits
_YEARS = range(1800, 2101)


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """One figure that may be money."""

    start: int
    end: int
    #: as written, before its unit
    number: float
    #: what the number is multiplied by: 1 without a unit
    scale: float
    has_currency: bool
    #: written with groups of thousands: 450,000
    is_grouped: bool
    #: its unit is in its words: "half a million"
    is_scaled: bool = False
    #: "400s": the hundred that begins here
    is_hundreds: bool = False
    is_about: bool = False
    is_monthly: bool = False

    @property
    def value(self) -> float:
        return round(self.number * self.scale, 2)

    @property
    def is_bare(self) -> bool:
        """Whether only its surroundings can say that it is money."""
        return not self.has_currency and self.scale == 1 and not self.is_grouped and not self.is_monthly


def amounts(message: FoldedText, *, may_be_bare: bool = True) -> list[Amount]:
    """Return the figures of a message that may be money, in their order; `may_be_bare`: also figures alone.

    >>> from ml.language.facts.folding import folded
    >>> [amount.value for amount in amounts(folded("$450k or half a million, 1,800 sqft, call 512-555-0134"))]
    [450000.0, 500000.0]
    """
    written = _written(message) if message.has_digit else ()
    spoken = () if message.words.isdisjoint(_MAGNITUDES) else _spoken(message)
    found = sorted([*islice(written, _MOST), *islice(spoken, _MOST)], key=lambda amount: (amount.start, -amount.end))
    if all(amount.is_bare and not (may_be_bare or amount.is_hundreds or amount.number >= LARGE) for amount in found):
        return []
    taken = not_money.spans(message)
    free = [each for each in found if not any(low < each.end and each.start < high for low, high in taken)]
    return [each for number, each in enumerate(free) if number == 0 or each.start >= free[number - 1].end]


def _written(message: FoldedText) -> Iterator[Amount]:
    for match in _FIGURE.finditer(message.text):
        before = message.text[max(0, match.start() - 5) : match.start()]
        currency = _CURRENCY.search(before)
        if not currency and _PART_BEFORE.search(before):
            continue
        number, grouped = _number(match["number"], has_unit=match["unit"] is not None)
        scale = _scale(match["unit"], number, spanish=message.is_spanish)
        amount = Amount(
            start=match.start() - (len(currency[0]) if currency else 0),
            end=match.end(),
            number=number,
            scale=1.0 if grouped else scale,
            has_currency=bool(currency or match["named"]),
            is_grouped=grouped,
            is_hundreds=match["hundreds"] is not None or (match["unit"] or "").endswith("ks"),
            is_about=match["ish"] is not None,
            is_monthly=MONTHLY.match(message.text, match.end()) is not None,
        )
        if not _is_measured(message.text, amount):
            yield amount


def _spoken(message: FoldedText) -> Iterator[Amount]:
    for match in _SPOKEN.finditer(message.text):
        number = spoken_value(match["number"])
        if number is None or number < 100:
            continue
        amount = Amount(
            start=match.start(),
            end=match.end(),
            number=number,
            scale=1000.0 if match["unit"] else 1.0,
            is_scaled=number >= 1000,
            has_currency=bool(match["named"]),
            is_grouped=number >= 1000,
            is_about="couple" in match["number"],
            is_monthly=MONTHLY.match(message.text, match.end()) is not None,
        )
        if not _is_measured(message.text, amount):
            yield amount


def _is_measured(text: str, amount: Amount) -> bool:
    """Return whether the words after an amount make it a measure; "2,000 a month" is money."""
    return not amount.is_monthly and _AFTER.match(text, amount.end) is not None


def _number(written: str, *, has_unit: bool) -> tuple[float, bool]:
    """Return the value of digits, and whether they are grouped by thousands: with commas, or as in "450.000"."""
    if written.count(".") > 1 or (not has_unit and len(written.partition(".")[2]) == 3):
        return float(written.replace(".", "")), True
    return float(written.replace(",", "")), "," in written


def _scale(unit: str | None, number: float, *, spanish: bool) -> float:
    """Return what a unit multiplies by: "1.2m" is millions, "450m" and "450 mil" are thousands as people write them."""
    match (unit or "").strip("s'"):
        case "":
            return 1.0
        case "k" | "thousand" | "thou" | "grand":
            return 1e3 if number < 10_000 else 1.0
        case "mil" if spanish:
            return 1e3
        case "m" | "mil" | "mill" if number >= 50:
            return 1e3
        case _:
            return 1e6


def is_year(amount: Amount) -> bool:
    """Return whether an amount can be a year.

    >>> is_year(Amount(start=0, end=4, number=2027.0, scale=1.0, has_currency=False, is_grouped=False))
    True
    """
    return amount.is_bare and amount.number in _YEARS
