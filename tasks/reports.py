"""`hearth.reports.value`: whether all that Hearth does helps, and what it earned."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

from db.records import EnrolmentTally
from db.repositories.interventions import interventions
from db.repositories.predictions import value_report as value_counts
from db.session import Session
from domain.scores import BANDS
from ml.experiments import value
from tasks.contracts.base.wire import RESULT_LIMIT, canonical
from tasks.contracts.reports import ValueReport
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import query
from tasks.services.interventions import experiment
from tasks.services.interventions.effect_views import effect_view
from tasks.services.interventions.intervention_settings import settings_of

#: the state of an action that was carried out and then answered: it counts as both
ANSWERED = "replied"
#: most bytes that the rows of people take up in an answer
PEOPLE_LIMIT = RESULT_LIMIT * 9 // 10
#: counts of a person's row
USE = ("leads", "contacted", "executed", "rejected", "replied", "overrides", "marks")


@query("hearth.reports.value", ValueReport, queue="inference", scope="read")
def value_report(session: Session, request: ValueReport, context: TaskContext) -> TaskResult:
    """Closed leads by band, what agents do with suggestions, what interventions change, and money at own figures."""
    since = context.now - timedelta(days=request.days)
    share = settings_of(context.settings()).holdout
    measured = experiment.measure(session, context.tenant_id, share=share, now=context.now)
    effect = effect_view(measured.effect)
    return TaskResult(
        data={
            "tenant_id": context.tenant_id,
            "since": since,
            "bands": value.realised(_closed(session, context, since), BANDS),
            "use": _use(session, context, since),
            "effect": {
                "difference": effect["difference"],
                "interval": effect["interval"],
                "verdict": measured.verdict,
            },
            "money": _money(experiment.tallies(session, context.tenant_id), context),
        },
        as_of=context.now,
    )


def _closed(session: Session, context: TaskContext, since: datetime) -> list[tuple[str, bool]]:
    """Return the band each lead was in before it ended, and whether it was won; warn of those never scored."""
    closed = value_counts.realised(session, context.tenant_id, since=since)
    scored = [(row.band, row.label) for row in closed if row.band is not None]
    if len(scored) < len(closed):
        context.warn("not_scored", f"{len(closed) - len(scored)} of {len(closed)} leads")
    return scored


def _use(session: Session, context: TaskContext, since: datetime) -> list[dict[str, Any]]:
    """Return what each person did, or what was done for their leads: most leads first, leads of nobody last."""
    rows: dict[str | None, Counter[str]] = defaultdict(Counter)
    for contact in value_counts.contacts(session, context.tenant_id, since=since):
        rows[contact.agent] += Counter(leads=contact.leads, contacted=contact.contacted)
    for (agent, state), count in interventions.by_agent(session, context.tenant_id, since=since).items():
        rows[agent][state] += count
        if state == ANSWERED:
            rows[agent]["executed"] += count
    for judged in value_counts.reviewers(session, context.tenant_id, since=since):
        rows[judged.actor] += Counter(overrides=judged.overrides, marks=judged.marks)
    ordered = sorted(rows, key=lambda agent: (agent is None, -rows[agent]["leads"], agent or ""))
    return _within_limit([{"agent": agent, **{name: rows[agent][name] for name in USE}} for agent in ordered], context)


def _within_limit(rows: Sequence[dict[str, Any]], context: TaskContext) -> list[dict[str, Any]]:
    """Return as many people as one answer holds."""
    sizes = accumulate(len(canonical(row)) + 1 for row in rows)
    fitting = [row for row, size in zip(rows, sizes, strict=True) if size <= PEOPLE_LIMIT]
    if len(fitting) < len(rows):
        context.warn("too_many", f"use.{len(fitting)}")
    return fitting


def _money(tallies: Iterable[EnrolmentTally], context: TaskContext) -> dict[str, Any] | None:
    """Return what leads sent to earned beyond those held out, at the tenant's own figures; None where it set none."""
    worth = context.settings().get("worth") or {}
    if not worth.get("typical_price"):
        return None
    arms = value.deals((tally.held_out, tally.outcome, tally.count) for tally in tallies)
    money = value.money(*arms, deal=worth["typical_price"] * worth["commission"])
    if money is None:
        return None
    return {
        "currency": worth.get("currency", "USD"),
        **{name: round(getattr(money, name), 2) for name in ("amount", "low", "high")},
        "from": {
            "commission": worth["commission"],
            "typical_price": worth["typical_price"],
            "leads": money.leads,
            "difference": money.difference,
        },
    }
