"""Read the facts that a lead says in a message: each with its span, value, bound and confidence, and no text."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from ml.language import refusals
from ml.language.facts import preapproval, property_type, question, rooms, wishes
from ml.language.facts.days import timeline, visit_time
from ml.language.facts.folding import folded
from ml.language.facts.money import budget
from ml.language.refusals import RefusalVerdict
from ml.language.results import Fact

#: changes when the same text would be read otherwise
VERSION = "facts-1"
#: confidence of a refusal that the reader of refusals calls clear, and of one in doubt
_REFUSAL_CONFIDENCE = {"clear": 0.97, "doubt": 0.5}


def read_facts(text: str, *, at: datetime, zone: ZoneInfo, refusal: RefusalVerdict | None = None) -> tuple[Fact, ...]:
    """Return the facts of a message in the order of their spans.

    `text`: the writer's own words; `at`: when it was written, with a zone; `zone`: the lead's, in which days are meant.
    `refusal`: the verdict of `refusals.read_message` on this message, if it is known; else it is read here, which takes
    longer than all other facts together.

    >>> from datetime import UTC
    >>> at, zone = datetime(2026, 11, 30, 18, tzinfo=UTC), ZoneInfo("America/Chicago")
    >>> for fact in read_facts("3 beds under 450k, can we see it tomorrow at 3?", at=at, zone=zone):
    ...     print(fact.kind, fact.value, fact.bound)
    beds (3.0, 3.0) exact
    budget (None, 450000.0) max
    appointment_wish visit None
    visit_time 2026-12-01T15:00:00-06:00 exact
    """
    message = folded(text)
    facts = [
        *budget.read(message),
        *rooms.read(message),
        *visit_time.read(message, at=at, zone=zone),
        *timeline.read(message, at=at, zone=zone),
        *property_type.read(message),
        *preapproval.read(message),
        *question.read(message),
        *wishes.read_appointment_wish(message),
        *wishes.read_price_objection(message),
        *wishes.read_competitor(message),
        *_refusal(text, refusal or refusals.read_message(text).verdict),
    ]
    return tuple(sorted(facts, key=lambda fact: (fact.start, fact.end, fact.kind)))


def _refusal(text: str, verdict: RefusalVerdict) -> Iterator[Fact]:
    """Yield the refusal of contact that the reader of refusals finds; its span is the message, which it judges."""
    if verdict != "none":
        yield Fact(
            kind="opt_out", value=verdict, bound=None, start=0, end=len(text), confidence=_REFUSAL_CONFIDENCE[verdict]
        )
