"""How well refusals are read: figures on messages that people have labelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from ml.errors import LabelsError
from ml.language.refusals import Verdict, read

Label = Literal["refusal", "none"]
LABELS: tuple[str, ...] = get_args(Label)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was read of labelled messages; None where there is nothing to take a share of."""

    rows: int
    #: share of the refusals that are read as clear or in doubt
    recall: float | None
    #: shares of the others that are read as clear, and in doubt
    false_alarm_rate: float | None
    in_doubt_rate: float | None


def evaluate(texts: Sequence[str], labels: Sequence[str]) -> Figures:
    """Read every message and compare. Raises LabelsError, which names the row, for a label that is neither word.

    >>> evaluate(["STOP", "Sounds good", "See you Sunday"], ["refusal", "none", "none"])
    Figures(rows=3, recall=1.0, false_alarm_rate=0.0, in_doubt_rate=0.0)
    """
    known = [label_of(label, row) for row, label in enumerate(labels, 1)]
    return figures([read(text).verdict for text in texts], known)


def label_of(text: str, row: int) -> Label:
    """Give a row's label. Raises LabelsError."""
    label = text.strip().casefold()
    if label == "refusal":
        return "refusal"
    if label == "none":
        return "none"
    raise LabelsError(f"row {row}: the label is neither refusal nor none")


def figures(verdicts: Sequence[Verdict], labels: Sequence[Label]) -> Figures:
    """Give the figures of what was read.

    >>> figures(["clear", "doubt", "none"], ["refusal", "none", "none"]).in_doubt_rate
    0.5
    """
    refusals = [verdict for verdict, label in zip(verdicts, labels, strict=True) if label == "refusal"]
    others = [verdict for verdict, label in zip(verdicts, labels, strict=True) if label == "none"]
    missed = _share(refusals, "none")
    return Figures(
        rows=len(verdicts),
        recall=None if missed is None else 1 - missed,
        false_alarm_rate=_share(others, "clear"),
        in_doubt_rate=_share(others, "doubt"),
    )


def _share(verdicts: Sequence[Verdict], wanted: Verdict) -> float | None:
    return sum(verdict == wanted for verdict in verdicts) / len(verdicts) if verdicts else None
