"""Record what became of the leads that were planned for, once their time is over; both arms are judged alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import structlog

from db.records import EnrolmentRecord, EventRecord
from db.repositories.events import events
from db.repositories.interventions import enrolments, pauses
from db.repositories.leads import leads
from db.repositories.predictions import snapshots
from db.session import EVERY_TENANT, Session, database_time, reading
from domain.documents import JsonObject
from ml.churn.labels import HORIZON, History, labels
from ml.experiments.verdicts import Report
from tasks.contracts.interventions import FollowUp
from tasks.interventions.pauses import set_pause
from tasks.runtime import schedule
from tasks.runtime.bisect_batch import bisect
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import job
from tasks.services.interventions import experiment
from tasks.services.interventions.intervention_settings import settings_of
from tasks.services.interventions.per_tenant import for_tenant
from tasks.services.models import churn_training_data

log = structlog.get_logger(__name__)

DAY = 86_400
#: leads that one round finds at most, and rounds of one run; what is left waits for the next day
LIMIT, ROUNDS = 5_000, 100
#: leads whose histories are read at once
CHUNK = 200
#: actor of a pause that the measured harm brings about
JOB = "hearth"
#: kind of the event by which the CRM reports an answer to an action
ANSWERED = "outcome.replied"
#: for this long a type that a person resumed is not paused again
RESPECTED = timedelta(days=30)


@job("hearth.interventions.follow_up", FollowUp, queue="batch", internal=True)
def follow_up(request: FollowUp, context: TaskContext) -> JsonObject:
    """Record how the leads ended whose time is over, once a day, and pause types of intervention that do harm."""
    if not schedule.is_due("interventions.follow_up", DAY):
        return context.envelope(request, TaskResult(data={"settled": 0}))
    settled: Counter[str] = Counter()
    for _ in range(ROUNDS):
        done = _round(context)
        settled += done
        if not done:
            break
    paused = sum(len(judge(for_tenant(context, tenant_id))) for tenant_id in settled)
    return context.envelope(request, TaskResult(data={"settled": settled.total(), "paused": paused}))


def _round(context: TaskContext) -> Counter[str]:
    """Record how leads of every tenant ended, and return how many; those not known yet stay for another day."""
    with reading(EVERY_TENANT) as session:
        now = database_time(session)
        due = enrolments.due(session, now=now, limit=LIMIT)
    return +Counter(
        {name: resolve(replace(for_tenant(context, name), now=now), lead_ids) for name, lead_ids in due.items()}
    )


def resolve(context: TaskContext, lead_ids: Sequence[str]) -> int:
    """Record how leads ended, and return how many; a lead that fails does not hold up the others."""
    counts: list[int] = []

    def run(chunk: Sequence[str]) -> None:
        part = context.fork()
        with part.transaction(context.tenant_id) as session:
            count = resolve_leads(session, part, chunk)
        counts.append(count)

    def failed(lead_id: str, error: str) -> None:
        log.error("lead_not_settled", lead_id=lead_id, error=error)

    for start in range(0, len(lead_ids), CHUNK):
        bisect(lead_ids[start : start + CHUNK], run, failed)
    return sum(counts)


def resolve_leads(session: Session, context: TaskContext, lead_ids: Sequence[str]) -> int:
    """Record how enrolled leads ended, in one transaction; return how many."""
    name = experiment.EXPERIMENT
    enrolled = enrolments.for_leads(session, context.tenant_id, experiment=name, lead_ids=lead_ids)
    dates = sorted({record.enrolled_at for record in enrolled.values()})
    lead_events = events.for_leads(session, context.tenant_id, lead_ids=list(enrolled))
    at_enrolment = snapshots.newest_at(session, context.tenant_id, lead_ids=list(enrolled), dates=dates)
    outcomes = {
        lead.lead_id: _outcome(
            churn_training_data.history_of(
                lead, _of_both_arms(lead_events[lead.lead_id]), at_enrolment.get(lead.lead_id, ()), context.now
            ),
            enrolled[lead.lead_id],
            context,
        )
        for lead in leads.get(session, context.tenant_id, lead_ids=list(enrolled))
    }
    resolved = {lead_id: outcome for lead_id, outcome in outcomes.items() if outcome is not None}
    count = enrolments.close(session, context.tenant_id, experiment=name, outcomes=resolved, now=context.now)
    if resolved:
        context.audit("enrolments_settled", leads=count, experiment=name)
    return count


def _of_both_arms(lead_events: Sequence[EventRecord]) -> list[EventRecord]:
    """Leave out reports that an action was answered; the answer itself stays, since a lead of either arm may give one.

    Only treated leads have actions: counted, the reports would give that arm one more way to be seen as alive.
    """
    return [event for event in lead_events if event.kind != ANSWERED or "action_id" not in event.facts]


def judge(context: TaskContext) -> list[str]:
    """Pause the types that do harm by what the tenant's hold-out has shown; return them."""
    part = context.fork()
    with part.transaction(context.tenant_id) as session:
        report = experiment.measure(
            session, context.tenant_id, share=settings_of(context.settings()).holdout, now=context.now
        )
        resumed = pauses.lifted(session, context.tenant_id, since=context.now - RESPECTED)
        harmful = [name for name in report.harmful if name not in resumed]
        return [name for name in harmful if set_pause(session, part, name, "harms", _evidence(report, name), by=JOB)]


def _outcome(history: History, record: EnrolmentRecord, context: TaskContext) -> tuple[str, str | None] | None:
    """Return how a lead ended, with the reason; None while that is not known."""
    thresholds: Mapping[str, float] = context.settings().get("silence_days") or {}
    outcomes = labels([history], [record.enrolled_at], until=context.now, horizon=HORIZON, thresholds=thresholds)
    if not outcomes:
        # as we know now it had ended before it was enrolled
        return "gone", "ended_before"
    return None if outcomes[0].outcome == "censored" else (outcomes[0].outcome, outcomes[0].reason)


def _evidence(report: Report, name: str) -> JsonObject:
    effect, always = report.types[name].effect, report.types[name].always
    return {
        "sent": effect.treated.count,
        "held_out": effect.holdout.count,
        "rates": [effect.treated_rate, effect.holdout_rate],
        "difference": effect.difference,
        "interval": None if always is None else list(always),
    }
