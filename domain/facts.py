"""What a lead says of itself in a message, by kind; and how a figure of it is bound."""

from __future__ import annotations

from typing import Literal, get_args

FactKind = Literal[
    "budget",
    "visit_time",
    "timeline",
    "beds",
    "baths",
    "property_type",
    "preapproval",
    "question",
    "appointment_wish",
    "price_objection",
    "competitor",
    "opt_out",
]
FACT_KINDS: tuple[FactKind, ...] = get_args(FactKind)

#: how the figures of a fact are meant: exactly, at least, at most, about, or between two
Bound = Literal["exact", "min", "max", "around", "range"]
BOUNDS: tuple[Bound, ...] = get_args(Bound)

#: kinds of property that a message names
PropertyType = Literal[
    "single family", "multi family", "townhouse", "condo", "apartment", "land", "commercial", "house"
]
PROPERTY_TYPES: tuple[PropertyType, ...] = get_args(PropertyType)

#: what a lead would like to have appointed
AppointmentWish = Literal["visit", "call", "meeting"]
#: what a lead says against a price
PriceObjection = Literal["too_expensive", "over_budget", "cannot_afford", "wants_lower", "rates"]
#: whom else a lead deals with: an agent of its own, another brokerage, a portal
Competitor = Literal["has_agent", "brokerage", "portal"]
