"""Print how to speak to a lead: its tone, where it stands, when and how to reach it, what to say and what to avoid.

Every line ends with who says so: a trained model or a written rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from domain.documents import JsonMapping
from workers.cli.base.formatting import moment, percent, zone_name
from workers.cli.base.output import facts
from workers.pages.labels import CHANNELS, JOURNEY, MOVES, NO_TONE, plain

#: what moved the stage, turning points and talking points that a card shows
MOVED_BY, TURNS, POINTS = 4, 2, 5
#: change of the polarity from which a trend is told
TREND = 0.1
NO_DATA = "insufficient data"


def show_personalization(told: JsonMapping, due_by: str | None = None) -> None:
    """Print the section of a card; `due_by`: when the next step is due, which may be before the best time."""
    facts("how to speak to it", {**_tone(told["tone"]), **_journey(told["journey"]), **_when(told, due_by)})
    if told["channels"]:
        facts("how to reach it, best first", dict(_channel(one) for one in told["channels"]))
    if what := _what(told):
        facts("what to say", what)


def _tone(tone: JsonMapping | None) -> dict[str, object]:
    if tone is None or tone["state"] is None:
        return {"tone": f"{NO_DATA}{_because(tone)}"}
    rows = {
        "tone": f"{tone_in_words(tone)}; {_messages(tone['messages'])} read{by(tone)}",
        "its mood": _mood(tone),
        **{f"turned {at}": turn for at, turn in enumerate(map(_turn, tone["turning_points"][-TURNS:][::-1]), 1)},
    }
    return {name: value for name, value in rows.items() if value}


def _because(tone: JsonMapping | None) -> str:
    why = (tone or {}).get("why_not")
    return f": {NO_TONE.get(why, plain(why))}" if why else ""


def tone_in_words(tone: JsonMapping) -> str:
    """Return the tone of late: its share of what was written, and whether the newest message surely has it.

    >>> tone_in_words({"state": "anxious", "confidence": 0.71, "sure": False})
    'anxious, 71 % of late (not sure)'
    """
    sure = " (sure of the newest)" if tone["sure"] else " (not sure)"
    return f"{plain(tone['state'])}, {percent(tone['confidence'])} of late{sure}"


def _messages(count: int) -> str:
    return "1 message" if count == 1 else f"{count} messages"


def _mood(tone: JsonMapping) -> str | None:
    """Return the polarity, and whether it changes; None where it was not read."""
    if tone["polarity"] is None:
        return None
    trend = tone["trend"]
    course = "" if trend is None else ", falling" if trend <= -TREND else ", rising" if trend >= TREND else ", steady"
    return f"{tone['polarity']:+.2f} of -1 to +1{course}"


def _turn(turn: JsonMapping) -> str:
    state = f", {plain(turn['state'])}" if turn["state"] else ""
    return f"{moment(turn['at'])}: from {turn['before']:+.2f} to {turn['after']:+.2f}{state} (event {turn['event_id']})"


def _journey(journey: JsonMapping | None) -> dict[str, object]:
    if journey is None:
        return {"stage of its journey": NO_DATA}
    before = journey["before"]
    since = f", before: {JOURNEY[before]}" if before and before != journey["stage"] else ""
    moved_by = [f"{one['text']} ({one['weight']:+.1f})" for one in journey["evidence"][:MOVED_BY]]
    return {
        "stage of its journey": f"{journey_in_words(journey)}, {MOVES[journey['moved']]}{since}{by(journey)}",
        **({"known by": "; ".join(moved_by)} if moved_by else {}),
    }


def journey_in_words(journey: JsonMapping) -> str:
    """Return a stage with its probability.

    >>> journey_in_words({"stage": "decision_making", "probability": 0.62})
    'decision making 62 %'
    """
    return f"{JOURNEY[journey['stage']]} {percent(journey['probability'])}"


def _when(told: JsonMapping, due_by: str | None) -> dict[str, object]:
    window = told["send_window"]
    if window is None or window["status"] == "insufficient_data":
        why = f": {window['text']}" if window and window["text"] else ""
        return {"best time": f"{NO_DATA}{why}"}
    if window["status"] == "blocked":
        return {"best time": window["text"] or "none: it may not be written to"}
    following = f"; next {moment(window['next_start'], zone=window['zone'])}" if window["next_start"] else ""
    late = "; the next step is due before that" if _is_late(window, due_by) else ""
    return {"best time": f"{hours(window)}, {_basis(window)}{following}{late}{by(window)}"}


def _is_late(window: JsonMapping, due_by: str | None) -> bool:
    """Return whether a window begins only after something is due, as of a new inquiry that waits for an answer."""
    starts = window["next_start"]
    return bool(due_by and starts) and datetime.fromisoformat(starts) > datetime.fromisoformat(str(due_by))


def hours(window: JsonMapping) -> str:
    """Return the hours of a window and their zone.

    >>> hours({"start_hour": 9, "end_hour": 11, "zone": "America/New_York"})
    '09:00 to 11:00 New York time'
    """
    place = f" {zone_name(window['zone'])}" if window["zone"] else ""
    return f"{window['start_hour']:02d}:00 to {window['end_hour']:02d}:00{place}"


def _basis(window: JsonMapping) -> str:
    counts = {"own": ("own_replies", "of its replies"), "tenant": ("tenant_replies", "replies of all your leads")}
    name, whose = counts.get(window["basis"], ("", ""))
    known = window.get(name)
    return f"{window['basis_text']}{f' ({known:,} {whose})' if known else ''}"


def _channel(one: JsonMapping) -> tuple[str, str]:
    way = CHANNELS.get(one["channel"], plain(one["channel"]))
    no = f"not allowed ({one['why_not']}); " if not one["allowed"] else ""
    return f"{one['rank']}. {way}", f"{no}{one['text']}{by(one)}"


def _what(told: JsonMapping) -> dict[str, str]:
    """Return the one suggestion, then what to speak of, to do and to avoid."""
    guide = told["guide"] or {"do": [], "avoid": []}
    rows = {"suggestion": _advice(told["suggestion"])} if told["suggestion"] else {}
    rows |= _numbered("speak of", [_point(point) for point in told["talking_points"][:POINTS]])
    return rows | _numbered("do", map(_advice, guide["do"])) | _numbered("avoid", map(_advice, guide["avoid"]))


def _numbered(name: str, lines: Sequence[str] | map[str]) -> dict[str, str]:
    return {f"{name} {at}": line for at, line in enumerate(lines, 1)}


def _advice(advice: JsonMapping) -> str:
    return f"{advice['text']}{by(advice)}"


def _point(point: JsonMapping) -> str:
    """Return a point and its source; what the lead told stands in its text."""
    source = point["source"] or {}
    of_record = f"the record's {plain(source['field'])}" if source.get("field") else ""
    where = f"event {source['event_id']}" if source.get("event_id") else of_record
    return f"{point['text']}{f' (from {where})' if where else ''}{by(point)}"


def by(part: JsonMapping) -> str:
    """Return who says so.

    >>> by({"by": "rule"})
    ' [rule]'
    """
    return f" [{part['by']}]"


def standing(lead: JsonMapping, *, with_tone: bool) -> str | None:
    """Return where a lead of a worklist stands, and its tone where any of the list has one; None: never assessed."""
    journey, tone = lead.get("journey"), lead.get("tone")
    told = [journey_in_words(journey)] if journey else []
    if with_tone and tone:
        told.append(f"tone: {tone_in_words(tone) if tone['state'] else NO_DATA}")
    return "; ".join(told) or None


def approach(lead: JsonMapping) -> str | None:
    """Return when to write to a lead of a worklist and the one suggestion; None: never assessed.

    A best time that begins after the action is due is not told: nobody is to wait for it.
    """
    window, suggestion = lead.get("send_window"), lead.get("suggestion")
    is_told = window and window["status"] == "ok" and not _is_late(window, lead["due_by"])
    told = [f"{hours(window)} ({window['basis_text']})"] if window and is_told else []
    return ": ".join([*told, *([suggestion["text"]] if suggestion else [])]) or None


#: what is missing in every row of a list -> that in words, once
NO_TONES = f"tone: {NO_DATA}; none of these leads has written a message that could be read"
NO_WINDOWS = f"best time to write: {NO_DATA}; too few answers of your leads are known"


def missing(leads: Sequence[JsonMapping]) -> list[str]:
    """Return what no lead of a list has, of those that were assessed."""
    assessed = [lead for lead in leads if lead.get("journey")]
    if not assessed:
        return []
    tones = any((lead.get("tone") or {}).get("state") for lead in assessed)
    windows = any((lead.get("send_window") or {}).get("status") != "insufficient_data" for lead in assessed)
    return [line for line, is_known in ((NO_TONES, tones), (NO_WINDOWS, windows)) if not is_known]
