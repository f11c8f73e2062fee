"""Print a lead's risk and its actions: why, what, when, and what each gate decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workers.cli.base.output import facts
from workers.pages.labels import CHANNELS, STANDINGS, STATES, drivers, gate, moment, plain, refusals, share

Data = Mapping[str, Any]

#: drivers of a risk that are shown
DRIVERS = 5
_NEXT: Mapping[str, str] = {"not_before": "not before", "due_by": "due by"}
_TIMES: Mapping[str, str] = {"not_before": "not before", "expires_at": "expires", "dispatched_at": "handed over"}


def show_risk(told: Data) -> None:
    """Print a lead's churn risk: its level, its drivers, and when it is assessed again."""
    facts("risk of going cold", {**_risk(told), **dict(drivers(told["drivers"], DRIVERS)), **_ahead(told)})


def _risk(told: Data) -> dict[str, object]:
    who = "the written scorecard" if told["scope"] == "scorecard" else told["model"]
    risk = f"{plain(told['level'])}: {share(told['probability'])} within {told['horizon_days']} days, says {who}"
    note = {"note": plain(told["note"])} if told.get("note") else {}
    return {"risk": risk, **note, "as of": moment(told["as_of"]), "confidence": share(told["confidence"])}


def _ahead(told: Data) -> dict[str, object]:
    members = ", ".join(f"{name} {share(one)}" for name, one in told["members"].items())
    days = told["days_to_churn"]
    found = {
        "likely cold in": None if days is None else f"{days:.0f} days" if days >= 1 else "less than a day",
        "looked at again": moment(told["next_check_at"]),
        "members": members,
    }
    return {name: value for name, value in found.items() if value}


def show_next(told: Data) -> None:
    """Print the one next action of a lead, or why it may not be contacted."""
    planned = f", {STATES.get(told['state'], told['state'])}" if told.get("state") else ""
    pairs: dict[str, object] = {"action": "none" if told["action"] is None else f"{way(told)}{planned}"}
    pairs |= {"why now": told["why_now"]} if told.get("why_now") else {}
    pairs |= {name: moment(told[key]) for key, name in _NEXT.items() if told.get(key)}
    pairs |= dict(refusals(told["why_not"]))
    facts("next", pairs)


def show_consent(told: Data) -> None:
    """Print the consent of each channel, and its last source."""
    newest = next((one for one in told["statements"] if one["decision"] != "settled"), None)
    facts("may be contacted", standings(told) | ({} if newest is None else {"said last": _said(newest)}))


def _said(one: Data) -> str:
    where = f"{plain(one['basis'])} {one['reference']}".strip()
    return f"{plain(one['channel'])} {plain(one['decision'])}: {where}, {moment(one['said_at'] or one['recorded_at'])}"


def standings(told: Data) -> dict[str, object]:
    """Return the consent of each channel in words."""
    return {plain(channel): STANDINGS[state] for channel, state in told["channels"].items()}


def show_actions(told: Data) -> None:
    """Print a lead's actions: planned, blocked by gates, done."""
    if told["held_out"]:
        facts("actions", {"held out": "nothing is sent to this lead, so that the others can be compared with it"})
    for one in told["running"]:
        show_action(one)
    if told["blocked"]:
        facts("not allowed", {title(one): _against(one) for one in told["blocked"]})
    for one in told["past"]:
        if "intervention" in one:
            show_action(one)


def show_action(told: Data) -> None:
    """Print one action."""
    lead = told.get("external_id") or told.get("lead_id")
    of_lead = f"lead {lead}: " if lead else ""
    state = STATES.get(told.get("state", ""), told.get("state"))
    if "intervention" not in told:
        facts(f"{of_lead}{state}", {"planned": moment(told.get("planned_at"))})
        return
    facts(f"{of_lead}{title(told)}", {"state": state, **_details(told)})


def title(told: Data) -> str:
    """Return intervention, action, channel and urgency as one line.

    >>> title({"intervention": "value_reinforcement", "action": "market_report", "channel": "email", "urgency": "low"})
    'value reinforcement: market report by e-mail, urgency low'
    """
    urgency = f", urgency {told['urgency']}" if told.get("urgency") else ""
    return f"{plain(told['intervention'])}: {way(told)}{urgency}"


def way(told: Data) -> str:
    """Return the action, and its channel where the name does not include it.

    >>> way({"action": "call_task", "channel": "call"}), way({"action": "market_report", "channel": "email"})
    ('call task', 'market report by e-mail')
    """
    named = told["action"] in CHANNELS or told["action"].startswith(f"{told['channel']}_")
    return (
        plain(told["action"]) if named else f"{plain(told['action'])} {CHANNELS.get(told['channel'], told['channel'])}"
    )


def _details(told: Data) -> dict[str, object]:
    times = {name: moment(told[key]) for key, name in _TIMES.items() if told.get(key)}
    because = ", ".join(plain(code) for code in told.get("reason_codes") or ())
    found = {"because": because, "text": told.get("text"), **times, "gates": gates(told), "id": told.get("action_id")}
    return {name: value for name, value in found.items() if value}


def gates(told: Data) -> str:
    """Return the gates' decisions: the rules that passed, then each that did not.

    >>> allowed = {"gate": "consent", "rule": "consent.call", "decision": "allow"}
    >>> stopped = {"gate": "do_not_call", "rule": "dnc.listed", "decision": "block"}
    >>> gates({"compliance": {"rules": [allowed, stopped]}})
    'passed consent.call; do not call blocked (dnc.listed)'
    """
    passed = ", ".join(ruling["rule"] for ruling in _rules(told) if ruling["decision"] == "allow")
    return "; ".join(filter(None, (passed and f"passed {passed}", _against(told))))


def _against(told: Data) -> str:
    return "; ".join(gate(ruling) for ruling in _rules(told) if ruling["decision"] != "allow")


def _rules(told: Data) -> Sequence[Data]:
    return (told.get("compliance") or {}).get("rules") or ()
