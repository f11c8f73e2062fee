"""Turn what an input says about contact into consent statements: messages, tags, stages, statuses, notes, columns.

`ml.language.refusals` reads what people write, `ml.language.consent_words` reads the short words of systems. Words that
are about consent and are not understood are in doubt: the channel is closed until a person decides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import cast

from db.records import ConsentStatement, EventDraft, LeadDraft
from domain.channels import ConsentChannel
from domain.consent import ConsentBasis
from domain.documents import JsonMapping, JsonObject
from ml.language import consent_words, refusals

#: rule of a statement from a column or mark that looks like consent and is not understood
NOT_UNDERSTOOD = "not_understood"
#: fact of an event whose words refuse something; such an event is no inquiry
REFUSES = "refuses"
#: code of the warning for `NOT_UNDERSTOOD`
UNCLEAR = "consent.not_understood"
#: a text of fewer words is a mark, not prose
_PROSE = 7
#: fields in which systems keep the state of a lead
_MARK_FIELDS: Mapping[str, ConsentBasis] = {"stage": "stage", "opportunity_status": "status", "lost_reason": "status"}
_REFUSABLE = frozenset({"sms", "email", "call"})
#: kinds of events that end all contact
_ENDING_KINDS = frozenset({"unsubscribed", "opted_out"})
_LONGEST = 120


def from_message(
    text: str | None, channel: str | None, *, at: datetime, reference: str, subject: str | None = None
) -> tuple[ConsentStatement, ...]:
    """Return what an inbound message or its subject refuses: a clear refusal closes channels, a doubtful one asks.

    `channel` is the one the message came over, `reference` the source's id of the message.
    """
    refusal = refusals.NO_REFUSAL
    for part in filter(None, (subject, text)):
        reading = refusals.read_message(part, channel)
        refusal = reading if reading.verdict == "clear" or refusal.verdict == "none" else refusal
        if refusal.verdict == "clear":
            break
    if refusal.verdict == "none":
        return ()
    everything = ConsentStatement(
        channel="all",
        decision="doubtful" if refusal.verdict == "doubt" else "unsubscribed",
        basis="words",
        reference=reference,
        rule=refusal.rule,
        said_at=at,
        quote=text or subject,
    )
    if refusal.verdict == "doubt":
        return (everything,)
    if "all" not in refusal.channels:
        return tuple(_per_channel(replace(everything, decision="refused"), refusal.channels))
    return _with_own_channel(everything, channel)


def from_event_kind(kind: str, channel: str | None, *, at: datetime, reference: str) -> tuple[ConsentStatement, ...]:
    """Return what an event refuses by its kind alone, such as `email_unsubscribed`; nothing for other kinds."""
    closed = consent_words.NO_CHANNELS
    if kind not in _ENDING_KINDS and consent_words.may_mention_consent(kind):
        closed = consent_words.read_mark(kind).refused
    if kind in _ENDING_KINDS or "all" in closed:
        return unsubscribed(channel, basis="event", reference=reference, said_at=at)
    refused = ConsentStatement(channel="all", decision="refused", basis="event", reference=reference, said_at=at)
    return tuple(_per_channel(refused, closed))


def mark_refusal(event: EventDraft, statements: Collection[ConsentStatement]) -> EventDraft:
    """Return the event, with the fact that it refuses something when there are statements."""
    return replace(event, facts={**event.facts, REFUSES: 1}) if statements else event


def unsubscribed(
    channel: str | None, *, basis: ConsentBasis, reference: str, said_at: datetime
) -> tuple[ConsentStatement, ...]:
    """Return the statements that end all contact, said over `channel`."""
    everything = ConsentStatement(
        channel="all", decision="unsubscribed", basis=basis, reference=reference, said_at=said_at
    )
    return _with_own_channel(everything, channel)


def from_mark(text: str, basis: ConsentBasis, *, at: datetime) -> tuple[ConsentStatement, ...]:
    """Return what a tag, a stage, a status or another short mark says of contact."""
    signal = _signal_of_mark(text) if len(text) <= consent_words.LONGEST else None
    return from_signal(signal, basis, reference=text, at=at) if signal is not None else ()


@lru_cache(maxsize=4096)  # tags and stages repeat from lead to lead
def _signal_of_mark(text: str) -> consent_words.ConsentSignal | None:
    return consent_words.read_mark(text) if consent_words.may_mention_consent(text) else None


def from_note(text: str, basis: ConsentBasis, *, at: datetime, reference: str) -> tuple[ConsentStatement, ...]:
    """Return what a note about a lead says: a short text counts as a mark, prose that reports a refusal is in doubt."""
    from_text = from_mark(text, basis, at=at)
    if len(text.split(maxsplit=_PROSE)) < _PROSE:
        return tuple(replace(statement, reference=reference[:_LONGEST]) for statement in from_text)
    refusal = refusals.read_message(text)
    if refusal.verdict == "none" and not from_text:
        return ()
    doubtful = ConsentStatement(
        channel="all",
        decision="doubtful",
        basis=basis,
        reference=reference[:_LONGEST],
        rule=refusal.rule or "mark",
        said_at=at,
        quote=text,
    )
    return (doubtful,)


def from_consent_cell(
    about: consent_words.ConsentColumn, text: str, *, reference: str, at: datetime, dated: datetime | None = None
) -> tuple[ConsentStatement, ...]:
    """Return what a cell of a consent column says; `dated` is the time in the cell, if there is one."""
    signal = consent_words.read_cell(about, text, dated=dated is not None)
    statements = from_signal(signal, "column", reference=reference, at=at, said_at=dated)
    # whoever settles a doubt reads the words, and other words in the column are another doubt
    return tuple(replace(one, quote=text) if one.decision == "doubtful" else one for one in statements)


def from_custom_fields(custom: JsonMapping, *, at: datetime) -> tuple[tuple[ConsentStatement, ...], JsonObject]:
    """Return what custom fields say of contact, and the fields that stay attributes of the lead."""
    statements: list[ConsentStatement] = []
    attributes: JsonObject = {}
    for name, value in custom.items():
        about = consent_words.column_meaning(name)
        if about is not None:
            statements += from_consent_cell(about, _cell_text(value), reference=name, at=at)
        else:
            attributes[name] = value
            statements += from_note(value, "custom", at=at, reference=name) if isinstance(value, str) else ()
    return tuple(statements), attributes


def with_marks(draft: LeadDraft, *, at: datetime) -> LeadDraft:
    """Return a draft with the statements of its tags, stage, statuses and custom fields."""
    from_custom, custom = from_custom_fields(draft.custom, at=at)
    statements = (*_from_tags(draft.fields.get("tags"), at), *_from_fields(draft.fields, at), *from_custom)
    if not statements and len(custom) == len(draft.custom):
        return draft
    return replace(draft, custom=custom, statements=(*draft.statements, *statements))


def from_signal(
    signal: consent_words.ConsentSignal,
    basis: ConsentBasis,
    *,
    reference: str,
    at: datetime,
    said_at: datetime | None = None,
) -> tuple[ConsentStatement, ...]:
    """Return what short words say, as one statement per channel; `at` dates what is in doubt and has no `said_at`."""
    if not signal:
        return ()
    refused = ConsentStatement(
        channel="all", decision="refused", basis=basis, reference=reference[:_LONGEST], said_at=said_at
    )
    doubtful = replace(refused, decision="doubtful", rule=NOT_UNDERSTOOD, said_at=said_at or at)
    return (
        *_per_channel(refused, signal.refused),
        *_per_channel(replace(refused, decision="withheld"), signal.withheld),
        *_per_channel(replace(refused, decision="granted"), signal.granted),
        *_per_channel(doubtful, signal.unclear),
    )


def any_not_understood(statements: Iterable[ConsentStatement]) -> bool:
    """Return whether some words look like consent and are not understood."""
    return any(statement.rule == NOT_UNDERSTOOD for statement in statements)


def _from_tags(tags: object, at: datetime) -> Iterator[ConsentStatement]:
    for tag in tags if isinstance(tags, list | tuple) else ():
        yield from from_mark(str(tag), "tag", at=at)


def _from_fields(fields: JsonMapping, at: datetime) -> Iterator[ConsentStatement]:
    for name, basis in _MARK_FIELDS.items():
        if isinstance(value := fields.get(name), str):
            yield from from_mark(value, basis, at=at)


def _with_own_channel(everything: ConsentStatement, channel: str | None) -> tuple[ConsentStatement, ...]:
    """Return the end of all contact, and a refusal of the channel over which it was said."""
    said_over = {channel} & _REFUSABLE if channel else ()
    return (everything, *_per_channel(replace(everything, decision="refused"), said_over))


def _per_channel(statement: ConsentStatement, channels: Iterable[str | None]) -> Iterator[ConsentStatement]:
    for channel in sorted(filter(None, channels)):
        yield replace(statement, channel=cast("ConsentChannel", channel))


def _cell_text(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
