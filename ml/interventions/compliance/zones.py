"""Find out where a person may be: the time zones, and the laws that apply in each.

If several places are possible, all of them count. If nothing is known, every zone counts, with the laws of all states
in it. The data is in `zones.toml` and `holidays.toml`. Exchanges are looked up with libphonenumber, whose zones load in
about 25 ms and 3 MB; its place names would take 100 MB, so area codes are in the file.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from phonenumbers import NumberParseException, PhoneNumber, is_possible_number, parse
from phonenumbers.timezone import time_zones_for_geographical_number

from ml.interventions.compliance.holidays import HOLIDAYS
from ml.interventions.compliance.places import DAYS, PLACES, LegalHours, PlaceTables, is_zone, load_places
from ml.interventions.compliance.states import state_of, states_of

__all__ = [
    "DAYS",
    "LAWS",
    "PLACES",
    "LegalHours",
    "Place",
    "PlaceBasis",
    "PlaceTables",
    "laws_of",
    "load_places",
    "place_of",
    "state_of",
    "state_of_phone",
    "states_of",
    "zones_of",
]

PlaceBasis = Literal["contact", "state", "area_code", "unknown"]

#: hours first, then holidays
LAWS = (*PLACES.hours, *HOLIDAYS.laws)
#: digits of an American number that locate it: area code and exchange
_EXCHANGE = 6
_AMERICAN = re.compile(r"(?:\+?1)?([2-9][0-9]{2}[2-9][0-9]{6})")
#: libphonenumber returns more zones than this for a number without a place
_ANYWHERE = 6
#: the prefix of names in lists of zones: "(GMT-05:00) Eastern Time"
_OFFSET = re.compile(r"^\((?:GMT|UTC)[^)]*\)\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Every zone a person may be in, with the laws that apply there."""

    basis: PlaceBasis
    clocks: tuple[tuple[str, tuple[LegalHours, ...]], ...]
    #: True: the state is not known, so the laws of all states in a zone count
    any_state: bool

    @property
    def zones(self) -> tuple[str, ...]:
        """Return the zones, without their laws."""
        return tuple(zone for zone, _ in self.clocks)


def state_of_phone(phone: str | None) -> str | None:
    """Return the state of a number's area code; None when it has none.

    >>> state_of_phone("+1 (305) 555-0100"), state_of_phone("18005550100"), state_of_phone(None)
    ('FL', None, None)
    """
    number = _number(phone)
    if number is None or number.country_code != 1:
        return None
    return PLACES.area_codes.get(str(number.national_number)[:3])


def zones_of(timezone: str | None, state: str | None, phone: str | None) -> tuple[tuple[str, ...], PlaceBasis]:
    """Return every zone a person may be in, and the source: the contact's zone, else its state, else its area code.

    >>> zones_of("America/Denver", "FL", None)
    (('America/Denver',), 'contact')
    >>> zones_of(None, "Pensacola, Fla.", None)
    (('America/Chicago', 'America/New_York'), 'state')
    >>> zones_of("", None, "(808) 555-0100")
    (('Pacific/Honolulu',), 'area_code')
    >>> zones, basis = zones_of(None, None, None)
    >>> basis, "Pacific/Guam" in zones, "America/New_York" in zones
    ('unknown', True, True)
    """
    of_contact = _contact_zones(timezone)
    if of_contact:
        return of_contact, "contact"
    states = states_of(state)
    if states:
        return tuple(sorted({zone for code in states for zone in PLACES.states[code]})), "state"
    of_phone = _phone_zones(phone)
    return (of_phone, "area_code") if of_phone else (_EVERYWHERE, "unknown")


def place_of(timezone: str | None, state: str | None, phone: str | None) -> Place:
    """Return where a person may be and which laws apply: federal law, and those of its state and of its area code's.

    When neither gives a state in the zone, the laws of all states in the zone apply, wholly or in part.

    >>> place = place_of(None, "Florida", "+12145550100")
    >>> place.zones, [law.id for law in place.clocks[0][1]]
    (('America/Chicago', 'America/New_York'), ['quiet.federal', 'quiet.fl', 'quiet.tx'])
    >>> arizona = place_of("America/Phoenix", None, None)
    >>> [law.id for law in arizona.clocks[0][1]], arizona.any_state
    (['quiet.federal'], True)
    >>> dict(place_of(None, None, None).clocks)["America/Denver"][-1].id
    'quiet.holiday_ut'
    """
    zones, basis = zones_of(timezone, state, phone)
    return _place(zones, basis, states_of(state), state_of_phone(phone))


def laws_of(state: str | None, phone: str | None, timezone: str | None = None) -> tuple[LegalHours, ...]:
    """Return all laws that apply in any zone a person may be in.

    >>> [law.id for law in laws_of("Birmingham, AL", None)]
    ['quiet.federal', 'quiet.al', 'quiet.holiday_al']
    """
    applying = {law.id for _, laws in place_of(timezone, state, phone).clocks for law in laws}
    return tuple(law for law in LAWS if law.id in applying)


@lru_cache(maxsize=4096)
def _place(zones: tuple[str, ...], basis: PlaceBasis, states: tuple[str, ...], phone_state: str | None) -> Place:
    named = {*states, phone_state} - {None}
    in_zones = {code for zone in zones for code in PLACES.zones.get(zone, ())}
    # people keep their number when they move: a number from outside the zones does not give the state
    moved = basis == "contact" and phone_state not in in_zones
    any_state = bool(in_zones) and not states and (phone_state is None or moved)
    clocks = ((zone, _laws({*named, *(PLACES.zones.get(zone, ()) if any_state else ())})) for zone in zones)
    return Place(basis=basis, clocks=tuple(clocks), any_state=any_state)


def _laws(states: Collection[str | None]) -> tuple[LegalHours, ...]:
    return tuple(law for law in LAWS if law.state == "*" or law.state in states)


def _contact_zones(timezone: str | None) -> tuple[str, ...]:
    """Return the zones that a contact's time zone names; a CRM's default such as UTC is no place and counts as none."""
    name = _OFFSET.sub("", " ".join((timezone or "").split()))
    alias = PLACES.aliases.get(name.casefold())
    if alias is not None:
        return alias
    is_place = "/" in name and not name.casefold().startswith("etc/")
    return (name,) if is_place and is_zone(name) else ()


def _phone_zones(phone: str | None) -> tuple[str, ...]:
    number = _number(phone)
    if number is None:
        return ()
    if number.country_code != 1:
        return _known_zones(time_zones_for_geographical_number(number))
    exchange = str(number.national_number)[:_EXCHANGE]
    code = exchange[:3]
    # the library does not know the newest area codes
    of_state = PLACES.states.get(PLACES.area_codes.get(code, ""), ())
    return PLACES.split.get(code) or _exchange_zones(exchange) or of_state


@lru_cache(maxsize=4096)
def _exchange_zones(exchange: str) -> tuple[str, ...]:
    """Return the zones of an American exchange; none for one without a place. An exchange is no personal data."""
    number = PhoneNumber(country_code=1, national_number=int(exchange.ljust(10, "0")))
    zones = _known_zones(time_zones_for_geographical_number(number))
    return zones if len(zones) <= _ANYWHERE else ()


def _known_zones(zones: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(filter(is_zone, zones)))


def _number(phone: str | None) -> PhoneNumber | None:
    """Parse a number; digits without a country are American, and most of them need no library."""
    if not phone:
        return None
    american = _AMERICAN.fullmatch(phone)
    if american:
        return PhoneNumber(country_code=1, national_number=int(american[1]))
    try:
        number = parse(phone, "US")
    except NumberParseException:
        return None
    return number if is_possible_number(number) else None


_EVERYWHERE = PLACES.everywhere
