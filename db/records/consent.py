"""Who agreed to be contacted or refused, when, in which words, and where they said it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

#: granted: agreed; withheld: did not agree, which is no refusal; refused: closed; unsubscribed: everything is closed;
#: doubtful: perhaps a refusal, closed until a person decides; settled: a person decided that it was none
Decision = Literal["granted", "withheld", "refused", "unsubscribed", "doubtful", "settled"]
#: where it was said: in a message; in a column of a file, a tag, a stage, a status, a note or a custom field; by an
#: event that says nothing else; in a field of the contract; by a person who decided; or before statements were kept
Basis = Literal["words", "column", "tag", "stage", "status", "note", "custom", "event", "field", "person", "stored"]
Channel = Literal["all", "email", "sms", "call", "mail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentStatement:
    """What one source said of one channel."""

    channel: Channel
    decision: Decision
    basis: Basis
    #: the column's header, the tag, the stage, the source's id of the message, the person who decided
    reference: str = ""
    #: what read it: an entry of a catalogue, `not_understood`; None where nothing had to be read
    rule: str | None = None
    #: when it was said; None: it was found so when it was recorded
    said_at: datetime | None = None
    #: the words; stored sealed
    quote: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingRecord:
    """How far a version of the readers of refusals got with the leads that a tenant had stored."""

    version: str
    #: the last lead that was read; empty: none yet
    cursor: str
    leads: int
    #: leads that a refusal was found of, and those that are in doubt
    refused: int
    doubtful: int
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRecord:
    """One entry of the ledger: what one source said at one time, never changed."""

    entry_id: str
    lead_id: str
    source: str
    said_at: datetime | None
    recorded_at: datetime
    #: the import that brought it
    import_ref: str | None
    #: channel, decision, basis, reference, rule
    said: tuple[Mapping[str, Any], ...]
    #: the words, opened; None where there are none
    quote: str | None = field(repr=False)
