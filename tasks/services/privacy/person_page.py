"""The copy of a person's data as a page that they can read: one file, no script, nothing loaded from elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

from domain.documents import JsonMapping

#: rows of a long list that the page shows; the JSON file has all
MOST = 200
_STYLE = """
:root { color-scheme: light dark; }
body { max-width: 46rem; margin: 2.5rem auto; padding: 0 1.25rem; color: #20242b; background: #f7f5f2;
  font: 1rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.8rem; line-height: 1.2; } h2 { margin: 2.2rem 0 .4rem; font-size: 1.25rem; }
h3 { margin: 1.2rem 0 .2rem; font-size: 1rem; }
p, ul { margin: .4rem 0; } .muted { color: #596170; }
table { width: 100%; border-collapse: collapse; margin: .6rem 0; font-size: .94rem; }
th, td { padding: .35rem .6rem .35rem 0; border-top: 1px solid #d9d5cf; text-align: left; vertical-align: top; }
th { color: #596170; font-weight: 600; }
@media (prefers-color-scheme: dark) { body { color: #eceae6; background: #14161a; }
  th, .muted { color: #a3abb8; } th, td { border-color: #383d47; } }
@media print { body { margin: 0; color: #000; background: #fff; } }
"""
#: category -> what people call it
_CATEGORIES: Mapping[str, str] = {
    "profile": "your details, what you agreed to or refused, and corrections",
    "behaviour": "what you did and wrote: messages, visits, calls",
    "features": "the figures that scores are computed from",
    "scores": "scores, their reasons, and actions planned for you",
    "imports": "rows of files that could not be read",
    "messages": "messages between computers, as they came",
    "results": "answers of computations",
    "told": "what was told to the brokerage's own system",
    "exports": "copies like this one",
}
_KINDS: Mapping[str, str] = {
    "lead_score": "how likely you are to buy or sell with this brokerage",
    "churn": "how likely you are to lose interest",
    "urgency": "how soon you may want to hear from somebody",
    "personalization": "how far you have come, and how to speak to you",
}
_DECISIONS: Mapping[str, str] = {
    "granted": "you agreed",
    "withheld": "you did not agree",
    "refused": "you refused",
    "unsubscribed": "you unsubscribed",
    "doubtful": "you may have refused; a person decides",
    "settled": "a person settled a doubt",
}
_Row = Sequence[object]


def render(document: JsonMapping) -> str:
    """Return the page of an export, as it goes over the wire; the same document gives the same bytes."""
    stores: Mapping[str, list[JsonMapping]] = document["stores"]
    sections = (
        _who(stores.get("leads", ())),
        _sources(stores),
        _behaviour(stores.get("events", ())),
        _read_in_messages(stores.get("message_analyses", ()), stores.get("events", ())),
        _consent(stores.get("consent_entries", ())),
        _computed(stores),
        _planned(stores.get("interventions", ())),
        _corrections(stores.get("corrections", ())),
        _told(stores),
        _kept(document.get("kept_days") or {}),
        _rights(),
    )
    title = "What is stored about you"
    lead_ids = " ".join(document["lead_ids"])
    intro = (
        f"This is a copy of everything that is stored about you at {_text(document['tenant_id'])}, "
        f"as of {_when(document['exported_at'])}. The file beside this page holds the same for computers, complete."
    )
    body = "".join(sections)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="leads" content="{_text(lead_ids)}">\n<style>{_STYLE}</style>\n</head>\n<body>\n'
        f"<h1>{title}</h1>\n<p>{intro}</p>\n{body}</body>\n</html>\n"
    )


def _who(leads: Iterable[JsonMapping]) -> str:
    parts = []
    for lead in leads:
        details = {**lead["contact"], **lead["fields"], **lead["custom"]}
        rows = [(_words(name), value) for name, value in sorted(details.items())]
        state = [("state", lead["status"]), ("last changed", _when(lead["changed_at"]))]
        blocked = [name for name in ("restricted_at", "objected_at") if lead.get(name)]
        if blocked:
            state.append(("nothing is computed about you", "since a person restricted it, or you objected"))
        parts.append(_table(("what", "value"), [*rows, *state]))
    return _section("What we hold", "Your details, as they are stored now.", parts)


def _sources(stores: Mapping[str, Sequence[JsonMapping]]) -> str:
    known = [
        (identity["source_system"], identity["external_id"])
        for lead in stores.get("leads", ())
        for identity in lead["known_as"]
    ]
    given = Counter(str(event["source"]) for event in stores.get("events", ()))
    parts = [_table(("system", "its number of you"), known)]
    if given:
        parts.append(_table(("source of what you did", "entries"), sorted(given.items())))
    return _section("Where it came from", "The brokerage's own systems and files, by which your details came.", parts)


def _behaviour(events: Sequence[JsonMapping]) -> str:
    newest = sorted(events, key=lambda event: str(event["occurred_at"]), reverse=True)
    rows = [
        (
            _when(event["occurred_at"]),
            _words(event["kind"]),
            _words(event.get("channel") or ""),
            event.get("text") or "",
        )
        for event in newest[:MOST]
    ]
    parts = [_table(("when", "what", "by", "words"), rows), _more(len(events))]
    return _section("What you did and wrote", "Newest first.", parts)


def _read_in_messages(read: Sequence[JsonMapping], events: Sequence[JsonMapping]) -> str:
    written_at = {event["event_id"]: _when(event["occurred_at"]) for event in events}
    rows = [
        (
            written_at.get(row["event_id"], ""),
            row["result"]["language"],
            _words(row["result"]["tone"]["state"] or "not told"),
            f"{row['result']['tone']['confidence']:.2f}",
            ", ".join(sorted({_words(fact["kind"]) for fact in row["result"]["facts"]})),
        )
        for row in read[:MOST]
    ]
    parts = [_table(("written", "language", "tone", "how sure (0 to 1)", "what it tells"), rows), _more(len(read))]
    return _section("What was read in your messages", "By a program: a hint, no fact about you.", parts)


def _consent(entries: Sequence[JsonMapping]) -> str:
    rows = [
        (
            _when(entry.get("said_at") or entry["recorded_at"]),
            "everything" if said.get("channel") == "all" else said.get("channel"),
            _DECISIONS.get(str(said.get("decision")), said.get("decision")),
            entry["source"],
            entry.get("quote") or "",
        )
        for entry in entries
        for said in entry["said"]
    ]
    return _section(
        "What you agreed to and refused",
        "A refusal stays, whatever a system says later.",
        [_table(("when", "for", "what", "source", "your words"), rows[:MOST]), _more(len(rows))],
    )


def _computed(stores: Mapping[str, Sequence[JsonMapping]]) -> str:
    newest = sorted(stores.get("predictions", ()), key=lambda row: str(row["as_of"]), reverse=True)
    parts = [_score(row) for row in newest[:20]]
    if len(newest) > len(parts):
        parts.append(f'<p class="muted">{len(newest) - len(parts)} earlier scores are in the file.</p>')
    people = [(_when(row["set_at"]), row["band"], row["actor"]) for row in stores.get("score_overrides", ())]
    if people:
        parts.append(_table(("a person judged", "as", "who"), people))
    models = [(row["kind"], row["version"], row["scope"]) for row in stores.get("model_versions", ())]
    if models:
        parts += [
            "<h3>Models that learnt from your data, among others'</h3>",
            _table(("of", "version", "scope"), models),
        ]
    text = "Scores order whom a person calls first. A person decides; you may object to being scored."
    return _section("What was computed about you, and why", text, parts)


def _score(row: JsonMapping) -> str:
    detail: JsonMapping = row.get("detail") or {}
    probability, kind = row.get("probability"), str(row["kind"])
    said = f"{round(100 * probability)} in 100" if isinstance(probability, int | float) else "no figure"
    band = f", {_text(row['band'])}" if row.get("band") else ""
    head = f"<h3>{_when(row['as_of'])}: {_text(_KINDS.get(kind, _words(kind)))}: {said}{band}</h3>"
    reasons = "".join(f"<li>{word}: {_text(reason.get('text', ''))}</li>" for word, reason in _reasons(detail))
    return head + (f"<ul>{reasons}</ul>" if reasons else "")


def _reasons(detail: JsonMapping) -> Iterator[tuple[str, JsonMapping]]:
    """Return the reasons of a score, or of a journey stage, each with which way it points."""
    for word, name in (("raises it", "up"), ("lowers it", "down")):
        yield from ((word, reason) for reason in detail.get(name) or () if isinstance(reason, Mapping))
    for reason in (detail.get("journey") or {}).get("evidence") or ():
        yield ("raises it" if reason["weight"] > 0 else "lowers it"), reason


def _planned(actions: Sequence[JsonMapping]) -> str:
    rows = [
        (_when(row["planned_at"]), _words(row["intervention"]), _words(row["channel"]), _words(row["state"]))
        for row in actions[:MOST]
    ]
    return _section(
        "What was planned for you", "", [_table(("when", "why", "by", "what became of it"), rows), _more(len(actions))]
    )


def _corrections(corrections: Sequence[JsonMapping]) -> str:
    rows = [
        (_when(row["corrected_at"]), _words(row["field"]), row["before"], row["after"], row["actor"])
        for row in corrections
    ]
    return _section("What was corrected", "", [_table(("when", "what", "before", "after", "by"), rows)])


def _told(stores: Mapping[str, Sequence[JsonMapping]]) -> str:
    told = Counter(str(row["type"]) for row in stores.get("outbound_events", ()))
    text = (
        "The brokerage's own system was told of the following. Nothing was sold, and nothing was given to anybody else "
        "by this software. Ask the brokerage whom it passed your data to."
    )
    return _section("Who it went to", text, [_table(("what", "times"), sorted(told.items()))])


def _kept(days: Mapping[str, int | None]) -> str:
    rows = [
        (_CATEGORIES.get(name, _words(name)), "as long as you are a contact" if limit is None else f"{limit} days")
        for name, limit in days.items()
    ]
    text = "After that it is deleted. Proofs of what was done stay; they name nobody."
    return _section("How long it is kept", text, [_table(("what", "how long"), rows)])


def _rights() -> str:
    text = (
        "You may ask the brokerage to correct or delete your data, to stop scoring you, and to contact you no more, "
        "and complain to the authority for data protection or to your attorney general."
    )
    return _section("What you may do", text, [])


def _section(title: str, text: str, parts: Sequence[str]) -> str:
    shown = "".join(parts)
    return f"<section>\n<h2>{title}</h2>\n<p>{text}</p>\n{shown}</section>\n"


def _table(columns: Sequence[str], rows: Sequence[_Row]) -> str:
    if not rows:
        return '<p class="muted">Nothing.</p>\n'
    head = "".join(f"<th>{_text(column)}</th>" for column in columns)
    lines = "".join("<tr>" + "".join(f"<td>{_text(_shown(cell))}</td>" for cell in row) + "</tr>\n" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n{lines}</tbody></table>\n"


def _more(number: int) -> str:
    return f'<p class="muted">The newest {MOST} of {number}; the file has all.</p>\n' if number > MOST else ""


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value))
    if isinstance(value, float):
        return f"{value:,.10g}" if abs(value) < 1e15 else f"{value:g}"
    text = str(value)
    return _when(text) if len(text) > 18 and text[4:5] == "-" and "T" in text[:11] else text


def _when(value: Any) -> str:
    """Return a moment of the wire for people; a text that is none is returned as it is."""
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return str(value)
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


def _words(name: object) -> str:
    return str(name).removesuffix("_at").replace("_", " ")


def _text(value: object) -> str:
    """Return foreign text for the page: escaped, without invisible characters."""
    return escape("".join(letter if letter.isprintable() or letter == "\n" else " " for letter in str(value)))
