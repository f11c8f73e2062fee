"""Decide of one entry of the ledger, at the moment of sending, whether it goes and as which request.

Nothing is changed here, so that a dry run decides in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from db.records import CrmSendRecord, InterventionRecord, SendState
from db.repositories.interventions import interventions
from db.repositories.leads import leads
from db.session import Session
from tasks.contracts.base.wire import digest
from tasks.crm.adapter import CrmAdapter, Json
from tasks.runtime.context import TaskContext
from tasks.services.interventions import hand_over
from tasks.services.leads import write_back


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """It goes now."""

    request: Json
    #: of the fields' values; None for an action
    written: str | None = None
    #: the action's own, for whoever reads a dry run
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """It may not go before a time."""

    not_before: datetime
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """It does not go at all."""

    state: SendState
    code: str
    #: the action is withdrawn with it, since nobody carries it out
    withdraws: bool = False


Prepared = Ready | Later | Ended


def prepare(session: Session, context: TaskContext, entry: CrmSendRecord, adapter: CrmAdapter) -> Prepared:
    """Return the request of an entry, or why there is none now."""
    if entry.action_id is None:
        return _fields(session, context, entry, adapter)
    found = interventions.get(session, context.tenant_id, action_ids=[entry.action_id])
    return _action(session, context, found[0], adapter) if found else Ended(state="withdrawn", code="action.gone")


def stored_request(session: Session, context: TaskContext, entry: CrmSendRecord) -> Json | None:
    """Return the request of an entry's action, whether it may go or not; None where there is none any more."""
    if entry.action_id is None:
        return None
    found = interventions.get(session, context.tenant_id, action_ids=[entry.action_id])
    return found[0].detail.get("crm") if found else None


def _action(session: Session, context: TaskContext, action: InterventionRecord, adapter: CrmAdapter) -> Prepared:
    if action.state != "dispatched":
        return Ended(state="withdrawn", code=action.withdrawn_reason or f"action.{action.state}")
    if action.expires_at <= context.now:
        return Ended(state="withdrawn", code="expired")
    request = action.detail.get("crm")
    if request is None or request.get("provider") != adapter.provider:
        return Ended(state="refused", code="no_request" if request is None else "other_crm")
    judgement = hand_over.judge(action, hand_over.load(session, context, [action.lead_id]))
    decision, code = judgement.decision, judgement.code or judgement.ruling
    if judgement.ruling == "go":
        return Ready(request=request, name=action.action)
    if judgement.ruling == "wait" and decision is not None and decision.not_before is not None:
        return Later(not_before=decision.not_before, code=code)
    return Ended(state="blocked", code=code, withdraws=True)


def _fields(session: Session, context: TaskContext, entry: CrmSendRecord, adapter: CrmAdapter) -> Prepared:
    lead_id = entry.lead_id
    known = leads.identities(session, context.tenant_id, source_system=adapter.provider, lead_ids=[lead_id])
    contact_id = known.get(lead_id)
    if contact_id is None:
        return Ended(state="withdrawn", code="no_contact_id")
    values = write_back.values_of(session, context, [lead_id]).get(lead_id)
    if values is None:
        return Ended(state="withdrawn", code="no_values")
    request = adapter.write_back(contact_id, values, context.settings())
    if request is None:
        return Ended(state="withdrawn", code="no_fields")
    written = digest(request)
    if written == entry.written:
        return Ended(state="sent", code="unchanged")
    return Ready(request=request, written=written, name="fields")
