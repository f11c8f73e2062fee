"""Translate names of the wire into the words people read: indicators, interventions, gates, states, verdicts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from domain.documents import JsonMapping

#: state of an action -> what that means
STATES: Mapping[str, str] = MappingProxyType(
    {
        "approval": "waits for a person's approval",
        "planned": "planned, not due yet",
        "dispatched": "handed to the CRM",
        "executed": "carried out",
        "replied": "the lead answered",
        "held_out": "held out: nothing is sent, for comparison",
        "blocked": "blocked by a gate",
        "rejected": "rejected by a person",
        "withdrawn": "withdrawn: expired or replaced",
    }
)
#: how a channel of a lead stands -> what that means
STANDINGS: Mapping[str, str] = MappingProxyType(
    {
        "refused": "refused: nothing is sent",
        "in_doubt": "in doubt: nothing is sent until a person decides (hearth privacy decide)",
        "granted": "agreed",
        "withheld": "not agreed",
        "unknown": "nothing is known",
    }
)
VERDICTS: Mapping[str, str] = MappingProxyType(
    {
        "helps": "it helps",
        "harms": "it does harm",
        "no_difference_seen": "no difference seen",
        "too_early": "too early to say",
    }
)
#: channel -> how it is said
CHANNELS: Mapping[str, str] = MappingProxyType(
    {"sms": "by text", "email": "by e-mail", "call": "by call", "internal": "in house"}
)
#: why no tone is told of a lead or of a message -> that in words
NO_TONE: Mapping[str, str] = MappingProxyType(
    {
        "no_messages": "it has written nothing that could be read",
        "nothing_read": "nothing it wrote was long enough and in a language that is read",
        "too_old": "it has written nothing in the last 90 days",
        "too_short": "too few words",
        "other_language": "another language than the one that is read",
        "unknown_words": "too few words that the model knows",
    }
)
#: stage of the journey to a decision -> what it means
JOURNEY: Mapping[str, str] = MappingProxyType(
    {
        "initial_interest": "initial interest",
        "active_exploration": "active exploration",
        "serious_consideration": "serious consideration",
        "decision_making": "decision making",
        "ready_to_buy": "ready to buy",
    }
)
#: how a lead moved on its journey -> how that is said
MOVES: Mapping[str, str] = MappingProxyType(
    {"first": "seen for the first time", "same": "as before", "up": "moved on", "down": "moved back"}
)
#: code of a pause -> why
PAUSES: Mapping[str, str] = MappingProxyType(
    {
        "harms": "it does harm",
        "complaints": "there were complaints",
        "legal": "for legal reasons",
        "staffing": "no staff is available for it",
        "other": "as a person decided",
    }
)
#: indicator -> what it comes from, the fullest telling first: the first whose figures are there
_EVIDENCE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "declining_engagement": (
            "signs in the last two weeks: {signs_14d}, in the six weeks before: {signs_before_42d}",
            "less active from week to week",
        ),
        "negative_sentiment": ("tone of its messages: {polarity}, where -1 is worst",),
        "reduced_response_rate": (
            "answers to our messages: {answers_28d} to {messages_28d}, before: {answers_before} to {messages_before}",
            "of our messages answered: {response_rate:share}",
        ),
        "missed_appointments": ("appointments missed: {missed}, kept: {kept}", "appointments missed: {missed}"),
        "decreased_browsing": (
            "listings viewed in the last two weeks: {views_14d}, in the six weeks before: {views_before_42d}",
            "last viewed listings {last_view_days} days ago",
        ),
        "competitor_activity": (
            "another broker named: {mentions}; our messages unanswered: {unanswered_14d}, listings viewed: {views_14d}",
            "another broker named: {mentions}",
        ),
        "delayed_decisions": (
            "days in its stage: {stage_days}, usual: {usual_days}; put off in its own words: {put_off}",
            "days in its stage: {stage_days}, usual: {usual_days}; messages against the price: {price_objections}",
            "days in its stage: {stage_days}, usual: {usual_days}; days here: {age_days}, meant: {promised_days}",
            "days in its stage: {stage_days}, usual: {usual_days}",
            "days here: {age_days}, meant: {promised_days}",
            "put off in its own words: {put_off}",
            "messages against the price: {price_objections}",
        ),
        "communication_gaps": (
            "silent for {silent_days} days, its stage allows {threshold_days}",
            "silent for {silent_days} days",
        ),
        "behavioral_changes": ("kinds of activity that it has stopped: {kinds_dropped}",),
        "external_factors": ("no financing yet",),
    }
)


class _Figure(float):
    """One figure: whole where it is whole; a share in per cent."""

    def __format__(self, kind: str) -> str:
        return f"{100 * self:.0f} %" if kind == "share" else f"{round(self, 1):g}"


def plain(name: object) -> str:
    """Return a name as words.

    >>> plain("relationship_rebuilding")
    'relationship rebuilding'
    """
    return str(name).replace("_", " ")


def evidence(indicator: str, figures: Mapping[str, float]) -> str:
    """Return an indicator's evidence in words; empty without a phrase for its figures.

    >>> evidence("communication_gaps", {"silent_days": 21.0, "threshold_days": 7.0})
    'silent for 21 days, its stage allows 7'
    >>> evidence("reduced_response_rate", {"response_rate": 0.25})
    'of our messages answered: 25 %'
    >>> evidence("tea_leaves", {})
    ''
    """
    figures_in_words = {name: _Figure(value) for name, value in figures.items()}
    for phrase in _EVIDENCE.get(indicator, ()):
        try:
            return phrase.format_map(figures_in_words)
        except KeyError:
            continue
    return ""


def drivers(indicators: Sequence[JsonMapping], most: int = 3) -> list[tuple[str, str]]:
    """Return the strongest indicators, strongest first: name in words and evidence.

    >>> drivers([{"name": "external_factors", "value": 0.6, "evidence": {"financing_lacking": 1.0}}])
    [('external factors', '0.60, no financing yet')]
    """
    strongest = sorted(indicators, key=lambda indicator: (-indicator["value"], indicator["name"]))[:most]
    return [(plain(indicator["name"]), _driver(indicator)) for indicator in strongest]


def _driver(indicator: JsonMapping) -> str:
    text = evidence(indicator["name"], indicator.get("evidence") or {})
    return f"{indicator['value']:.2f}, {text}" if text else f"{indicator['value']:.2f}"


def gate(ruling: JsonMapping, when: Callable[[str], str] | None = None) -> str:
    """Return a gate's decision that is not a plain pass: rule, reason and evidence; `when` writes its time.

    >>> told = {"gate": "quiet_hours", "rule": "quiet.fl", "note": "state: America/New_York"}
    >>> gate(told | {"decision": "defer", "until": "2026-11-24T14:00:00Z"})
    'quiet hours deferred until 2026-11-24 14:00 UTC (quiet.fl; state: America/New_York)'
    """
    decision = {"defer": "deferred", "block": "blocked", "wait": "waits for a person's yes"}.get(
        str(ruling["decision"]), str(ruling["decision"])
    )
    until = f" until {(when or moment)(ruling['until'])}" if ruling.get("until") else ""
    note = f"; {ruling['note']}" if ruling.get("note") else ""
    return f"{plain(ruling['gate'])} {decision}{until} ({ruling['rule']}{note})"


def refusals(why_not: Sequence[JsonMapping]) -> list[tuple[str, str]]:
    """Return why a lead is on no list: the channels that each rule closes, and its text.

    >>> told = [{"channel": way, "rule": "dnc.listed", "text": "The number is on a list."} for way in ("call", "sms")]
    >>> refusals(told)
    [('may not be contacted by call, by text', 'The number is on a list. (dnc.listed)')]
    >>> refusals([{"channel": None, "rule": "record.ended", "text": "The lead has ended."}])
    [('is on no list', 'The lead has ended. (record.ended)')]
    """
    closed: dict[str, list[str]] = {}
    for reason in why_not:
        text = f"{reason['text']} ({reason['rule']})"
        closed.setdefault(text, []).extend(filter(None, [CHANNELS.get(reason["channel"])]))
    return [
        (f"may not be contacted {', '.join(channels)}" if channels else "is on no list", text)
        for text, channels in closed.items()
    ]


def weeks(needed: float | None) -> int | None:
    """Return the remaining weeks, rounded up: the same figure on every page.

    >>> weeks(133.6), weeks(0.2), weeks(0.0), weeks(None)
    (134, 1, 0, None)
    """
    return None if needed is None else math.ceil(needed)


def moment(at: object) -> str:
    """Return a moment to the minute.

    >>> moment("2026-11-24T14:00:00.123Z"), moment(None)
    ('2026-11-24 14:00 UTC', '-')
    """
    return "-" if at is None else f"{str(at)[:16].replace('T', ' ')} UTC"


def interval(bounds: Sequence[float] | None) -> str:
    """Return the bounds of a difference of shares, in points.

    >>> interval((-0.012, 0.107)), interval(None)
    ('-1.2 to +10.7 points', '-')
    """
    return "-" if bounds is None else f"{100 * bounds[0]:+.1f} to {100 * bounds[1]:+.1f} points"


def points(difference: float | None) -> str:
    """Return a difference of shares, in points.

    >>> points(0.05), points(None)
    ('+5.0 points', '-')
    """
    return "-" if difference is None else f"{100 * difference:+.1f} points"


def share(value: float | None) -> str:
    """Return a share in per cent.

    >>> share(0.254), share(None)
    ('25.4 %', '-')
    """
    return "-" if value is None else f"{100 * value:.1f} %"
