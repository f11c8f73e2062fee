"""Write the model card: one model version, for its users and its auditors.

It is drawn from the registry alone, so the same records give the same bytes. It says in words what an older version's
report did not record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from db.records import FeedbackTally, ModelRecord
from domain.documents import JsonMapping
from domain.model_kinds import KindWords, words_of
from workers.pages import columns, provenance, quality
from workers.pages.columns import Column, Refusal, Weight
from workers.pages.figures import Drawing
from workers.pages.layout import number, percent, render
from workers.pages.provenance import Probe, Timing
from workers.pages.quality import Band, LiftPoint, MeasureRow, Member


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """The data of the page. An empty tuple or None: not recorded."""

    model: ModelRecord
    words: KindWords
    tenant: str
    rivals: tuple[str, ...]
    comparison: tuple[MeasureRow, ...]
    members: tuple[Member, ...]
    #: why these members, as a sentence
    choice: str
    calibration: Drawing | None
    #: the calibration error that chance alone would make
    chance: float | None
    bands: tuple[Band, ...]
    lift: Drawing | None
    deciles: tuple[LiftPoint, ...]
    weights: tuple[Weight, ...]
    groups: Mapping[str, tuple[Column, ...]]
    #: kind of refusal -> the columns that were not learnt from
    refusals: Mapping[str, tuple[Refusal, ...]]
    #: columns that it learnt from, and that no version learns from any more
    refused_today: tuple[Column, ...]
    timing: Timing
    probe: Probe
    #: column, its AUC alone, whether it was used all the same, how it was found out
    leaks: tuple[tuple[Column, float, bool, str], ...]
    #: the column that predicts best alone, and its AUC
    strongest: tuple[Column, float] | None
    #: marks of its scores by people; None without any
    marks: FeedbackTally | None
    #: where the rows come from, in words
    sources: tuple[str, ...]
    #: why closed leads were left out, in words
    left_out: tuple[str, ...]
    #: name -> first and last moment
    period: Mapping[str, tuple[datetime, datetime]]
    decision: Mapping[str, object]
    warnings: tuple[str, ...]
    report: JsonMapping


def page(model: ModelRecord, *, tenant: str, marks: FeedbackTally | None = None) -> str:
    """Return the card of a version as one self-contained HTML document."""
    values = {"card": card(model, tenant=tenant, marks=marks), "refusal_headings": columns.REFUSALS}
    return render("model_card.html", values)


def card(model: ModelRecord, *, tenant: str, marks: FeedbackTally | None = None) -> Card:
    """Return everything the page shows, read from the record."""
    report = model.report
    curve = tuple(quality.lift_curve(report))
    return Card(
        model=model,
        words=words_of(model.kind),
        tenant=tenant,
        rivals=tuple(quality.rivals(report)),
        comparison=tuple(quality.comparison(model)),
        members=tuple(quality.members(report)),
        choice=quality.choice(report),
        calibration=quality.calibration(report.get("bands", ())),
        chance=quality.chance(report),
        bands=tuple(quality.bands(report)),
        lift=quality.lift(curve),
        deciles=tuple(quality.deciles(curve)),
        weights=tuple(columns.weights(report)),
        groups=columns.groups(report),
        refusals=_by_kind(report),
        refused_today=columns.refused_today(report),
        timing=provenance.timing(model),
        probe=provenance.probe(report),
        leaks=tuple(columns.leaks(report)),
        strongest=columns.strongest(report.get("alone", {})),
        marks=marks,
        sources=tuple(_sources(report)),
        left_out=tuple(provenance.left_out(report)),
        period=_period(report),
        decision=_decision(report),
        warnings=tuple(provenance.warnings(model)),
        report=report,
    )


def _by_kind(report: JsonMapping) -> dict[str, tuple[Refusal, ...]]:
    refused = tuple(columns.refusals(report))
    by_kind = {kind: tuple(each for each in refused if each.kind == kind) for kind in columns.REFUSALS}
    return {kind: found for kind, found in by_kind.items() if found}


def _sources(report: JsonMapping) -> Iterator[str]:
    counts = report.get("sources", {})
    words = {
        "leads": "from imports and the CRM",
        "snapshots": "from live scoring",
        "histories": "leads with their histories",
        "blocked": "left out on request",
    }
    for name, rows in counts.items():
        if rows:
            yield f"{number(rows)} {words.get(name, name)}"
    if "tenants" in report:
        yield f"of {number(report['tenants'])} tenants"


def _period(report: JsonMapping) -> dict[str, tuple[datetime, datetime]]:
    periods = report.get("period", {})
    return {
        name: (datetime.fromisoformat(first), datetime.fromisoformat(last)) for name, (first, last) in periods.items()
    }


#: facts of a comparison that are shares
_SHARES = ("level", "spent", "p_value", "gain")


def _decision(report: JsonMapping) -> dict[str, object]:
    """Return the reason, and the facts of the comparison as people read them; those of a version of then, or none."""
    decision = report.get("decision", {})
    told = {name: value for name, value in decision.items() if name not in {"promoted", *_SHARES} and value is not None}
    if not told.get("look"):
        told.pop("look", None)
        return told
    return told | {name: percent(decision[name], 2) for name in _SHARES if decision.get(name) is not None}
