"""`hearth.leads.upsert`: create or change leads."""

from __future__ import annotations

from collections.abc import Sequence

from db.records import UpsertResult
from db.repositories.due_queues.queues import rescore_queue
from db.repositories.leads import lead_lookup, leads
from db.repositories.leads.lead_lookup import Identity
from db.session import Session
from domain.documents import JsonObject
from tasks.contracts.base.wire import RESULT_LIMIT, canonical
from tasks.contracts.leads import UpsertLeads
from tasks.intake.consent import UNCLEAR, any_not_understood
from tasks.intake.lead_drafts import to_draft
from tasks.runtime import lead_references
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import effect
from tasks.services.leads import refusals
from tasks.services.online import signals
from tasks.services.online.meanings import news_of


@effect("hearth.leads.upsert", UpsertLeads, queue="ingest", scope="write")
def upsert(session: Session, request: UpsertLeads, context: TaskContext) -> TaskResult:
    """Create or change leads; a lead without a usable identity is rejected by its index and the rest goes on.

    What is new or changed is scored within the tenant's window, as after an event.
    """
    drafts = [to_draft(lead, context.now) for lead in request.leads]
    results = leads.upsert(session, request.tenant_id, drafts=drafts, policy=request.policy, now=context.now)
    changed = {result.lead_id for result in results if result.lead_id and result.outcome in {"created", "updated"}}
    rescore_queue.touch(session, request.tenant_id, lead_ids=sorted(changed))
    signals.join(session, context, news_of(drafts, results, context.now))
    refusals.announce_results(context, results)
    for index, draft in enumerate(drafts):
        if any_not_understood(draft.statements):
            context.warn(UNCLEAR, f"leads.{index}")
    for index, result in enumerate(results):
        for code in result.codes if result.lead_id else ():
            context.warn(code, f"leads.{index}")
    outcomes = [result.outcome for result in results]
    data: JsonObject = {
        "created": outcomes.count("created"),
        "updated": outcomes.count("updated"),
        "unchanged": outcomes.count("unchanged") + outcomes.count("skipped") + outcomes.count("duplicate"),
        "rejected": [
            {"index": index, "code": result.codes[0]} for index, result in enumerate(results) if not result.lead_id
        ],
        "lead_ids": [result.lead_id for result in results],
    }
    identities = _identities(session, request, results)
    if len(canonical(data)) + len(canonical(identities)) <= RESULT_LIMIT - lead_references.ENVELOPE:
        data |= identities
    else:
        context.warn("too_many", "external_ids")
    return TaskResult(data=data)


def _identities(session: Session, request: UpsertLeads, results: Sequence[UpsertResult]) -> JsonObject:
    """Return the own id of each lead and its system, in the order of the message: as sent, else as stored.

    A lead that is rejected has none: the answer is kept, and a person who was forgotten may be sent again.
    """
    sent = list(zip(request.leads, [result.lead_id for result in results], strict=True))
    unsent = [lead_id for lead, lead_id in sent if lead_id is not None and lead.external_id is None]
    stored = lead_lookup.identities(session, request.tenant_id, lead_ids=unsent) if unsent else {}
    known = [
        Identity(source_system=lead.source_system, external_id=lead.external_id)
        if lead_id is not None and lead.external_id is not None
        else stored.get(lead_id or "")
        for lead, lead_id in sent
    ]
    return {
        "external_ids": [identity and identity.external_id for identity in known],
        "source_systems": [identity and identity.source_system for identity in known],
    }
