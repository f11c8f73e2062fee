"""Live scores: score again the leads that something happened to, or that have been silent too long.

A sweep every two seconds asks for workers; each claims some of the leads that are due, scores them, and stores when
their silence will be too long (see `tasks.services.leads.due_queue`). The same sweep has told what is told as one.
"""

from __future__ import annotations

from datetime import datetime

from db.records import ClaimedLeads, LeadRecord
from db.repositories.due_queues.queues import rescore_queue, risk_queue
from db.repositories.leads import leads
from db.repositories.predictions import score_digests
from db.session import EVERY_TENANT, Session, reading
from domain.documents import JsonObject
from domain.leads import UNSCORED_LEAD_TYPES
from tasks.contracts.events import RescoreLeads, TellRefreshed
from tasks.contracts.system import Upkeep
from tasks.runtime import schedule
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import job, step
from tasks.services.conversations.analyses import analyse_new
from tasks.services.leads import due_queue, profiles, score_digest
from tasks.services.leads.predictions import take_snapshots, warn_of_blocked
from tasks.services.leads.scoring import store_scores
from tasks.services.leads.urgency import store_urgency
from tasks.services.models import model_registry
from tasks.services.models.model_kinds import LEAD_SCORE
from tasks.services.personalization.personalize import store_personalizations

#: seconds between sweeps, and after which a message that asks for a worker is of no use any more
EVERY, STALE = 2, 20
#: seconds between looks for scores that are told as one
TELL_EVERY = 15


@job("hearth.leads.sweep", Upkeep, queue="inference", internal=True)
def sweep(request: Upkeep, context: TaskContext) -> JsonObject:
    """Ask for workers where leads are due, and where scores are to be told as one."""
    if not schedule.is_due("leads.live", EVERY):
        return context.envelope(request, TaskResult(data={"due": 0}))
    if schedule.is_due("leads.refreshed", TELL_EVERY):
        _ask_to_tell()
    with reading(EVERY_TENANT) as session:
        waiting = rescore_queue.due(session)
    return context.envelope(request, TaskResult(data={"due": due_queue.ask_for_workers(rescore, waiting, stale=STALE)}))


@step("hearth.leads.tell_refreshed", TellRefreshed, queue="inference")
def tell_refreshed(session: Session, request: TellRefreshed, context: TaskContext) -> TaskResult:
    """Tell the CRM of scores that changed by a load or by another model, in one event for each cause."""
    return TaskResult(data={"events": score_digest.emit(session, context)})


@job("hearth.leads.rescore", RescoreLeads, queue="inference", internal=True)
def rescore(request: RescoreLeads, context: TaskContext) -> JsonObject:
    """Score leads of a tenant that are due; an unchanged score within a scoring interval writes nothing.

    What they wrote since is read first, once; scores are computed from what was read. A lead that cannot be scored
    waits a scoring interval for its next turn, and holds up nobody.
    """
    taken, scored = due_queue.process_due(rescore_queue, context, request.tenant_id, _score, first=analyse_new)
    return context.envelope(request, TaskResult(data={"due": taken, "scored": scored}))


def _ask_to_tell() -> None:
    with reading(EVERY_TENANT) as session:
        ripe = score_digests.ripe(session, quiet=score_digest.QUIET, longest=score_digest.LONGEST)
    for tenant_id in ripe:
        tell_refreshed.apply_async(kwargs={"tenant_id": tenant_id}, expires=STALE, ignore_result=True)


def _score(session: Session, context: TaskContext, taken: ClaimedLeads) -> list[str]:
    records = leads.get(session, context.tenant_id, lead_ids=taken.lead_ids)
    scorable = [record.lead_id for record in records if _is_scorable(record)]
    stored = profiles.load(session, context.tenant_id, scorable, context.now) if scorable else []
    warn_of_blocked(context, stored)
    allowed = [lead for lead in stored if not lead.blocked]
    next_looks: dict[str, datetime | None] = {}
    if allowed:
        snapshots = take_snapshots(session, context, allowed, context.now)
        champion = model_registry.champion(session, context.tenant_id, context.settings(), LEAD_SCORE)
        store_scores(session, context, snapshots, champion)
        ids = [snapshot.snapshot_id for snapshot in snapshots]
        next_looks = store_urgency(session, context, allowed, ids, context.now)
        store_personalizations(session, context, allowed, snapshots, context.now)
    rescore_queue.complete(session, context.tenant_id, taken=taken, due=next_looks)
    risk_queue.touch(session, context.tenant_id, lead_ids=taken.lead_ids)
    # who wants to hear no more waits for no window: what runs for them is to be withdrawn
    refused = [record.lead_id for record in records if not record.contactable]
    risk_queue.reschedule(session, context.tenant_id, due=dict.fromkeys(refused, context.now))
    return [lead.profile.lead_id for lead in allowed]


def _is_scorable(record: LeadRecord) -> bool:
    return record.status == "open" and record.lead_type not in UNSCORED_LEAD_TYPES
