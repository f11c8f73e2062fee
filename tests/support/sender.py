"""A brokerage with our own sender: its actions, its ledger, and what was reported of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from db.models import Intervention, OutboxEntry
from db.records import CrmSendRecord, InterventionRecord
from db.repositories.outbound import crm_senders, crm_sends
from db.session import EVERY_TENANT, reading, transaction
from tasks.outcomes import record
from tasks.tenants import configure
from tests.support.interventions import EVERYBODY, NOON, T, at_risk, dispatched, only, planned
from workers.delivery.sender.tenant_sender import TenantSender

START = NOON - timedelta(minutes=10)
_RECORD = "hearth.outcomes.record"


@dataclass
class Desk:
    """The clock stands still at `now` until a test moves it."""

    make: Callable[..., TenantSender]
    now: datetime = START
    _sender: TenantSender | None = field(default=None)

    def at(self, now: datetime) -> None:
        self.now = now

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def configure(self, *, sender: dict[str, Any] | None = None, **settings: Any) -> None:
        on = {"enabled": True, "crm": "ghl", "write_back": False, **(sender or {})}
        told = {"approval": [], **EVERYBODY, **settings.pop("interventions", {})}
        own = {"timezone": "America/New_York", "name": "Harbor Homes", "interventions": told, "sender": on}
        configure(tenant_id=T, settings={**own, **settings})

    def another(self, holder: str = "one", **limits: Any) -> TenantSender:
        return self.make(lambda _session: self.now, holder, **limits)

    def serve(self) -> int:
        self._sender = self._sender or self.another()
        return self._sender.serve()

    def be_impatient(self) -> None:
        """Wait half a second for an answer."""
        self._sender = self.another(patience=0.5)

    def be_patient(self) -> None:
        """Wait for an answer as long as a slow machine needs."""
        self._sender = self.another()

    def handed_over(self, lead_id: str, action: str, at: datetime = NOON) -> InterventionRecord:
        """An action of a plan that the dispatcher hands over at a moment or when it may go; the clock is set to it."""
        found: InterventionRecord = only(only(planned(at, lead_id, allowed_actions=[action])).actions)
        at = max(at, found.not_before)
        assert dispatched(at, found.action_id) == {"dispatched": 1}
        self.at(at + timedelta(seconds=1))
        return found


def handed_over_now(desk: Desk, request: str) -> InterventionRecord:
    """An action that no hours of the day stand against, as a tag or as a note."""
    now = datetime.now(UTC)
    action = desk.handed_over(at_risk(at=now), "pause_automation", at=now)
    if request == "notes":
        note = {**action.detail["crm"], "path": "/contacts/ct1/notes", "body": {"body": "Call them."}}
        with transaction(EVERY_TENANT) as session:
            changed = update(Intervention).where(Intervention.action_id == action.action_id)
            session.execute(changed.values(detail={**action.detail, "crm": note}))
    return action


def entry(action: InterventionRecord) -> CrmSendRecord:
    with reading(EVERY_TENANT) as session:
        found = crm_sends.get(session, T, key=crm_sends.action_key(action.action_id))
    assert found is not None
    return found


def state(action: InterventionRecord) -> tuple[str, str | None]:
    one = entry(action)
    return one.state, one.code


def fields_entry(lead_id: str) -> CrmSendRecord | None:
    with reading(EVERY_TENANT) as session:
        return crm_sends.get(session, T, key=crm_sends.fields_key(lead_id))


def trouble() -> str | None:
    with reading(EVERY_TENANT) as session:
        sender = crm_senders.get(session, T)
    assert sender is not None
    return sender.trouble


def reports() -> list[tuple[str, str]]:
    """The outcomes that wait to be recorded, as (type, action id)."""
    return [(one["type"], one["action_id"]) for one in _outcomes()]


def run_reports() -> None:
    """Record them, as a worker would."""
    for outcome in _outcomes():
        record(tenant_id=T, outcomes=[outcome])


def _outcomes() -> list[dict[str, Any]]:
    with reading(EVERY_TENANT) as session:
        rows = session.scalars(
            select(OutboxEntry.kwargs).where(OutboxEntry.tenant_id == T, OutboxEntry.task == _RECORD)
        )
        return [outcome for kwargs in rows for outcome in kwargs["outcomes"]]
