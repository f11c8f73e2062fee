"""Print a lead's risk and its actions: why, what, when, and what each gate decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from domain.documents import JsonMapping
from workers.cli.base.formatting import days, moment, percent
from workers.cli.base.output import facts
from workers.pages.labels import CHANNELS, STANDINGS, STATES, drivers, gate, plain, refusals

#: drivers of a risk that are shown
DRIVERS = 5
#: where a confidence is called fair and high
FAIR, HIGH = 0.5, 0.75
_NEXT: Mapping[str, str] = {"not_before": "not before", "due_by": "due by"}
_TIMES: Mapping[str, str] = {"not_before": "not before", "expires_at": "expires", "dispatched_at": "handed over"}


def show_risk(risk: JsonMapping) -> None:
    """Print a lead's churn risk: its level, its drivers, and when it is assessed again."""
    facts("risk of going cold", {**_risk(risk), **dict(drivers(risk["drivers"], DRIVERS)), **_outlook(risk)})


def _risk(risk: JsonMapping) -> dict[str, object]:
    who = "the written scorecard" if risk["scope"] == "scorecard" else risk["model"]
    sentence = f"{plain(risk['level'])}: {percent(risk['probability'])} within {risk['horizon_days']} days, says {who}"
    rows = {
        "risk": sentence,
        "already cold": _cold(risk),
        "note": risk.get("note") and plain(risk["note"]),
        "as of": moment(risk["as_of"]),
        "how sure": f"{surety(risk['confidence'])}, {percent(risk['confidence'])}",
    }
    return {name: value for name, value in rows.items() if value}


def _cold(risk: JsonMapping) -> str | None:
    """Return since when a lead counts as cold; None while it is silent for no longer than its stage allows."""
    silent, allowed = risk["days_silent"], risk["threshold"]
    if silent is None or silent <= allowed:
        return None
    return f"silent for {days(silent)}, its stage allows {days(allowed)}"


def surety(confidence: float) -> str:
    """Return in words how far a probability is trusted: the written scorecard never gets beyond low and fair.

    >>> surety(0.35), surety(0.5), surety(0.9)
    ('low', 'fair', 'high')
    """
    return "low" if confidence < FAIR else "fair" if confidence < HIGH else "high"


def _outlook(risk: JsonMapping) -> dict[str, object]:
    members = ", ".join(f"{name} {percent(probability)}" for name, probability in risk["members"].items())
    ahead = risk["days_to_churn"]
    rows = {
        "likely cold in": None if ahead is None or _cold(risk) else days(ahead),
        "next check": moment(risk["next_check_at"]),
        "members": members,
    }
    return {name: value for name, value in rows.items() if value}


def show_next(step: JsonMapping) -> None:
    """Print the one next action of a lead, or why it may not be contacted."""
    planned = f", {STATES.get(step['state'], step['state'])}" if step.get("state") else ""
    pairs: dict[str, object] = {"action": "none" if step["action"] is None else f"{way(step)}{planned}"}
    pairs |= {"why now": step["why_now"]} if step.get("why_now") else {}
    pairs |= {name: moment(step[key]) for key, name in _NEXT.items() if step.get(key)}
    pairs |= dict(refusals(step["why_not"]))
    facts("what to do next", pairs)


def show_consent(consent: JsonMapping) -> None:
    """Print the consent of each channel, and its last source."""
    newest = next((statement for statement in consent["statements"] if statement["decision"] != "settled"), None)
    facts("may be contacted", standings(consent) | ({} if newest is None else {"last statement": _statement(newest)}))


def _statement(statement: JsonMapping) -> str:
    where = f"{plain(statement['basis'])} {statement['reference']}".strip()
    when = moment(statement["said_at"] or statement["recorded_at"])
    return f"{plain(statement['channel'])} {plain(statement['decision'])}: {where}, {when}"


def standings(consent: JsonMapping) -> dict[str, object]:
    """Return the consent of each channel in words."""
    return {plain(channel): STANDINGS[state] for channel, state in consent["channels"].items()}


def show_actions(actions: JsonMapping) -> None:
    """Print a lead's actions: planned, blocked by gates, done."""
    if actions["held_out"]:
        facts("actions", {"held out": "nothing is sent to this lead, so that the others can be compared with it"})
    for action in actions["running"]:
        show_action(action)
    if actions["blocked"]:
        facts("not allowed", _blocked(actions["blocked"]))
    for action in actions["past"]:
        if "intervention" in action:
            show_action(action)


def _blocked(actions: Sequence[JsonMapping]) -> dict[str, object]:
    """Return what the gates refused, once for each reason: the first action, and how many more."""
    by_reason: dict[str, list[str]] = {}
    for action in actions:
        by_reason.setdefault(_refusing_gates(action), []).append(title(action))
    return {f"{first} and {len(more)} more" if more else first: why for why, (first, *more) in by_reason.items()}


def show_action(action: JsonMapping) -> None:
    """Print one action."""
    lead = action.get("external_id") or action.get("lead_id")
    of_lead = f"lead {lead}: " if lead else ""
    state = STATES.get(action.get("state", ""), action.get("state"))
    if "intervention" not in action:
        facts(f"{of_lead}{state}", {"planned": moment(action.get("planned_at"))})
        return
    facts(f"{of_lead}{title(action)}", {"state": state, **_details(action)})


def title(action: JsonMapping) -> str:
    """Return intervention, action, channel and urgency as one line.

    >>> title({"intervention": "value_reinforcement", "action": "market_report", "channel": "email", "urgency": "low"})
    'value reinforcement: market report by e-mail, urgency low'
    """
    urgency = f", urgency {action['urgency']}" if action.get("urgency") else ""
    return f"{plain(action['intervention'])}: {way(action)}{urgency}"


def way(action: JsonMapping) -> str:
    """Return the action, and its channel where the name does not include it.

    >>> way({"action": "call_task", "channel": "call"}), way({"action": "market_report", "channel": "email"})
    ('call task', 'market report by e-mail')
    """
    named = action["action"] in CHANNELS or action["action"].startswith(f"{action['channel']}_")
    return (
        plain(action["action"])
        if named
        else f"{plain(action['action'])} {CHANNELS.get(action['channel'], action['channel'])}"
    )


def _details(action: JsonMapping) -> dict[str, object]:
    times = {name: moment(action[key]) for key, name in _TIMES.items() if action.get(key)}
    because = ", ".join(plain(code) for code in action.get("reason_codes") or ())
    rows = {
        "because": because,
        "text": action.get("text"),
        **times,
        "gates": gates(action),
        "id": action.get("action_id"),
    }
    return {name: value for name, value in rows.items() if value}


def gates(action: JsonMapping) -> str:
    """Return the gates' decisions: how many passed, then each that did not.

    >>> allowed = {"gate": "consent", "rule": "consent.call", "decision": "allow"}
    >>> stopped = {"gate": "do_not_call", "rule": "dnc.listed", "decision": "block"}
    >>> gates({"compliance": {"rules": [allowed, stopped]}})
    'passed 1 of 2; do not call blocked (dnc.listed)'
    """
    rules = _rules(action)
    passed = sum(ruling["decision"] == "allow" for ruling in rules)
    told = f"passed {passed} of {len(rules)}" if rules else ""
    return "; ".join(filter(None, (told, _refusing_gates(action))))


def _refusing_gates(action: JsonMapping) -> str:
    return "; ".join(gate(ruling, moment) for ruling in _rules(action) if ruling["decision"] != "allow")


def _rules(action: JsonMapping) -> Sequence[JsonMapping]:
    return (action.get("compliance") or {}).get("rules") or ()
