"""The gates an action passes before it may reach a person, in the order of the law's weight.

Kill switch, refusal, consent, do-not-call, quiet hours, frequency, content, approval: the first that blocks ends it; a
gate that defers names the moment and the later ones still speak. What is not known blocks or defers and never allows.
Rules are data (`gates.toml`, `zones.toml`, `holidays.toml`), not legal advice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

from ml.churn.activity import TERMINAL
from ml.errors import NoCommonHourError
from ml.interventions.compliance.holidays import HOLIDAYS
from ml.interventions.compliance.quiet_hours import Hours, clocks_of, first_open, is_open, open_at
from ml.interventions.compliance.rules import RULES, Rule
from ml.interventions.compliance.zones import LAWS, PLACES, LegalHours, Place, place_of
from ml.interventions.wording import copy_check
from ml.interventions.wording.copy_check import check, worst
from ml.language.patterns import Finding

Verdict = Literal["allow", "defer", "block"]

#: channels that contact nobody
INTERNAL = "internal"
#: channels that ring a number
_RINGING = frozenset({"sms", "call"})
#: channels for which a brokerage's word that its leads agreed will do
_ATTESTED = {"call": "consent.call_attested", "email": "consent.email_attested"}
CHANNELS = frozenset({"sms", "email", "call", INTERNAL})
_DAY, _WEEK = timedelta(days=1), timedelta(days=7)
#: calls and texts in 24 hours that the strictest states allow, whatever a brokerage has set (see `frequency.day`)
_MOST_A_DAY = 3
_INQUIRY = timedelta(days=RULES["consent.call_inquiry"].days or 0)
#: what was judged, by which data
VERSION = (
    f"gates {RULES.version}, zones {PLACES.version}, holidays {HOLIDAYS.version}, copy {copy_check.CATALOGUE.version}"
)
#: the hours of a law, not narrowed by a brokerage
_ANY_HOUR = Hours(0, 24)
_YES_NO = ("opt_in_", "dnd_")
#: names under which a record may say that a number is on a list
_LISTED = ("do_not_call", "dnc")
#: channels over which a text reaches the lead
_WRITTEN = frozenset({"sms", "email"})
#: rules of the content check after which a person decides
_DOUBTFUL = frozenset({"content.doubtful", "content.unseen"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An action that might be carried out."""

    action: str
    #: sms, email, call or internal
    channel: str
    #: what would be sent or shown; None = nobody has shown it to Hearth
    text: str | None = None
    cost: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFacts:
    """What is known of a lead and its brokerage at the moment of judging; times are aware."""

    now: datetime
    kill_switch: bool
    #: opt_in_*, dnd_*, unsubscribed_at and doubt_*_at, as the lead's record holds them
    consent: Mapping[str, Any] = field(repr=False)
    #: False when every channel is closed
    contactable: bool
    #: the reason code of an end after which nothing may contact
    refused: str | None = None
    timezone: str | None = None
    state: str | None = None
    #: E.164 or digits; never stored or shown
    phone: str | None = field(default=None, repr=False)
    #: the lead's own newest inquiry or message
    inquiry_at: datetime | None = None
    #: outbound contacts of the last 7 days over all channels, running actions included
    contacts: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRules:
    """What a brokerage has set; the law's hours narrow its own."""

    hours: Hours = field(default_factory=Hours)
    per_day: int = 1
    per_week: int = 3
    #: channels over which nothing goes without a person
    approval: frozenset[str] = frozenset({"sms", "email"})
    #: channels of which the brokerage states that its leads have agreed; never of texts, which ask for each one's own
    attested: frozenset[str] = frozenset()
    version: str = VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What one gate said, and the rule that made it."""

    gate: str
    rule: str
    decision: Verdict
    #: when it may be done, or is looked at again, of a gate that defers
    until: datetime | None = None
    #: what it went by: zones, findings; no personal data
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What all gates said."""

    decision: Verdict
    #: the first moment at which it may be done; None when it may not
    not_before: datetime | None
    rules: tuple[Ruling, ...]
    #: a person is to look at it first
    requires_approval: bool


def judge(candidate: Candidate, facts: GateFacts, rules: GateRules = GateRules()) -> Decision:
    """Judge an action by all gates in order, up to the first that blocks.

    >>> from dataclasses import replace
    >>> from datetime import UTC
    >>> noon = datetime(2026, 5, 5, 16, tzinfo=UTC)
    >>> facts = GateFacts(now=noon, kill_switch=False, consent={"opt_in_sms": True}, contactable=True, state="NY")
    >>> text = Candidate(action="sms", channel="sms", text="Two homes near the park came up. Shall I send them?")
    >>> judge(text, facts).decision, judge(text, replace(facts, consent={})).rules[-1].rule
    ('allow', 'consent.sms_missing')
    """
    rulings: list[Ruling] = []
    moment = facts.now
    for gate in _INWARD if candidate.channel == INTERNAL else _OUTWARD:
        ruling = gate(candidate, facts, rules, moment)
        if ruling is None:
            continue
        rulings.append(ruling)
        if ruling.decision == "block":
            return Decision(decision="block", not_before=None, rules=tuple(rulings), requires_approval=False)
        moment = ruling.until or moment
    approval = _approval(candidate, rules, rulings)
    return Decision(
        decision="defer" if moment > facts.now else "allow",
        not_before=moment,
        rules=(*rulings, approval),
        requires_approval=approval.rule != "approval.none",
    )


def rule(rule_id: str) -> Rule | None:
    """Give what a ruling's or a finding's rule says and where it comes from; None when there is no such rule.

    >>> rule("quiet.fl").source, rule("fh.adults_only").gate, rule("no.such")
    ('Fla. Stat. 501.616(6)(a)', 'content', None)
    """
    return RULES.rules.get(rule_id) or _LAWS.get(rule_id) or _COPY.get(rule_id)


def _kill_switch(_candidate: Candidate, facts: GateFacts, _rules: GateRules, _moment: datetime) -> Ruling:
    # only a plain no lets anything pass
    return _ruling("kill.off") if facts.kill_switch is False else _ruling("kill.on", "block")


def _refusal(candidate: Candidate, facts: GateFacts, _rules: GateRules, _moment: datetime) -> Ruling:
    if facts.refused is not None:
        return _ruling("refusal.terminal", "block", note=facts.refused if facts.refused in TERMINAL else None)
    refused = _refused(candidate.channel, facts.consent)
    if refused is None and not facts.contactable:
        refused = "refusal.unreachable"
    return _ruling("refusal.none") if refused is None else _ruling(refused, "block")


def _refused(channel: str, consent: Mapping[str, Any]) -> str | None:
    """Name the rule by which a lead's own words close a channel."""
    if consent.get("unsubscribed_at"):
        return "refusal.unsubscribed"
    said = [consent.get(f"{kind}{which}") for kind in _YES_NO for which in ("all", channel)]
    said.append(consent.get("dnd"))
    if not all(word is None or isinstance(word, bool) for word in said):
        return "refusal.unreadable"
    yes_all, yes, no_all, no, no_plain = said
    if no_all or no_plain:
        return "refusal.dnd_all"
    if no:
        return "refusal.dnd_channel"
    if consent.get("doubt_all_at") or consent.get(f"doubt_{channel}_at"):
        return "refusal.in_doubt"
    return "refusal.opted_out" if False in (yes_all, yes) else None


def _consent(candidate: Candidate, facts: GateFacts, rules: GateRules, moment: datetime) -> Ruling:
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


def _do_not_call(candidate: Candidate, facts: GateFacts, _rules: GateRules, _moment: datetime) -> Ruling:
    if candidate.channel not in _RINGING:
        return _ruling("dnc.no_number")
    listed = any(facts.consent.get(name) not in (None, False) for name in _LISTED)
    return _ruling("dnc.listed", "block") if listed else _ruling("dnc.excepted")


def _quiet(candidate: Candidate, facts: GateFacts, rules: GateRules, moment: datetime) -> Ruling:
    place = place_of(facts.timezone, facts.state, facts.phone)
    lawful = candidate.channel in _RINGING
    note = _told(place, lawful=lawful)
    try:
        opens = first_open(clocks_of(place, rules.hours, lawful=lawful), moment)
    except NoCommonHourError:
        return _never(place, rules, moment, note)
    if opens <= moment:
        return _ruling("quiet.open", note=note)
    if place.basis == "unknown":
        return _ruling("quiet.unknown_zone", "defer", until=opens, note=note)
    return _ruling(_closing(place, moment) if lawful else "quiet.hours", "defer", until=opens, note=note)


def _never(place: Place, rules: GateRules, moment: datetime, note: str) -> Ruling:
    """Say what becomes of an action that no hour suits: one to an unknown place waits for it to be told."""
    if place.basis != "unknown":
        return _ruling("quiet.never", "block", note=note)
    try:
        again = open_at(place.zones, moment + _DAY, rules.hours)
    except NoCommonHourError:
        return _ruling("quiet.never", "block", note=note)
    return _ruling("quiet.no_place", "defer", until=again, note=note)


def _closing(place: Place, moment: datetime) -> str:
    """Name the first law that lets nobody be reached at a moment, else the brokerage's hours."""
    laws = ((zone, law) for zone, laws in place.clocks for law in laws)
    return next((law.id for zone, law in laws if not is_open([zone], moment, _ANY_HOUR.within([law]))), "quiet.hours")


def _told(place: Place, *, lawful: bool) -> str:
    """Say what told the zones, and whose laws hold."""
    if place.basis == "unknown":
        return "unknown: all zones of the United States" + ("; the laws of all states" if lawful else "")
    every = "; the laws of every state there" if lawful and place.any_state else ""
    return f"{place.basis}: {', '.join(place.zones)}{every}"


def _frequency(candidate: Candidate, facts: GateFacts, rules: GateRules, moment: datetime) -> Ruling:
    if min(rules.per_day, rules.per_week) <= 0:
        return _ruling("frequency.none", "block")
    per_day = min(rules.per_day, _MOST_A_DAY) if candidate.channel in _RINGING else rules.per_day
    day = _free(facts.contacts, per_day, _DAY)
    week = _free(facts.contacts, rules.per_week, _WEEK)
    later = max((when for when in (day, week) if when is not None), default=moment)
    if later <= moment:
        return _ruling("frequency.free")
    return _ruling("frequency.week" if later == week else "frequency.day", "defer", until=later)


def _free(contacts: tuple[datetime, ...], most: int, span: timedelta) -> datetime | None:
    """Give when a contact is free again; None where fewer than `most` are known."""
    return sorted(contacts)[-most] + span if len(contacts) >= most else None


def _quiet_again(candidate: Candidate, facts: GateFacts, rules: GateRules, moment: datetime) -> Ruling | None:
    """Judge the hours at the moment to which another gate deferred; None where nothing came of it."""
    if not facts.contacts:
        return None
    ruling = _quiet(candidate, facts, rules, moment)
    return None if ruling.rule == "quiet.open" else ruling


def _content(candidate: Candidate, _facts: GateFacts, _rules: GateRules, _moment: datetime) -> Ruling:
    if candidate.text is None:
        return _ruling("content.unseen" if candidate.channel in _WRITTEN else "content.none")
    findings = _findings(candidate.text)
    tier = worst(findings)
    note = ", ".join(dict.fromkeys(finding.id for finding in findings)) or None
    if tier == "block":
        return _ruling("content.blocked", "block", note=note)
    return _ruling("content.doubtful" if tier == "warn" else "content.clean", note=note)


@lru_cache(maxsize=512)
def _findings(text: str) -> tuple[Finding, ...]:
    # the same few texts of ours go to many leads
    return tuple(check(text))


def _approval(candidate: Candidate, rules: GateRules, rulings: list[Ruling]) -> Ruling:
    if any(ruling.rule in _DOUBTFUL for ruling in rulings):
        return _ruling("approval.content")
    return _ruling("approval.channel" if candidate.channel in rules.approval else "approval.none")


def _ruling(
    rule_id: str, decision: Verdict = "allow", *, until: datetime | None = None, note: str | None = None
) -> Ruling:
    gate = RULES[rule_id].gate if rule_id in RULES.rules else _LAWS[rule_id].gate
    return Ruling(gate=gate, rule=rule_id, decision=decision, until=until, note=note)


def _clock(hours: tuple[float, float]) -> str:
    return f"{hours[0]:g} to {hours[1]:g}" if hours[0] < hours[1] else "closed"


def _says(law: LegalHours) -> str:
    """Put a law in words."""
    if law.holidays:
        names = ", ".join(day.name for key, day in HOLIDAYS.days.items() if key in law.holidays)
        return f"No calls and texts on legal holidays ({law.state}): {names}."
    return (
        f"Calls and texts, Monday {_clock(law.days[0])}, Saturday {_clock(law.days[5])}, "
        f"Sunday {_clock(law.days[6])} on the lead's clock ({law.state})."
    )


#: hours of the law and legal holidays by their ids
_LAWS = {law.id: Rule(id=law.id, gate="quiet_hours", text=_says(law), source=law.source) for law in LAWS}
#: entries of the copy catalogues by their ids
_COPY = {
    entry.id: Rule(id=entry.id, gate="content", text=entry.suggestion or entry.cls, source=entry.source)
    for entry in (*copy_check.CATALOGUE.entries, *(shape.entry for shape in copy_check.SHAPES))
}
_Gate = Callable[[Candidate, GateFacts, GateRules, datetime], Ruling | None]
_OUTWARD: tuple[_Gate, ...] = (
    _kill_switch,
    _refusal,
    _consent,
    _do_not_call,
    _quiet,
    _frequency,
    _quiet_again,
    _content,
)
_INWARD: tuple[_Gate, ...] = (_kill_switch, _content)
