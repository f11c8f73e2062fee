"""Consent statements: who agreed to be contacted or refused, when, in which words, and where it was stated."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from domain.channels import ConsentChannel
from domain.consent import ConsentBasis, ConsentDecision
from domain.documents import JsonMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentStatement:
    """One source's statement about one channel."""

    channel: ConsentChannel
    decision: ConsentDecision
    basis: ConsentBasis
    #: the column's header, the tag, the stage, the source's id of the message, the person who decided
    reference: str = ""
    #: the rule that read it: an entry of a catalogue, `not_understood`; None where nothing had to be read
    rule: str | None = None
    #: when it was stated; None: when it was recorded
    said_at: datetime | None = None
    #: the words; stored sealed
    quote: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentReadingRecord:
    """The progress of one version of the refusal readers through the leads that a tenant had stored."""

    version: str
    #: the last lead that was read; empty before the first
    cursor: str
    leads: int
    #: leads with a refusal found, and leads in doubt
    refused: int
    doubtful: int
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRecord:
    """One entry of the consent ledger: what one source stated at one time; never changed."""

    entry_id: str
    lead_id: str
    source: str
    said_at: datetime | None
    recorded_at: datetime
    #: the import that brought it
    import_ref: str | None
    #: channel, decision, basis, reference and rule of each statement
    said: tuple[JsonMapping, ...]
    #: the words, decrypted; None where there are none
    quote: str | None = field(repr=False)
