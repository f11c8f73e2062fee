"""What became of leads that were planned for, once their time is over: sent to and held out are judged alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog

from db import clock
from db.records import EnrolmentRecord, EventRecord
from db.repositories.events import events
from db.repositories.interventions import enrolments, pauses
from db.repositories.leads import leads
from db.repositories.predictions import snapshots
from db.session import EVERY_TENANT, Session, reading
from ml.churn.labels import HORIZON, History, labels
from ml.experiments.verdicts import Report
from tasks.contracts.interventions import FollowUp
from tasks.interventions.pauses import set_pause
from tasks.runtime import schedule
from tasks.runtime.bisect_batch import bisect
from tasks.runtime.context import Json, TaskContext, TaskResult
from tasks.runtime.task import job
from tasks.services.interventions import experiment
from tasks.services.interventions.intervention_settings import settings_of
from tasks.services.interventions.per_tenant import of_tenant
from tasks.services.models import churn_training_data

log = structlog.get_logger(__name__)

DAY = 86_400
#: leads that one round finds at most, and rounds of one run; what is left is seen the next day
LIMIT, ROUNDS = 5_000, 100
#: leads whose histories are read at once
CHUNK = 200
#: who pauses what does harm
JOB = "hearth"
#: how the CRM tells that an action was answered
ANSWERED = "outcome.replied"
#: for this long a person's word that a type goes on is not overruled
RESPECTED = timedelta(days=30)


@job("hearth.interventions.follow_up", FollowUp, queue="batch", internal=True)
def follow_up(request: FollowUp, context: TaskContext) -> Json:
    """Settle the leads whose time is over, once a day, and pause types of intervention that do harm."""
    if not schedule.is_due("interventions.follow_up", DAY):
        return context.envelope(request, TaskResult(data={"settled": 0}))
    settled: Counter[str] = Counter()
    for _ in range(ROUNDS):
        done = _round(context)
        settled += done
        if not done:
            break
    paused = sum(len(judge(of_tenant(context, tenant_id))) for tenant_id in settled)
    return context.envelope(request, TaskResult(data={"settled": settled.total(), "paused": paused}))


def _round(context: TaskContext) -> Counter[str]:
    """Settle leads of every tenant whose time is over; those that could not be told stay for another day."""
    with reading(EVERY_TENANT) as session:
        now = clock.now(session)
        due = enrolments.due(session, now=now, limit=LIMIT)
    return +Counter(
        {name: resolve(replace(of_tenant(context, name), now=now), lead_ids) for name, lead_ids in due.items()}
    )


def resolve(context: TaskContext, lead_ids: Sequence[str]) -> int:
    """Note how leads ended, and give how many; one that cannot be told holds up nobody."""
    done: list[int] = []

    def run(some: Sequence[str]) -> None:
        own = context.fork()
        with own.transaction(context.tenant_id) as session:
            count = resolve_leads(session, own, some)
        done.append(count)

    def failed(lead_id: str, error: str) -> None:
        log.error("lead_not_settled", lead_id=lead_id, error=error)

    for start in range(0, len(lead_ids), CHUNK):
        bisect(lead_ids[start : start + CHUNK], run, failed)
    return sum(done)


def resolve_leads(session: Session, context: TaskContext, lead_ids: Sequence[str]) -> int:
    """Note how leads ended that were enrolled, in one transaction."""
    scope = {"experiment": experiment.EXPERIMENT}
    known = enrolments.for_leads(session, context.tenant_id, lead_ids=lead_ids, **scope)
    dates = sorted({record.enrolled_at for record in known.values()})
    happened = events.for_leads(session, context.tenant_id, lead_ids=list(known))
    stood = snapshots.newest_at(session, context.tenant_id, lead_ids=list(known), dates=dates)
    told = {
        lead.lead_id: _outcome(
            churn_training_data.history_of(
                lead, _of_both(happened[lead.lead_id]), stood.get(lead.lead_id, ()), context.now
            ),
            known[lead.lead_id],
            context,
        )
        for lead in leads.get(session, context.tenant_id, lead_ids=list(known))
    }
    over = {lead_id: outcome for lead_id, outcome in told.items() if outcome is not None}
    count = enrolments.close(session, context.tenant_id, outcomes=over, now=context.now, **scope)
    if over:
        context.audit("enrolments_settled", leads=count, **scope)
    return count


def _of_both(happened: Sequence[EventRecord]) -> list[EventRecord]:
    """Leave out that an action was answered: only leads that are sent to have actions, the answer itself any may give.

    Counted, whoever is sent to would be seen to live by one way more than who is held out.
    """
    return [event for event in happened if event.kind != ANSWERED or "action_id" not in event.facts]


def judge(context: TaskContext) -> list[str]:
    """Look at what the tenant's hold-out has shown, and pause the types that do harm; gives those."""
    own = context.fork()
    with own.transaction(context.tenant_id) as session:
        found = experiment.measure(
            session, context.tenant_id, share=settings_of(context.settings()).holdout, now=context.now
        )
        kept = pauses.lifted(session, context.tenant_id, since=context.now - RESPECTED)
        harmful = [name for name in found.harmful if name not in kept]
        return [name for name in harmful if set_pause(session, own, name, "harms", _evidence(found, name), by=JOB)]


def _outcome(history: History, record: EnrolmentRecord, context: TaskContext) -> tuple[str, str | None] | None:
    """Say how a lead ended; None while that cannot be told."""
    thresholds: Mapping[str, float] = context.settings().get("silence_days") or {}
    found = labels([history], [record.enrolled_at], until=context.now, horizon=HORIZON, thresholds=thresholds)
    if not found:
        # by what is known now it had ended before it was enrolled
        return "gone", "ended_before"
    return None if found[0].outcome == "censored" else (found[0].outcome, found[0].reason)


def _evidence(found: Report, name: str) -> dict[str, Any]:
    effect, always = found.types[name].effect, found.types[name].always
    return {
        "sent": effect.treated.count,
        "held_out": effect.held.count,
        "rates": [effect.treated_rate, effect.held_rate],
        "difference": effect.difference,
        "interval": None if always is None else list(always),
    }
