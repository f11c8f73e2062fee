"""Print a lead's card in words: what forbids a call, what to do and to say, the score, the risk, what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from domain.documents import JsonMapping
from workers.cli.base.formatting import between, moment, money, number, percent, there
from workers.cli.base.output import facts, filled, say, table
from workers.cli.leads.action_views import show_actions, show_consent, show_next, show_risk
from workers.cli.leads.explanation_view import show_what_if
from workers.cli.leads.personalization_view import show_personalization
from workers.pages.labels import CHANNELS, plain

#: parts of a card that have words of their own below; any other is printed by its name
_SAID = frozenset(
    {
        *("lead_id", "external_id", "lead_type", "stage", "status", "assigned_to", "contactable", "blocked"),
        *("next", "score", "override", "changed", "expected_value", "above", "history"),
        *("risk", "personalization", "online", "actions", "consent", "events", "outcomes"),
    }
)
#: what a lead is reported for, where the name of the threshold is no word for it
_ABOVE: Mapping[str, str] = {"churn": "at risk of going cold"}


def show_card(lead: str, data: JsonMapping, zone: str | None = None) -> None:
    """Print a card; times to contact the lead are told in its own `zone` where that is known."""
    say(f"lead {lead}{_who(data)}")
    for warning in _warnings(data):
        say(warning)
    facts("lead", {plain(name): _short(value) for name, value in data.items() if name not in _SAID} | _ids(data))
    if data.get("next"):
        with there(zone):
            show_next(data["next"])
    if data.get("personalization"):
        with there(zone):
            show_personalization(data["personalization"], (data.get("next") or {}).get("due_by"))
    if data.get("score"):
        show_score(data)
        _learnt(data.get("online"))
    if data.get("risk"):
        show_risk(data["risk"])
        show_what_if(data["risk"].get("what_if"))
    if data.get("actions"):
        with there(zone):
            show_actions(data["actions"])
    if data.get("consent"):
        show_consent(data["consent"])
    if data.get("events") or data.get("outcomes"):
        _happened(data)
    if data.get("history"):
        table("scores, newest first", *filled(SCORES, score_rows(data["history"])))


def _learnt(online: JsonMapping | None) -> None:
    """Print what the online learners say, target by target: it stands beside the score and decides nothing."""
    if online is None:
        return
    if online["text"]:
        say(f"online: {online['text']}")
        return
    rows = {plain(score["target"]): _online_score(score) for score in online["scores"]}
    if rows:
        facts("learnt of outcomes since", rows)


def _online_score(score: JsonMapping) -> str:
    """Return one online score in words.

    >>> _online_score({"status": "cold", "probability": 0.4, "confidence": 0.0, "signals": 3, "text": "online: …"})
    '40 %, from 3 outcomes: too few to rely on'
    """
    told = f"{percent(score['probability'])}, from {score['signals']:,} outcomes"
    if score["status"] == "cold":
        return f"{told}: too few to rely on"
    change = score.get("change")
    moved = f", {change['points']:+d} points since {moment(change['since'])}" if change else ""
    return f"{told}{moved}, confidence {percent(score['confidence'])}"


def _who(data: JsonMapping) -> str:
    """Return what kind of lead it is, and where it stands."""
    stage = f"in stage {plain(data['stage'])}" if data.get("stage") else None
    agent = f"with {data['assigned_to']}" if data.get("assigned_to") else None
    status = plain(data["status"]) if data.get("status") else None
    told = ", ".join(filter(None, (data.get("lead_type") and plain(data["lead_type"]), status, stage, agent)))
    return f": {told}" if told else ""


def _ids(data: JsonMapping) -> dict[str, object]:
    names = {"external_id": "your id", "lead_id": "Hearth's id"}
    return {said: data[name] for name, said in names.items() if data.get(name)}


def _warnings(data: JsonMapping) -> list[str]:
    """Return what forbids to contact the lead, or to compute anything of it."""
    step, channels = data.get("next") or {}, (data.get("consent") or {}).get("channels", {})
    refused = [CHANNELS.get(channel, plain(channel)) for channel, state in channels.items() if state == "refused"]
    lines = [f"REFUSED: the lead wants no contact {', '.join(refused)}"] if refused else []
    if data.get("blocked"):
        lines.append(f"STOPPED: nothing is computed of this lead or done for it: {', '.join(data['blocked'])}")
    if step and step.get("action") is None and step.get("why_not"):
        closed = dict.fromkeys(CHANNELS[reason["channel"]] for reason in step["why_not"] if reason["channel"])
        lines.append(f"MAY NOT BE CONTACTED {', '.join(closed)}" if closed else "ON NO LIST")
    return lines


def show_score(data: JsonMapping) -> None:
    """Print the score that counts and why, in the order in which somebody asks."""
    score = data["score"]
    facts("score", {**_judgement(data, score), **reasons(score), **_standing(data), **_source(score)})
    show_what_if(score.get("what_if"))


def _judgement(data: JsonMapping, score: JsonMapping) -> dict[str, object]:
    told, automatic = data.get("override"), score.get("automatic") or {}
    counts = f"{percent(score['probability'])}, {score['band']}"
    if told:
        who = f"says {told['actor']} ({plain(told['reason'])}), since {moment(told['set_at'])}"
        by_model = f"{percent(automatic.get('probability'))}, {automatic.get('band')}"
        return {"chance to close": f"{counts}, {who}", "the model says": by_model}
    return {"chance to close": counts, "how sure": how_sure(score)}


def how_sure(score: JsonMapping) -> str:
    """Return the interval of a score in words.

    >>> how_sure({"interval": [0.477, 0.714]})
    'between 48 % and 71 %, nine times in ten'
    """
    return f"{between(score['interval'])}, nine times in ten" if score.get("interval") else "not measured"


def reasons(score: JsonMapping) -> dict[str, object]:
    """Return what speaks for a lead and against it, and how much is not listed."""
    named = {"for it": texts(score.get("up") or ()), "against it": texts(score.get("down") or ())}
    rest = score.get("rest")
    weighs = None if rest is None else f"{_direction(rest)} (weight {number(rest)}){_parts(score)}"
    return {name: value for name, value in (named | {"all else": weighs}).items() if value}


def _direction(rest: float) -> str:
    return "speaks for it" if rest > 0 else "speaks against it" if rest < 0 else "changes nothing"


def _parts(score: JsonMapping) -> str:
    """Return what the rest is made of, where the answer names it."""
    told = [f"{part['text']} {part['contribution']:+.2f}" for part in score.get("rest_parts") or ()]
    return f", of that: {'; '.join(told)}" if told else ""


def _standing(data: JsonMapping) -> dict[str, object]:
    """Return what the score has led to: what changed, what it is worth, what the lead was reported for."""
    changed, worth, above = data.get("changed"), data.get("expected_value"), data.get("above") or {}
    reported = [f"{_ABOVE.get(name, plain(name))}, since {moment(since)}" for name, since in above.items()]
    rows = {
        "since yesterday": changed["text"] if changed else None,
        "expected to bring": money(worth["amount"], worth["currency"]) if worth else None,
        "reported as": "; ".join(reported),
    }
    return {name: value for name, value in rows.items() if value}


def _source(score: JsonMapping) -> dict[str, object]:
    halves = [f"{name} {score[name]:.0f}" for name in ("fit", "engagement") if score.get(name) is not None]
    quality = score.get("data_quality")
    rows = {
        "its halves": f"{', '.join(halves)} (50 is average)" if halves else None,
        "data known": percent(quality) if quality is not None else None,
        "model": score.get("model"),
        "as of": moment(score["as_of"]) if score.get("as_of") else None,
        "score id": score.get("prediction_id"),
    }
    return {name: value for name, value in rows.items() if value}


def _happened(data: JsonMapping) -> None:
    rows = [(event["at"], plain(event["kind"]).replace("outcome.", "outcome: ")) for event in data.get("events") or ()]
    if rows:
        table("what happened, newest first", ("when", "what"), rows[::-1])
    if data.get("outcomes"):
        facts("outcomes", {"so far": ", ".join(plain(kind.removeprefix("outcome.")) for kind in data["outcomes"])})


#: columns of a list of scores
SCORES = ("as of", "score", "band", "nine times in ten", "model", "marks", "score id")


def score_rows(scores: Sequence[JsonMapping]) -> list[tuple[object, ...]]:
    """Return the rows of a list of scores, each with what people said of it."""
    return [
        (
            score["as_of"],
            percent(score["probability"]),
            score["band"],
            between(score.get("interval")),
            score["model"],
            ", ".join(marked(score["marks"])),
            score["prediction_id"],
        )
        for score in scores
    ]


def marked(marks: Sequence[JsonMapping]) -> list[str]:
    """Return what people said of a score.

    >>> marked([{"verdict": "wrong", "reason": "too_high", "actor": "ada.quill", "at": "2026-11-24T14:00:00Z"}])
    ['wrong (too high), says ada.quill']
    """
    return [f"{mark['verdict']} ({plain(mark['reason'])}), says {mark['actor']}" for mark in marks]


def texts(reasons: Sequence[object]) -> str:
    """Return reasons in one line.

    >>> texts([{"text": "3 showings", "contribution": 0.4}, "source: portal"])
    '3 showings; source: portal'
    """
    return "; ".join(str(reason["text"] if isinstance(reason, dict) else reason) for reason in reasons)


def _short(value: object) -> object:
    """Return a value in a line: a dict as names and values, a list as its items."""
    if isinstance(value, list):
        return "; ".join(str(_short(item)) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{plain(name)} {_short(inner)}" for name, inner in value.items() if inner is not None)
    return number(value) if isinstance(value, float) else value
