"""Read amounts of money as people of many countries write them: `450.000,00`, `₹ 45,00,000`, `300 mil`, `400-500k`.

A dot or a comma may part thousands or begin the cents. `AmountEvidence` counts what the cells of a column show, and
`number` and `span` read a cell by it. `doubt` says when a reading is a guess. To accept another unit, add it to
`_UNITS`; another currency, to `_CURRENCIES`; the bounds of another language, to `_BELOW` and `_ABOVE`.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

from tasks.intake.errors import BadValue

#: which mark parts thousands; the other one begins the cents
AmountStyle = Literal["dot_groups", "comma_groups"]
_Doubt = Literal[
    "thousands_dot", "thousands_comma", "decimal_dot", "decimal_comma", "million_mil", "thousand_mil", "thousands_low"
]

#: a larger figure is a slip or an id, and float32 would lose digits of it
LARGEST = 1e15
#: most characters of an amount, however it is written; a longer text is no amount
LONGEST = 200

_THOUSAND, _LAKH, _MILLION, _CRORE, _MILLIARD = 1e3, 1e5, 1e6, 1e7, 1e9
_UNITS: dict[str, float] = {
    word: factor
    for factor, words in (
        (_THOUSAND, "k t thousand tsd tausend mila mille mils"),
        (_LAKH, "l lac lacs lakh lakhs"),
        (_MILLION, "m mm mn mi mio mln mill million millions millionen millon millones milhao milhoes milione milioni"),
        (_CRORE, "cr crs crore crores"),
        (_MILLIARD, "b bn bi billion billions mrd mia milliard milliards milliarde milliarden"),
    )
    for word in words.split()
}
#: thousand in Spanish and Portuguese, million in English slang
_MIL = "mil"
#: `mil` is a thousand from this figure on, since nobody buys for so many millions; from the second one on without doubt
_MIL_IS_THOUSAND, _MIL_IS_SURELY_THOUSAND = 20, 100
_CURRENCIES = frozenset(
    word
    for words in (
        "usd cad aud nzd eur gbp chf inr aed sar qar kwd omr bhd mxn brl ars clp cop pen uyu zar sek nok dkk pln czk",
        "huf ron try jpy cny rmb hkd sgd thb php idr myr vnd krw ngn kes rub uah ils egp pkr lkr bdt",
        "euro euros dollar dollars dolares peso pesos real reais franc francs franken fr sfr rupee rupees rs re",
        "kr kc zl ft lei tl dh dhs pound pounds libras rand r us ca au ksh rp rm",
    )
    for word in words.split()
)
#: amounts are thought of as round; nobody asks for the exact cent
_ROUGHLY = frozenset(
    {
        *("about", "approx", "approximately", "around", "circa", "roughly"),
        *("aprox", "env", "environ", "etwa", "rund", "ungefahr"),
    }
)
#: glued to the currency by German and French accountants
_GLUED = {"teur": "t", "keur": "k", "meur": "m", "tchf": "t", "kchf": "k", "kusd": "k", "musd": "m", "kgbp": "k"}
_SIGNS = str.maketrans("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-------", "€£¥₹₽₪₩₫₱₦฿₺₴₡￥~≈")
_COMBINING = re.compile("[\u0300-\u036f]+")
_DOLLAR = re.compile(r"(?:(?<![a-z\d])(?:us|au|ca|nz|hk|mx|co|cl|ar|u|a|c|s|r))?\$|(?<![a-z\d])s/\.?")
_WORD = re.compile(r"(?:\b(?:de|d|di|of)[ '\u2019]{1,2})?([a-z]+)\.?")
#: a text that may hold such a word, and not only a unit of one letter
_WORDY = re.compile(r"[a-z]{2}|r")
#: how the Swiss and the Danes write no cents: `450'000.-`
_NO_CENTS = re.compile(r"(?<=\d)[.,:]-{1,2}(?!\d)")
_BLANKS = re.compile(r"[\s\u00a0\u202f'\u2019_]+")

_FIGURE = r"\d[\d.,]*|[.,]\d+"
_UNIT = "|".join(sorted((*_UNITS, _MIL), key=len, reverse=True))
_NUMBER = re.compile(
    rf"(?P<sign>[-+]?)(?P<figure>{_FIGURE})(?:e(?P<exponent>[-+]?\d{{1,2}}))?(?:(?P<unit>{_UNIT})\.?)?"
)
_LOW, _HIGH = (rf"(?P<{name}>(?:{_FIGURE})(?:(?:{_UNIT})\.?)?)" for name in ("low", "high"))
_FROM = "from|between|entre|zwischen|tra|fra|von|vom|de|da|dal|desde|ab"
_RANGE = re.compile(rf"(?:{_FROM})?{_LOW}(?:-|to|through|a|al|bis|hasta|ate|jusqua){_HIGH}")
_BETWEEN = re.compile(rf"(?:{_FROM}){_LOW}(?:and|&|y|e|et|und){_HIGH}")
_BELOW = re.compile(
    r"(?:<=?|≤|under|below|upto|max(?:imum|imo|imal)?[.:]?|lessthan|nomorethan|bis(?:zu)?|unter|hochstens|wenigerals"
    r"|hasta|menos(?:de)?|ate|abaixo(?:de)?|jusqua|moins(?:de)?|finoa|meno(?:di)?)(.+)"
    r"|(.+)(?:orless|orbelow|andunder|max\.?|omenos|oumenos|oderweniger|oumoins)"
)
_ABOVE = re.compile(
    r"(?:>=?|≥|over|above|from|min(?:imum|imo|imal)?[.:]?|morethan|atleast|startingat|startingfrom|ab|uber|mehrals"
    r"|mindestens|desde|apartir(?:de)?|mas(?:de)?|almenos|mais(?:de)?|pelomenos|acima(?:de)?|des|plus(?:de)?|aumoins"
    r"|oltre|almeno)(.+)"
    r"|(.+)(?:\+|ormore|orabove|andup|andabove|&up|omas|oumais|ouplus|etplus|undmehr|odermehr)"
)
_GROUPED = re.compile(r"\d{1,3}([.,])\d{2,3}(?:\1\d{2,3})*")
#: what is read alike in every style, as money and as a count: `450000.00`, `$450,000`, `1.2M`
_USUAL = re.compile(
    r"\$?(?P<figure>[1-9][0-9]{0,2}(?:,[0-9]{3}){1,3}(?:\.[0-9]{1,2})?|[0-9]{1,12}(?:\.[0-9]{1,2})?)(?P<unit>[kKmM])?"
)
_MARKED = re.compile(r"(?<![0-9])([0-9]++)([.,])([0-9]++)(?:([.,])([0-9]++))?")
#: how many cells that agree one cell that does not may stand among
_SLIPS = 50
_STYLE_OF_DECIMAL: dict[str, AmountStyle] = {".": "comma_groups", ",": "dot_groups"}


@dataclass(slots=True, kw_only=True)
class AmountEvidence:
    """The marks of the amounts in one column, counted cell by cell."""

    #: cells in which dots part thousands or a comma begins the cents: `1.250.000`, `1.234,50`, `1,5`
    dot_groups: int = 0
    #: cells in which commas part thousands or a dot begins the cents: `1,250,000`, `1,234.50`, `350.5`
    comma_groups: int = 0
    #: cells such as `450.000`
    single_dot: int = 0
    #: cells such as `450,000`
    single_comma: int = 0
    #: cells with R$ or €, whose countries part thousands with a dot
    dot_currency: int = 0
    #: cells with £ or ₹, whose countries part thousands with a comma
    comma_currency: int = 0

    def add(self, cell: str) -> None:
        """Count one more cell."""
        if not cell or (cell.isascii() and cell.isdigit()):
            return
        for match in _MARKED.finditer(cell):
            self._add_figure(*match.groups())
        if "R$" in cell or "€" in cell:
            self.dot_currency += 1
        elif "£" in cell or "₹" in cell:
            self.comma_currency += 1

    def _add_figure(self, head: str, mark: str, tail: str, second: str | None, end: str | None) -> None:
        if second is None:
            if len(tail) == 3 and len(head) <= 3 and head[0] != "0":
                self.single_dot += mark == "."
                self.single_comma += mark == ","
                return
            dots = mark == ","
        elif second == mark:
            if len(tail) not in (2, 3) or len(end or "") not in (2, 3):
                return  # a date or a version
            dots = mark == "."
        else:
            dots = second == ","
        self.dot_groups += dots
        self.comma_groups += not dots

    @property
    def style(self) -> AmountStyle | None:
        """Return what the cells agree on, but for a slip in fifty; None when they disagree or nothing tells.

        `450.000` does not tell by itself, but many of them weigh more than a few `350.5`.
        """
        dots, commas = self.dot_groups, self.comma_groups
        if not dots and not commas:
            dots, commas = self.dot_currency, self.comma_currency
        elif dots > commas:
            commas += self.single_comma if self.single_comma > dots else 0
        else:
            dots += self.single_dot if self.single_dot > commas else 0
        if dots > commas * _SLIPS:
            return "dot_groups"
        return "comma_groups" if commas > dots * _SLIPS else None

    def merge(self, others: Iterable[AmountEvidence]) -> AmountEvidence:
        """Return the evidence of this column and others together: for a column that does not tell by itself."""
        columns = (self, *others)
        return AmountEvidence(
            dot_groups=sum(each.dot_groups for each in columns),
            comma_groups=sum(each.comma_groups for each in columns),
            single_dot=sum(each.single_dot for each in columns),
            single_comma=sum(each.single_comma for each in columns),
            dot_currency=sum(each.dot_currency for each in columns),
            comma_currency=sum(each.comma_currency for each in columns),
        )


class _Amount(NamedTuple):
    """One amount, and what was guessed on the way."""

    value: float
    doubts: tuple[_Doubt, ...] = ()


class _Span(NamedTuple):
    """Both ends of a range; None is an open end."""

    low: float | None
    high: float | None
    doubts: tuple[_Doubt, ...]


def number(text: str, style: AmountStyle | None = None) -> float:
    """Return an amount of money: `450.000`, `$450k`, `1.2M`, `(300)`; always finite.

    Three digits after a single mark are thousands in every style, since money has no three decimals. Raises `BadValue`.
    """
    usual = _usual(text)
    return _amount(_bare(text), style, money=True).value if usual is None else usual


@lru_cache(maxsize=4096)  # budgets repeat from row to row
def span(text: str, style: AmountStyle | None = None) -> tuple[float | None, float | None]:
    """Return both ends of `400-500k`, `500k+`, `bis 500.000`; None is an open end, one amount is both ends.

    Raises `BadValue`.
    """
    if (usual := _usual(text)) is not None:
        return usual, usual
    return _span(_bare(text), style, money=True)[:2]


def count(text: str) -> float:
    """Return a count or a measure, in which `1.234` has decimals and `1,234` thousands; always finite.

    Raises `BadValue`.
    """
    usual = _usual(text)
    return _amount(_bare(text), None, money=False).value if usual is None else usual


@lru_cache(maxsize=4096)
def count_span(text: str) -> tuple[float | None, float | None]:
    """Return both ends of a range of counts, such as `2-3`, `3+`; as `span`. Raises `BadValue`."""
    return _span(_bare(text), None, money=False)[:2]


@lru_cache(maxsize=4096)
def doubt(text: str, style: AmountStyle | None, own: bool) -> str | None:
    """Return the hint of a warning when `number` or `span` guessed at the cell; None when the reading is plain.

    `own` says that `style` was seen in the cell's own column rather than in its neighbours. The hint holds nothing of
    the cell. A cell that cannot be read at all has no doubt.
    """
    if text.isdecimal() or (style == "comma_groups" and _USUAL.fullmatch(text)):
        return None
    try:
        doubts = _span(_bare(text), style, money=True).doubts
    except BadValue:
        return None
    found = next((each for each in doubts if not _is_settled(each, text, style, own=own)), None)
    return None if found is None else f"{_hint(found, style, own=own)}; write the amount without marks, in plain digits"


def _usual(text: str) -> float | None:
    """Return an amount written in one of the ways that nearly all are; None when it is written in another one."""
    if text.isdecimal() and len(text) < 15:
        return float(text)
    match = _USUAL.fullmatch(text)
    if match is None:
        return None
    figure, unit = match.groups()
    if unit is None:
        return float(figure.replace(",", ""))
    return None if "," in figure or len(figure) > 8 else float(figure) * _UNITS[unit.lower()]


def _is_settled(doubt_: _Doubt, text: str, style: AmountStyle | None, *, own: bool) -> bool:
    if doubt_ != "thousands_dot" or style == "comma_groups":
        return False
    return (style is not None and own) or "R$" in text or "€" in text


def _hint(doubt_: _Doubt, style: AmountStyle | None, *, own: bool) -> str:
    mark = "dot" if doubt_.endswith("dot") else "comma"
    where = "the column" if own else "the neighbouring columns"
    match doubt_:
        case "thousands_dot" if style == "dot_groups":
            return f"the dot was read as a thousands mark, as in {where}"
        case "thousands_dot" | "thousands_comma":
            reason = f", unlike in {where}" if style else ""
            return f"the {mark} was read as a thousands mark{reason}, since money has no three decimals"
        case "decimal_dot" | "decimal_comma":
            reason = f"unlike in {where}" if style else "which the other amounts do not show"
            return f"the {mark} was read as the decimal mark, {reason}"
        case "million_mil":
            return "mil was read as million, which is English slang; in other languages it is a thousand"
        case "thousand_mil":
            return "mil was read as a thousand; in English slang it is a million"
        case "thousands_low":
            return "the lower end was read in thousands, as the upper end is"


def _span(bare: str, style: AmountStyle | None, *, money: bool) -> _Span:
    if match := _RANGE.fullmatch(bare) or _BETWEEN.fullmatch(bare):
        return _ordered(match["low"], match["high"], style, money=money)
    if match := _BELOW.fullmatch(bare):
        end = _amount(match[1] or match[2], style, money=money)
        return _Span(None, end.value, end.doubts)
    if match := _ABOVE.fullmatch(bare):
        end = _amount(match[1] or match[2], style, money=money)
        return _Span(end.value, None, end.doubts)
    end = _amount(bare, style, money=money)
    return _Span(end.value, end.value, end.doubts)


def _ordered(low: str, high: str, style: AmountStyle | None, *, money: bool) -> _Span:
    top = _amount(high, style, money=money)
    unit = high.rstrip(".").lstrip("0123456789.,")
    bottom = _amount(low, style, money=money)
    if unit and low[-1].isdigit():
        # `400-500k` means 400k, `900-1.2M` means 900k: the largest unit that keeps the order
        lakhs = ("lakh",) if _UNITS.get(unit) == _CRORE else ()
        guesses = (_amount(low + guess, style, money=money) for guess in (unit, *lakhs, "k", ""))
        bottom = next((guess for guess in guesses if guess.value <= top.value), _Amount(math.inf))
    elif money and low.isdecimal() and 50 <= bottom.value < 1000 and bottom.value * 1000 <= top.value:
        bottom = _Amount(bottom.value * 1000, ("thousands_low",))  # `300-400.000`
    if bottom.value > top.value:
        raise BadValue("value.number", "the range ends below its start; write the lower amount first")
    return _Span(bottom.value, top.value, (*bottom.doubts, *top.doubts))


def _amount(bare: str, style: AmountStyle | None, *, money: bool) -> _Amount:
    if bare.isdecimal() and len(bare) < 15:
        return _Amount(float(bare))
    negative = bare.startswith("(") and bare.endswith(")")
    match = _NUMBER.fullmatch(bare[1:-1] if negative else bare)
    if not match:
        raise _not_a_number()
    figure, unit = match["figure"], match["unit"]
    parts = _in_style(figure, style, unit, money=money)
    factor, doubts = _UNITS.get(unit or "", 1.0), parts.doubts
    if unit == _MIL:
        slang = _mil(parts.value, figure, style) if money else _Amount(_MILLION)
        factor, doubts = slang.value, (*doubts, *slang.doubts)
    value = parts.value * factor * 10.0 ** int(match["exponent"] or 0)
    if not value < LARGEST:  # infinity too
        raise _not_a_number()
    return _Amount(-value if negative or match["sign"] == "-" else value, doubts)


def _mil(value: float, figure: str, style: AmountStyle | None) -> _Amount:
    """Return what `mil` means after a figure: in the language that the marks show, else by the size."""
    decimal_dot = figure.count(".") == 1 and "," not in figure and not is_grouped(figure, ".")
    if value >= _MIL_IS_SURELY_THOUSAND or (style == "dot_groups" and not decimal_dot):
        return _Amount(_THOUSAND)
    if value >= _MIL_IS_THOUSAND or ("," in figure and not is_grouped(figure, ",")):
        return _Amount(_THOUSAND, ("thousand_mil",))
    return _Amount(_MILLION, ("million_mil",))


def _in_style(figure: str, style: AmountStyle | None, unit: str | None, *, money: bool) -> _Amount:
    comma, dot = figure.rfind(","), figure.rfind(".")
    if comma < 0 and dot < 0:
        return _Amount(_float(figure))
    if comma >= 0 and dot >= 0:  # the later one is the decimal mark
        return _Amount(_decimal(figure, "." if dot > comma else ","))
    mark = "," if comma >= 0 else "."
    if not is_grouped(figure, mark):
        value = _decimal(figure, mark)
        odd = money and not unit and style != _STYLE_OF_DECIMAL[mark] and 1 <= value < 1000
        return _Amount(value, (_of_mark("decimal", mark),) if odd else ())
    if figure.count(mark) > 1:
        return _Amount(_float(figure.replace(mark, "")))
    if not money:
        return _Amount(_float(figure.replace(",", "")))
    return _single(figure, mark, style, unit)


def _single(figure: str, mark: str, style: AmountStyle | None, unit: str | None) -> _Amount:
    """Read `450.000` or `450,000`, which may have a unit: `1.250 mil` is a million and a quarter, `1.250 Mio` too."""
    if figure[0] == "0":
        return _Amount(_decimal(figure, mark))
    decimal_style = _STYLE_OF_DECIMAL[mark]
    if unit and (_UNITS.get(unit, _THOUSAND) > _THOUSAND or not _parts_thousands(mark, style, unit)):
        return _Amount(_decimal(figure, mark), () if style == decimal_style else (_of_mark("decimal", mark),))
    guessed = mark == "." or style == "dot_groups"
    return _Amount(_float(figure.replace(mark, "")), (_of_mark("thousands", mark),) if guessed and not unit else ())


def _parts_thousands(mark: str, style: AmountStyle | None, unit: str) -> bool:
    if style is None and mark == ".":
        return unit in (_MIL, "tsd", "tausend")  # words of languages that part thousands with dots
    return style != _STYLE_OF_DECIMAL[mark]


def _of_mark(kind: Literal["thousands", "decimal"], mark: str) -> _Doubt:
    if kind == "thousands":
        return "thousands_dot" if mark == "." else "thousands_comma"
    return "decimal_dot" if mark == "." else "decimal_comma"


def is_grouped(text: str, mark: str) -> bool:
    """Return whether a mark parts a figure into groups, of which the last has three digits: `1,250`, `45,00,000`."""
    return bool(_GROUPED.fullmatch(text)) and len(text.rpartition(mark)[2]) == 3


def _decimal(figure: str, mark: str) -> float:
    return _float(figure.replace("," if mark == "." else ".", "").replace(mark, "."))


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise _not_a_number() from None


def _bare(text: str) -> str:
    """Return an amount in lower case without accents, blanks, currency and words such as `about`."""
    if len(text) > LONGEST:
        raise _not_a_number()
    if not text.isascii():
        text = _COMBINING.sub("", unicodedata.normalize("NFD", text)).replace("\u0142", "l").translate(_SIGNS)
    text = text.lower().replace("~", "")
    if "$" in text or "/" in text:
        text = _DOLLAR.sub("", text)
    if _WORDY.search(text):
        text = _WORD.sub(_unit_only, text)
    if "-" in text:
        text = _NO_CENTS.sub("", text)
    return _BLANKS.sub("", text)


def _unit_only(match: re.Match[str]) -> str:
    word = match[1]
    if word in _CURRENCIES or word in _ROUGHLY:
        return ""
    return _GLUED.get(word, match[0])


def _not_a_number() -> BadValue:
    return BadValue("value.number", "not a finite number; write digits such as 450000 or $450k")
