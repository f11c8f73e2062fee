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
from tasks.interventions.pauses import put
from tasks.runtime import schedule
from tasks.runtime.bisect_batch import halved
from tasks.runtime.task import Answer, Json, Work, job
from tasks.services.interventions import experiment
from tasks.services.interventions.intervention_settings import choices_of
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


@job("hearth.interventions.follow_up", FollowUp)
def follow_up(request: FollowUp, work: Work) -> Json:
    """Settle the leads whose time is over, once a day, and pause types of intervention that do harm."""
    if not schedule.mine("interventions.follow_up", DAY):
        return work.envelope(request, Answer(data={"settled": 0}))
    settled: Counter[str] = Counter()
    for _ in range(ROUNDS):
        done = _round(work)
        settled += done
        if not done:
            break
    paused = sum(len(judge(of_tenant(work, tenant_id))) for tenant_id in settled)
    return work.envelope(request, Answer(data={"settled": settled.total(), "paused": paused}))


def _round(work: Work) -> Counter[str]:
    """Settle leads of every tenant whose time is over; those that could not be told stay for another day."""
    with reading(EVERY_TENANT) as session:
        now = clock.now(session)
        due = enrolments.due(session, now=now, limit=LIMIT)
    return +Counter({name: settle(replace(of_tenant(work, name), now=now), lead_ids) for name, lead_ids in due.items()})


def settle(work: Work, lead_ids: Sequence[str]) -> int:
    """Note how leads ended, and give how many; one that cannot be told holds up nobody."""
    done: list[int] = []

    def run(some: Sequence[str]) -> None:
        own = work.anew()
        with own.effect(work.tenant_id) as session:
            count = settle_leads(session, own, some)
        done.append(count)

    def failed(lead_id: str, error: str) -> None:
        log.error("lead_not_settled", lead_id=lead_id, error=error)

    for start in range(0, len(lead_ids), CHUNK):
        halved(lead_ids[start : start + CHUNK], run, failed)
    return sum(done)


def settle_leads(session: Session, work: Work, lead_ids: Sequence[str]) -> int:
    """Note how leads ended that were enrolled, in one transaction."""
    scope = {"experiment": experiment.EXPERIMENT}
    known = enrolments.of_leads(session, work.tenant_id, lead_ids=lead_ids, **scope)
    dates = sorted({record.enrolled_at for record in known.values()})
    happened = events.of_leads(session, work.tenant_id, lead_ids=list(known))
    stood = snapshots.standings(session, work.tenant_id, lead_ids=list(known), dates=dates)
    told = {
        lead.lead_id: _outcome(
            churn_training_data.of_record(
                lead, _of_both(happened[lead.lead_id]), stood.get(lead.lead_id, ()), work.now
            ),
            known[lead.lead_id],
            work,
        )
        for lead in leads.get(session, work.tenant_id, lead_ids=list(known))
    }
    over = {lead_id: outcome for lead_id, outcome in told.items() if outcome is not None}
    count = enrolments.settle(session, work.tenant_id, outcomes=over, now=work.now, **scope)
    if over:
        work.prove("enrolments_settled", leads=count, **scope)
    return count


def _of_both(happened: Sequence[EventRecord]) -> list[EventRecord]:
    """Leave out that an action was answered: only leads that are sent to have actions, the answer itself any may give.

    Counted, whoever is sent to would be seen to live by one way more than who is held out.
    """
    return [event for event in happened if event.kind != ANSWERED or "action_id" not in event.facts]


def judge(work: Work) -> list[str]:
    """Look at what the tenant's hold-out has shown, and pause the types that do harm; gives those."""
    own = work.anew()
    with own.effect(work.tenant_id) as session:
        found = experiment.measured(session, work.tenant_id, share=choices_of(work.settings()).holdout, now=work.now)
        kept = pauses.lifted(session, work.tenant_id, since=work.now - RESPECTED)
        harmful = [name for name in found.harmful if name not in kept]
        return [name for name in harmful if put(session, own, name, "harms", _evidence(found, name), by=JOB)]


def _outcome(history: History, record: EnrolmentRecord, work: Work) -> tuple[str, str | None] | None:
    """Say how a lead ended; None while that cannot be told."""
    thresholds: Mapping[str, float] = work.settings().get("silence_days") or {}
    found = labels([history], [record.enrolled_at], until=work.now, horizon=HORIZON, thresholds=thresholds)
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
