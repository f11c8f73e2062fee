"""Read the messages of leads when they come in, once: what was read is stored, and no later reader opens the texts.

A message that two workers read at the same moment is stored once. A lead with more unread messages than one call reads
is due again: its next turn reads on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog

from db.records import MessageAnalysisDraft, MessageAnalysisRecord, UnreadMessage
from db.repositories.due_queues.queues import rescore_queue
from db.repositories.events import events, message_analyses
from db.session import Session
from domain.documents import JsonMapping
from ml.errors import ArtifactError
from ml.interventions.compliance.zones import zones_of
from ml.language import analysis
from ml.language.refusals import RefusalVerdict
from ml.language.results import MessageAnalysis
from tasks.intake.consent import REFUSES
from tasks.runtime.context import TaskContext
from tasks.services.conversations import stored_results

log = structlog.get_logger(__name__)

#: most messages that one call reads, so that a long history delays nobody's score
MESSAGES = 400


def analyse_new(session: Session, context: TaskContext, lead_ids: Sequence[str]) -> int:
    """Read the messages of leads that were not read yet, and store what they say; return how many are new.

    Reads at most `MESSAGES`, the newest of each lead first; a lead with more is due again. Leads that are restricted
    or object are not read. The version of a lead with a new reading rises by one, so this comes before the lead itself
    is read (`profiles.load`). An audit row a lead names the version and the events. A message that cannot be read is
    logged and tried again next time: it stops neither the others nor the score.

    Raises:
        SealBroken: a stored text was changed or moved.

    """
    waiting = message_analyses.unread(session, context.tenant_id, lead_ids=lead_ids, limit=MESSAGES)
    if not waiting:
        return 0
    drafts = _readable(waiting, context.settings())
    if not drafts:
        return 0
    stored = message_analyses.save(session, context.tenant_id, drafts=drafts, now=context.now)
    for lead_id, event_ids in stored.items():
        context.audit(
            "message_analysis",
            lead_id=lead_id,
            version=analysis.version(),
            messages=len(event_ids),
            event_ids=event_ids,
        )
    if len(waiting) == MESSAGES:
        rest = message_analyses.behind(session, context.tenant_id, lead_ids=lead_ids)
        rescore_queue.touch(session, context.tenant_id, lead_ids=rest)
    return sum(map(len, stored.values()))


def zone_of(timezone: str | None, state: str | None, settings: JsonMapping) -> ZoneInfo:
    """Return the zone of a lead's clock: its own, else that of its state, else the brokerage's.

    >>> zone_of("America/Denver", None, {}).key, zone_of(None, "Colorado", {}).key
    ('America/Denver', 'America/Denver')
    >>> zone_of(None, None, {"timezone": "America/New_York"}).key
    'America/New_York'
    """
    zones, basis = zones_of(timezone, state, None)
    return ZoneInfo((settings.get("timezone") or "UTC") if basis == "unknown" else zones[0])


def conversation_of(
    session: Session, context: TaskContext, lead_id: str
) -> tuple[list[MessageAnalysisRecord], list[datetime]]:
    """Return what was read in a lead's newest messages, oldest first, and when something was sent to it.

    What came in just now and was not read yet is read for this answer alone; nothing is stored.
    """
    tenant_id = context.tenant_id
    stored = message_analyses.for_leads(session, tenant_id, lead_ids=[lead_id]).get(lead_id, [])
    waiting = message_analyses.unread(session, tenant_id, lead_ids=[lead_id], limit=message_analyses.NEWEST)
    zones = [zone_of(message.timezone, message.state, context.settings()) for message in waiting]
    fresh = read_now(waiting, zones, context.now)
    read = sorted([*stored, *fresh], key=lambda record: (record.occurred_at, record.event_id))
    happened = events.for_leads(session, tenant_id, lead_ids=[lead_id])[lead_id]
    sent = [event.occurred_at for event in happened if event.direction == "outbound" and "." not in event.kind]
    return read[-message_analyses.NEWEST :], sent


def read_now(
    messages: Sequence[UnreadMessage], zones: Sequence[ZoneInfo], now: datetime
) -> list[MessageAnalysisRecord]:
    """Return what is read in messages, each with its lead's zone, as if it had been stored; nothing is."""
    return [_record(message, read, now) for message, read in zip(messages, _read(messages, zones), strict=True)]


def _record(message: UnreadMessage, read: MessageAnalysis, now: datetime) -> MessageAnalysisRecord:
    return MessageAnalysisRecord(
        event_id=message.event_id,
        lead_id=message.lead_id,
        occurred_at=message.occurred_at,
        recorded_at=message.recorded_at,
        channel=message.channel,
        version=read.version,
        analysed_at=now,
        result=stored_results.encode(read),
    )


def _read(waiting: Sequence[UnreadMessage], zones: Sequence[ZoneInfo]) -> list[MessageAnalysis]:
    return analysis.analyse(
        [message.text for message in waiting],
        at=[message.occurred_at for message in waiting],
        zones=zones,
        refusals=[_known_refusal(message) for message in waiting],
    )


def _known_refusal(message: UnreadMessage) -> RefusalVerdict | None:
    """Return what is known of a refusal: a stored message was read for one when it came in, one sent along was not."""
    return "none" if message.facts is not None and REFUSES not in message.facts else None


def _readable(waiting: Sequence[UnreadMessage], settings: JsonMapping) -> list[MessageAnalysisDraft]:
    """Return what is read in messages; where the batch fails it is halved until those that fail stand alone."""
    try:
        return _drafts(waiting, settings)
    except (ArtifactError, OSError) as error:  # of the models, not of a message
        log.error("messages_not_read", messages=len(waiting), error=type(error).__name__)
        return []
    except Exception as error:  # noqa: BLE001  # no message may stop the score of its lead, or the reading of others
        if len(waiting) == 1:
            log.error("message_not_read", event_id=waiting[0].event_id, error=type(error).__name__)
            return []
        middle = len(waiting) // 2
        return [*_readable(waiting[:middle], settings), *_readable(waiting[middle:], settings)]


def _drafts(waiting: Sequence[UnreadMessage], settings: JsonMapping) -> list[MessageAnalysisDraft]:
    zones = [zone_of(message.timezone, message.state, settings) for message in waiting]
    return [
        MessageAnalysisDraft(
            event_id=message.event_id,
            lead_id=message.lead_id,
            version=result.version,
            result=stored_results.encode(result),
        )
        for message, result in zip(waiting, _read(waiting, zones), strict=True)
    ]
