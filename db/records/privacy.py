"""Erasure, and who may not be scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from db.records.common import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureRecord:
    """One erasure; names nobody."""

    erasure_id: str
    reason: str
    #: counts by store, models affected
    result: Json
    erased_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What erasing in the database came to."""

    #: table -> rows deleted or changed
    stores: Mapping[str, int]
    #: versions of models trained on the subject, marked for retraining
    models: tuple[str, ...]
    #: ids of tasks whose results named the subject
    task_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPlace:
    """Where an import keeps files, and how their rows are read."""

    backfill_id: str
    #: running, finished, failed or cancelled
    state: str
    spool: str
    error_file: str | None
    delimiter: str
    header: tuple[str, ...]
    finished_at: datetime | None
