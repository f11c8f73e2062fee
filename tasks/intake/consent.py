"""What an input says of being contacted, as statements: messages, tags, stages, statuses, notes, columns.

`ml.language.refusals` reads what people write, `ml.language.consent_words` the short words of systems. What is about
consent and is not understood is in doubt: the channel is closed until a person decides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from db.records import Basis, Channel, ConsentStatement, Decision, EventDraft, LeadDraft
from ml.language import consent_words, refusals

#: a column or mark that looks like consent and is not understood
NOT_UNDERSTOOD = "not_understood"
#: fact of an event whose words refuse something: it is no inquiry
REFUSES = "refuses"
#: the warning of it
UNCLEAR = "consent.not_understood"
#: fewer words than this are a mark, not prose
_PROSE = 7
#: fields in which systems say how a lead stands
_MARKS: Mapping[str, Basis] = {"stage": "stage", "opportunity_status": "status", "lost_reason": "status"}
_OURS = frozenset({"sms", "email", "call"})
#: kinds of events that end all contact
_ENDS = frozenset({"unsubscribed", "opted_out"})
_LONGEST = 120


def of_message(
    text: str | None, channel: str | None, *, at: datetime, reference: str, subject: str | None = None
) -> tuple[ConsentStatement, ...]:
    """Read an inbound message, or its subject: a clear refusal closes what it names, a doubtful one asks a person."""
    found = refusals.NONE
    for part in filter(None, (subject, text)):
        reading = refusals.read(part, channel)
        found = reading if reading.verdict == "clear" or found.verdict == "none" else found
        if found.verdict == "clear":
            break
    if found.verdict == "none":
        return ()
    told: dict[str, Any] = {"basis": "words", "reference": reference, "rule": found.rule, "said_at": at}
    told |= {"quote": text or subject}
    if found.verdict == "doubt":
        return (ConsentStatement(channel="all", decision="doubtful", **told),)
    if "all" not in found.channels:
        return tuple(_said(found.channels, "refused", **told))
    return unsubscribed(channel, **told)


def of_event(kind: str, channel: str | None, *, at: datetime, reference: str) -> tuple[ConsentStatement, ...]:
    """Give what an event refuses by its kind alone, `email_unsubscribed`; nothing where it is of another kind."""
    told: dict[str, Any] = {"basis": "event", "reference": reference, "said_at": at}
    if kind in _ENDS:
        return unsubscribed(channel, **told)
    closed = consent_words.mark(kind).refused if consent_words.maybe(kind) else consent_words.NOBODY
    return unsubscribed(channel, **told) if "all" in closed else tuple(_said(closed, "refused", **told))


def refusing(event: EventDraft, statements: Collection[ConsentStatement]) -> EventDraft:
    """Give a message with the fact that it refuses something, where it does."""
    return replace(event, facts={**event.facts, REFUSES: 1}) if statements else event


def unsubscribed(channel: str | None, **told: Any) -> tuple[ConsentStatement, ...]:
    """Give the end of all contact, said over a channel."""
    everything = ConsentStatement(channel="all", decision="unsubscribed", **told)
    return (everything, *_said({channel} & _OURS if channel else (), "refused", **told))


def of_mark(text: str, basis: Basis, *, at: datetime) -> tuple[ConsentStatement, ...]:
    """Read a tag, a stage, a status or another short mark."""
    if not consent_words.maybe(text):
        return ()
    return of_said(consent_words.mark(text), basis, reference=text, at=at)


def of_note(text: str, basis: Basis, *, at: datetime, reference: str) -> tuple[ConsentStatement, ...]:
    """Read what somebody wrote of a lead: a mark counts as one, prose that tells of a refusal is in doubt."""
    found = of_mark(text, basis, at=at)
    if len(text.split(maxsplit=_PROSE)) < _PROSE:
        return tuple(replace(one, reference=reference[:_LONGEST]) for one in found)
    reading = refusals.read(text)
    if reading.verdict == "none" and not found:
        return ()
    rule = reading.rule or "mark"
    told: dict[str, Any] = {"reference": reference[:_LONGEST], "rule": rule, "said_at": at, "quote": text}
    return (ConsentStatement(channel="all", decision="doubtful", basis=basis, **told),)


def of_column(
    about: consent_words.Column, text: str, *, reference: str, at: datetime, dated: datetime | None = None
) -> tuple[ConsentStatement, ...]:
    """Read a cell of a column that is about consent; `dated` is the time that it holds, if it holds one."""
    said = consent_words.cell(about, text, dated=dated is not None)
    return of_said(said, "column", reference=reference, at=at, said_at=dated)


def of_custom(custom: Mapping[str, Any], *, at: datetime) -> tuple[tuple[ConsentStatement, ...], dict[str, Any]]:
    """Read a tenant's own fields; gives what they say, and those that are no word of consent and stay attributes."""
    found: list[ConsentStatement] = []
    kept: dict[str, Any] = {}
    for name, value in custom.items():
        about = consent_words.column(name)
        if about is not None:
            found += of_column(about, _text(value), reference=name, at=at)
        else:
            kept[name] = value
            found += of_note(value, "custom", at=at, reference=name) if isinstance(value, str) else ()
    return tuple(found), kept


def with_marks(draft: LeadDraft, *, at: datetime) -> LeadDraft:
    """Give a draft with what its tags, stage, statuses and own fields say of being contacted."""
    found, custom = of_custom(draft.custom, at=at)
    marks = (*_tags(draft.fields.get("tags"), at), *_fields(draft.fields, at), *found)
    if not marks and len(custom) == len(draft.custom):
        return draft
    return replace(draft, custom=custom, statements=(*draft.statements, *marks))


def of_said(
    said: consent_words.Said, basis: Basis, *, reference: str, at: datetime, said_at: datetime | None = None
) -> tuple[ConsentStatement, ...]:
    """Give what was read of short words as statements."""
    if not said:
        return ()
    told: dict[str, Any] = {"basis": basis, "reference": reference[:_LONGEST], "said_at": said_at}
    return (
        *_said(said.refused, "refused", **told),
        *_said(said.withheld, "withheld", **told),
        *_said(said.granted, "granted", **told),
        *_said(said.unclear, "doubtful", **{**told, "rule": NOT_UNDERSTOOD, "said_at": said_at or at}),
    )


def not_understood(statements: Iterable[ConsentStatement]) -> bool:
    """Tell whether some words look like consent and are not understood."""
    return any(one.rule == NOT_UNDERSTOOD for one in statements)


def _tags(tags: object, at: datetime) -> Iterator[ConsentStatement]:
    for tag in tags if isinstance(tags, list | tuple) else ():
        yield from of_mark(str(tag), "tag", at=at)


def _fields(fields: Mapping[str, Any], at: datetime) -> Iterator[ConsentStatement]:
    for name, basis in _MARKS.items():
        if isinstance(value := fields.get(name), str):
            yield from of_mark(value, basis, at=at)


def _said(channels: Iterable[str | None], decision: Decision, **told: Any) -> Iterator[ConsentStatement]:
    for channel in sorted(filter(None, channels)):
        yield ConsentStatement(channel=cast("Channel", channel), decision=decision, **told)


def _text(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
