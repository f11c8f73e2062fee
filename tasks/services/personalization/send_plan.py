"""Say on which channel and in which hours a lead is best written to, as a stored personalization tells it.

Whether contact is allowed is decided by the gates: consent, refusals and quiet hours have no second rule here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from db.records import ReplyClockRecord
from db.session import Session
from domain.documents import JsonMapping, JsonObject
from ml.interventions.compliance.places import DAYS
from ml.interventions.compliance.quiet_hours import Hours, clocks_of
from ml.interventions.compliance.zones import Place, place_of
from ml.personalization.channels import ChannelRank, rank_channels
from ml.personalization.replies import CHANNELS, counted, read_replies, slots_of, zone_of
from ml.personalization.send_window import MIN_TENANT_REPLIES, SendWindow, send_window
from tasks.runtime.context import TaskContext
from tasks.services.interventions import gate_context
from tasks.services.interventions.gate_context import GateSubject
from tasks.services.interventions.next_action import Conditions, Refusal, closed_channels, conditions
from tasks.services.leads.profiles import StoredLead
from tasks.services.personalization import reply_clock

BASIS_TEXTS: Mapping[str, str] = {"own": "own habit", "tenant": "tenant's habit", "prior": "not known yet"}
_RATES: Mapping[str, str] = {**BASIS_TEXTS, "prior": "as on your other channels, since little is known of this one"}
#: channels that state law about calls and texts binds
_RINGING = frozenset({"call", "sms"})
_SAID: Mapping[str, str] = {"call": "calls", "email": "e-mails", "sms": "texts"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SendPlan:
    """The channels and the hours for a lead, as JSON."""

    window: JsonObject
    #: best first; those on which it may not be contacted last
    channels: list[JsonObject]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shared:
    """What all leads of one call have in common."""

    conditions: Conditions
    clock: ReplyClockRecord
    home: str
    as_of: datetime


def send_plans(
    session: Session, context: TaskContext, stored: Sequence[StoredLead], as_of: datetime
) -> dict[str, SendPlan]:
    """Return channels and send window of leads, by lead: by what was known at `as_of`, and may be done now.

    Raises:
        UnknownLead: some are not there for this tenant.

    """
    if not stored:
        return {}
    now = conditions(session, context)
    shared = _Shared(
        conditions=now,
        clock=reply_clock.of_tenant(session, context),
        home=reply_clock.home_of(context.settings()),
        as_of=as_of,
    )
    subjects = gate_context.load(session, context, [lead.profile.lead_id for lead in stored], now.settings, stored)
    return {lead.profile.lead_id: _plan(lead, subjects[lead.profile.lead_id], shared) for lead in stored}


def allowed_now(detail: JsonMapping, closed: Mapping[str, str]) -> JsonObject:
    """Return a stored personalization with the channels that are closed now; without one left nothing is suggested.

    `closed`: channel -> the first rule that forbids it, as `next_action.closed_channels` gives. A channel that was
    closed when the row was made stays so.
    """
    channels = [_closed(channel, closed.get(channel["channel"])) for channel in detail.get("channels") or ()]
    ranked = sorted(channels, key=lambda channel: (not channel["allowed"], channel["rank"]))
    told = {**detail, "channels": [{**channel, "rank": rank} for rank, channel in enumerate(ranked, 1)]}
    if not ranked or ranked[0]["allowed"]:
        return told
    return {**told, "send_window": _without_hours(detail.get("send_window") or {}), "suggestion": None}


def _closed(channel: JsonObject, rule: str | None) -> JsonObject:
    if rule is None:
        return channel
    return {
        **channel,
        "allowed": False,
        "why_not": rule,
        "text": Refusal(channel=channel["channel"], rule=rule).text,
    }


def _plan(lead: StoredLead, subject: GateSubject, shared: _Shared) -> SendPlan:
    closed = closed_channels(subject, shared.conditions, lead.blocked)
    history = read_replies(lead.profile.interactions, shared.as_of)
    ranked = rank_channels(
        history.channels, reply_clock.channel_habits(shared.clock), {name: closed.get(name) for name in CHANNELS}
    )
    where = (subject.record.fields.get("timezone"), subject.record.fields.get("state"))
    phone = subject.record.contact.get("phone")
    place, zone = place_of(*where, phone), zone_of(*where, phone, shared.home)
    own = counted(slots_of(history.moments, zone))
    usable = {channel.channel for channel in ranked if channel.allowed}
    window = _window(own, place, zone, usable, shared) if usable else None
    return SendPlan(
        window=_blocked(own, shared.clock, zone) if window is None else _window_json(window, place, zone),
        channels=[_channel_json(channel) for channel in ranked],
    )


def _window(
    own: Sequence[int], place: Place, zone: ZoneInfo, usable: Collection[str], shared: _Shared
) -> SendWindow | None:
    """Return the window; the hours of calls and texts hold where one of them may be used, else those of e-mails."""
    hours: Hours = shared.conditions.settings.rules.hours
    ringing = not _RINGING.isdisjoint(usable)
    for lawful in (True, False) if ringing and "email" in usable else (ringing,):
        clocks = clocks_of(place, hours, lawful=lawful)
        window = send_window(own, reply_clock.tenant_clock(shared.clock), clocks, zone, shared.as_of)
        if window.status != "blocked":
            return window
    return None


def _window_json(window: SendWindow, place: Place, zone: ZoneInfo) -> JsonObject:
    return {
        "status": window.status,
        "start_hour": window.start_hour,
        "end_hour": window.end_hour,
        "zone": zone.key,
        "next_start": None if window.next_start is None else window.next_start.isoformat(),
        "next_end": None if window.next_end is None else window.next_end.isoformat(),
        "basis": window.basis,
        "basis_text": BASIS_TEXTS[window.basis],
        "own_replies": window.own_replies,
        "tenant_replies": window.tenant_replies,
        "share": window.share,
        "text": _window_text(window, place, zone),
        "by": "model",
    }


def _window_text(window: SendWindow, place: Place, zone: ZoneInfo) -> str:
    whose = "the brokerage's zone, since theirs is not known" if place.basis == "unknown" else "their zone"
    starts = None if window.next_start is None else window.next_start.astimezone(zone)
    day = "" if starts is None else f"next on {DAYS[starts.weekday()].capitalize()}"
    own, tenant = _replies(window.own_replies), _replies(window.tenant_replies)
    if window.start_hour is None:
        from_hour = "" if starts is None else f" {day} from {starts:%H:%M} in {whose}"
        return (
            f"Not known yet when leads answer: {tenant} of the {MIN_TENANT_REPLIES} that are needed. "
            f"They may be contacted{from_hour}."
        )
    hours = f"{window.start_hour}:00 to {window.end_hour}:00 in {whose}, {day}"
    if window.basis == "own":
        return f"{hours}: own habit, {own} of their own beside {tenant} of all leads."
    return f"{hours}: tenant's habit, {tenant}; {window.own_replies} of their own."


def _blocked(own: Sequence[int], clock: ReplyClockRecord, zone: ZoneInfo) -> JsonObject:
    """Return the window of a lead that may not be contacted on any channel, or at no hour."""
    known = {"zone": zone.key, "own_replies": sum(own), "tenant_replies": clock.replies}
    return _without_hours(known)


def _without_hours(window: JsonMapping) -> JsonObject:
    """Return a window that names no hours, with what else is known of it."""
    return {
        "status": "blocked",
        **dict.fromkeys(("start_hour", "end_hour", "next_start", "next_end", "share")),
        "zone": window.get("zone"),
        "basis": "prior",
        "basis_text": BASIS_TEXTS["prior"],
        "own_replies": window.get("own_replies", 0),
        "tenant_replies": window.get("tenant_replies", 0),
        "text": "The lead may not be contacted, see the channels.",
        "by": "model",
    }


def _channel_json(channel: ChannelRank) -> JsonObject:
    return {
        "channel": channel.channel,
        "rank": channel.rank,
        "reply_rate": channel.reply_rate,
        "replies": channel.replies,
        "sent": channel.sent,
        "basis": channel.basis,
        "allowed": channel.allowed,
        "why_not": channel.why_not,
        "text": _channel_text(channel),
        "by": "rule",
    }


def _channel_text(channel: ChannelRank) -> str:
    if channel.why_not is not None:
        return Refusal(channel=channel.channel, rule=channel.why_not).text
    said = _SAID[channel.channel]
    if channel.reply_rate is None:
        return f"Not known yet how often {said} are answered."
    own = f"; {channel.replies} of their own {channel.sent} were" if channel.sent else ""
    return f"{_percent(channel.reply_rate)} of {said} are expected to be answered: {_RATES[channel.basis]}{own}."


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _replies(count: int) -> str:
    return f"{count} reply" if count == 1 else f"{count} replies"
