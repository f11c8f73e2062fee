"""Erasures and what they came to."""

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
