"""Measure how well refusals are read, on messages that people have labelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from ml.errors import LabelsError
from ml.language.refusals import RefusalVerdict, read_message

RefusalLabel = Literal["refusal", "none"]
LABELS: tuple[str, ...] = get_args(RefusalLabel)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalFigures:
    """The quality on labelled messages; a share is None when there is no message to take it of."""

    rows: int
    #: share of the refusals that are read as clear or in doubt
    recall: float | None
    #: shares of the other messages that are read as clear, and as in doubt
    false_alarm_rate: float | None
    in_doubt_rate: float | None


def evaluate(texts: Sequence[str], labels: Sequence[str]) -> RefusalFigures:
    """Read every message and compare with its label. Raises LabelsError, which names the row of an unknown label.

    >>> evaluate(["STOP", "Sounds good", "See you Sunday"], ["refusal", "none", "none"])
    RefusalFigures(rows=3, recall=1.0, false_alarm_rate=0.0, in_doubt_rate=0.0)
    """
    parsed = [parse_label(label, row) for row, label in enumerate(labels, 1)]
    return score_verdicts([read_message(text).verdict for text in texts], parsed)


def parse_label(text: str, row: int) -> RefusalLabel:
    """Return a row's label. Raises LabelsError."""
    label = text.strip().casefold()
    if label == "refusal":
        return "refusal"
    if label == "none":
        return "none"
    raise LabelsError(f"row {row}: the label is neither refusal nor none")


def score_verdicts(verdicts: Sequence[RefusalVerdict], labels: Sequence[RefusalLabel]) -> RefusalFigures:
    """Return the quality of some verdicts.

    >>> score_verdicts(["clear", "doubt", "none"], ["refusal", "none", "none"]).in_doubt_rate
    0.5
    """
    refusals = [verdict for verdict, label in zip(verdicts, labels, strict=True) if label == "refusal"]
    others = [verdict for verdict, label in zip(verdicts, labels, strict=True) if label == "none"]
    missed = _share(refusals, "none")
    return RefusalFigures(
        rows=len(verdicts),
        recall=None if missed is None else 1 - missed,
        false_alarm_rate=_share(others, "clear"),
        in_doubt_rate=_share(others, "doubt"),
    )


def _share(verdicts: Sequence[RefusalVerdict], wanted: RefusalVerdict) -> float | None:
    return sum(verdict == wanted for verdict in verdicts) / len(verdicts) if verdicts else None
