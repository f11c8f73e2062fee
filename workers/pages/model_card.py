"""The model card: one version of a model for the people who rely on it and for those who audit it.

It is drawn from what is registered alone, so the same records give the same bytes. What an older version's report did
not record is said in words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from db.records import MarkTally, ModelRecord
from workers.pages import columns, quality
from workers.pages.columns import Column, Weight
from workers.pages.figures import Drawing
from workers.pages.layout import number, render
from workers.pages.quality import Band, Compared, Member, Reached, Report

#: above this a ranking is too good to be true until proved otherwise
TOO_GOOD = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a kind of model tells, as its card says it."""

    #: what it learnt from, one row each
    rows: str
    #: how those rows were made
    each: str
    #: what a lead is of whom it came true, and what such leads are called
    ended: str
    ends: str
    #: what three in ten of those scored 30 % should do
    come: str
    #: a pair that it is to put in order
    pair: str
    #: leads of the highest scores are these
    highest: str
    #: the heading of what a list by score is good for
    first: str


WORDS = {
    "churn": Words(
        rows="snapshots of leads",
        each="each of one lead and one date, as it was known then",
        ended="gone cold",
        ends="leads gone cold",
        come="go cold",
        pair="one lead that went cold and one that did not, the first above",
        highest="riskiest",
        first="Whom to look after first",
    )
}
#: of every other kind
USUAL = Words(
    rows="leads",
    each="each once, as it was before its outcome was known",
    ended="won",
    ends="wins",
    come="close",
    pair="one won and one lost lead, the won one above",
    highest="best",
    first="Whom to call first",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What the page shows. An empty tuple or None: not recorded."""

    model: ModelRecord
    words: Words
    tenant: str
    rivals: tuple[str, ...]
    compared: tuple[Compared, ...]
    members: tuple[Member, ...]
    calibration: Drawing | None
    #: the calibration error that chance alone would make
    chance: float | None
    bands: tuple[Band, ...]
    lift: Drawing | None
    reached: tuple[Reached, ...]
    weights: tuple[Weight, ...]
    groups: Mapping[str, tuple[Column, ...]]
    #: reason -> columns
    dropped: Mapping[str, tuple[Column, ...]]
    #: column, its AUC alone, whether it was learnt from all the same
    leaks: tuple[tuple[Column, float, bool], ...]
    #: the column that tells most alone, and its AUC
    strongest: tuple[Column, float] | None
    #: what people said of its scores, None where nobody did
    marks: MarkTally | None
    #: where the rows come from, in words
    sources: tuple[str, ...]
    #: name -> first and last moment
    period: Mapping[str, tuple[datetime, datetime]]
    decision: Mapping[str, object]
    warnings: tuple[str, ...]
    report: Report


def page(model: ModelRecord, *, tenant: str, marks: MarkTally | None = None) -> str:
    """The card of a version as one self-contained HTML document."""
    return render("model_card.html", {"card": card(model, tenant=tenant, marks=marks)})


def card(model: ModelRecord, *, tenant: str, marks: MarkTally | None = None) -> Card:
    """Everything the page shows, read from the record."""
    report = model.report
    curve = tuple(quality.reached(report))
    return Card(
        model=model,
        words=WORDS.get(model.kind, USUAL),
        tenant=tenant,
        rivals=tuple(quality.rivals(report)),
        compared=tuple(quality.compared(model)),
        members=tuple(quality.members(report)),
        calibration=quality.calibration(report.get("bands", ())),
        chance=quality.chance(report),
        bands=tuple(quality.bands(report)),
        lift=quality.lift(curve),
        reached=tuple(quality.tenths(curve)),
        weights=tuple(columns.weights(report)),
        groups=columns.groups(report),
        dropped=columns.by_reason(report.get("dropped", {})),
        leaks=tuple(columns.leaks(report)),
        strongest=columns.strongest(report.get("alone", {})),
        marks=marks,
        sources=tuple(_sources(report)),
        period=_period(report),
        decision=_decision(report),
        warnings=tuple(_warnings(model)),
        report=report,
    )


def _sources(report: Report) -> Iterator[str]:
    told = report.get("sources", {})
    words = {
        "leads": "from imports and the CRM",
        "snapshots": "from live scoring",
        "histories": "leads with their histories",
        "blocked": "left out on request",
    }
    for name, rows in told.items():
        if rows:
            yield f"{number(rows)} {words.get(name, name)}"
    if "tenants" in report:
        yield f"of {number(report['tenants'])} tenants"


def _period(report: Report) -> dict[str, tuple[datetime, datetime]]:
    told = report.get("period", {})
    return {name: (datetime.fromisoformat(first), datetime.fromisoformat(last)) for name, (first, last) in told.items()}


def _decision(report: Report) -> dict[str, object]:
    told = report.get("decision", {})
    return {name: value for name, value in told.items() if name != "promoted" and value is not None}


def _warnings(model: ModelRecord) -> Iterator[str]:
    if model.metrics.get("auc", 0) > TOO_GOOD:
        yield f"An AUC above {TOO_GOOD} is too good to be true: look for a column that knows the outcome."
    if any(used for _, _, used in columns.leaks(model.report)):
        yield "It learnt from a column that alone tells the outcome; see the leakage probe."
    if model.retrain_at is not None:
        yield "Somebody it learnt from was forgotten since: the next training replaces it."
    if model.metrics.get("slope") == 0:
        yield "It gives every lead the same probability: nothing was found that tells leads apart."
