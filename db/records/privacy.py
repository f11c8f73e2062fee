"""Erasures and what they came to, corrected facts, people found by an address, and deletions of whole tenants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from domain.documents import JsonMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureRecord:
    """One erasure; it names nobody."""

    erasure_id: str
    reason: str
    #: counts by store, models affected
    result: JsonMapping
    erased_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureResult:
    """The result of erasing a person in the database."""

    #: table -> rows deleted or changed
    stores: Mapping[str, int]
    #: versions of models trained on the person, now marked for retraining
    models: tuple[str, ...]
    #: ids of tasks whose results named the person
    task_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionRecord:
    """One corrected fact of a lead, decrypted."""

    correction_id: str
    #: the column; a tenant's own begins with `custom.`
    field: str
    #: None: it was empty
    before: object
    #: None: it was removed
    after: object
    #: a code
    reason: str
    actor: str
    corrected_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPerson:
    """A lead that was found by an address or a number; ids and states only."""

    lead_id: str
    #: (source system, id) of each source that knows the lead
    identities: tuple[tuple[str, str], ...]
    #: open, won, lost, abandoned or archived
    status: str
    #: why nothing may be computed for it: restricted, objected; empty where all is allowed
    restrictions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OffboardingRecord:
    """The deletion of a whole tenant."""

    offboarding_id: str
    actor: str
    #: deleting or deleted
    state: str
    #: numbers of rows, files and messages by store when it began
    before: JsonMapping
    #: what the final audit statement says; None: not finished
    statement: JsonMapping | None
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What the purge took of one store at one time; it names nobody."""

    at: datetime
    #: a table, or `files`
    store: str
    rows: int
    category: str
    #: days that the category was kept then; None: the row of the chain does not say it
    days: int | None
    #: whose rule that was: default or tenant
    by: str | None
    #: of the row of the audit chain
    sequence: int
