"""Read the state in a text: people write codes, names, short names, whole addresses, a ZIP or an area code.

A text that can mean two states returns both, and the laws of both count. A text that cannot be read returns none, and
then the strictest law of all counts; so it is better to ignore a doubtful word than to read it wrongly.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from ml.interventions.compliance.places import PLACES, letters_only

#: a longer text is no address
_LONGEST = 200
_US = r"(?:u\.?\s?s\.?(?:\s?a\.?)?|united\s+states(?:\s+of\s+america)?|america)"
_COUNTRY_BEFORE = re.compile(rf"^{_US}[\s,;:_/-]+", re.IGNORECASE)
_COUNTRY_AFTER = re.compile(rf"(?:^|[\s,;:/(-]){_US}\s*\)?$", re.IGNORECASE)
#: separates two states in one text
_OR = re.compile(r"[;|/&\n]|\s(?:or|and)\s")
_PARTS = re.compile(r"[,:()]|\s[-\u2013\u2014]\s")
_ZIP = re.compile(r"(?:^|(?<=[^0-9]))([0-9]{5})(?:[-\s]?[0-9]{4})?$")
#: Excel removes zeros at the front of numbers, and adds some at the end
_SHORT_ZIP = re.compile(r"[0-9]{4}")
_FRACTION = re.compile(r"(?<=[0-9])\.0+$")
_AREA_CODE = re.compile(r"\(?([0-9]{3})\)?")
_COUNTY = re.compile(r"\b(?:county|parish|borough)$", re.IGNORECASE)
_CAPITAL = re.compile(r"\bd\.?\s?c\b|district of columbia", re.IGNORECASE)
#: points, and the apostrophes of Hawai'i
_DOTS = re.compile(r"[.'`\u2019\u02bb]")
#: a word with a digit in it is no name
_NO_WORD = re.compile(r"[^A-Za-z0-9]+")
#: words around a name that say what it is
_BEFORE = ({"state", "of"}, {"commonwealth", "of"}, {"territory", "of"})
#: no name of a state has more words
_MOST_WORDS = 5


def state_of(text: str | None) -> str | None:
    """Return the two letters of the state in a text; None when there is none, or more than one.

    >>> state_of("Florida"), state_of(" fl "), state_of("D.C."), state_of("Ontario")
    ('FL', 'FL', 'DC', None)
    """
    states = states_of(text)
    return states[0] if len(states) == 1 else None


@lru_cache(maxsize=4096)
def states_of(text: str | None) -> tuple[str, ...]:
    """Return all states that a text may mean, as two letters each.

    >>> states_of("Birmingham, AL"), states_of("Wheeling, W. Va. 26003"), states_of("02134-1000"), states_of("NC/SC")
    (('AL',), ('WV',), ('MA',), ('NC', 'SC'))
    >>> states_of("Birmingham"), states_of("Washington"), states_of("Washington, D.C.")
    ((), ('WA',), ('DC',))
    """
    plain = unicodedata.normalize("NFKC", (text or "")[:_LONGEST])
    plain = _FRACTION.sub("", plain.strip())
    of_number = _state_of_number(plain)
    if of_number is not None:
        return of_number
    return tuple(sorted({state for part in _OR.split(plain) for state in _states_in(part)}))


def _state_of_number(text: str) -> tuple[str, ...] | None:
    """Return the state of a ZIP or area code that is the whole text; None for other texts."""
    area_code = _AREA_CODE.fullmatch(text)
    if area_code:
        return _as_tuple(PLACES.area_codes.get(area_code[1]))
    return _as_tuple(_state_of_zip(text.zfill(5))) if _SHORT_ZIP.fullmatch(text) else None


def _states_in(text: str) -> set[str]:
    """Return the states in one address: the state is its last part, before country and ZIP."""
    text = _COUNTRY_AFTER.sub("", _COUNTRY_BEFORE.sub("", text.strip())).strip(" ,.-")
    postal = _ZIP.search(text)
    parts = [part.strip() for part in _PARTS.split(text[: postal.start()] if postal else text)]
    parts = [part for part in parts if part.strip(" .-")]
    while len(parts) > 1 and _COUNTY.search(parts[-1]):
        parts.pop()
    states = {*_as_tuple(_state_of_zip(postal[1]) if postal else None)}
    if parts and not _is_canadian(parts):
        states |= {*_as_tuple(_state_named(parts[-1]))}
    return {"DC"} if states == {"WA"} and _CAPITAL.search(text) else states


def _state_of_zip(digits: str) -> str | None:
    return PLACES.zips.get(digits) or PLACES.zips.get(digits[:3])


def _is_canadian(parts: list[str]) -> bool:
    """Return whether a final `CA` is the country, which it is after a province."""
    before = [letters_only(part) for part in parts[:-1]] + [letters_only(part.split()[-1]) for part in parts[:-1]]
    return letters_only(parts[-1]) == "ca" and not PLACES.address_words.provinces.isdisjoint(before)


def _state_named(part: str) -> str | None:
    """Return the state whose name a part of an address is, or ends in."""
    plain = unicodedata.normalize("NFKD", _DOTS.sub("", part)).encode("ascii", "ignore").decode()
    words = _NO_WORD.sub(" ", plain).split()
    small = [word.casefold() for word in words]
    if small[:1] == ["the"]:
        del words[0], small[0]
    if set(small[:2]) in _BEFORE:
        del words[:2], small[:2]
    if len(small) > 1 and small[-1] == "state":
        del words[-1], small[-1]
    whole = PLACES.names.get("".join(small))
    if whole is not None or " ".join(small).endswith(PLACES.address_words.elsewhere):
        return whole
    for count in range(min(_MOST_WORDS, len(words) - 1), 0, -1):
        state = PLACES.names.get("".join(small[-count:]))
        if state is not None and _is_meant("".join(words[-count:])):
            return state
    return None


def _is_meant(name: str) -> bool:
    """Return whether a code at the end of a text is meant as one: `or` may be a word, `OR` is Oregon."""
    return name.isupper() or name.casefold() not in PLACES.address_words.words


def _as_tuple(state: str | None) -> tuple[str, ...]:
    return () if state is None else (state,)
