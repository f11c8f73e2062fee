"""`hearth.outcomes.record`: store what became of leads; outcomes label the snapshots of before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from db.records import ConsentStatement, EventDraft, InterventionRecord
from db.repositories.consent import consent
from db.repositories.due_queues.queues import rescore_queue
from db.repositories.events import events
from db.repositories.interventions import interventions
from db.repositories.leads import leads
from db.repositories.predictions import snapshots
from db.session import Session
from domain.action_states import REPORTED, ActionState, reported_from
from tasks.contracts.base.wire import digest
from tasks.contracts.outcomes import OutcomeItem, RecordOutcomes
from tasks.errors import InvalidPayload
from tasks.runtime import lead_references
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import effect
from tasks.services.interventions import action_views
from tasks.services.leads import refusals
from tasks.services.online import signals

#: outcomes that close a lead -> the label that they give
LABELS: Mapping[str, bool] = {"won": True, "lost": False, "abandoned": False}
INBOUND = frozenset({"replied", "appointment_kept", "showing", "offer", "unsubscribed"})
#: outcomes that end an action -> its new state
ENDS: Mapping[str, ActionState] = {state: state for state in REPORTED}


@effect("hearth.outcomes.record", RecordOutcomes, queue="ingest", scope="write")
def record(session: Session, request: RecordOutcomes, context: TaskContext) -> TaskResult:
    """Store each outcome once; won, lost and abandoned label the lead and every snapshot taken before.

    One that unsubscribed closes every channel. Leads with a new outcome are scored within the tenant's window, as after
    an event. An outcome of an action moves it to its next state.

    What decides a target of online learning becomes a signal of the newest snapshot that was scored before it;
    `online_updates` counts those that are new.
    """
    counts = {"recorded": 0, "duplicates": 0, "labels_created": 0, "online_updates": 0, "actions": 0}
    actions = _actions(session, request)
    touched, happened = set(), list[tuple[str, EventDraft]]()
    lead_ids = _leads_of(session, request)
    for index, (outcome, lead_id) in enumerate(zip(request.outcomes, lead_ids, strict=True)):
        action = actions.get((lead_id, outcome.action_id or ""))
        drafts = _events(outcome, lead_id, context.now, action)
        new = events.add(session, request.tenant_id, lead_id=lead_id, drafts=drafts)
        counts["recorded" if new else "duplicates"] += 1
        touched |= {lead_id} if new else set()
        happened += [(lead_id, drafts[0])] if new else []
        if new and outcome.type in LABELS:
            counts["labels_created"] += _label(session, request.tenant_id, lead_id, outcome)
        if new and outcome.type == "unsubscribed":
            _unsubscribe(session, context, lead_id, drafts[0])
        if new and outcome.action_id is not None and outcome.type in ENDS:
            counts["actions"] += _move(session, context, outcome, action, index=index)
    rescore_queue.touch(session, request.tenant_id, lead_ids=sorted(touched))
    counts["online_updates"] = signals.join(session, context, happened)
    return TaskResult(data=counts)


def _unsubscribe(session: Session, context: TaskContext, lead_id: str, event: EventDraft) -> None:
    """Record in the ledger of consent that a lead unsubscribed, and announce it."""
    statement = ConsentStatement(
        channel="all",
        decision="unsubscribed",
        basis="event",
        reference=event.source_id,
        said_at=event.occurred_at,
    )
    fresh = consent.record(
        session, context.tenant_id, statements={lead_id: [statement]}, source=event.source, now=context.now
    )
    refusals.announce(context, fresh)


def _leads_of(session: Session, request: RecordOutcomes) -> list[str]:
    """Return our id of the lead of each outcome, in order. Raises InvalidPayload."""
    places = [f"outcomes.{index}.subject" for index in range(len(request.outcomes))]
    named = [(outcome.subject, place) for outcome, place in zip(request.outcomes, places, strict=True)]
    ours = [subject.lead_id for subject, _ in named if subject.lead_id is not None]
    stored = leads.external_ids(session, request.tenant_id, lead_ids=list(dict.fromkeys(ours)))
    unknown = [place for subject, place in named if subject.lead_id is not None and subject.lead_id not in stored]
    if unknown:
        raise InvalidPayload("unknown_lead", [{"loc": at, "msg": "no such lead of this tenant"} for at in unknown[:50]])
    theirs = [(subject.external_id, subject.source_system, at) for subject, at in named if subject.external_id]
    asked = [(external_id, system) for external_id, system, _ in theirs]
    found = lead_references.find(session, request.tenant_id, asked, [at for _, _, at in theirs])
    lead_of = dict(zip((at for _, _, at in theirs), found, strict=True))
    return [subject.lead_id or lead_of[at] for subject, at in named]


def _events(outcome: OutcomeItem, lead_id: str, now: datetime, action: InterventionRecord | None) -> list[EventDraft]:
    """Return the outcome as an event, and a contact where an action that reached the lead was carried out."""
    event = _event(outcome, lead_id, now)
    if outcome.type != "executed" or action is None or action.channel == "internal":
        return [event]
    return [event, replace(event, kind="contact", channel=action.channel, source_id=f"{event.source_id}:contact")]


def _event(outcome: OutcomeItem, lead_id: str, now: datetime) -> EventDraft:
    identity = {"type": outcome.type, "at": outcome.at, "lead": lead_id, "action": outcome.action_id}
    facts = {"action_id": outcome.action_id, "value": outcome.value}
    return EventDraft(
        kind=f"outcome.{outcome.type}",
        occurred_at=outcome.at,
        recorded_at=now,
        direction="inbound" if outcome.type in INBOUND else "outbound",
        facts={name: value for name, value in facts.items() if value is not None},
        source="outcome",
        source_id=outcome.outcome_id or digest(identity),
    )


def _actions(session: Session, request: RecordOutcomes) -> dict[tuple[str, str], InterventionRecord]:
    """Return the actions that outcomes name, by lead and id."""
    named = dict.fromkeys(outcome.action_id for outcome in request.outcomes if outcome.action_id is not None)
    actions = interventions.get(session, request.tenant_id, action_ids=list(named)) if named else []
    return {(action.lead_id, action.action_id): action for action in actions}


def _move(
    session: Session, context: TaskContext, outcome: OutcomeItem, action: InterventionRecord | None, *, index: int
) -> int:
    """Move an action to its next state; one that was never handed over stays as it is."""
    if action is None:
        context.warn("unknown_action", f"outcomes.{index}.action_id")
        return 0
    state = ENDS[outcome.type]
    moved = interventions.move(
        session,
        context.tenant_id,
        action_id=action.action_id,
        to=state,
        of=reported_from(state),
        now=context.now,
        dispatched=True,
    )
    if moved is None:
        context.warn("action_not_running", f"outcomes.{index}.action_id")
        return 0
    action_views.audit_action(context, moved, outcome=outcome.type)
    return 1


def _label(session: Session, tenant_id: str, lead_id: str, outcome: OutcomeItem) -> int:
    """Label a lead and its earlier snapshots; return 1 where the lead's label changed."""
    label = LABELS[outcome.type]
    changed = leads.set_label(
        session, tenant_id, lead_id=lead_id, label=label, label_at=outcome.at, status=outcome.type
    )
    snapshots.label(session, tenant_id, lead_id=lead_id, label=label, label_at=outcome.at)
    return int(changed)
