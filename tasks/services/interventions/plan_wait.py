"""Plans that wait for a person's yes: the first one of a tenant, and those for a large share of its open leads.

An action of such a plan is decided and stored as any other, in the state in which a person approves it, with the rule
by which it waits. What protects a lead, and what is approved one by one anyway, never waits for its plan.

Both arms of the experiment are treated alike: a lead of a plan that waits is enrolled with the yes to it and not
before, whether it is held out or not. So nobody counts as treated who was not, and time to react counts from the yes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from db.base import new_id
from db.records import InterventionDraft, InterventionRecord, PlanReleaseRecord, PlanWait
from db.repositories.interventions import enrolments, interventions, plan_releases
from db.session import Session
from domain.action_states import READY, UNREVIEWED
from domain.documents import JsonObject
from tasks.runtime.context import TaskContext
from tasks.services.interventions.action_rows import enrolment_of
from tasks.services.interventions.action_views import audit_action
from tasks.services.interventions.intervention_settings import SMALL_PLAN
from tasks.services.interventions.plan_types import PROTECTING, PlanContext

FIRST: Final = "plan.first"
LARGE: Final = "plan.large"
#: the action that only protects a lead, by closing its channels: nobody is asked before
PROTECTIVE = frozenset({"suppress"})
#: a plan is large by what goes out in this time: leads at risk come in many small batches
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a person says to the plan that waits."""

    decision: Literal["yes", "no"]
    actor: str
    #: types of intervention that it is about; None: all
    scope: Collection[str] | None = None
    #: only what was planned by then; None: all
    until: datetime | None = None


def rule_of(session: Session, plan_context: PlanContext, drafts: Iterable[InterventionDraft]) -> str | None:
    """Return the rule by which new actions wait for a person's yes; None where they need not."""
    settings, parts = plan_context.settings, [draft for draft in drafts if _takes_part(draft)]
    if plan_context.goes_unasked or not parts:
        return None
    if settings.ask_before == "first_and_large" and not plan_releases.opened(session, plan_context.tenant_id):
        return FIRST
    return LARGE if _is_large(session, plan_context, sum(draft.state in READY for draft in parts)) else None


def _takes_part(draft: InterventionDraft) -> bool:
    """Return whether a draft would be handed over unasked; of a lead that is held out, whether it would have been."""
    protects = draft.action in PROTECTIVE or tuple(draft.reason_codes) == PROTECTING
    free = not draft.requires_approval and not protects
    return free and (draft.state in READY or draft.state == "held_out")


def _is_large(session: Session, plan_context: PlanContext, new: int) -> bool:
    """Return whether new actions, with those that went out lately and those that wait, are for too many leads."""
    tenant_id, since = plan_context.tenant_id, plan_context.now - DAY
    out = plan_releases.unasked(session, tenant_id, since=since, leaving_out=PROTECTIVE)
    total = out + sum(kind.actions for kind in plan_releases.waiting(session, tenant_id)) + new
    share = plan_context.settings.largest_plan_share
    return total > SMALL_PLAN and total > share * plan_releases.open_leads(session, tenant_id)


def held(draft: InterventionDraft, rule: str | None) -> InterventionDraft:
    """Return a draft as it is stored while its plan waits; of a lead that is held out too, so that both arms wait."""
    if rule is None or not _takes_part(draft):
        return draft
    return replace(draft, state="approval" if draft.state in READY else draft.state, awaits=rule)


def announce(session: Session, context: TaskContext, rule: str | None, drafts: Collection[InterventionDraft]) -> None:
    """Tell the CRM that a plan waits, once for each wait; call it before the actions are stored."""
    waiting = [draft for draft in drafts if draft.awaits is not None and draft.state in UNREVIEWED]
    if not waiting or plan_releases.waiting(session, context.tenant_id):
        return
    _tell(context, rule, Counter(draft.intervention for draft in waiting), leads=len({d.lead_id for d in waiting}))


def _tell(context: TaskContext, rule: str | None, counts: Mapping[str, int], *, leads: int) -> None:
    context.emit_event(
        "plan.waiting",
        reason=rule,
        actions=sum(counts.values()),
        leads=leads,
        interventions=dict(sorted(counts.items())),
    )


def free(
    session: Session, context: TaskContext, records: Mapping[str, InterventionRecord]
) -> dict[str, InterventionRecord]:
    """Let the waiting actions of leads go for which nobody need be asked any more; return them as they are then."""
    ids = [record.action_id for record in records.values()]
    moved = {
        record.action_id: record
        for record in plan_releases.release(session, context.tenant_id, action_ids=ids, release_id=None)
    }
    plan_releases.settle(session, context.tenant_id, action_ids=ids, release_id=None)
    for record in moved.values():
        audit_action(context, record)
    return {
        lead_id: moved.get(record.action_id, replace(record, awaits=None))
        for lead_id, record in records.items()
        if record.action_id in moved or record.state not in UNREVIEWED
    }


def decide(session: Session, context: TaskContext, answer: Answer) -> tuple[str | None, list[InterventionRecord]]:
    """Do what a person says to the plan that waits; return the id of the answer and the actions that it moved.

    None and nothing where nothing waits: what was said before is not said twice.
    """
    interventions.lock(session, context.tenant_id)
    found = plan_releases.parts(session, context.tenant_id, scope=answer.scope, until=answer.until)
    unexpired = [action for action in found if not action.waits_for_plan or action.expires_at > context.now]
    ids = [action.action_id for action in unexpired if action.state in UNREVIEWED]
    if not ids:
        return None, []
    release_id = new_id()
    if answer.decision == "yes":
        moved = plan_releases.release(session, context.tenant_id, action_ids=ids, release_id=release_id)
        _enrol(session, context, [*moved, *(action for action in unexpired if action.state not in UNREVIEWED)])
    else:
        moved = plan_releases.decline(
            session, context.tenant_id, action_ids=ids, release_id=release_id, by=answer.actor, now=context.now
        )
    others = [action.action_id for action in found if action.state not in UNREVIEWED]
    plan_releases.settle(session, context.tenant_id, action_ids=others, release_id=release_id)
    _record(session, context, answer, release_id, moved)
    return release_id, moved


def _enrol(session: Session, context: TaskContext, actions: Sequence[InterventionRecord]) -> None:
    """Enrol the leads of a plan with the yes to it; one whose action a person rejected alone stays in its arm."""
    drafts = [enrolment_of(action, context.now) for action in actions]
    enrolments.enrol(session, context.tenant_id, drafts=drafts)


def _record(
    session: Session, context: TaskContext, answer: Answer, release_id: str, moved: Sequence[InterventionRecord]
) -> None:
    scope = None if answer.scope is None else tuple(sorted(answer.scope))
    said = PlanReleaseRecord(
        release_id=release_id,
        decision=answer.decision,
        decided_by=answer.actor,
        decided_at=context.now,
        scope=scope,
        actions=len(moved),
        leads=len({action.lead_id for action in moved}),
    )
    plan_releases.add(session, context.tenant_id, said=said)
    context.audit(
        "plan_answered",
        release_id=release_id,
        decision=answer.decision,
        actor=answer.actor,
        scope=None if scope is None else list(scope),
        actions=said.actions,
        leads=said.leads,
        interventions=dict(sorted(Counter(action.intervention for action in moved).items())),
    )


def tell_rest(session: Session, context: TaskContext) -> None:
    """Tell the CRM of what came while a person answered: it begins a wait of its own."""
    kinds = plan_releases.waiting(session, context.tenant_id)
    if kinds:
        counts: Counter[str] = Counter()
        for kind in kinds:
            counts[kind.intervention] += kind.actions
        _tell(context, _rule(kinds), counts, leads=sum(kind.leads for kind in kinds))


def wait_view(session: Session, tenant_id: str) -> JsonObject | None:
    """Return the plan that waits, in counts by kind of action; None where none does."""
    kinds = plan_releases.waiting(session, tenant_id)
    if not kinds:
        return None
    return {
        "reason": _rule(kinds),
        "actions": sum(kind.actions for kind in kinds),
        "leads": sum(kind.leads for kind in kinds),
        "since": min(kind.since for kind in kinds),
        "until": max(kind.until for kind in kinds),
        "expires_at": min(kind.expires_at for kind in kinds),
        "kinds": [
            {name: getattr(kind, name) for name in ("intervention", "action", "channel", "actions", "leads")}
            for kind in kinds
        ],
    }


def _rule(kinds: Iterable[PlanWait]) -> str:
    return FIRST if any(kind.awaits == FIRST for kind in kinds) else LARGE
