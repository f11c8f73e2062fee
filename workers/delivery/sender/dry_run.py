"""Print what would be sent, and send nothing: the ledger, the cursor and the actions stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from db.records import CrmSendRecord
from db.repositories import tenants
from db.repositories.outbound import crm_senders, crm_sends, outbound
from db.session import Session, database_time, reading
from tasks.services.sending import due_requests
from tasks.services.sending.prepare import Later, Prepared, Ready, prepare
from tasks.services.sending.sender_settings import SenderUnusable, crm_of, mapped_fields, sender_settings_of
from workers.delivery.sender.context import context_of

#: events before the newest one with which a dry run begins where nothing was ever sent
BEFORE = 1000


@dataclass(slots=True, kw_only=True)
class DryRun:
    """Prints for one tenant; `serve` is called again and again, by one thread at a time."""

    tenant_id: str
    print_line: Callable[[str], None]
    clock: Callable[[Session], datetime] = database_time
    _cursor: int | None = None
    #: key -> the line that was printed of it last
    _printed: dict[str, str] = field(default_factory=dict)

    def serve(self) -> int:
        """Print one line for each request that new events make due, and why others would not go; return how many."""
        with reading(self.tenant_id) as session:
            lines = list(self._lines(session))
        for line in lines:
            self.print_line(f"{self.tenant_id} {line}")
        return len(lines)

    def _lines(self, session: Session) -> Iterator[str]:
        context = context_of(tenants.require(session, self.tenant_id), self.clock(session))
        settings = sender_settings_of(context.settings())
        try:
            adapter, _ = crm_of(settings)
        except SenderUnusable as error:
            yield f"nothing can be sent: {error}"
            return
        page = outbound.pull(session, self.tenant_id, cursor=self._begin(session), limit=due_requests.PAGE)
        self._cursor = page[-1].sequence if page else self._cursor
        entries = [
            _entry(self.tenant_id, lead_id, context.now, action_id)
            for action_id, lead_id in (due_requests.planned_actions(page, settings.crm))
        ]
        if settings.write_back and mapped_fields(context.settings()):
            entries += [_entry(self.tenant_id, lead_id, context.now) for lead_id in due_requests.touched_leads(page)]
        for entry in entries:
            line = told(prepare(session, context, entry, adapter))
            if line is not None and self._printed.get(entry.key) != line:
                self._printed[entry.key] = line
                yield f"{entry.key} {line}"

    def _begin(self, session: Session) -> int:
        if self._cursor is None:
            sender = crm_senders.get(session, self.tenant_id)
            newest = crm_senders.newest_sequence(session, self.tenant_id)
            self._cursor = max(0, newest - BEFORE) if sender is None else sender.sequence
        return self._cursor


def told(prepared: Prepared) -> str | None:
    """Return what would happen in one line, with the names of the body's fields and no value; None: nothing.

    >>> request = {"method": "POST", "path": "/contacts/c1/tags", "body": {"tags": ["ml:hot"]}}
    >>> told(Ready(request=request, name="sms"))
    'POST /contacts/c1/tags sms tags'
    """
    if isinstance(prepared, Ready):
        request = prepared.request
        return f"{request['method']} {request['path']} {prepared.name} {_names(request.get('body') or {})}".rstrip()
    if isinstance(prepared, Later):
        return f"waits until {prepared.not_before.isoformat()}: {prepared.code}"
    return f"is not sent: {prepared.code}" if prepared.state in {"blocked", "refused"} else None


def _names(body: dict[str, object]) -> str:
    return ",".join(sorted(_named(name, value) for name, value in body.items()))


def _named(name: str, value: object) -> str:
    """Return the name of a field; of custom fields their ids too, which say what is written."""
    ids: Sequence[str] = (
        [str(one["id"]) for one in value if isinstance(one, dict) and "id" in one] if isinstance(value, list) else []
    )
    return f"{name}[{','.join(ids)}]" if ids else name


def _entry(tenant_id: str, lead_id: str, now: datetime, action_id: str | None = None) -> CrmSendRecord:
    return CrmSendRecord(
        tenant_id=tenant_id,
        key=crm_sends.fields_key(lead_id) if action_id is None else crm_sends.action_key(action_id),
        lead_id=lead_id,
        action_id=action_id,
        state="pending",
        attempts=0,
        next_at=now,
        claimed_until=None,
        code=None,
        written=None,
        changed_at=now,
    )
