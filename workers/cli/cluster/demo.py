"""Run the demo: import, train, assess, plan, rank; print what each step does."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from db.repositories.models import models as registry
from db.repositories.predictions import predictions
from db.session import reading
from domain.documents import JsonMapping
from workers.base.settings import Settings
from workers.cli.backfill import report, run_import
from workers.cli.base.client import Client
from workers.cli.base.command import CommandFailed
from workers.cli.base.output import facts, say
from workers.cli.leads.action_views import show_actions, show_risk
from workers.cli.leads.scores import chosen, run_assessment, show_worklist
from workers.cli.models.models import PATIENCE, show_bands, show_comparison
from workers.cluster.embedded import Cluster
from workers.pages.labels import plain

TENANT = "demo"
SAMPLE = Path(__file__).parents[3] / "examples" / "leads.csv"
#: calls that the demo's worklist shows
CALLS = 20
#: leads most at risk for whom the demo plans, and those of them among whom it looks for some to show
AT_RISK, LOOKED_AT = 100, 30
STEPS = 5


@dataclass(slots=True)
class Walk:
    """One demo, from an empty home to a worklist."""

    #: monotonic seconds
    started: float
    step: int = 0

    def _say(self, text: str) -> None:
        self.step += 1
        click.echo(f"\n[{self.step}/{STEPS}] {text}  ({time.monotonic() - self.started:.1f} s)")

    def through(self, caller: Client) -> None:
        """Run every step; raise CommandFailed when one fails."""
        if not SAMPLE.is_file():
            raise CommandFailed(f"{SAMPLE} is missing; write it with `python examples/generate.py`")
        click.echo("Hearth's demo: SIMULATED leads of an invented brokerage; no real person is in it.")
        caller.call("hearth.tenants.configure", settings={"name": "Simulated brokerage"}, actor="hearth demo")
        self._import(caller)
        self._train(caller)
        self._assess(caller)
        self._plan(caller)
        self._say("today's worklist")
        data = caller.call("hearth.leads.worklist", capacity=CALLS)
        # the scores are as of the sample's moment, whenever the list is asked for
        show_worklist("simulated leads to call today", {**data, "as_of": _moment()})
        if not data["leads"]:
            raise CommandFailed("no lead was assessed; the log says why")

    def _import(self, caller: Client) -> None:
        self._say(f"importing {SAMPLE.name}, a few rows of it bad on purpose")
        report(run_import(caller, SAMPLE, profile="canonical"), as_json=False)

    def _train(self, caller: Client) -> None:
        self._say("training the lead scorer on the closed leads")
        data = caller.call("hearth.models.train", patience=PATIENCE, kind="lead_score")
        if data["version"] is None:
            raise CommandFailed(data["reason"])
        say(f"{data['version']}: {'promoted' if data['promoted'] else 'not promoted'}, {data['reason']}")
        with reading(TENANT) as session:
            model = registry.get(session, TENANT, version=data["version"])
        if model is not None:
            show_comparison(model)
            show_bands("simulated leads, scored out of fold", model)

    def _assess(self, caller: Client) -> None:
        lead_ids = chosen(TENANT, None)
        self._say(f"assessing {len(lead_ids)} open leads as of the sample's moment: a snapshot each, then a chord")
        run_assessment(caller, lead_ids, as_of=_moment())

    def _plan(self, caller: Client) -> None:
        lead_ids = _most_at_risk()
        self._say(f"planning for the {len(lead_ids)} leads most at risk of going cold, as of today")
        click.echo(
            "Nobody's churn is known yet, so the written scorecard judged: a judgement, not measured on anybody."
        )
        done = caller.call("hearth.interventions.plan", patience=PATIENCE, lead_ids=lead_ids)
        facts("simulated leads planned for", {plain(name): count for name, count in done.items() if count})
        for card in _one_of_each(caller, lead_ids[:LOOKED_AT]):
            click.echo()
            say(f"simulated lead {card['external_id']}, {plain(card['stage'])}")
            show_risk(card["risk"])
            show_actions(card["actions"])

    def where_to_look(self, cluster: Cluster, settings: Settings, *, keep: bool) -> None:
        """Print what to open and call next."""
        home = f"HEARTH_HOME={settings.home}"
        click.echo("\nWhere to look next")
        if keep:
            click.echo(f"  Flower            {cluster.flower_url} as {cluster.facts.get('flower_user')}")
            click.echo(f"  its password      in {settings.cluster_file}")
        click.echo(f"  this worklist     {home} hearth worklist --tenant {TENANT}")
        click.echo(f"  one lead          {home} hearth card --tenant {TENANT} SIM-00001")
        click.echo(f"  what helps        {home} hearth interventions report --tenant {TENANT}")
        click.echo(f"  logs              {settings.home / 'logs'}")
        click.echo("  your own leads    hearth up, then hearth backfill FILE --tenant NAME")
        click.echo("  your own CRM      docs/quickstart.md")
        if keep:
            click.echo("The cluster stays up until Ctrl-C.")


def _most_at_risk() -> list[str]:
    """Return the leads with the highest risk, highest first."""
    with reading(TENANT) as session:
        risks = predictions.latest(session, TENANT, kind="churn")
    return [
        risk.lead_id for risk in sorted(risks, key=lambda risk: (-(risk.probability or 0.0), risk.lead_id))[:AT_RISK]
    ]


def _one_of_each(caller: Client, lead_ids: Sequence[str]) -> Iterator[JsonMapping]:
    """Return the card of the first lead for each outcome of planning."""
    shown = set()
    for lead_id in lead_ids:
        card = caller.call("hearth.leads.card", lead_id=lead_id)
        actions = card["actions"]
        result = "held_out" if actions["held_out"] else actions["running"][0]["state"] if actions["running"] else None
        if result not in shown:
            shown.add(result)
            yield card


def _moment() -> str:
    """Return the sample's "today", whatever day the demo runs on."""
    with SAMPLE.open(encoding="utf-8", newline="") as source:
        return max(row["as_of"] for row in csv.DictReader(source))
