"""`hearth.leads.upsert`: create or change leads."""

from __future__ import annotations

from db.repositories.due_queues.queues import rescore_queue
from db.repositories.leads import leads
from db.session import Session
from tasks.contracts.leads import UpsertLeads
from tasks.intake.consent import UNCLEAR, any_not_understood
from tasks.intake.lead_drafts import to_draft
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import effect
from tasks.services.leads import refusals


@effect("hearth.leads.upsert", UpsertLeads, queue="ingest")
def upsert(session: Session, request: UpsertLeads, context: TaskContext) -> TaskResult:
    """Create or change leads; a lead without a usable identity is rejected by its index and the rest goes on.

    What is new or changed is scored within the tenant's window, as after an event.
    """
    drafts = [to_draft(lead, context.now) for lead in request.leads]
    results = leads.upsert(session, request.tenant_id, drafts=drafts, policy=request.policy, now=context.now)
    changed = {result.lead_id for result in results if result.lead_id and result.outcome in {"created", "updated"}}
    rescore_queue.touch(session, request.tenant_id, lead_ids=sorted(changed))
    refusals.announce_results(context, results)
    for index, draft in enumerate(drafts):
        if any_not_understood(draft.statements):
            context.warn(UNCLEAR, f"leads.{index}")
    for index, result in enumerate(results):
        for code in result.codes if result.lead_id else ():
            context.warn(code, f"leads.{index}")
    outcomes = [result.outcome for result in results]
    return TaskResult(
        data={
            "created": outcomes.count("created"),
            "updated": outcomes.count("updated"),
            "unchanged": outcomes.count("unchanged") + outcomes.count("skipped") + outcomes.count("duplicate"),
            "rejected": [
                {"index": index, "code": result.codes[0]} for index, result in enumerate(results) if not result.lead_id
            ],
            "lead_ids": [result.lead_id for result in results],
        }
    )
