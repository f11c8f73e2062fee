"""Enter into the ledger what the events of the outbound stream, or a new day, make due."""

from __future__ import annotations

from collections.abc import Sequence

from db.records import CrmSenderRecord, OutboundRecord
from db.repositories.outbound import crm_senders, crm_sends, outbound
from db.session import Session
from tasks.runtime.context import TaskContext
from tasks.services.sending.sender_settings import SenderSettings, fill_mark

#: events after which the fields of their lead may have another value
_TOUCHING = frozenset({"band.changed", "assessment.completed", "threshold.crossed", "risk.changed", "action.planned"})
#: events about many leads at once
_ABOUT_MANY = frozenset({"scores.refreshed", "assessment.completed"})
#: events read in one transaction, and leads whose fields become due in one
PAGE = 500


def read_stream(session: Session, context: TaskContext, sender: CrmSenderRecord, settings: SenderSettings) -> bool:
    """Enter what the next page of events makes due, and move the cursor with it; return whether there may be more."""
    page = outbound.pull(session, context.tenant_id, cursor=sender.sequence, limit=PAGE)
    if not page:
        return False
    now = context.now
    crm_sends.add_actions(session, context.tenant_id, actions=planned_actions(page, settings.crm), now=now)
    for event in page:
        if event.type == "action.withdrawn":
            action_id, reason = str(event.body.get("action_id")), str(event.body.get("reason"))
            crm_sends.withdraw(session, context.tenant_id, action_id=action_id, code=reason, now=now)
    if settings.write_back and fill_mark(context.settings(), "") is not None:
        touched = touched_leads(page)
        due_at = now + settings.debounce
        crm_sends.make_fields_due(session, context.tenant_id, lead_ids=touched, due_at=due_at, now=now)
        if any(event.type in _ABOUT_MANY and event.lead_id is None for event in page):
            crm_senders.fill(session, context.tenant_id, after="")
    crm_senders.advance(session, context.tenant_id, sequence=page[-1].sequence)
    return len(page) == PAGE


def fill(session: Session, context: TaskContext, sender: CrmSenderRecord, settings: SenderSettings) -> bool:
    """Make the fields of the next page of leads due, where those of all leads are to be; return whether they were.

    They are once a day, when the mapping of fields changes, and after news of many leads at once.
    """
    mark = fill_mark(context.settings(), context.now.date().isoformat()) if settings.write_back else None
    if mark is None:
        return False
    after = sender.fill_after
    if sender.fill_mark != mark:
        crm_senders.mark_fill(session, context.tenant_id, mark=mark)
        after = ""
    if after is None:
        return False
    page = crm_sends.leads_after(session, context.tenant_id, after=after, limit=PAGE)
    now = context.now
    crm_sends.make_fields_due(session, context.tenant_id, lead_ids=page, due_at=now, now=now)
    crm_senders.fill(session, context.tenant_id, after=page[-1] if len(page) == PAGE else None)
    return bool(page)


def planned_actions(page: Sequence[OutboundRecord], crm: str) -> list[tuple[str, str]]:
    """Return the actions with a request to a CRM that events hand over, as (action id, lead id)."""
    return [
        (str(event.body["action_id"]), event.lead_id)
        for event in page
        if event.type == "action.planned"
        and event.lead_id is not None
        and (event.body.get("crm") or {}).get("provider") == crm
    ]


def touched_leads(page: Sequence[OutboundRecord]) -> list[str]:
    """Return the leads whose fields may have another value after these events."""
    return list(dict.fromkeys(e.lead_id for e in page if e.type in _TOUCHING and e.lead_id is not None))
