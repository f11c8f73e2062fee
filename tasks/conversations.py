"""`hearth.conversations.*`: what messages say."""

from __future__ import annotations

from datetime import datetime

from db.records import MessageAnalysisRecord, UnreadMessage
from db.repositories.leads import leads
from db.session import Session
from tasks.contracts.conversations import AnalyzeConversation, MessageIn
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import query
from tasks.services.conversations import analyses
from tasks.services.conversations.conversation_view import conversation_view, is_sufficient


@query("hearth.conversations.analyze", AnalyzeConversation, queue="inference", scope="read")
def analyze(session: Session, request: AnalyzeConversation, context: TaskContext) -> TaskResult:
    """Tell what the messages of a lead say: their tone one by one, wishes, open questions, and facts that it told.

    Of a stored lead, or of messages that are sent along, of which nothing is stored. Only what the lead wrote is read;
    what was sent to it tells which questions are still open.
    """
    if request.messages is not None:
        read, sent_at = _sent_along(request.messages, request.timezone, context)
        return _result(None, read, sent_at, context)
    lead_id = request.the_lead()
    blocked = leads.restricted(session, context.tenant_id, lead_ids=[lead_id]).get(lead_id)
    if blocked:
        return TaskResult(data={"lead_id": lead_id, "blocked": list(blocked)}, status="blocked")
    read, sent_at = analyses.conversation_of(session, context, lead_id)
    return _result(lead_id, read, sent_at, context)


def _sent_along(
    messages: list[MessageIn], timezone: str | None, context: TaskContext
) -> tuple[list[MessageAnalysisRecord], list[datetime]]:
    """Return what was read in inbound messages, oldest first, and when the outbound ones were written."""
    inbound = [message for message in sorted(messages, key=lambda each: each.at) if message.direction == "inbound"]
    zone = analyses.zone_of(timezone, None, context.settings())
    unread = [
        UnreadMessage(
            event_id=message.id,
            lead_id="",
            occurred_at=message.at,
            recorded_at=message.at,
            channel=message.channel,
            text=message.text,
            facts=None,
            timezone=timezone,
            state=None,
        )
        for message in inbound
    ]
    read = analyses.read_now(unread, [zone] * len(unread), context.now)
    return read, [message.at for message in messages if message.direction == "outbound"]


def _result(
    lead_id: str | None, read: list[MessageAnalysisRecord], sent_at: list[datetime], context: TaskContext
) -> TaskResult:
    view = conversation_view(read, sent_at, context.now)
    return TaskResult(
        data={"lead_id": lead_id, **view},
        status="ok" if is_sufficient(view) else "insufficient_data",
        as_of=context.now,
    )
