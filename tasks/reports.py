"""What people are shown of whether all this helps: by type of intervention, and over all that Hearth does."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

from db.records import EnrolmentTally, PauseRecord
from db.repositories.interventions import interventions, pauses
from db.repositories.predictions import value_report as value_counts
from db.session import Session
from ml.experiments import value
from ml.experiments.effects import Effect
from ml.experiments.verdicts import Report, TypeVerdict
from tasks.contracts.base.wire import RESULT_LIMIT, canonical
from tasks.contracts.interventions import INTERVENTIONS
from tasks.contracts.reports import InterventionsReport, ValueReport
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import query
from tasks.services.interventions import experiment
from tasks.services.interventions.intervention_settings import InterventionSettings, settings_of

#: a pause of every type
EVERY = "*"
BANDS = ("hot", "warm", "cold")
#: state of an action that was carried out, and answered
ANSWERED = "replied"
#: bytes that people may take up of an answer
ROOM = RESULT_LIMIT * 9 // 10
#: what is told of each person
USE = ("leads", "contacted", "executed", "rejected", "replied", "overrides", "marks")
NOTHING_YET = (
    "No lead was planned for yet. Assess the open leads, by the task hearth.pipelines.assess or `hearth assess --all`: "
    "those at risk are planned for at its end."
)
ALL_BLOCKED = "The gates allowed no action for any lead at risk; a lead's card says which of them and why."
LOPSIDED = (
    "But the sides do not hold the shares of leads that chance would have put there, so something else may have sorted "
    "them: trust no difference before it is known what."
)
STOPPED = "Nothing is planned or sent at present: {}."


@query("hearth.interventions.report", InterventionsReport)
def interventions_report(session: Session, request: InterventionsReport, context: TaskContext) -> TaskResult:
    """Leads sent to and held out, how they ended, the difference with its interval, and the verdict with its reason."""
    choices = settings_of(context.settings())
    found = experiment.measured(session, context.tenant_id, share=choices.holdout, now=context.now)
    counted = experiment.tallies(session, context.tenant_id)
    planned, states = _enrolled(counted), _by_state(interventions.counts(session, context.tenant_id))
    paused = pauses.active(session, context.tenant_id)
    why = found.reason if counted else ALL_BLOCKED if states else NOTHING_YET
    lopsided = LOPSIDED if experiment.lopsided(counted) else None
    if lopsided is not None:
        context.warn("sample_ratio", "held_out")
    return TaskResult(
        data={
            "tenant_id": context.tenant_id,
            "experiment": experiment.EXPERIMENT,
            "share": choices.holdout,
            "sent": planned[False],
            "held_out": planned[True],
            "settled": {"sent": found.treated.count, "held_out": found.held.count},
            **_difference(found.effect),
            "detectable_effect": found.detectable,
            "weeks_needed": found.weeks_needed,
            "verdict": found.verdict,
            "reason": " ".join(filter(None, (why, lopsided, _stopped(choices, paused)))),
            "types": _types(found, counted, paused),
            "actions": states,
        },
        status="ok" if counted else "insufficient_data",
        as_of=context.now,
    )


@query("hearth.reports.value", ValueReport)
def value_report(session: Session, request: ValueReport, context: TaskContext) -> TaskResult:
    """Closed leads by band, what agents do with suggestions, what interventions change, and money at own figures."""
    since = context.now - timedelta(days=request.days)
    ended = _ended(session, context, since)
    found = experiment.measured(
        session, context.tenant_id, share=settings_of(context.settings()).holdout, now=context.now
    )
    effect = _difference(found.effect)
    return TaskResult(
        data={
            "tenant_id": context.tenant_id,
            "since": since,
            "bands": value.realised(ended, BANDS),
            "use": _use(session, context, since),
            "effect": {name: effect[name] for name in ("difference", "interval")} | {"verdict": found.verdict},
            "money": _money(experiment.tallies(session, context.tenant_id), context),
        },
        as_of=context.now,
    )


def _ended(session: Session, context: TaskContext, since: datetime) -> list[tuple[str, bool]]:
    """The band each lead was in before it ended, and whether it closed; those that were never scored are left out."""
    found = value_counts.realised(session, context.tenant_id, since=since)
    scored = [(row.band, row.label) for row in found if row.band is not None]
    if len(scored) < len(found):
        context.warn("not_scored", f"{len(found) - len(scored)} of {len(found)} leads")
    return scored


def _use(session: Session, context: TaskContext, since: datetime) -> list[dict[str, Any]]:
    """What each person did, or what was done for their leads: most leads first, those of nobody last."""
    rows: dict[str | None, Counter[str]] = defaultdict(Counter)
    for contact in value_counts.contacts(session, context.tenant_id, since=since):
        rows[contact.agent] += Counter(leads=contact.leads, contacted=contact.contacted)
    for (agent, state), count in interventions.by_agent(session, context.tenant_id, since=since).items():
        rows[agent][state] += count
        if state == ANSWERED:
            rows[agent]["executed"] += count
    for said in value_counts.judged(session, context.tenant_id, since=since):
        rows[said.actor] += Counter(overrides=said.overrides, marks=said.marks)
    ordered = sorted(rows, key=lambda agent: (agent is None, -rows[agent]["leads"], agent or ""))
    return _fitting([{"agent": agent, **{name: rows[agent][name] for name in USE}} for agent in ordered], context)


def _fitting(rows: Sequence[dict[str, Any]], context: TaskContext) -> list[dict[str, Any]]:
    """As many people as one answer holds."""
    sizes = accumulate(len(canonical(row)) + 1 for row in rows)
    fitting = [row for row, size in zip(rows, sizes, strict=True) if size <= ROOM]
    if len(fitting) < len(rows):
        context.warn("too_many", f"use.{len(fitting)}")
    return fitting


def _money(counted: Iterable[EnrolmentTally], context: TaskContext) -> dict[str, Any] | None:
    """Deals that leads sent to made beyond those held out, at the tenant's own figures; None where it has set none."""
    own = context.settings().get("worth") or {}
    if not own.get("typical_price"):
        return None
    arms = value.deals((one.held_out, one.outcome, one.count) for one in counted)
    found = value.money(*arms, deal=own["typical_price"] * own["commission"])
    if found is None:
        return None
    entered = {name: own[name] for name in ("commission", "typical_price")}
    measured = {"leads": found.leads, "difference": found.difference}
    amounts = {name: round(getattr(found, name), 2) for name in ("amount", "low", "high")}
    return {"currency": own.get("currency", "USD"), **amounts, "from": {**entered, **measured}}


def _enrolled(counted: Iterable[EnrolmentTally], name: str | None = None) -> Counter[bool]:
    """Leads by whether they are held out, of one type or of all."""
    found: Counter[bool] = Counter()
    for one in counted:
        if name in (None, one.intervention):
            found[one.held_out] += one.count
    return found


def _difference(effect: Effect) -> dict[str, Any]:
    bounds = None if effect.low is None else (effect.low, effect.high)
    return {
        "rates": {"sent": effect.treated_rate, "held_out": effect.held_rate},
        "difference": effect.difference,
        "interval": bounds,
    }


def _types(found: Report, counted: Sequence[EnrolmentTally], paused: Mapping[str, PauseRecord]) -> list[dict[str, Any]]:
    """Each type that was ever planned or is paused, in the catalogue's order."""
    known = {one.intervention for one in counted} | set(paused) - {EVERY}
    ordered = [name for name in INTERVENTIONS if name in known]
    return [
        _type(name, found.types.get(name), _enrolled(counted, name), paused.get(name) or paused.get(EVERY))
        for name in (*ordered, *sorted(known - set(ordered)))
    ]


def _type(name: str, told: TypeVerdict | None, planned: Counter[bool], pause: PauseRecord | None) -> dict[str, Any]:
    """One type: its own rates, and its difference as far as it was measured, leaning on the other types."""
    uplift = told.uplift if told and told.effect.difference is not None else None
    return {
        "intervention": name,
        "sent": planned[False],
        "held_out": planned[True],
        "rates": {
            "sent": told.effect.treated_rate if told else None,
            "held_out": told.effect.held_rate if told else None,
        },
        "difference": uplift.estimate if uplift else None,
        "interval": (uplift.low, uplift.high) if uplift else None,
        "paused": None if pause is None else {"reason": pause.reason, "by": pause.paused_by, "at": pause.paused_at},
    }


def _stopped(choices: InterventionSettings, paused: Mapping[str, PauseRecord]) -> str | None:
    """Say that everything stands still, where it does."""
    if choices.kill_switch:
        return STOPPED.format("the kill switch is on")
    return STOPPED.format("every type is paused") if EVERY in paused else None


def _by_state(counts: Mapping[tuple[str, str], int]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for (_, state), count in counts.items():
        found[state] += count
    return dict(sorted(found.items()))
