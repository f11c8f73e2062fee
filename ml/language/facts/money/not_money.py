"""Find the figures of a message that are never money: phones, addresses, years, areas, numbers of a listing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ml.language.facts.folding import FoldedText

#: nouns after a figure that make it a count, a measure or a time
MEASURED = (
    r"(?:sq|sqft|sqm|sf|square|ft|feet|foot|acres?|ac|lots?|miles?|mi|km|kms|meters?|metres?|m2|hectares?|min|mins"
    r"|minutes?|hours?|hrs?|days?|weeks?|months?|mos|years?|yrs?|yo|year-old|beds?|bedrooms?|bdrms?|br|bd|baths?"
    r"|bathrooms?|ba|units?|people|persons?|adults?|kids?|children|pets?|dogs?|cats?|homes|houses|listings|properties"
    r"|condos|apartments|cars?|garages?|stor(?:y|ies)|floors?|stall|lbs?|pounds?|percent|pct|points?|degrees|am|pm"
    r"|views|followers|steps|times|race|run|photos|pics|pictures|doors|rooms?|metros|hectareas|millas|minutos|dias"
    r"|semanas|meses|anos|habitaciones|cuartos|recamaras|banos)"
)
_STREET = (
    r"(?:street|st|avenue|ave|road|rd|drive|dr|lane|ln|boulevard|blvd|way|court|ct|place|pl|terrace|ter|circle|cir"
    r"|highway|hwy|parkway|pkwy|trail|trl|loop|square|common|calle|avenida|apt|suite)"
)
_PHONE = re.compile(
    r"(?<![\d$.,])(?:\+?\d{1,3}[ .-]{1,2})?\(?\d{3}\)?[ .-]{1,2}\d{3}[ .-]\d{4}(?!\d)"
    r"|(?<![\d$])\+\d[\d ().-]{7,16}\d|(?<![\d$.,])1?\d{10}(?!\d)|(?<![\d$-])\d{3}-\d{4}(?![\dk])"
)
_ADDRESS = re.compile(rf"(?<![\d$.,])\d{{1,6}}(?: [a-z0-9][a-z0-9'-]{{0,20}}){{0,3}} {_STREET}\b")
_NAMED_NUMBER = re.compile(
    r"\b(?:mls|zip(?: ?code)?|zipcode|unit|apt|suite|ste|lot|listing|id|ref|case|order|area code|bldg|building"
    r"|house number|highway|hwy|route|rt|interstate|i|us|fm|exit|gate code|code|credit score|score|fico|loan"
    r"|apartment|room|page|block|district|flight|population|built in|year)"
    r"(?: (?:is|of|was|number|no|around|about|over|above|id)){0,2}[ .:#-]{0,3}\d[\d,]{0,11}"
)
_HASHED = re.compile(r"# ?\d{1,10}|\b[a-z]{1,3}\d{4,10}\b")
_STATE_ZIP = re.compile(
    r"\b(?:a[lkzr]|c[aot]|d[ec]|fl|ga|hi|i[dlna]|k[sy]|la|m[edainsot]|n[evhjmycd]|o[hkr]|pa|ri|s[cd]|t[nx]|ut|v[ta]"
    r"|w[aviy]),? \d{5}(?:-\d{4})?\b"
)
_CLOCK = re.compile(r"\b\d{1,2}:\d{2}\b|\b\d{1,2} ?(?:am|pm|a\.m|p\.m)\b")
_DATE = re.compile(r"(?<![\d$])\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}(?![\d])|(?<![\d$])\d{1,2}/\d{1,2}(?!\d)")
_ORDINAL = re.compile(r"\b\d{1,4}(?:st|nd|rd|th)\b")
_RETIREMENT = re.compile(r"\b401 ?\(?k\b\)?|\b1031\b|\b203k\b|\b1099\b")
_LINK = re.compile(r"\b(?:https?://|www\.)[^ \n]{1,300}|[a-z0-9._+-]{1,64}@[a-z0-9.-]{1,100}")
_PATTERNS = (
    _PHONE,
    _ADDRESS,
    _NAMED_NUMBER,
    _HASHED,
    _STATE_ZIP,
    _CLOCK,
    _DATE,
    _ORDINAL,
    _RETIREMENT,
    _LINK,
)


def spans(message: FoldedText) -> list[tuple[int, int]]:
    """Return the spans [start, end) of a message whose figures are no money, in no order.

    >>> from ml.language.facts.folding import folded
    >>> spans(folded("call 512-555-0134 about 450k"))
    [(5, 17)]
    """
    return list(_spans(message.text))


def _spans(text: str) -> Iterator[tuple[int, int]]:
    for pattern in _PATTERNS:
        for match in pattern.finditer(text):
            yield match.span()
