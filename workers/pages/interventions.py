"""Write the interventions page: whether interventions help, compared with the hold-out.

It is drawn from the answer of `hearth.interventions.report` alone, so the same answer gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.documents import JsonMapping
from domain.interventions import INTERVENTIONS
from workers.pages import figures
from workers.pages.figures import Drawing, Estimate
from workers.pages.labels import PAUSES, STATES, VERDICTS, interval, plain, points, share, weeks
from workers.pages.layout import render

#: of which colour a verdict is
_STATE = {"helps": "good", "harms": "bad"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Type:
    """One type of intervention and its measurements."""

    name: str
    sent: int
    held_out: int
    rates: tuple[str, str]
    difference: str
    interval: str
    #: why nothing of it is sent, and since when; None while it is
    paused: tuple[str, datetime] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InterventionsPage:
    """The data of the page."""

    tenant: str
    at: datetime
    report: JsonMapping
    verdict: str
    #: "good", "bad" or nothing
    colour: str
    difference: str
    interval: str
    #: still needed, in whole ones
    weeks: int | None
    effect: Drawing | None
    types: tuple[Type, ...]
    #: what it means -> actions
    actions: Mapping[str, int]


def page(report: JsonMapping, *, at: datetime) -> str:
    """Return the report as one self-contained HTML document."""
    return render("interventions.html", {"view": page_values(report, at=at)})


def page_values(report: JsonMapping, *, at: datetime) -> InterventionsPage:
    """Return everything the page shows, read from the report."""
    return InterventionsPage(
        tenant=report["tenant_id"],
        at=at,
        report=report,
        verdict=VERDICTS.get(report["verdict"], plain(report["verdict"])),
        colour=_STATE.get(report["verdict"], ""),
        difference=points(report["difference"]),
        interval=interval(report["interval"]),
        weeks=weeks(report["weeks_needed"]),
        effect=effect(report),
        types=tuple(_type(row) for row in report["types"]),
        actions={label: report["actions"][state] for state, label in STATES.items() if report["actions"].get(state)},
    )


def _type(row: JsonMapping) -> Type:
    rates = row["rates"]
    return Type(
        name=plain(row["intervention"]),
        sent=row["sent"],
        held_out=row["held_out"],
        rates=(share(rates["sent"]), share(rates["held_out"])),
        difference=points(row["difference"]),
        interval=interval(row["interval"]),
        paused=_why(row["paused"]) if row["paused"] else None,
    )


def _why(pause: JsonMapping) -> tuple[str, datetime]:
    return PAUSES.get(pause["reason"], plain(pause["reason"])), datetime.fromisoformat(pause["at"])


def effect(report: JsonMapping) -> Drawing | None:
    """Return the drawing of differences with their bounds; None without any."""
    rows = [*_rows("all together", [report], apart=True), *_rows(None, report["types"])]
    if not rows:
        return None
    first = f"{rows[0].name} {points(rows[0].value)}, 95 % bounds {interval((rows[0].low, rows[0].high))}"
    text = f"From top to bottom: {first}; the table of types has the other figures."
    across, title = "share kept: contacted minus held out, points", "Difference in the share of leads kept"
    return figures.estimates("effect-drawn", rows, across=across, unit="", title=title, text=text)


def _rows(name: str | None, reports: Sequence[JsonMapping], *, apart: bool = False) -> Iterator[Estimate]:
    for report in reports:
        # a figure carries fixed words only
        label = name or (plain(report["intervention"]) if report["intervention"] in INTERVENTIONS else "another type")
        if report["difference"] is not None and report["interval"] is not None:
            low, high = report["interval"]
            yield Estimate(label, report["difference"], low, high, apart)
