"""Answers of `hearth.privacy.*`."""

from __future__ import annotations

from typing import Literal

from tasks.contracts.answers.base import Answer, Identified, LeadInDoubt
from tasks.contracts.answers.consent import ConsentState, ConsentView
from tasks.contracts.base.published import Count, Published, Time


class Ledger(Answer, Identified, ConsentView):
    """A lead's consent: the state of each channel, and the newest statements."""


class Decided(Answer, Identified, ConsentState):
    """A lead's consent after a person's decision."""

    decision: Literal["refused", "open"]


class Doubts(Answer):
    """The leads of which a person must decide whether they refused, the longest waiting first."""

    leads: list[LeadInDoubt]


class Exported(Answer):
    """The file with everything that is stored about a person, and counts of what is in it."""

    export_id: str
    #: on the workers' machine
    file: str
    #: the same as a page that a person can read, beside the file
    page: str | None = None
    bytes: Count
    sha256: str
    leads: Count
    #: table -> rows
    stores: dict[str, Count]


class RequestedId(Published):
    """What became of one of several ids of the message."""

    #: its place in the message, from 0
    index: Count
    state: Literal["erased", "erased_before", "searched"]
    #: the earlier erasure
    erasure_id: str | None = None


class Forgotten(Answer):
    """What was erased, in counts."""

    erasure_id: str
    leads: Count
    #: table -> rows
    stores: dict[str, Count]
    #: kind of file -> files, or rows of them
    files: dict[str, Count]
    #: results of tasks that the broker held
    results: Count
    #: versions of models that learnt from the person and are trained again
    models: list[str]
    #: one a requested id, where there were several
    ids: list[RequestedId] | None = None


class RestrictedLead(Identified):
    """A lead, and why nothing may be computed of it; empty: all may."""

    blocked: list[Literal["restricted", "objected"]]


class Restricted(Answer):
    """The leads of a person after the change."""

    leads: list[RestrictedLead]


class Readmitted(Answer):
    """How many ids, addresses and numbers of an erasure may be imported again."""

    erasure_id: str
    identities: Count


class SourceIdentity(Published):
    """An id under which a source system knows a lead."""

    external_id: str
    source_system: str


class FoundLead(Published):
    """A lead that was found by an address or a number."""

    lead_id: str
    external_ids: list[SourceIdentity]
    status: str
    blocked: list[str]


class FoundErasure(Published):
    """An erasure of somebody who had the address or the number."""

    erasure_id: str
    erased_at: Time
    reason: str


class Found(Answer):
    """The people who were found, by ids."""

    by: Literal["email", "phone"]
    found: Count
    leads: list[FoundLead]
    forgotten: list[FoundErasure]


class Corrected(Answer, Identified):
    """The columns of a lead that were corrected."""

    corrected: list[str]
