"""Read what a resource says of contact elsewhere than in its tags: its status, notes, and any field named for consent.

Follow Up Boss has no flag of its own for people who are not to be contacted. Brokerages say it in words, and each of
them wherever it is used to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from db.records import ConsentStatement
from domain.consent import ConsentBasis
from ml.language import consent_words
from ml.language.consent_words import ConsentSignal
from tasks.crm.followupboss.notification import entries, is_hidden
from tasks.intake import consent, payload
from tasks.intake.parsed_event import ParsedEvent, fingerprint
from tasks.intake.payload import Raw

#: fields with a short word about the person
_MARKS: Mapping[str, ConsentBasis] = {"type": "status", "stage": "stage", "dealStage": "stage"}
#: list of addresses or numbers -> the channels that a refusal in the state of one of them closes
_REACH: Mapping[str, frozenset[str]] = {"emails": frozenset({"email"}), "phones": frozenset({"sms", "call"})}
#: levels of objects and lists below a resource
_DEEPEST = 3
#: one resource has no more of such fields
_MOST = 200


def of_person(person: Raw, *, at: datetime) -> Iterator[ConsentStatement]:
    """Yield what a person says of contact: type, stage, states of addresses and numbers, background, other fields."""
    for name, basis in _MARKS.items():
        yield from consent.from_mark(payload.text(person, name) or "", basis, at=at)
    for name, channels in _REACH.items():
        for entry in entries(person, name):
            yield from _of_reach(entry, name, channels, at)
    background = payload.text(person, "background", limit=payload.MAX_BODY)
    if background is not None and not is_hidden(background):
        yield from consent.from_note(background, "note", at=at, reference=f"background:{mark_of(background)}")
    yield from of_fields({name: value for name, value in person.items() if not name.startswith("custom")}, at=at)


def with_fields(parsed: ParsedEvent, resource: Raw) -> ParsedEvent:
    """Return an event about something else than a person, with what the fields of its resource say of contact."""
    said = tuple(dict.fromkeys(of_fields(resource, at=parsed.at)))
    if not said:
        return parsed
    lead = replace(parsed.lead, statements=(*parsed.lead.statements, *said))
    return replace(parsed, lead=lead, state={**parsed.state, **state_of(said)})


def state_of(said: Collection[ConsentStatement]) -> dict[str, str]:
    """Return the part of a state that is about refusals: without it they would pass for no change at all."""
    found = sorted({(statement.channel, statement.decision) for statement in said})
    return {"said": str(found)} if found else {}


def mark_of(text: str) -> str:
    """Return a few digits that tell a text from the one before it: a doubt that was settled is of that text alone."""
    return fingerprint(text)[:6]


def of_fields(resource: Raw, *, at: datetime) -> Iterator[ConsentStatement]:
    """Yield what the fields say that are named for consent, such as `doNotCall` or `communicationsConsent.text`."""
    for number, (name, value) in enumerate(_leaves(resource, "", 0)):
        if number == _MOST:
            return
        about = consent_words.column_meaning(name)
        cell = ("yes" if value else "no") if isinstance(value, bool) else payload.as_text(value)
        if about is not None and cell is not None:
            yield from consent.from_consent_cell(about, cell, reference=name, at=at)


def _of_reach(entry: Raw, name: str, channels: frozenset[str], at: datetime) -> Iterator[ConsentStatement]:
    """Yield what the state or the label of one address or number says; it is about the channels it is reached over."""
    for word in filter(None, (payload.text(entry, "status"), payload.text(entry, "type"))):
        said = consent_words.read_mark(word)
        if said:
            signal = ConsentSignal(refused=channels) if said.refused else ConsentSignal(unclear=channels)
            yield from consent.from_signal(signal, "status", reference=f"{name}.status", at=at)


def _leaves(value: Any, name: str, depth: int) -> Iterator[tuple[str, Any]]:
    """Yield the values within an object by their names, behind that of the object around them; a list adds none."""
    inner: Iterable[tuple[str, Any]] = ()
    if isinstance(value, Mapping):
        inner = ((f"{name} {key}".strip(), item) for key, item in value.items())
    elif isinstance(value, list):
        inner = (("", item) for item in value if isinstance(item, Mapping))
    elif len(name) <= consent_words.LONGEST:
        yield name, value
    for inner_name, item in inner if depth < _DEEPEST else ():
        yield from _leaves(item, inner_name, depth + 1)
