"""Live scores: leads that something happened to, or that have been silent too long, are scored again by themselves.

A sweep asks for workers every two seconds; each takes some of the leads that are due, scores them, and says when their
silence will be too long (see `tasks.services.leads.due_queue`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from db.records import Taken
from db.repositories.due_queues import rescore_queue, risk_queue
from db.repositories.leads import leads
from db.session import EVERY_TENANT, Session, reading
from tasks.contracts.events import RescoreLeads
from tasks.contracts.system import Upkeep
from tasks.leads.score import store_scores
from tasks.runtime import schedule
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import job
from tasks.services.leads import due_queue
from tasks.services.leads.snapshots import may_score, take_snapshots
from tasks.services.leads.urgency import keep_urgency
from tasks.services.models import model_registry

#: seconds between sweeps, and after which a message that asks for a worker is of no use any more
EVERY, STALE = 2, 20


@job("hearth.leads.sweep", Upkeep)
def sweep(request: Upkeep, context: TaskContext) -> dict[str, Any]:
    """Ask for workers where leads are due."""
    if not schedule.is_due("leads.live", EVERY):
        return context.envelope(request, TaskResult(data={"due": 0}))
    with reading(EVERY_TENANT) as session:
        waiting = rescore_queue.due(session)
    return context.envelope(request, TaskResult(data={"due": due_queue.ask(rescore, waiting, stale=STALE)}))


@job("hearth.leads.rescore", RescoreLeads)
def rescore(request: RescoreLeads, context: TaskContext) -> dict[str, Any]:
    """Score leads of a tenant that are due; an unchanged score within a scoring interval writes nothing.

    A lead that cannot be scored waits a scoring interval for its next turn, and holds up nobody.
    """
    taken, scored = due_queue.process_due(rescore_queue, context, request.tenant_id, _score)
    return context.envelope(request, TaskResult(data={"due": taken, "scored": scored}))


def _score(session: Session, context: TaskContext, taken: Taken) -> list[str]:
    records = leads.get(session, context.tenant_id, lead_ids=taken.lead_ids)
    lead_ids = [each.lead_id for each in records if each.status == "open" and each.lead_type not in leads.UNSCORED]
    lead_ids, _ = may_score(session, context, lead_ids)
    times: dict[str, datetime | None] = {}
    if lead_ids:
        snapshots = take_snapshots(session, context, lead_ids, context.now)
        store_scores(
            session, context, snapshots, model_registry.champion(session, context.tenant_id, context.settings())
        )
        times = keep_urgency(session, context, lead_ids, [snapshot.snapshot_id for snapshot in snapshots], context.now)
    rescore_queue.complete(session, context.tenant_id, taken=taken, due=times)
    risk_queue.touch(session, context.tenant_id, lead_ids=taken.lead_ids)
    # who wants to hear no more waits for no window: what runs for them is to be withdrawn
    shut = [each.lead_id for each in records if not each.contactable]
    risk_queue.schedule(session, context.tenant_id, due=dict.fromkeys(shut, context.now))
    return lead_ids
