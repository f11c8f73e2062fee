"""Changes of who answers, and verdicts on challengers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from domain.promotions import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChangeDraft:
    """A change to be recorded."""

    kind: str
    change: Change
    #: the model that it is about
    version: str
    #: champion before and after; None: what is written, or what is shared, answers
    from_version: str | None
    to_version: str | None
    #: who decided it
    actor: str
    #: one sentence with figures
    reason: str
    #: number of the comparison among those with the champion of then; None: nothing was compared
    look: int | None = None
    #: the decision, the rule of its rollback, and the bands that changed
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChangeRecord:
    """A recorded change."""

    #: sorts by the time of writing
    change_id: str
    kind: str
    #: a `Change`; a later version of Hearth may know more
    change: str
    version: str
    from_version: str | None
    to_version: str | None
    actor: str
    reason: str
    look: int | None
    detail: Mapping[str, Any]
    at: datetime
