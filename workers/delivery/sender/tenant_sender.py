"""Send for one tenant: read its events into the ledger, judge each entry once more, send it, record what became of it.

The entry is marked as being on its way before its request leaves. So after a crash or a time-out it is known that the
outcome is unknown: what does no harm twice is sent again, anything else waits for a person.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from pydantic import SecretStr

from db.records import CrmSenderRecord, CrmSendRecord
from db.repositories import tenants
from db.repositories.outbound import crm_senders, crm_sends
from db.session import Session, database_time, reading, transaction
from tasks.crm.adapter import CrmAdapter, CrmApi
from tasks.runtime.context import TaskContext
from tasks.services.sending import due_requests, results
from tasks.services.sending.prepare import Ended, Later, Prepared, Ready, prepare, stored_request
from tasks.services.sending.sender_settings import SenderSettings, SenderUnusable, crm_of, sender_settings_of
from workers.delivery.poll_loop import TRANSIENT_ERRORS
from workers.delivery.sender.breaker import Breaker
from workers.delivery.sender.client import Answer, Client
from workers.delivery.sender.context import context_of
from workers.delivery.sender.limits import SenderLimits
from workers.delivery.sender.rate_limit import RateLimit
from workers.delivery.sender.recorder import Recorder
from workers.delivery.sender.tokens import Tokens, TokenUnusable
from workers.delivery.sender.verdicts import Verdict, verdict_of

log = structlog.get_logger(__name__)

#: codes of a token that the CRM refused: another token ends the wait
_REFUSED = frozenset({"http.401", "http.403"})


@dataclass(slots=True, kw_only=True)
class TenantSender:
    """Sends for one tenant; `serve` is called again and again, by one thread at a time."""

    tenant_id: str
    holder: str
    tokens: Tokens
    client: Client
    limits: SenderLimits = field(default_factory=SenderLimits)
    #: the time by which gates judge: the database's
    clock: Callable[[Session], datetime] = database_time
    monotonic: Callable[[], float] = time.monotonic
    _rate: RateLimit | None = None
    _breaker: Breaker = field(init=False)
    _recorder: Recorder = field(init=False)
    #: digest of the token that the CRM refused
    _refused: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        self._breaker = Breaker(failures=self.limits.failures, open_for=self.limits.open_for)
        self._recorder = Recorder(limits=self.limits)

    def serve(self) -> int:
        """Read what is new and send what is due, for at most `patience` seconds; return the number of requests.

        Raises:
            DatabaseUnavailable: the database is away; what was on its way is judged when its hold ends.

        """
        context, settings = self._context()
        sender = self._take(context) if settings.enabled else None
        if sender is None:
            return 0
        try:
            adapter, api = crm_of(settings)
        except SenderUnusable as error:
            self._close(str(error), self.limits.token_wait)
            return 0
        self._read(context, settings)
        self._settle_lost(api)
        token = self._token(sender, context.now)
        return 0 if token is None else self._send_due(adapter, api, token)

    def give_back(self) -> None:
        """Let another process send for this tenant."""
        with transaction(self.tenant_id) as session:
            crm_senders.give_back(session, self.tenant_id, holder=self.holder)

    def _context(self) -> tuple[TaskContext, SenderSettings]:
        with reading(self.tenant_id) as session:
            context = context_of(tenants.require(session, self.tenant_id), self.clock(session))
        return context, sender_settings_of(context.settings())

    def _take(self, context: TaskContext) -> CrmSenderRecord | None:
        with transaction(self.tenant_id) as session:
            return crm_senders.take(
                session, self.tenant_id, holder=self.holder, now=context.now, hold=self.limits.lease
            )

    def _read(self, context: TaskContext, settings: SenderSettings) -> None:
        """Bring the ledger up to date with the events; each page moves the cursor in its own transaction."""
        more = True
        while more:
            with transaction(self.tenant_id) as session:
                sender = crm_senders.get(session, self.tenant_id)
                more = sender is not None and due_requests.read_stream(session, context, sender, settings)
        with transaction(self.tenant_id) as session:
            sender = crm_senders.get(session, self.tenant_id)
            waiting = crm_sends.due(session, self.tenant_id, now=context.now, limit=self.limits.batch)
            if sender is not None and len(waiting) < self.limits.batch:
                due_requests.fill(session, context, sender, settings)

    def _token(self, sender: CrmSenderRecord, now: datetime) -> SecretStr | None:
        """Return the token if something may be sent now."""
        try:
            token = self.tokens.of(self.tenant_id)
        except TokenUnusable as error:
            self._close(str(error), self.limits.token_wait)
            return None
        if sender.closed_until is None or sender.closed_until <= now:
            return token
        trouble = sender.trouble or ""
        renewed = trouble.startswith("token.") or (trouble in _REFUSED and self._refused not in {"", _digest(token)})
        if not renewed:
            return None
        self._breaker = Breaker(failures=self.limits.failures, open_for=self.limits.open_for)
        with transaction(self.tenant_id) as session:
            crm_senders.reopen(session, self.tenant_id)
        return token

    def _settle_lost(self, api: CrmApi) -> None:
        """Decide about requests whose sender died while they were on their way."""
        context, _ = self._context()
        with context.transaction(self.tenant_id) as session:
            for entry in crm_sends.overdue(session, self.tenant_id, now=context.now):
                request = stored_request(session, context, entry)
                harmless = entry.action_id is None or (request is not None and api.is_idempotent(request))
                self._recorder.record(
                    session, context, entry, Verdict(kind="again" if harmless else "unsure", code="lost")
                )
                log.warning("request_lost", tenant_id=self.tenant_id, key=entry.key, harmless=harmless)

    def _send_due(self, adapter: CrmAdapter, api: CrmApi, token: SecretStr) -> int:
        began, sent = self.monotonic(), 0
        if self._rate is None or self._rate.api is not api:
            self._rate = RateLimit(api=api)
        while self.monotonic() - began < self.limits.patience:
            with reading(self.tenant_id) as session:
                now = self.clock(session)
                entries = crm_sends.due(session, self.tenant_id, now=now, limit=self.limits.batch)
            for entry in entries:
                if not self._may_send(api) or self.monotonic() - began > self.limits.patience:
                    return sent
                sent += self._send(entry, adapter, api, token)
            if not entries:
                return sent
        return sent

    def _may_send(self, api: CrmApi) -> bool:
        """Return whether another request may leave now: by the limits, by the breaker, by what the CRM said."""
        assert self._rate is not None
        if self._rate.wait(self.monotonic()) > 0:
            return False
        context, settings = self._context()
        with reading(self.tenant_id) as session:
            sender = crm_senders.get(session, self.tenant_id)
        if sender is None or sender.holder != self.holder or not settings.enabled or settings.dry_run:
            return False
        today = sender.day == context.now.date().isoformat()
        full = api.per_day is not None and today and sender.requests >= api.per_day
        return not full and (sender.closed_until is None or sender.closed_until <= context.now)

    def _send(self, entry: CrmSendRecord, adapter: CrmAdapter, api: CrmApi, token: SecretStr) -> int:
        """Send one entry if it may go; return the number of requests."""
        ready = self._begin_alone(entry, adapter)
        if ready is None:
            return 0
        assert self._rate is not None
        self._rate.count(self.monotonic())
        answers: list[Answer] = []

        def attempt() -> Verdict:
            answers.append(self.client.send(api, token, ready.request))
            return verdict_of(answers[0], idempotent=api.is_idempotent(ready.request))

        verdict = self._breaker.call(attempt) or Verdict(kind="later", code="breaker", after=self.limits.open_for)
        for answer in answers:
            self._rate.heed(api.remaining(answer.headers), self.monotonic())
        if verdict.kind == "token":
            self._refused = _digest(token)
            self._breaker.trip()
        message_ids = api.message_ids(answers[0].body) if answers and entry.action_id else ()
        context, _ = self._context()
        with context.transaction(self.tenant_id) as session:
            if answers:
                crm_senders.count_request(session, self.tenant_id, day=context.now.date().isoformat())
            self._recorder.record(session, context, entry, verdict, written=ready.written, message_ids=message_ids)
            self._close_after(session, context, verdict)
        return len(answers)

    def _begin_alone(self, entry: CrmSendRecord, adapter: CrmAdapter) -> Ready | None:
        """Begin with an entry so that one that cannot be judged holds up no other."""
        try:
            return self._begin(entry, adapter)
        except TRANSIENT_ERRORS:
            raise
        except Exception as error:  # noqa: BLE001  # whatever went wrong, nobody is contacted for it
            log.error("entry_failed", tenant_id=self.tenant_id, key=entry.key, error=type(error).__name__)
        context, _ = self._context()
        with transaction(self.tenant_id) as session:
            self._recorder.record(session, context, entry, Verdict(kind="again", code="unexpected"))
        return None

    def _begin(self, entry: CrmSendRecord, adapter: CrmAdapter) -> Ready | None:
        """Judge an entry by what is known now and mark it as being on its way; None where it does not go."""
        context, settings = self._context()
        with context.transaction(self.tenant_id) as session:
            prepared: Prepared = Ended(state="withdrawn", code="write_back.off")
            if entry.action_id is not None or settings.write_back:
                prepared = prepare(session, context, entry, adapter)
            if isinstance(prepared, Ready):
                hold = self.limits.hold
                begun = crm_sends.begin(session, self.tenant_id, key=entry.key, now=context.now, hold=hold)
                return prepared if begun else None
            if isinstance(prepared, Later):
                self._recorder.put_back(session, context, entry, prepared.not_before, prepared.code)
            else:
                results.record_ended(session, context, entry, prepared)
        log.info("not_sent", tenant_id=self.tenant_id, key=entry.key, code=prepared.code)
        return None

    def _close_after(self, session: Session, context: TaskContext, verdict: Verdict) -> None:
        """Send nothing for a while after 429, a refused token, or failures in a row; go on after a success."""
        seconds = {
            "later": verdict.after,
            "token": self.limits.refused_wait,
        }.get(verdict.kind)
        code = verdict.code or "unknown"
        if seconds is None and verdict.is_failure and self._breaker.is_open:
            seconds, code = self.limits.open_for, f"breaker:{code}"
        if seconds is not None:
            until = context.now + timedelta(seconds=seconds)
            crm_senders.close(session, self.tenant_id, until=until, trouble=code)
            log.warning("sender_waits", tenant_id=self.tenant_id, code=code, seconds=seconds)
        elif verdict.kind == "sent":
            crm_senders.reopen(session, self.tenant_id)

    def _close(self, code: str, seconds: float) -> None:
        with transaction(self.tenant_id) as session:
            before, now = crm_senders.get(session, self.tenant_id), self.clock(session)
            if before is None or before.trouble != code or before.closed_until is None or before.closed_until <= now:
                crm_senders.close(session, self.tenant_id, until=now + timedelta(seconds=seconds), trouble=code)
                log.error("sender_unusable", tenant_id=self.tenant_id, code=code)


def _digest(token: SecretStr) -> str:
    return hashlib.sha256(token.get_secret_value().encode()).hexdigest()
