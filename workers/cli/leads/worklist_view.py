"""Print a worklist: its rows, what is not on it and why, and what to do where it is empty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from domain.documents import JsonMapping
from workers.cli.base.formatting import moment, percent
from workers.cli.base.output import filled, say, table
from workers.cli.leads.action_views import way
from workers.cli.leads.card_view import texts
from workers.cli.leads.personalization_view import approach, missing, standing

COLUMNS = (
    *("rank", "lead", "chance", "band", "why now", "action", "due by", "stands at", "speak to it"),
    *("new", "risk", "reasons", "what would change it", "model"),
)
NO_DATES = "no dates in your file: when to call cannot be told; the order is by chance alone"
NO_CONSENT = (
    "most leads have no stored consent to calls: import opt_in_call, or, if the brokerage has the consent of all, "
    "set attested (docs/compliance.md)"
)


def show_worklist(title: str, data: JsonMapping, zones: Mapping[str, str] | None = None) -> None:
    """Print a worklist; the times of a lead are told in its zone, where `zones` has one by its id."""
    with_tone = any((lead.get("tone") or {}).get("state") for lead in data["leads"])
    rows = [_row(lead, (zones or {}).get(lead["lead_id"]), with_tone=with_tone) for lead in data["leads"]]
    heading = f"{title}, as of {moment(data['as_of'])}"
    if rows:
        table(heading, *filled(COLUMNS, rows))
    else:
        say(f"{heading}: nobody to call")
    for line in (*_left_out(data), *_doubtful(data), *missing(data["leads"])):
        say(line)


def _left_out(data: JsonMapping) -> list[str]:
    """Return how many leads are not on the list, and why."""
    shown, cut, scored, withheld = len(data["leads"]), data.get("cut", 0), data.get("scored", 0), data["withheld"]
    lines = []
    if cut:
        lines.append(f"{shown} of {shown + cut} shown: an answer holds no more; `--agent` lists those of one agent")
    elif shown and scored > shown + withheld:
        lines.append(
            f"{shown} of {many(scored)} with a score: `--top` lists more, up to 200, and no agent gets more than "
            "the capacity in your settings"
        )
    if data.get("in_doubt"):
        lines.append(f"possible refusals: {many(len(data['in_doubt']))} in doubt; `hearth privacy doubts` lists them")
    if withheld:
        lines.append(f"left out: {many(withheld)} that may not be contacted; `hearth card` says why")
    if data.get("withheld_by", {}).get("consent.call_missing"):
        lines.append(NO_CONSENT)
    return lines


def _doubtful(data: JsonMapping) -> list[str]:
    """Return what keeps the list from saying when to call."""
    scored, undated, unassessed = (data.get(name, 0) for name in ("scored", "without_dates", "not_assessed"))
    if not data["leads"] or not scored:
        return []
    if undated and undated + unassessed == scored:
        return [NO_DATES]
    if unassessed == scored:
        return ["scored and not assessed: `hearth assess --all` finds out when to call whom"]
    return []


def empty_hint(tenant: str, *, stored: bool, unscored: bool) -> str:
    """Return what to do where a list is empty since no lead has a score.

    >>> empty_hint("acme", stored=False, unscored=False)
    'acme has no leads yet: `hearth backfill FILE --tenant acme` imports them'
    """
    if not stored:
        return f"{tenant} has no leads yet: `hearth backfill FILE --tenant {tenant}` imports them"
    if unscored:
        return f"no lead has a score yet: `hearth assess --tenant {tenant} --all` makes them"
    return f"no lead is open and may be contacted; `hearth tenant readiness {tenant}` counts them"


def many(number: int) -> str:
    """Return a number of leads.

    >>> many(1), many(5143)
    ('1 lead', '5,143 leads')
    """
    return "1 lead" if number == 1 else f"{number:,} leads"


def _row(lead: JsonMapping, zone: str | None, *, with_tone: bool) -> Sequence[object]:
    band = f"{lead['band']}, says {lead['override']['actor']}" if lead.get("override") else lead["band"]
    return (
        lead["rank"],
        lead["external_id"] or lead["lead_id"],
        percent(lead["probability"]),
        band,
        lead["why_now"],
        _action(lead, zone),
        moment(lead["due_by"], zone=zone) if lead["due_by"] else None,
        standing(lead, with_tone=with_tone),
        approach(lead),
        _new(lead),
        _risk(lead.get("risk")),
        texts(lead["reasons"]),
        _what_if(lead.get("what_if")),
        lead["model"],
    )


def _new(lead: JsonMapping) -> str | None:
    """Return what is new of a lead: since yesterday, and what the online learners moved in the last days."""
    told = [(lead.get(name) or {}).get("text") for name in ("changed", "online")]
    return "; ".join(filter(None, told)) or None


def _action(lead: JsonMapping, zone: str | None) -> str:
    """Return the action, and its earliest time if that is not now."""
    later = f", not before {moment(lead['not_before'], zone=zone)}" if lead["not_before"] else ""
    return f"{way(lead)}{later}"


def _what_if(helps: JsonMapping | None) -> str | None:
    """Return what would change a lead's score: what is done, and the score and band then."""
    if helps is None:
        return None
    band = f", {helps['band']}" if helps["band"] else ""
    return f"{helps['text']}: {percent(helps['probability'])}{band}"


def _risk(risk: JsonMapping | None) -> str | None:
    """Return a lead's risk level, or that it has never been contacted."""
    return None if risk is None else str(risk["note"] or risk["level"]).replace("_", " ")
