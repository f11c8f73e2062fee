"""Write the value page: outcomes by score band, use by agents, effect of interventions, and its worth.

It is drawn from the answer of `hearth.reports.value` alone, so the same answer gives the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.documents import JsonMapping
from domain.scores import BANDS
from workers.pages import figures
from workers.pages.figures import Drawing, Estimate
from workers.pages.labels import VERDICTS, interval, plain, points
from workers.pages.layout import percent, render

#: names that a figure may carry
#: of which colour a verdict is
_STATE = {"helps": "good", "harms": "bad"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ValuePage:
    """The data of the page."""

    tenant: str
    since: datetime
    at: datetime
    report: JsonMapping
    #: leads of all bands, and those of them that closed
    leads: int
    converted: int
    bands: Drawing | None
    verdict: str
    #: "good", "bad" or nothing
    colour: str
    difference: str
    interval: str


def page(report: JsonMapping, *, at: datetime) -> str:
    """Return the report as one self-contained HTML document."""
    return render("value.html", {"view": page_values(report, at=at)})


def page_values(report: JsonMapping, *, at: datetime) -> ValuePage:
    """Return everything the page shows, read from the report."""
    effect = report["effect"]
    return ValuePage(
        tenant=report["tenant_id"],
        since=datetime.fromisoformat(report["since"]),
        at=at,
        report=report,
        leads=sum(band["leads"] for band in report["bands"]),
        converted=sum(band["converted"] for band in report["bands"]),
        bands=bands(report),
        verdict=VERDICTS.get(effect["verdict"], plain(effect["verdict"])),
        colour=_STATE.get(effect["verdict"], ""),
        difference=points(effect["difference"]),
        interval=interval(effect["interval"]),
    )


def bands(report: JsonMapping) -> Drawing | None:
    """Return the drawing of closed shares by band, with bounds; None when no scored lead has closed."""
    rows = [
        Estimate(band["band"], band["rate"], *band["interval"])
        for band in report["bands"]
        if band["rate"] is not None and band["band"] in BANDS
    ]
    if not rows:
        return None
    parts = (f"{row.name} {percent(row.value)}, 95 % bounds {percent(row.low)} to {percent(row.high)}" for row in rows)
    title, text = "Share of leads that closed, by band", f"From top to bottom: {'; '.join(parts)}."
    return figures.estimates("bands-drawn", rows, across="share that closed", title=title, text=text)
