"""Decide the one next action of a lead, after the gates: its running plan's, else what a person may do for it.

Worklist and card both ask here: so they name what the plan names, and send nobody to a lead that may not be contacted.
A lead that is held out has no running plan, and so looks like a lead for which nothing was planned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

import structlog

from db.errors import SealBroken
from db.records import InterventionRecord
from db.repositories.interventions import pauses
from db.session import Session
from domain.action_states import RUNNING, WAITING
from domain.leads import UNSCORED_LEAD_TYPES
from ml.interventions.catalogue import CATALOGUE, Action
from ml.interventions.compliance.gates import ActionCandidate, GateDecision
from ml.interventions.compliance.rule_texts import rule
from ml.interventions.policy import EVERY_INTERVENTION, traits_of
from ml.worklist import REACHING, Place, ways
from tasks.runtime.context import TaskContext
from tasks.services.interventions import gate_context
from tasks.services.interventions.gate_context import GateSubject, candidate_of
from tasks.services.interventions.intervention_settings import InterventionSettings, block_of, crm_of, settings_of

log = structlog.get_logger(__name__)

#: rule that is not one of the gates' -> what it says
TEXTS: Mapping[str, str] = MappingProxyType(
    {
        "record.restricted": "The person asked for a restriction: nothing is done until somebody has looked.",
        "record.objected": "The person objected to being scored: nothing is done until somebody has looked.",
        "record.ended": "The lead has ended.",
        "record.no_client": "Agents and vendors are no leads to be won.",
        "plan.pause_automation": "What goes out by itself is paused: somebody has to decide how to go on.",
        "plan.suppress": "The lead asked to be left alone, and all channels are being closed.",
        "settings.allowed_actions": "The brokerage's settings allow no action over this channel.",
    }
)
_UNKNOWN = "The gates could not judge it: nobody is contacted."


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a lead may not be contacted over a channel, or at all."""

    #: None = all channels
    channel: str | None
    #: id of a rule of the gates, or of `TEXTS`
    rule: str

    @property
    def text(self) -> str:
        """Return what the rule says."""
        gate_rule = rule(self.rule)
        return TEXTS.get(self.rule, _UNKNOWN) if gate_rule is None else gate_rule.text


@dataclass(frozen=True, slots=True, kw_only=True)
class NextAction:
    """The next action for a lead, or why it may not be contacted."""

    #: of the catalogue; None = nothing
    action: str | None = None
    channel: str | None = None
    #: None = now
    not_before: datetime | None = None
    #: the action of the running plan; None = nothing was planned, a person may do this
    plan: InterventionRecord | None = None
    #: empty where the lead may be contacted over every channel
    why_not: tuple[Refusal, ...] = ()
    #: whether every channel is closed
    closed: bool = False

    @property
    def place(self) -> Place:
        """Return where the lead belongs: on the list, among those whom nobody may contact, or on no list at all."""
        if self.closed:
            return "withheld"
        return "left_out" if self.why_not else "listed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """The conditions that all leads of a tenant share at a moment."""

    now: datetime
    settings: InterventionSettings
    #: actions that the brokerage uses
    actions: Mapping[str, Action]
    #: interventions that are not carried out for now
    paused: frozenset[str]


def conditions(session: Session, context: TaskContext) -> Conditions:
    """Return what holds for all leads of a tenant now."""
    settings = context.settings()
    raw_settings = block_of(settings)
    possible = crm_of(settings).possible(raw_settings)
    used = CATALOGUE.for_tenant(raw_settings).actions
    return Conditions(
        now=context.now,
        settings=settings_of(settings),
        actions={name: action for name, action in used.items() if name in possible},
        paused=frozenset(pauses.active(session, context.tenant_id)),
    )


def next_actions(
    session: Session, context: TaskContext, urged: Mapping[str, str | None], conditions: Conditions
) -> dict[str, NextAction]:
    """Decide for several leads, each with what its urgency asks for (None = nothing in particular).

    A lead whose record cannot be decrypted is left out, so that it does not hold up the others.
    """
    try:
        subjects = gate_context.load(session, context, list(urged), conditions.settings)
    except SealBroken as error:
        return _in_halves(session, context, urged, conditions, error)
    return {lead_id: decide(subject, urged[lead_id], conditions) for lead_id, subject in subjects.items()}


def _in_halves(
    session: Session, context: TaskContext, urged: Mapping[str, str | None], conditions: Conditions, error: SealBroken
) -> dict[str, NextAction]:
    decided: dict[str, NextAction] = {}
    if len(urged) == 1:
        log.error("next_action_failed", lead_id=next(iter(urged)), error=type(error).__name__)
        return decided
    parts = list(urged.items())
    for half in (parts[: len(parts) // 2], parts[len(parts) // 2 :]):
        decided |= next_actions(session, context, dict(half), conditions)
    return decided


def decide(
    subject: GateSubject, urged: str | None, conditions: Conditions, blocked_by: Sequence[str] = ()
) -> NextAction:
    """Decide what is to be done about a lead; nothing is where the person is `blocked_by` (restricted, objected)."""
    ended = [f"record.{why}" for why in blocked_by] or _ended(subject)
    if ended:
        return NextAction(why_not=tuple(Refusal(channel=None, rule=why) for why in ended))
    decisions = _decisions(subject, conditions)
    refusals = tuple(
        Refusal(channel=channel, rule=decision.rules[-1].rule)
        for channel, decision in decisions.items()
        if decision.decision == "block"
    )
    closed = len(refusals) == len(decisions)
    planned = _planned(subject, conditions, refusals if closed else ())
    if planned is not None:
        return planned
    return (
        NextAction(why_not=refusals, closed=True)
        if closed
        else _by_hand(subject, urged, conditions, decisions, refusals)
    )


def closed_channels(subject: GateSubject, conditions: Conditions, blocked_by: Sequence[str] = ()) -> dict[str, str]:
    """Return the channels on which a lead may not be contacted now, each with the first rule that forbids it."""
    ended = [f"record.{why}" for why in blocked_by] or _ended(subject)
    if ended:
        return dict.fromkeys(REACHING, ended[0])
    used = {action.channel for action in conditions.actions.values()}
    refused = {
        channel: decision.rules[-1].rule
        for channel, decision in _decisions(subject, conditions).items()
        if decision.decision == "block"
    }
    return {channel: "settings.allowed_actions" for channel in REACHING if channel not in used} | refused


def _ended(subject: GateSubject) -> list[str]:
    """Return why nothing is to be done about a lead that has ended without refusing."""
    # a lead that refused has ended too, and its refusal is the better reason
    if subject.open or subject.refused is not None:
        return []
    return ["record.no_client" if subject.record.lead_type in UNSCORED_LEAD_TYPES else "record.ended"]


def _decisions(subject: GateSubject, conditions: Conditions) -> dict[str, GateDecision]:
    """Judge each channel, without a text: we do not know what a person will say."""
    candidates = [ActionCandidate(action=action, channel=channel) for channel, action in REACHING.items()]
    return dict(
        zip(REACHING, gate_context.judge_actions(candidates, subject, conditions.now, conditions.settings), strict=True)
    )


def _planned(subject: GateSubject, conditions: Conditions, refusals: tuple[Refusal, ...]) -> NextAction | None:
    """Return the newest action of the running plan that no gate blocks; None where there is none."""
    running = (past for past in reversed(subject.past) if past.state in RUNNING and past.expires_at > conditions.now)
    for action in running:
        not_before = None if _paused(action, conditions) else _judge_again(action, subject, conditions).not_before
        if not_before is not None:
            own_rule = f"plan.{action.action}"
            return NextAction(
                action=action.action,
                channel=action.channel,
                not_before=_ahead(max(not_before, action.not_before), conditions.now),
                plan=action,
                why_not=refusals or ((Refusal(channel=None, rule=own_rule),) if own_rule in TEXTS else ()),
                closed=bool(refusals),
            )
    return None


def _paused(action: InterventionRecord, conditions: Conditions) -> bool:
    """Return whether an action waits and will be withdrawn when its turn comes."""
    return action.state in WAITING and bool(conditions.paused & {EVERY_INTERVENTION, action.intervention})


def _judge_again(action: InterventionRecord, subject: GateSubject, conditions: Conditions) -> GateDecision:
    """Judge an action of the plan once more, as its dispatch will; its text may have been erased."""
    title, text = action.detail.get("title"), action.detail.get("text")
    candidate = candidate_of(action.action, action.channel, action.cost, title=title, text=text)
    return gate_context.judge_action(candidate, subject, conditions.now, conditions.settings, but=action.action_id)


def _by_hand(
    subject: GateSubject,
    urged: str | None,
    conditions: Conditions,
    decisions: Mapping[str, GateDecision],
    refusals: tuple[Refusal, ...],
) -> NextAction:
    """Return the first way of contact whose channel is open."""
    lead = subject.record
    traits = traits_of(lead.stage, lead.lead_type, lead.fields.get("timeline"))
    for way in ways(urged, traits, conditions.actions):
        not_before = decisions[way.channel].not_before
        if not_before is not None:
            return NextAction(action=way.name, channel=way.channel, not_before=_ahead(not_before, conditions.now))
    closed = {refusal.channel for refusal in refusals}
    unused = (Refusal(channel=name, rule="settings.allowed_actions") for name in REACHING if name not in closed)
    return NextAction(why_not=(*refusals, *unused), closed=True)


def _ahead(moment: datetime, now: datetime) -> datetime | None:
    return moment if moment > now else None
