"""Judge an action by the gates that it must pass before it may reach a person, in the order of the law's weight.

Kill switch, refusal, consent, do-not-call, quiet hours, frequency, content, approval: the first gate that blocks ends
the judgement; after a gate that defers to a moment, the later gates are still asked. What is unknown blocks or defers
and never allows. The rules are data (`gates.toml`, `zones.toml`, `holidays.toml`), not legal advice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal

from domain.documents import JsonMapping
from ml.churn.activity import TERMINAL
from ml.errors import NoCommonHourError
from ml.interventions.compliance.holidays import HOLIDAYS
from ml.interventions.compliance.quiet_hours import Hours, clocks_of, first_open, is_open, open_at
from ml.interventions.compliance.rule_texts import LAW_RULES
from ml.interventions.compliance.rules import RULES
from ml.interventions.compliance.zones import PLACES, Place, place_of
from ml.interventions.wording import copy_check
from ml.interventions.wording.copy_check import check_copy, worst_tier
from ml.language.patterns import Finding

GateVerdict = Literal["allow", "defer", "block"]

#: the channel that contacts nobody
INTERNAL = "internal"
#: channels that use a phone number
_RINGING = frozenset({"sms", "call"})
#: channels for which the brokerage's attestation of consent is enough -> its rule
_ATTESTED = {"call": "consent.call_attested", "email": "consent.email_attested"}
CHANNELS = frozenset({"sms", "email", "call", INTERNAL})
_DAY, _WEEK = timedelta(days=1), timedelta(days=7)
#: most calls and texts in 24 hours by the strictest states, whatever the brokerage has set (see `frequency.day`)
_MOST_A_DAY = 3
_INQUIRY = timedelta(days=RULES["consent.call_inquiry"].days or 0)
#: versions of all data that a judgement depends on
VERSION = f"gates {RULES.version}, zones {PLACES.version}, holidays {HOLIDAYS.version}, copy {copy_check.VERSION}"
#: hours that no brokerage has narrowed
_ANY_HOUR = Hours(0, 24)
_CONSENT_PREFIXES = ("opt_in_", "dnd_")
#: fields by which a record may say that a number is on a do-not-call list
_DNC_FIELDS = ("do_not_call", "dnc")
#: channels that carry a text to the lead
_WRITTEN = frozenset({"sms", "email"})
#: rules of the content check after which a person must approve
_DOUBTFUL = frozenset({"content.doubtful", "content.unseen"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionCandidate:
    """An action to be judged."""

    action: str
    #: sms, email, call or internal
    channel: str
    #: what would be sent or shown; None: Hearth does not know it
    text: str | None = None
    cost: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFacts:
    """The facts about a lead and its brokerage that an action is judged by; times are aware."""

    now: datetime
    kill_switch: bool
    #: opt_in_*, dnd_*, unsubscribed_at and doubt_*_at, as in the lead's record
    consent: JsonMapping = field(repr=False)
    #: False: every channel is closed
    contactable: bool
    #: the reason code of a terminal outcome, after which no contact is allowed
    refused: str | None = None
    timezone: str | None = None
    state: str | None = None
    #: E.164 or digits; never stored or shown
    phone: str | None = field(default=None, repr=False)
    #: the lead's own newest inquiry or message
    inquiry_at: datetime | None = None
    #: outbound contacts of the last 7 days over all channels, including running actions
    contacts: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRules:
    """The settings of a brokerage; legal hours narrow its own hours."""

    hours: Hours = field(default_factory=Hours)
    per_day: int = 1
    per_week: int = 3
    #: channels whose actions a person must approve
    approval: frozenset[str] = frozenset({"sms", "email"})
    #: channels for which the brokerage attests consent; never sms, which requires each lead's own consent
    attested: frozenset[str] = frozenset()
    version: str = VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """The verdict of one gate, and the rule behind it."""

    gate: str
    rule: str
    decision: GateVerdict
    #: for `defer`: when the action may be done, or is judged again
    until: datetime | None = None
    #: the evidence: zones, findings; no personal data
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateDecision:
    """The decision of all gates."""

    decision: GateVerdict
    #: the first moment at which the action may be done; None when it may not
    not_before: datetime | None
    rules: tuple[Ruling, ...]
    #: True: a person must approve it first
    requires_approval: bool


def judge(candidate: ActionCandidate, facts: GateFacts, rules: GateRules = GateRules()) -> GateDecision:
    """Judge an action by all gates in order, up to the first that blocks.

    >>> from dataclasses import replace
    >>> from datetime import UTC
    >>> noon = datetime(2026, 5, 5, 16, tzinfo=UTC)
    >>> facts = GateFacts(now=noon, kill_switch=False, consent={"opt_in_sms": True}, contactable=True, state="NY")
    >>> text = "Two homes near the park came up. Shall I send them?"
    >>> sms = ActionCandidate(action="sms", channel="sms", text=text)
    >>> judge(sms, facts).decision, judge(sms, replace(facts, consent={})).rules[-1].rule
    ('allow', 'consent.sms_missing')
    """
    rulings: list[Ruling] = []
    moment = facts.now
    for gate in _INTERNAL_GATES if candidate.channel == INTERNAL else _CONTACT_GATES:
        ruling = gate(candidate, facts, rules, moment)
        if ruling is None:
            continue
        rulings.append(ruling)
        if ruling.decision == "block":
            return GateDecision(decision="block", not_before=None, rules=tuple(rulings), requires_approval=False)
        moment = ruling.until or moment
    approval = _approval(candidate, rules, rulings)
    return GateDecision(
        decision="defer" if moment > facts.now else "allow",
        not_before=moment,
        rules=(*rulings, approval),
        requires_approval=approval.rule != "approval.none",
    )


def _kill_switch(_candidate: ActionCandidate, facts: GateFacts, _rules: GateRules, _moment: datetime) -> Ruling:
    # only a clear False lets an action pass
    return _ruling("kill.off") if facts.kill_switch is False else _ruling("kill.on", "block")


def _refusal(candidate: ActionCandidate, facts: GateFacts, _rules: GateRules, _moment: datetime) -> Ruling:
    if facts.refused is not None:
        return _ruling("refusal.terminal", "block", note=facts.refused if facts.refused in TERMINAL else None)
    rule_id = _refusal_rule(candidate.channel, facts.consent)
    if rule_id is None and not facts.contactable:
        rule_id = "refusal.unreachable"
    return _ruling("refusal.none") if rule_id is None else _ruling(rule_id, "block")


def _refusal_rule(channel: str, consent: JsonMapping) -> str | None:
    """Return the rule by which a lead's own refusal closes a channel; None when the channel is open."""
    if consent.get("unsubscribed_at"):
        return "refusal.unsubscribed"
    flags = [consent.get(f"{prefix}{name}") for prefix in _CONSENT_PREFIXES for name in ("all", channel)]
    flags.append(consent.get("dnd"))
    if not all(flag is None or isinstance(flag, bool) for flag in flags):
        return "refusal.unreadable"
    opt_in_all, opt_in, dnd_all, dnd_channel, dnd = flags
    if dnd_all or dnd:
        return "refusal.dnd_all"
    if dnd_channel:
        return "refusal.dnd_channel"
    if consent.get("doubt_all_at") or consent.get(f"doubt_{channel}_at"):
        return "refusal.in_doubt"
    return "refusal.opted_out" if False in (opt_in_all, opt_in) else None


def _consent(candidate: ActionCandidate, facts: GateFacts, rules: GateRules, moment: datetime) -> Ruling:
    channel = candidate.channel
    if channel not in CHANNELS:
        return _ruling("consent.unknown_channel", "block")
    if facts.consent.get(f"opt_in_{channel}") is True:
        return _ruling(f"consent.{channel}")
    if channel == "call" and _inquired(facts, moment):
        return _ruling("consent.call_inquiry")
    if channel in rules.attested and channel in _ATTESTED:
        return _ruling(_ATTESTED[channel])
    return _ruling(f"consent.{channel}_missing", "block")


def _inquired(facts: GateFacts, moment: datetime) -> bool:
    inquiry = facts.inquiry_at
    return inquiry is not None and inquiry <= facts.now and moment - inquiry <= _INQUIRY


def _do_not_call(candidate: ActionCandidate, facts: GateFacts, _rules: GateRules, _moment: datetime) -> Ruling:
    if candidate.channel not in _RINGING:
        return _ruling("dnc.no_number")
    listed = any(facts.consent.get(name) not in (None, False) for name in _DNC_FIELDS)
    return _ruling("dnc.listed", "block") if listed else _ruling("dnc.excepted")


def _quiet(candidate: ActionCandidate, facts: GateFacts, rules: GateRules, moment: datetime) -> Ruling:
    place = place_of(facts.timezone, facts.state, facts.phone)
    lawful = candidate.channel in _RINGING
    note = _place_note(place, lawful=lawful)
    try:
        opens = first_open(clocks_of(place, rules.hours, lawful=lawful), moment)
    except NoCommonHourError:
        return _no_common_hour(place, rules, moment, note)
    if opens <= moment:
        return _ruling("quiet.open", note=note)
    if place.basis == "unknown":
        return _ruling("quiet.unknown_zone", "defer", until=opens, note=note)
    return _ruling(_closing_rule(place, moment) if lawful else "quiet.hours", "defer", until=opens, note=note)


def _no_common_hour(place: Place, rules: GateRules, moment: datetime, note: str) -> Ruling:
    """Return the ruling when no hour suits all zones: an action to an unknown place is deferred, others are blocked."""
    if place.basis != "unknown":
        return _ruling("quiet.never", "block", note=note)
    try:
        again = open_at(place.zones, moment + _DAY, rules.hours)
    except NoCommonHourError:
        return _ruling("quiet.never", "block", note=note)
    return _ruling("quiet.no_place", "defer", until=again, note=note)


def _closing_rule(place: Place, moment: datetime) -> str:
    """Return the first law that forbids contact at a moment, else the rule of the brokerage's hours."""
    laws = ((zone, law) for zone, laws in place.clocks for law in laws)
    return next((law.id for zone, law in laws if not is_open([zone], moment, _ANY_HOUR.within([law]))), "quiet.hours")


def _place_note(place: Place, *, lawful: bool) -> str:
    """Return the note on where the zones are from, and whose laws apply."""
    if place.basis == "unknown":
        return "unknown: all zones of the United States" + ("; the laws of all states" if lawful else "")
    every = "; the laws of every state there" if lawful and place.any_state else ""
    return f"{place.basis}: {', '.join(place.zones)}{every}"


def _frequency(candidate: ActionCandidate, facts: GateFacts, rules: GateRules, moment: datetime) -> Ruling:
    if min(rules.per_day, rules.per_week) <= 0:
        return _ruling("frequency.none", "block")
    per_day = min(rules.per_day, _MOST_A_DAY) if candidate.channel in _RINGING else rules.per_day
    day = _next_free(facts.contacts, per_day, _DAY)
    week = _next_free(facts.contacts, rules.per_week, _WEEK)
    later = max((when for when in (day, week) if when is not None), default=moment)
    if later <= moment:
        return _ruling("frequency.free")
    return _ruling("frequency.week" if later == week else "frequency.day", "defer", until=later)


def _next_free(contacts: tuple[datetime, ...], most: int, span: timedelta) -> datetime | None:
    """Return when the next contact is allowed; None when there were fewer than `most`."""
    return sorted(contacts)[-most] + span if len(contacts) >= most else None


def _quiet_again(candidate: ActionCandidate, facts: GateFacts, rules: GateRules, moment: datetime) -> Ruling | None:
    """Judge the hours again at the moment to which the frequency gate deferred; None when they are open."""
    if not facts.contacts:
        return None
    ruling = _quiet(candidate, facts, rules, moment)
    return None if ruling.rule == "quiet.open" else ruling


def _content(candidate: ActionCandidate, _facts: GateFacts, _rules: GateRules, _moment: datetime) -> Ruling:
    if candidate.text is None:
        return _ruling("content.unseen" if candidate.channel in _WRITTEN else "content.none")
    findings = _findings(candidate.text)
    tier = worst_tier(findings)
    note = ", ".join(dict.fromkeys(finding.id for finding in findings)) or None
    if tier == "block":
        return _ruling("content.blocked", "block", note=note)
    return _ruling("content.doubtful" if tier == "warn" else "content.clean", note=note)


@lru_cache(maxsize=512)
def _findings(text: str) -> tuple[Finding, ...]:
    # cached, since the same few texts go to many leads
    return tuple(check_copy(text))


def _approval(candidate: ActionCandidate, rules: GateRules, rulings: list[Ruling]) -> Ruling:
    if any(ruling.rule in _DOUBTFUL for ruling in rulings):
        return _ruling("approval.content")
    return _ruling("approval.channel" if candidate.channel in rules.approval else "approval.none")


def _ruling(
    rule_id: str, decision: GateVerdict = "allow", *, until: datetime | None = None, note: str | None = None
) -> Ruling:
    rule = RULES.rules.get(rule_id) or LAW_RULES[rule_id]
    return Ruling(gate=rule.gate, rule=rule_id, decision=decision, until=until, note=note)


_Gate = Callable[[ActionCandidate, GateFacts, GateRules, datetime], Ruling | None]
_CONTACT_GATES: tuple[_Gate, ...] = (
    _kill_switch,
    _refusal,
    _consent,
    _do_not_call,
    _quiet,
    _frequency,
    _quiet_again,
    _content,
)
_INTERNAL_GATES: tuple[_Gate, ...] = (_kill_switch, _content)
