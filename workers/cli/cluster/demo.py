"""Run the demo: import, train, assess, plan, rank; print what each step does.

Every step is as of now: the sample's times are moved there first.
"""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from db.repositories.models import models as registry
from db.repositories.predictions import predictions
from db.session import reading
from domain.documents import JsonMapping
from workers.base.settings import Settings, settings
from workers.cli.backfill import report, run_import
from workers.cli.base.client import Client
from workers.cli.base.command import CommandFailed
from workers.cli.base.formatting import there
from workers.cli.base.output import facts, say
from workers.cli.base.zones import lead_zones, times_of
from workers.cli.cluster import turning_market
from workers.cli.cluster.sample import MESSAGES, OUTCOMES, SAMPLE, messages_moved_to, moved_to
from workers.cli.leads.action_views import show_actions, show_risk, way
from workers.cli.leads.personalization_view import show_personalization
from workers.cli.leads.scores import chosen, run_assessment
from workers.cli.leads.worklist_view import show_worklist
from workers.cli.models.models import PATIENCE, show_bands, show_comparison
from workers.cluster.embedded import Cluster
from workers.pages.labels import STATES, plain, refusals

TENANT = "demo"
#: calls that the demo's worklist shows
CALLS = 20
#: leads most at risk for whom the demo plans, and those of them among whom it looks for some to show
AT_RISK, LOOKED_AT = 100, 30
STEPS = 6
#: file of the sample -> the module that writes it
WRITERS = {SAMPLE: "generate", MESSAGES: "messages", OUTCOMES: "outcomes"}
#: where the set-up of README puts the command
COMMAND = ".venv/bin/hearth"
#: what may become of a lead that is planned for; the first that is found is told in full
RESULTS = ("dispatched", "planned", "approval", "held_out", "blocked", "nothing")
#: settings whose variable must not reach the commands that look at the demo, which has its own
VARIABLES = {"redis_url": "REDIS_URL", "keys": "HEARTH_KEYS", "database_url": "DATABASE_URL"}


@dataclass(slots=True)
class Walk:
    """One demo, from an empty home to a worklist."""

    #: monotonic seconds
    started: float
    step: int = 0
    #: a lead of the list
    example: str = ""
    #: a sentence each
    brought: str = ""
    learnt: str = ""

    def _say(self, text: str) -> None:
        self.step += 1
        click.echo(f"\n[{self.step}/{STEPS}] {text}  ({time.monotonic() - self.started:.1f} s)")

    def through(self, caller: Client) -> None:
        """Run every step; raise CommandFailed when one fails."""
        if missing := [file for file in WRITERS if not file.is_file()]:
            raise CommandFailed(f"{missing[0]} is missing; `python -m examples.{WRITERS[missing[0]]}` writes it")
        click.echo("Hearth's demo: SIMULATED leads of an invented brokerage; no real person is in it.")
        caller.call("hearth.tenants.configure", settings={"name": "Simulated brokerage"}, actor="hearth demo")
        self._import(caller)
        self._train(caller)
        self._assess(caller)
        self._plan(caller)
        self._say("today's worklist")
        data = caller.call("hearth.leads.worklist", capacity=CALLS)
        zones = lead_zones(TENANT, [lead["lead_id"] for lead in data["leads"]])
        with times_of(TENANT):
            show_worklist("simulated leads to call today", data, zones)
        if not data["leads"]:
            raise CommandFailed("no lead was assessed; the log says why")
        lead = _who_wrote(data["leads"])
        self.example = str(lead["external_id"])
        with times_of(TENANT), there(zones.get(lead["lead_id"])):
            _show_how_to_speak(self.example, caller.call("hearth.leads.card", lead_id=lead["lead_id"]))
        self.learnt = turning_market.through(caller, self._say)

    def _import(self, caller: Client) -> None:
        self._say(f"importing {SAMPLE.name}, a few rows of it bad on purpose, with all its times moved to end now")
        now = datetime.now(UTC)
        with moved_to(now) as copy:
            report(run_import(caller, copy, profile="canonical"), as_json=False)
        with messages_moved_to(now) as copy:
            job = run_import(caller, copy, kind="events")
        if job["state"] != "finished":
            report(job, as_json=False)
        say(f"and {job['result']['rows']['read']:,} SIMULATED messages from them and to them")

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
            self.brought = brought(model.metrics["lift_top_decile"])

    def _assess(self, caller: Client) -> None:
        lead_ids = chosen(TENANT, None)
        self._say(f"assessing {len(lead_ids)} open leads: a snapshot each, then a chord")
        run_assessment(caller, lead_ids)

    def _plan(self, caller: Client) -> None:
        lead_ids = _most_at_risk()
        self._say(f"planning for the {len(lead_ids)} leads most at risk of going cold")
        click.echo(
            "Nobody's churn is known yet, so the written scorecard judged: a judgement, not measured on anybody."
        )
        done = caller.call("hearth.interventions.plan", patience=PATIENCE, lead_ids=lead_ids)
        reasons = done.pop("nothing_new", {})
        counts = {**done, **reasons}
        facts("simulated leads planned for", {plain(name): count for name, count in counts.items() if count})
        if done.get("waiting_for_yes"):
            _say_yes(caller)
        click.echo()
        _show_examples([caller.call("hearth.leads.card", lead_id=lead_id) for lead_id in lead_ids[:LOOKED_AT]])

    def where_to_look(self, cluster: Cluster, chosen: Settings, *, keep: bool) -> None:
        """Print what to open and call next; every command can be pasted where the demo was started."""
        command = f"{_environment(chosen)} {_command()}"
        click.echo("\nWhere to look next")
        if keep:
            click.echo(f"  Flower            {cluster.flower_url} as {cluster.facts.get('flower_user')}")
            click.echo(f"  its password      in {chosen.cluster_file}")
        click.echo(f"  this worklist     {command} worklist --tenant {TENANT}")
        click.echo(f"  one lead          {command} card --tenant {TENANT} {self.example}")
        click.echo(f"  what helps        {command} interventions report --tenant {TENANT}")
        click.echo(f"  how models fare   {command} models monitor --tenant {turning_market.TENANT}")
        click.echo(f"  logs              {chosen.home / 'logs'}")
        click.echo(f"  your own leads    {_command()} backfill --help")
        click.echo("  your own CRM      docs/quickstart.md")
        click.echo(f"\n{self.brought}\n{self.learnt}")
        if keep:
            click.echo("The cluster stays up until Ctrl-C.")


def _who_wrote(leads: Sequence[JsonMapping]) -> JsonMapping:
    """Return the first lead of a list whose messages have a tone; the first of all where none has."""
    return next((lead for lead in leads if (lead["tone"] or {}).get("state")), leads[0])


def _show_how_to_speak(lead: str, card: JsonMapping) -> None:
    if card["personalization"]:
        click.echo()
        say(f"simulated lead {lead}; messages of simulated leads are invented")
        show_personalization(card["personalization"], card["next"]["due_by"])


def _most_at_risk() -> list[str]:
    """Return the leads with the highest risk, highest first."""
    with reading(TENANT) as session:
        risks = predictions.latest(session, TENANT, kind="churn")
    return [
        risk.lead_id for risk in sorted(risks, key=lambda risk: (-(risk.probability or 0.0), risk.lead_id))[:AT_RISK]
    ]


def _say_yes(caller: Client) -> None:
    """Say the yes for which the first plan of a tenant waits, as a person would."""
    released = caller.call("hearth.interventions.release", actor="hearth demo")
    say(
        "a first plan waits for a person's yes (hearth interventions release); the demo said it: "
        f"{released['actions']} actions for {released['leads']} leads may go"
    )


def _show_examples(cards: Sequence[JsonMapping]) -> None:
    """Print the first lead for each result of planning: in full where something is done, the others in a line."""
    first: dict[str, JsonMapping] = {}
    for card in cards:
        first.setdefault(_result(card["actions"]), card)
    told, *others = sorted(first, key=RESULTS.index)
    say(f"simulated lead {first[told]['external_id']}, {plain(first[told]['stage'])}")
    show_risk(first[told]["risk"])
    show_actions(first[told]["actions"])
    if others:
        click.echo()
        facts(
            "and others, in short",
            {f"simulated lead {first[name]['external_id']}": _short(first[name]) for name in others},
        )


def _result(actions: JsonMapping) -> str:
    """Return what became of a lead, one of RESULTS."""
    if actions["held_out"]:
        return "held_out"
    if actions["running"]:
        return str(actions["running"][0]["state"])
    return "blocked" if actions["blocked"] else "nothing"


def _short(card: JsonMapping) -> str:
    """Return in a line what is done for a lead, or why nothing is."""
    match result := _result(card["actions"]):
        case "held_out":
            return "held out: nothing is sent, so that the others can be compared with it"
        case "blocked":
            reasons = dict(refusals(card["next"]["why_not"]))
            return f"nothing may be sent: {'; '.join(f'{name} {why}' for name, why in reasons.items())}"
        case "nothing":
            return "nothing to do"
        case _:
            return f"{way(card['actions']['running'][0])}: {STATES[result]}"


def brought(lift: float) -> str:
    """Return what the promoted model brought, by its lift in the best tenth, out of fold.

    >>> brought(2.473)
    'What it brought, on SIMULATED leads: calling the best tenth first finds 2.5 times as many buyers as any tenth.'
    """
    found = f"calling the best tenth first finds {lift:.1f} times as many buyers as any tenth"
    return f"What it brought, on SIMULATED leads: {found}."


def _environment(chosen: Settings) -> str:
    """Return what a shell must set for a command to look at the demo's home and at nothing else."""
    usual = settings()
    unset = [
        variable
        for name, variable in VARIABLES.items()
        if name in usual.model_fields_set and getattr(usual, name) is not None
    ]
    cleared = f"env {' '.join(f'-u {variable}' for variable in unset)} " if unset else ""
    return f"{cleared}HEARTH_HOME={shlex.quote(_from_here(chosen.home))}"


def _command() -> str:
    """Return the command by which the demo was started, as it can be pasted."""
    started = Path(sys.argv[0])
    return shlex.quote(_from_here(started.absolute())) if started.name == "hearth" and started.is_file() else COMMAND


def _from_here(path: Path) -> str:
    """Return a path as it is written in this folder."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
