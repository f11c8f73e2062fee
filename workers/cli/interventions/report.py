"""`hearth report`: show what Hearth brings, for the person who pays for it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from domain.documents import JsonMapping
from workers.cli.base.client import reader
from workers.cli.base.command import Command, example, json_option, tenant_option
from workers.cli.base.formatting import moment
from workers.cli.base.output import emit, facts, say, table
from workers.cli.interventions.interventions import page_option
from workers.pages import load, write
from workers.pages.labels import VERDICTS, interval, plain, points, share

USE = ("leads", "contacted", "executed", "rejected", "replied", "overrides", "marks")


@click.group(epilog=example("hearth report value --tenant demo"))
def report() -> None:
    """Report what Hearth brings: closed leads by band, use by agents, effect."""


@report.command(
    cls=Command,
    epilog=example(
        "hearth report value --tenant demo", "hearth report value --tenant demo --days 180 --page value.html"
    ),
)
@tenant_option
@click.option("--days", type=click.IntRange(1, 3650), default=90, show_default=True, help="How far back it looks.")
@page_option
@json_option
def value(tenant: str, days: int, page: Path | None, as_json: bool) -> None:
    """Closed leads by band, use by agents, and what interventions change.

    Money is named only from figures of your own (`worth` in the tenant's settings), and never without its interval.
    """
    with reader(tenant) as caller:
        answer = caller.envelope("hearth.reports.value", days=days)
    data = answer["data"]
    if page:
        write(load("value").page(data, at=datetime.fromisoformat(answer["as_of"])), page)
    if as_json:
        emit(data)
    else:
        show_value(data)


def show_value(data: JsonMapping) -> None:
    """Print a value report: bands, use, effect, money."""
    say(f"{data['tenant_id']} since {moment(data['since'])}")
    columns = ("band", "leads", "closed", "share", "95 % interval")
    table(
        "leads whose end is known, by the band of their last score before it",
        columns,
        [_band(b) for b in data["bands"]],
    )
    if data["use"]:
        rows = [(row["agent"] or "nobody", *(row[name] for name in USE)) for row in data["use"]]
        table("what is done with suggestions", ("agent", *USE), rows)
    effect = data["effect"]
    verdict = VERDICTS.get(effect["verdict"], plain(effect["verdict"]))
    measured = f"kept {points(effect['difference'])}, 95 % interval {interval(effect['interval'])}"
    facts("what interventions change", {"leads at risk": f"{verdict}: {measured}", "money": _money(data["money"])})


def _band(band: JsonMapping) -> tuple[object, ...]:
    bounds = band["interval"]
    between = "-" if bounds is None else f"{share(bounds[0])} to {share(bounds[1])}"
    return band["band"], band["leads"], band["converted"], share(band["rate"]), between


def _money(money: JsonMapping | None) -> str:
    if money is None:
        return "none is named: it takes [worth] in the tenant's settings, and leads whose 30 days are over"
    low, high = f"{money['low']:,.0f}", f"{money['high']:,.0f}"
    return f"{money['amount']:,.0f} {money['currency']}, 95 % interval {low} to {high}"
