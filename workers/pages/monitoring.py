"""Write the monitoring page: how a tenant's models did over time, what drifted, and what that is likely to cost.

It is drawn from stored checks and findings alone, so the same rows give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from db.records import FindingRecord, WindowRecord
from domain.documents import JsonMapping
from domain.drift import DriftAction, DriftLevel
from workers.pages import figures
from workers.pages.figures import Drawing, Line, Mark
from workers.pages.layout import render

#: what a check asks for -> what that means, and its colour
ACTIONS: Mapping[DriftAction, tuple[str, str]] = {
    "none": ("nothing to do", "good"),
    "warn": ("somebody should look", ""),
    "retrain": ("it is trained again", "bad"),
    "rollback": ("the promotion is to be taken back", "bad"),
}
LEVELS: Mapping[DriftLevel, str] = {"watch": "may be chance", "warning": "a warning", "retrain": "sure"}
#: how a feature has moved -> what that means
SHIFTS: Mapping[str, str] = {
    "none": "as in training",
    "new": "moved",
    "seasonal": "as a year ago",
    "standing": "so from the start",
}
#: experts drawn, those that weigh most now
_DRAWN = 3
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model's part of the page."""

    kind: str
    name: str
    newest: WindowRecord
    action: str
    #: "good", "bad" or nothing
    colour: str
    error: Drawing | None
    weights: Drawing | None
    #: the newest checks, newest first
    days: tuple[WindowRecord, ...]
    findings: tuple[FindingRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoringPage:
    """The data of the page."""

    tenant: str
    at: datetime
    models: tuple[Model, ...]


def page(records: Sequence[WindowRecord], findings: Sequence[FindingRecord], *, tenant: str, at: datetime) -> str:
    """Return checks, oldest first, and findings as one self-contained HTML document."""
    view = MonitoringPage(tenant=tenant, at=at, models=models(records, findings))
    return render("monitoring.html", {"view": view, "levels": LEVELS, "shifts": SHIFTS})


def models(records: Sequence[WindowRecord], findings: Sequence[FindingRecord]) -> tuple[Model, ...]:
    """Return what is shown of each model that was checked, in the order of their names."""
    kinds = sorted({record.kind for record in records})
    return tuple(
        _model(
            [record for record in records if record.kind == kind], [found for found in findings if found.kind == kind]
        )
        for kind in kinds
    )


def in_words(kind: str) -> str:
    """Return the name of what is checked, as people read it.

    >>> in_words("lead_score"), in_words("online_reply")
    ('lead score', 'online: reply')
    """
    return kind.replace("online_", "online: ").replace("_", " ")


def _model(records: Sequence[WindowRecord], findings: Sequence[FindingRecord]) -> Model:
    newest = records[-1]
    action, colour = ACTIONS[newest.action]
    return Model(
        kind=newest.kind,
        name=in_words(newest.kind),
        newest=newest,
        action=action,
        colour=colour,
        error=_error(records, findings),
        weights=_weights(records),
        days=tuple(reversed(records[-14:])),
        findings=tuple(reversed(findings[-20:])),
    )


def _error(records: Sequence[WindowRecord], findings: Sequence[FindingRecord]) -> Drawing | None:
    """Return the squared error over the days, as labels and as probabilities alone say it, with marks of drift."""
    end = records[-1].computed_at
    lines = [
        line
        for line in (
            _line("labels", records, "performance", end),
            _line("expected", records, "estimate", end, apart=True),
        )
        if line is not None
    ]
    if not lines:
        return None
    # what may be chance is not drawn
    marks = [
        Mark((found.at - end) / _DAY, sure=found.level == "retrain")
        for found in findings
        if found.level != "watch" and found.series == "performance"
    ]
    kind, marked = records[-1].kind, sum(mark.sure for mark in marks)
    text = f"Mean squared error in {len(records)} checks, with {len(marks)} marks of drift, {marked} of them sure."
    return figures.over_time(
        f"error-{kind}", lines, marks, up="squared error", title="The error over time, and drift", text=text
    )


def _line(name: str, records: Sequence[WindowRecord], part: str, end: datetime, *, apart: bool = False) -> Line | None:
    told = [record for record in records if record.body.get(part)]
    if not told:
        return None
    days = [(record.computed_at - end) / _DAY for record in told]
    return Line(name, days, [record.body[part]["brier"] for record in told], apart=apart)


def _weights(records: Sequence[WindowRecord]) -> Drawing | None:
    """Return how much the heaviest experts of a blend weighed over the days."""
    told = [record for record in records if (record.body.get("online") or {}).get("weights")]
    if not told:
        return None
    end, newest = records[-1].computed_at, _weights_of(told[-1])
    heaviest = sorted(newest, key=lambda expert: (-newest[expert], expert))[:_DRAWN]
    days = [(record.computed_at - end) / _DAY for record in told]
    lines = [
        Line(in_words(expert), days, [_weights_of(record).get(expert, 0.0) for record in told]) for expert in heaviest
    ]
    text = f"The {len(lines)} experts that weigh most now, in {len(told)} checks."
    return figures.over_time(
        f"weights-{records[-1].kind}", lines, [], up="weight", title="Weights of the experts", text=text
    )


def _weights_of(record: WindowRecord) -> Mapping[str, float]:
    blend: JsonMapping = record.body["online"]
    weights: Mapping[str, float] = blend["weights"]
    return weights
