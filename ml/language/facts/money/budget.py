"""Read what a lead wants to spend: one amount or a range, at least, at most, about or exactly so much."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from domain.facts import Bound
from ml.language.facts.folding import FoldedText, sentence_at, word_set
from ml.language.facts.money.amounts import LARGE, MONTHLY, Amount, amounts, is_year
from ml.language.results import Fact

#: words of which one stands beside an amount without a currency or unit that is a budget
_CUES = word_set(
    """budget budgeted spend spending afford price priced prices pricing pay paying rent rental rents monthly month mo
    offer offers range max maximum purchase approved preapproved prequalified qualify qualified financed finance
    loan mortgage limit ceiling tops cost costs under below presupuesto renta precio pagar gastar maximo hasta
    menos minimum least min around over above stay staying stretch offering"""
)
_RENT = word_set("rent rental rents renting monthly month mo lease renta alquiler mensual mes tenant")
_SPENDING = re.compile(
    r"\b(?:budget|spend|afford|price|pay|approved|pre ?-?approved|qualif\w{1,6}|range|max|maximum"
    r"|presupuesto|precio|pagar"
    r"|gastar|limit|ceiling|offer(?:s|ing)?|rent|stay|staying|stretch)(?: [a-z']{1,12}){0,4}[ :=]{0,3}\Z"
)
_BETWEEN = re.compile(
    r" ?(?:-|to|and|or|through|thru|till?|until|up to|a|y|o|hasta|& ?)(?: (?:about|around|like|maybe))? ?| ?- ?"
)
_BEGINS_RANGE = re.compile(r"\b(?:between|from|entre|de|anywhere)(?: [a-z]{1,8}){0,1} ?\Z")
_LINK = (
    r"(?: (?:of|is|at|the|around|about|like|a|an|maybe|to|say|my|our|be|de|los|las|roughly|approximately"
    r"|total)){0,3}[ :=]{0,3}\Z"
)
_NOT_LESS = re.compile(
    r"\b(?:(?:no|not|nothing|anything|never|don't want to go|can't go|won't go) (?:less|lower"
    r"|under|below|cheaper|smaller)"
    r"(?: than)?|no menos (?:de|que))" + _LINK
)
_MOST = re.compile(
    r"(?:\b(?:(?:max|maximum|top|highest) (?:budget|price|spend|amount|rent|number)"
    r"|(?:stretch|push it|push) to|under|below|beneath|up to|upto|max|maximum|at most|at the most"
    r"|no more than|not more than|more than"
    r"|no higher than|not higher than|less than|lower than|fewer than|cheaper than|not over|not above|nothing over"
    r"|nothing above|nothing more than|top(?:s|ping)? out(?: at)?|capped at|cap|ceiling|limit"
    r"|limited to|not (?:to )?exceed"
    r"(?:ing)?|doesn't exceed|within|(?:go|going|be|spend|pay|anything|get) (?:over|above|past|beyond|higher than)"
    r"|hasta|menos de|menos que|maximo|no mas de|tope|por debajo de|as high as|as much as)|<=?)" + _LINK
)
_REFUSES_MORE = re.compile(
    r"\b(?:no|not|nothing|never|can't|cannot|can not|won't|don't|doesn't|wouldn't|shouldn't|couldn't|without|"
    r"uncomfortable|nunca)\b"
)
_LEAST = re.compile(
    r"(?:\b(?:(?:min|minimum) (?:budget|price)|over|above|at least|min|minimum|more than|higher than"
    r"|starting(?: at| from)?|starts at|from|north of"
    r"|upwards? of|in excess of|exceeding|mas de|al menos|minimo|por lo menos|desde|a partir de"
    r"|beyond|upward from)|>=?)" + _LINK
)
_ABOUT = re.compile(
    r"(?:\b(?:around|about|approx\.?|approximately|roughly|circa|near|nearly|close to|in the (?:neighborho"
    r"od|vicinity|area|region)"
    r" of|ballpark|ball park|somewhere (?:around|near)|like|right at|alrededor de|como|unos|cerca de|aproximadamente"
    r"|mas o menos|almost|probably|maybe)|~) ?(?:\$ ?)?" + _LINK
)
_AFTER_MOST = re.compile(
    r",? ?\(?(?:(?:as |at |is |would be |being )?(?:the |my |our |a |an )?(?:absolute )?(?:max"
    r"|maximum|top|tops|limit|most|ceiling|cap|tope)"
    r"|or (?:less|under|below|lower|cheaper|so max)|and (?:under|below)|o menos|maximo|como maximo|at the most)\b"
)
_AFTER_LEAST = re.compile(
    r" ?\+|,? ?\(?(?:(?:as |is )?(?:the |my |our |a )?(?:min|minimum)|or (?:more|above|higher"
    r"|over|up|better)|and (?:up|above|over|higher)"
    r"|plus|o mas|at least|minimo|upwards?|onwards?)\b"
)
_AFTER_ABOUT = re.compile(
    r",? ?(?:or so|ish|give or take|more or less|or thereabouts|ballpark|(?:range|area|neighborhood"
    r"|ball ?park)|mas o menos|approx)\b"
)
_PART_OF_HUNDRED = re.compile(
    r"\b(low|lower|mid|middle|high|higher|upper)(?:[ -](?:to|-)[ -]?(low|mid|high|upper))?[ -]?(?:the )?\$? ?\Z"
)
#: what an amount is for when it is no budget
_OTHER_MONEY = (
    r"(?:fees?|hoa|hoas|deposits?|tax(?:es)?|dues|insurance|closing costs?|earnest|escrow|income"
    r"|salary|score|bonus|repairs?"
    r"|renovations?|reno|upgrades?|commissions?|equity|savings?|saved|reduction|discount|rebate"
    r"|credit|concessions?|population"
    r"|down payment|downpayment|debts?|owed?|owing|utilities|warranty|inspection|appraisal|penalty"
    r"|raise|payoff|cut|drop|tip"
    r"|enganche|ingresos|sueldo|deposito|impuestos)"
)
_OTHER_BEFORE = re.compile(
    rf"\b(?:{_OTHER_MONEY}|listed|sold|appraised|zestimate|estimate|went|reduced|dropped|came down"
    r"|makes?(?! an? offer)|earns?|paid"
    r"|save|put(?:ting)?(?! in| an? offer)|bought|assessed|valued)(?: [a-z']{1,12}){0,3}[ :~]{0,3}(?:\$ ?)?\Z"
    r"|\bdown,?(?: (?:or|of|about|around|so|roughly|approximately)){0,2} \Z"
)
_OTHER_AFTER = re.compile(
    rf",?(?: (?:in|for|of|on|as|an?|the|my|our|per|off|towards?|over|under|below|above|monthly"
    rf"|month|annual|yearly|cash)){{0,3}}"
    rf" ?(?:{_OTHER_MONEY}|down(?! to)|off|asking|list|per year|a year|/ ?yr|an? hour)\b"
)
#: the price of a house rather than what a lead wants to spend: "the one on Oak for $450k"
_LISTING = re.compile(
    r"\b(?:(?:your|the|this|that) (?:listing|house|home|property|place|condo|unit|one)|listings?|asking)\b"
    r"[^!?\n]{0,40}(?:(?<!looking )\bfor|\bat|\basking|\bis)(?: around| about)? \Z|\basking(?: price)?(?: of| is)? \Z"
)
#: a range may have this many letters between its figures
_LONGEST_LINK = 14
_LOOK_BACK = 60
_MOST_FACTS = 4
#: confidence by what says that a figure is a budget: a currency, a unit or a word of spending with it; a figure alone
_SURE, _LIKELY, _GUESSED = 0.95, 0.85, 0.6
#: confidence at most, beside words of a listing
_LISTED = 0.5
_NO_MONEY = (0.0, 1.0)
#: dollars from which a figure is money: "20,000" alone, "1,800" beside a word of spending, "900" of a rent
_LEAST_ALONE, _LEAST_GROUPED, _LEAST_RENT = 20_000, 500, 300


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figure:
    """One amount, or two that make a range."""

    start: int
    end: int
    low: float
    high: float
    parts: Sequence[Amount]


def read(message: FoldedText) -> Iterator[Fact]:
    """Yield the budgets that a message says, in dollars (or in the currency of the message: nothing is converted).

    >>> from ml.language.facts.folding import folded
    >>> [(fact.value, fact.bound) for fact in read(folded("Looking for 3 beds, 400-500k, max 525,000"))]
    [((400000.0, 500000.0), 'range'), ((None, 525000.0), 'max')]
    """
    found = amounts(message, may_be_bare=not message.words.isdisjoint(_CUES))
    for figure in list(_figures(message.text, found))[:_MOST_FACTS]:
        before = message.text[max(0, figure.start - _LOOK_BACK) : figure.start]
        after = message.text[figure.end : figure.end + _LOOK_BACK]
        fact = None if _is_other_money(before, after) else _fact(message, figure, before, after)
        if fact is not None:
            yield fact


def _figures(text: str, found: Sequence[Amount]) -> Iterator[_Figure]:
    number = 0
    while number < len(found):
        first, second = found[number], found[number + 1] if number + 1 < len(found) else None
        joined = _range(text, first, second) if second else None
        yield joined or _Figure(start=first.start, end=first.end, low=first.value, high=first.value, parts=(first,))
        number += 2 if joined else 1


def _range(text: str, first: Amount, second: Amount) -> _Figure | None:
    """Return two amounts as one range, if the words between them say so; the first inherits the unit."""
    gap = text[first.end : second.start]
    begun = _BEGINS_RANGE.search(text[max(0, first.start - _LOOK_BACK) : first.start])
    if len(gap) > _LONGEST_LINK or not _BETWEEN.fullmatch(gap) or (gap.strip() in {"and", "y", "a"} and not begun):
        return None
    if gap.strip() in {"or", "o"} and second.number == first.number:
        return None
    low = first.value
    if first.scale == 1 and not first.is_grouped and second.scale > 1:
        scales = (second.scale, 1e3, 1.0)
        low = next((first.number * scale for scale in scales if first.number * scale < second.value), low)
    if not low < second.value:
        return None
    high = second.value
    return _Figure(start=first.start, end=second.end, low=low, high=high, parts=(first, second))


def _is_other_money(before: str, after: str) -> bool:
    return _OTHER_BEFORE.search(before) is not None or _OTHER_AFTER.match(after) is not None


def _fact(message: FoldedText, figure: _Figure, before: str, after: str) -> Fact | None:
    """Return the budget, or None where nothing says that the figure is money."""
    month = MONTHLY.match(after)
    after = after[month.end() :] if month else after
    confidence, scale = _evidence(message, figure, before, after)
    if confidence == 0:
        return None
    confidence = min(confidence, _LISTED) if _LISTING.search(before) else confidence
    low, high, bound, end = _bounded(figure, before, after)
    return Fact(
        kind="budget",
        value=(None if low is None else round(low * scale, 2), None if high is None else round(high * scale, 2)),
        bound=bound,
        start=figure.start,
        end=end,
        confidence=confidence,
    )


def _evidence(message: FoldedText, figure: _Figure, before: str, after: str) -> tuple[float, float]:
    """Return how sure it is that a figure is a budget (0: it is none), and what to multiply the figure by."""
    last = figure.parts[-1]
    has_money = any(part.has_currency or part.scale > 1 or part.is_scaled or part.is_monthly for part in figure.parts)
    sentence = re.findall(r"[a-z]+", sentence_at(message, figure.start))
    rent = last.is_monthly or not _RENT.isdisjoint(sentence)
    spending = _SPENDING.search(before) is not None
    bounded = any(pattern.search(before) for pattern in (_NOT_LESS, _MOST, _LEAST)) or bool(_AFTER_MOST.match(after))
    if has_money:
        small = figure.high < 1_000 and not rent and not last.is_monthly
        if small and not (last.is_hundreds or spending or bounded):
            return _NO_MONEY
        return (_SURE if not small else _GUESSED), (1e3 if small and figure.low >= 100 else 1.0)
    return _evidence_of_bare(figure, sentence, cued=spending or bounded, rent=rent)


def _evidence_of_bare(figure: _Figure, sentence: Sequence[str], *, cued: bool, rent: bool) -> tuple[float, float]:
    """Return the evidence for figures without a currency and a unit: "450,000", "under 450000", "the 400s"."""
    if any(part.is_grouped for part in figure.parts):
        least = _LEAST_ALONE if not (cued or rent) else _LEAST_GROUPED
        return (_LIKELY if cued else _GUESSED, 1.0) if figure.high >= least else _NO_MONEY
    if figure.parts[-1].is_hundreds:
        hundreds = 100 <= figure.low < 1_000 and _is_round(figure.low)
        return (_LIKELY, 1e3) if hundreds else _NO_MONEY
    near = cued or (rent and not _CUES.isdisjoint(sentence))
    if figure.high >= LARGE and figure.high % 500 == 0:
        return (_LIKELY if near else _GUESSED), 1.0
    may_be_year = any(map(is_year, figure.parts)) and not _is_round(figure.high)
    return _evidence_of_short(figure, rent=rent) if near and not may_be_year else _NO_MONEY


def _evidence_of_short(figure: _Figure, *, rent: bool) -> tuple[float, float]:
    """Return the evidence for short figures beside a word of spending: "rent 900", "max 450", "budget 1.2"."""
    if rent and figure.high >= _LEAST_RENT:
        return _LIKELY, 1.0
    if figure.low >= 100 and figure.high < 1_000 and figure.high % 5 == 0:
        return _GUESSED, 1e3
    if figure.low != int(figure.low) and figure.high < 20:
        return _GUESSED, 1e6
    return (_GUESSED, 1.0) if figure.high >= 1_000 and _is_round(figure.high) else _NO_MONEY


def _is_round(value: float) -> bool:
    return value % 50 == 0


def _bounded(figure: _Figure, before: str, after: str) -> tuple[float | None, float | None, Bound, int]:
    """Return the low and the high end, the bound, and where the figure ends."""
    last = figure.parts[-1]
    if last.is_hundreds and len(figure.parts) == 1:
        low, high = _of_hundreds(figure.low, last, before)
        return low, high, "range", figure.end
    if len(figure.parts) > 1:
        high = figure.high + (_of_hundreds(0, last, "")[1] if last.is_hundreds else 0)
        return figure.low, high, "range", figure.end
    bound, end = _bound(last, before, after), figure.end
    if bound == "min":
        return figure.low, None, bound, end
    return (None if bound == "max" else figure.low), figure.high, bound, end


def _bound(amount: Amount, before: str, after: str) -> Bound:
    if _NOT_LESS.search(before):
        return "min"
    most = _MOST.search(before)
    if most:
        more = any(word in most[0] for word in ("more than", " over", " above", "past", "beyond", "higher"))
        refused = _REFUSES_MORE.search(before) is not None or not more
        return "max" if refused or most[0].startswith(("no ", "not ", "nothing")) else "min"
    if _AFTER_MOST.match(after):
        return "max"
    if _LEAST.search(before) or _AFTER_LEAST.match(after):
        return "min"
    about = amount.is_about or _ABOUT.search(before) or _AFTER_ABOUT.match(after)
    return "around" if about else "exact"


def _of_hundreds(low: float, amount: Amount, before: str) -> tuple[float, float]:
    """Return the ends of "the 400s", "the low 400s", "the mid to high 400s": thirds of a hundred, in round figures."""
    width = 100 * amount.scale if amount.number % 100 == 0 else 10 * amount.scale
    if amount.is_grouped:
        width = 100_000 if amount.number % 100_000 == 0 else 10_000
    part = _PART_OF_HUNDRED.search(before)
    thirds = {"low": (0.0, 0.35), "mid": (0.3, 0.7), "high": (0.65, 1.0)}
    same = {"lower": "low", "middle": "mid", "higher": "high", "upper": "high"}
    if not part:
        return low, low + width
    first = thirds[same.get(part[1], part[1])]
    last = thirds[same.get(part[2], part[2])] if part[2] else first
    return low + first[0] * width, low + last[1] * width
