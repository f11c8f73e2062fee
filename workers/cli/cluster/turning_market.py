"""Show how Hearth learns: report what becomes of a second simulated brokerage's leads, in a market that turns.

Up to the turn leads end as those from whom the scorer learnt; from then on they do not (see `examples.outcomes`). The
online learners follow, the check finds the drift, and a challenger has to earn its place.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import click

from db.records import RetrainingRecord
from db.repositories.models import retrainings
from db.session import reading
from domain.documents import JsonMapping, JsonObject
from workers.cli.backfill import report, run_import
from workers.cli.base.client import PATIENCE, Client
from workers.cli.base.command import CommandFailed
from workers.cli.base.formatting import percent
from workers.cli.base.output import say, table
from workers.cli.cluster.sample import OUTCOMES, moved_to
from workers.cli.leads.scores import chosen, run_assessment

TENANT = "demo-market"
KIND, TARGET = "lead_score", "won"
#: outcomes of one report, as a CRM would send them over some weeks
PORTION = 90
#: seconds between two looks at a run of retraining
LOOK_INTERVAL = 0.5
#: experts whose share of the blend is shown
SHOWN = 3


def through(caller: Client, heading: Callable[[str], None]) -> str:
    """Stream the outcomes and print what is learnt; return in one sentence what came of it.

    Raises:
        CommandFailed: a step failed, or nothing noticed the turn.

    """
    caller = replace(caller, tenant_id=TENANT)
    heading(f"learning from what happens: the outcomes of a second simulated brokerage, {TENANT}, whose market turns")
    version = _begin(caller)
    _stream(caller)
    _drift(caller)
    return _retrained(caller, version)


def _begin(caller: Client) -> str:
    """Import the sample for a tenant of its own, train and score; return who answers."""
    caller.call("hearth.tenants.configure", settings={"name": "Simulated brokerage, market turns"}, actor="hearth demo")
    with moved_to(datetime.now(UTC)) as copy:
        job = run_import(caller, copy, profile="canonical")
    if job["state"] != "finished":
        report(job, as_json=False)
    trained = caller.call("hearth.models.train", patience=PATIENCE, kind=KIND)
    if trained["version"] is None:
        raise CommandFailed(trained["reason"])
    run_assessment(caller, chosen(TENANT, None))
    return str(trained["version"])


def _stream(caller: Client) -> None:
    """Report the outcomes portion by portion; print how right the blend was and who has the say in it."""
    rows, known = [], 0
    for outcomes in _portions():
        caller.call("hearth.outcomes.record", outcomes=outcomes)
        learnt = _learn(caller, known + len(outcomes))
        known = learnt["signals"]
        rows.append([known, percent(_share_won(outcomes)), f"{learnt['log_loss']:.3f}", _strongest(learnt["weights"])])
    title = "simulated outcomes, learnt as they came by eight learners and a blend of them"
    table(title, ["outcomes", "of late won", "log loss so far", "who has most say in the blend"], rows)


def _learn(caller: Client, signals: int) -> JsonObject:
    """Wait until so many signals are learnt; return how far the learner is."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        learnt = caller.call("hearth.online.learn", target=TARGET)
        if learnt["state"] == "learnt" and learnt["signals"] >= signals:
            return learnt
        time.sleep(LOOK_INTERVAL)
    raise CommandFailed(f"of {signals} outcomes not all were learnt within {PATIENCE:.0f} s; the log says why")


def _portions() -> Iterator[list[JsonObject]]:
    with OUTCOMES.open(encoding="utf-8", newline="") as source:
        rows = list(csv.DictReader(source))
    for start in range(0, len(rows), PORTION):
        yield [_outcome(row) for row in rows[start : start + PORTION]]


def _outcome(row: Mapping[str, str]) -> JsonObject:
    subject = {"external_id": row["external_id"], "source_system": row["source_system"]}
    return {"subject": subject, "type": row["type"], "at": datetime.now(UTC).isoformat()}


def _share_won(outcomes: Sequence[JsonMapping]) -> float:
    return sum(1 for outcome in outcomes if outcome["type"] == "won") / len(outcomes)


def _strongest(weights: Mapping[str, float]) -> str:
    ranked = sorted(weights.items(), key=lambda expert: -expert[1])[:SHOWN]
    return ", ".join(f"{name.replace('_', ' ')} {percent(share)}" for name, share in ranked)


def _drift(caller: Client) -> None:
    """Check the scorer, and print what was found; raises CommandFailed where nothing was."""
    checked = caller.call("hearth.drift.check", kinds=[KIND])
    [check] = checked["checks"]
    if check["action"] != "retrain":
        raise CommandFailed(f"the market turned, and the check says {check['action']}; the log says why")
    worst = check["alerts"][0]
    say(f"the check of {check['version']} says retrain: {worst['reason']}")


def _retrained(caller: Client, version: str) -> str:
    """Wait for the run that the check started; print it, and return in a sentence what came of it."""
    run = _ended()
    for name, challenger in run.challengers.items():
        say(f"challenger {name.replace('_', ' ')}: {challenger.version or challenger.state}")
    say(f"{run.state}: {run.reason}")
    if run.state == "asked":
        caller.call("hearth.models.decide", version=run.version, decision="yes", actor="hearth demo")
        say("a person is asked where many leads change their band (hearth models promote|refuse); the demo said yes")
    if run.state in {"promoted", "asked"}:
        return f"A market that turned was noticed from its outcomes, and {run.version} answers instead of {version}."
    return (
        f"A market that turned was noticed from its outcomes, and {version} stays until a challenger earns its place."
    )


def _ended() -> RetrainingRecord:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with reading(TENANT) as session:
            runs = retrainings.newest(session, TENANT, kind=KIND, limit=1)
        if runs and runs[0].state != "running":
            return runs[0]
        click.echo(".", nl=False, err=True)
        time.sleep(LOOK_INTERVAL)
    raise CommandFailed(f"the retraining did not end within {PATIENCE:.0f} s; the log says why")
