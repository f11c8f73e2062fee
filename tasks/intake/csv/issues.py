"""The issues of an import: what is wrong with a file, a row or a cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: error: the row was not imported; warning: the cell was left out, or imported with a doubt; info: nothing was lost
Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One issue: what is wrong, where, and what to do; never the value itself."""

    severity: Severity
    #: of the CSV contract, such as `value.date`
    code: str
    #: header of the column; None: the whole row or file
    column: str | None = None
    message: str
