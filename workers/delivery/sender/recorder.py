"""Record in the ledger what a verdict means for an entry: it has ended, waits for a person, or comes again later."""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from db.records import CrmSendRecord
from db.repositories.outbound import crm_sends
from db.session import Session
from tasks.runtime.context import TaskContext
from tasks.services.sending import results
from workers.delivery.sender.limits import SenderLimits
from workers.delivery.sender.verdicts import Verdict

log = structlog.get_logger(__name__)

#: states of an entry that has not ended
_OPEN = ("pending", "sending")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder:
    """Writes verdicts into the ledger of a tenant."""

    limits: SenderLimits

    def record(
        self,
        session: Session,
        context: TaskContext,
        entry: CrmSendRecord,
        verdict: Verdict,
        *,
        written: str | None = None,
        message_ids: Collection[str] = (),
    ) -> None:
        """Record a verdict; `written` is the digest of fields that were sent, `message_ids` name a message."""
        code, now, tenant_id = verdict.code or "unknown", context.now, context.tenant_id
        if verdict.kind == "sent":
            results.record_sent(session, context, entry, written=written, message_ids=message_ids, code=verdict.code)
            return
        log.warning("send_failed", tenant_id=tenant_id, key=entry.key, outcome=verdict.kind, code=code)
        if verdict.kind == "refused":
            results.record_refused(session, context, entry, code)
        elif verdict.kind == "unsure":
            crm_sends.end(session, tenant_id, key=entry.key, state="unsure", code=code, now=now)
        elif verdict.kind == "again" and entry.attempts + 1 >= self.limits.attempts:
            crm_sends.end(session, tenant_id, key=entry.key, state="dead", of=_OPEN, code=code, now=now)
        else:
            later = now + timedelta(seconds=self._pause(entry, verdict))
            self.put_back(session, context, entry, later, code, counts=verdict.kind == "again")

    def put_back(
        self,
        session: Session,
        context: TaskContext,
        entry: CrmSendRecord,
        at: datetime,
        code: str,
        *,
        counts: bool = False,
    ) -> None:
        """Let an entry come again at a time, for a reason (a code); `counts`: the failure counts against it."""
        key, now = entry.key, context.now
        crm_sends.put_back(session, context.tenant_id, key=key, next_at=at, code=code, counts=counts, now=now)

    def _pause(self, entry: CrmSendRecord, verdict: Verdict) -> float:
        """Return a delay with full jitter, or what the CRM asked for; a token is no fault of the entry."""
        if verdict.kind == "token":
            return 0.0
        if verdict.after is not None:
            return verdict.after
        return random.random() * min(self.limits.backoff * 2.0 ** min(entry.attempts, 30), self.limits.backoff_limit)
