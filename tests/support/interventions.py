"""A brokerage with leads at risk, and planning and dispatching as of a moment that a test chooses."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from db.models import AuditEntry
from db.records import InterventionRecord, OutboxRecord
from db.repositories import audit, tenants
from db.repositories.interventions import interventions
from db.session import EVERY_TENANT, reading
from tasks.contracts.tenants import Interventions
from tasks.events import ingest
from tasks.interventions.dispatch import dispatch_actions
from tasks.leads.upsert import upsert
from tasks.outbound import pull
from tasks.runtime.context import TaskContext
from tasks.services.interventions import experiment
from tasks.services.interventions.plan_types import LeadPlan, PlanRequest
from tasks.services.interventions.planning import plan_leads
from tasks.tenants import configure

T = "acme"
#: a Tuesday in May, noon in New York
NOON = datetime(2025, 5, 6, 16, tzinfo=UTC)
DAY = timedelta(days=1)
#: nobody held out and nobody asked, so that a test's lead is acted on
EVERYBODY = {"holdout": 0, "ask_before": "never"}
PEOPLE = ["call_task", "manager_escalation", "agent_reassign"]


def brokerage(**told: Any) -> None:
    """Configure the tenant; what is not told goes back to its default."""
    own = {**dict.fromkeys(Interventions.model_fields), **EVERYBODY, **told}
    configure(tenant_id=T, settings={"timezone": "America/New_York", "name": "Harbor Homes", "interventions": own})


def at_risk(number: int = 1, at: datetime = NOON, **fields: Any) -> str:
    """A lead that wrote 40 days ago, was written to, and has been silent since."""
    lead = {
        "external_id": f"ct{number}",
        "source_system": "ghl",
        "email": f"l{number}@example.com",
        "lead_type": "buyer",
        "stage": "engaged",
        "source": "Website",
        "state": "NY",
        "assigned_to": "user-1",
        "created_at": (at - 120 * DAY).isoformat(),
        "as_of": (at - timedelta(hours=1)).isoformat(),
        "opt_in_sms": True,
        "opt_in_email": True,
        **fields,
    }
    lead_id = upsert(tenant_id=T, leads=[lead])["data"]["lead_ids"][0]
    for days, direction in ((40, "inbound"), (39, "outbound")):
        happened(number, "sms", at - days * DAY, direction)
    return str(lead_id)


def happened(number: int, kind: str, at: datetime, direction: str | None = None, text: str | None = None) -> None:
    lead = {"source_system": "ghl", "external_id": f"ct{number}"}
    told = {"lead": lead, "kind": kind, "at": at.isoformat(), "direction": direction, "text": text}
    event = {name: value for name, value in told.items() if value is not None}
    answer = ingest(tenant_id=T, provider="generic", events=[event], received_at=at.isoformat())["data"]
    assert answer["accepted"] == 1, answer


def work_at(at: datetime, published: list[OutboxRecord] | None = None) -> TaskContext:
    with reading(EVERY_TENANT) as session:
        known = tenants.require(session, T)
    rows = [] if published is None else published
    return TaskContext(
        task="test",
        task_id="test",
        tenant=known,
        args_hash="",
        now=at,
        queue_of=lambda task: "inference",
        publish=lambda tenant_id, followed: rows.extend(followed),
    )


def planned(at: datetime, *lead_ids: str, **asked: Any) -> list[LeadPlan]:
    context = work_at(at)
    with context.transaction(T) as session:
        return plan_leads(session, context, lead_ids, PlanRequest(**asked))


def dispatched(at: datetime, *action_ids: str) -> dict[str, int]:
    context = work_at(at)
    with context.transaction(T) as session:
        return dispatch_actions(session, context, action_ids)


def actions_of(lead_id: str) -> list[InterventionRecord]:
    """Oldest first."""
    with reading(EVERY_TENANT) as session:
        return interventions.for_lead(session, T, lead_id=lead_id)[::-1]


def states(lead_id: str) -> list[str]:
    return [one.state for one in actions_of(lead_id)]


def told(*kinds: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    while page := pull(tenant_id=T, cursor=events[-1]["cursor"] if events else 0)["data"]["events"]:
        events += page
    return [event for event in events if event["type"] in kinds]


def proofs(kind: str = "intervention") -> list[dict[str, Any]]:
    """What the audit chain, which is whole, says of actions."""
    with reading(EVERY_TENANT) as session:
        assert audit.verify(session, T).ok
        own = (AuditEntry.tenant_id == T, AuditEntry.kind == kind)
        return [json.loads(body) for body in session.scalars(select(AuditEntry.body).where(*own))]


def rules(decision: Any) -> list[str]:
    return [rule["rule"] for rule in decision["rules"]]


def only(found: Sequence[Any]) -> Any:
    [one] = found
    return one


#: the keys of an action, as the domain names them
KEYS = {
    *("action_id", "intervention", "action", "channel", "urgency", "not_before", "expires_at", "requires_approval"),
    *("reason_codes", "expected_uplift", "evidence", "compliance", "text", "crm"),
}


def held_out_lead(at: datetime = NOON) -> str:
    """A lead that the hash holds out at a share of a half."""
    return numbered_held_out(at)[1]


def numbered_held_out(at: datetime = NOON, **fields: Any) -> tuple[int, str]:
    """Such a lead with its number."""
    for number in range(100, 200):
        lead_id = at_risk(number, at, **fields)
        if experiment.assign_arm(T, lead_id, 0.5).held_out:
            return number, lead_id
    raise AssertionError("nobody of a hundred is held out")
