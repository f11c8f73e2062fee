"""Rows of the audit chains, and the result of verifying one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from domain.documents import JsonMapping

AuditFault = Literal["changed", "missing", "truncated", "head", "anchor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditDraft:
    """An entry to be added to the audit chain."""

    #: e.g. `prediction`, `override`, `settings`, `promotion`, `export`, `erasure`
    kind: str
    #: finite JSON without personal data
    body: JsonMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditAnchor:
    """The newest row of a chain, to be stored outside the database."""

    #: 0 before the first row
    sequence: int
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """The result of verifying a chain."""

    ok: bool
    #: rows that were read
    rows: int
    #: sequence of the first row that is wrong or missing; None when the chain is whole
    first_bad: int | None
    #: a row was changed, is missing, the newest are missing, or the stored head or an anchor contradicts the chain
    reason: AuditFault | None
    #: the first anchor that contradicts the chain; None where none does or none was given
    anchor: AuditAnchor | None = None
