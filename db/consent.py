"""Derive from consent statements what may be sent to a lead: pure rules, no database.

Statements are stored one by one; `leads.consent` is their view: the newest grant per channel, and every refusal. No
source can take a refusal back, whatever it states later; a doubt ends when a person decides.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

from db.records import LeadDraft
from db.records.consent import ConsentStatement
from domain.channels import ConsentChannel
from domain.consent import ConsentBasis, ConsentDecision
from domain.documents import JsonMapping, JsonObject

#: channels that are refused one by one
CHANNELS: tuple[ConsentChannel, ...] = ("email", "sms", "call")
ALL_CHANNELS: tuple[ConsentChannel, ...] = ("all", "email", "sms", "call", "mail")
UNSUBSCRIBED = "unsubscribed_at"
_DND_EVERYWHERE = ("dnd", "dnd_all")
#: characters of a person's words that are stored; a refusal stands before
QUOTE_LIMIT = 1_000
#: what an entry keeps of a statement, without the words
_NAMES = ("channel", "decision", "basis", "reference", "rule")
#: decisions that close something
CLOSING: frozenset[ConsentDecision] = frozenset({"refused", "unsubscribed", "doubtful"})
_DOUBTS: Mapping[ConsentChannel, str] = {channel: f"doubt_{channel}_at" for channel in ALL_CHANNELS}
#: entries of the view that hold a time; the earliest time is kept
_EARLIEST = frozenset({UNSUBSCRIBED, *_DOUBTS.values()})


def view_item(statement: ConsentStatement) -> tuple[str, bool | datetime | None]:
    """Return the entry of the view, name and value, that a statement makes.

    >>> view_item(ConsentStatement(channel="sms", decision="refused", basis="tag"))
    ('dnd_sms', True)
    """
    match statement.decision:
        case "granted" | "withheld":
            return f"opt_in_{statement.channel}", statement.decision == "granted"
        case "unsubscribed":
            return UNSUBSCRIBED, statement.said_at
        case "doubtful":
            return f"doubt_{statement.channel}_at", statement.said_at
        case "settled":
            return f"doubt_{statement.channel}_at", None
    return f"dnd_{statement.channel}", True


def view(statements: Iterable[ConsentStatement], current: JsonMapping | None = None) -> JsonObject:
    """Fold statements, oldest first, into the view; `current` is the view so far.

    >>> decisions = [("refused", "sms"), ("granted", "sms")]
    >>> view(ConsentStatement(channel=c, decision=d, basis="column") for d, c in decisions)
    {'dnd_sms': True, 'opt_in_sms': True}
    """
    merged = dict(current or {})
    for statement in statements:
        name, value = view_item(statement)
        if value is None:
            merged.pop(name, None)
        else:
            merged = merge(merged, {name: value})[0]
    return merged


def merge(current: JsonMapping, news: JsonMapping) -> tuple[JsonObject, bool]:
    """Merge new entries into a view; return it, and whether they contradicted a refusal (which then stays)."""
    merged = dict(current)
    contradicted = False
    for name, value in news.items():
        if name in _EARLIEST:
            merged[name] = min(current.get(name, value), value)
        elif name in current and current[name] == refusing_value(name) != value:
            contradicted = True
        else:
            merged[name] = value
    return merged, contradicted


def refusing_value(name: str) -> bool:
    """Return the value with which an entry of the view refuses: True for `dnd_…`, False for `opt_in_…`."""
    return name.startswith("dnd")


def refuses(name: str, value: object) -> bool:
    """Return whether an entry of the view closes a channel."""
    return name in _EARLIEST or value == refusing_value(name)


def contactable(consent: JsonMapping) -> bool:
    """Return whether any channel is open: not unsubscribed, not on do-not-disturb everywhere."""
    everywhere = any(consent.get(name) is True for name in _DND_EVERYWHERE)
    each = all(consent.get(f"dnd_{channel}") is True for channel in CHANNELS)
    return not (consent.get(UNSUBSCRIBED) or everywhere or each)


def doubts(consent: JsonMapping) -> dict[ConsentChannel, datetime]:
    """Return the channels that are in doubt, each with the time since when."""
    return {channel: consent[name] for channel, name in _DOUBTS.items() if consent.get(name)}


def draft_view(draft: LeadDraft) -> JsonObject:
    """Return what a draft says of consent, its statements included, as entries of the view; a refusal wins."""
    entries = dict(draft.consent)
    for statement in draft.statements:
        name, value = view_item(statement)
        if value is None or (name in entries and refuses(name, entries[name]) and not refuses(name, value)):
            continue
        entries[name] = min(entries.get(name, value), value) if name in _EARLIEST else value
    return entries


def statements_of(draft: LeadDraft) -> tuple[ConsentStatement, ...]:
    """Return a draft's statements, and one more for each entry of its consent that none of them makes.

    A flag that is off, `dnd_sms: false`, states nothing.
    """
    if all(value is False and name.startswith("dnd") for name, value in draft.consent.items()):
        return draft.statements
    covered = {view_item(statement)[0] for statement in draft.statements}
    others = (
        statement_for(name, value, basis="field", said_at=draft.as_of)
        for name, value in draft.consent.items()
        if name not in covered
    )
    return (*draft.statements, *(statement for statement in others if statement is not None))


def statement_for(
    name: str, value: object, *, basis: ConsentBasis, said_at: datetime | None = None
) -> ConsentStatement | None:
    """Return the statement that an entry of the view stands for; None where it states nothing."""
    kind, _, channel = name.rpartition("_")
    if name == UNSUBSCRIBED and isinstance(value, datetime):
        return ConsentStatement(channel="all", decision="unsubscribed", basis=basis, reference=name, said_at=value)
    if name == "dnd" and value is True:
        return ConsentStatement(channel="all", decision="refused", basis=basis, reference=name, said_at=said_at)
    if channel not in ALL_CHANNELS or not isinstance(value, bool) or (kind == "dnd" and not value):
        return None
    decisions: Mapping[str, ConsentDecision] = {"dnd": "refused", "opt_in": "granted" if value else "withheld"}
    if kind not in decisions:
        return None
    return ConsentStatement(channel=channel, decision=decisions[kind], basis=basis, reference=name, said_at=said_at)


def group_statements(statements: Iterable[ConsentStatement]) -> list[tuple[ConsentStatement, ...]]:
    """Group statements into ledger entries: a doubt, or a statement with words of its own, alone; others together.

    A doubt has its own entry so that a settled doubt is recognised when a source states it again.
    """
    together: list[ConsentStatement] = []
    alone: dict[tuple[bool, ConsentBasis, str], list[ConsentStatement]] = {}
    for statement in statements:
        if statement.decision == "doubtful" or statement.basis in {"words", "person", "event"}:
            group = (statement.decision == "doubtful", statement.basis, statement.reference)
            alone.setdefault(group, []).append(statement)
        else:
            together.append(statement)
    return [*([tuple(together)] if together else []), *map(tuple, alone.values())]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Statements that one source made together, ready to be stored as one entry of the ledger."""

    statements: tuple[ConsentStatement, ...]
    #: channel, decision, basis, reference and rule of each; without the words, which are sealed
    document: tuple[Mapping[str, str], ...]
    #: the document as text, in a fixed order, to be hashed
    text: str
    said_at: datetime | None
    quote: str | None

    def id_of(self, lead_id: str, source: str) -> str:
        """Return the entry's id, a hash: the same statements of the same source always have the same id.

        The words of a doubt are part of it: a note or a field that says something else now is a new doubt, although the
        one before, of the same name, was settled.
        """
        content = f"{lead_id}\n{source}\n{self.text}"
        if self.quote is not None and all(statement.decision == "doubtful" for statement in self.statements):
            content += f"\n{self.quote[:QUOTE_LIMIT]}"
        return hashlib.sha256(content.encode(errors="replace")).hexdigest()[:32]


def entries(statements: tuple[ConsentStatement, ...]) -> tuple[Entry, ...]:
    """Return the ledger entries that statements make."""
    if any(statement.quote is not None for statement in statements):
        return tuple(map(_entry, group_statements(statements)))  # a person's words stay in no cache
    return _entries(statements)


@lru_cache(maxsize=2048)  # rows of a file say the same over and over
def _entries(statements: tuple[ConsentStatement, ...]) -> tuple[Entry, ...]:
    return tuple(map(_entry, group_statements(statements)))


def _entry(group: tuple[ConsentStatement, ...]) -> Entry:
    values = sorted([getattr(statement, name) or "" for name in _NAMES] for statement in group)
    return Entry(
        statements=group,
        document=tuple({name: value for name in _NAMES if (value := getattr(statement, name))} for statement in group),
        text=json.dumps(values, separators=(",", ":")),
        said_at=next((statement.said_at for statement in group if statement.said_at is not None), None),
        quote=next((statement.quote for statement in group if statement.quote), None),
    )


def stored_entry(documents: Iterable[JsonMapping], quote: str) -> Entry:
    """Return a stored entry as its source made it, with its words."""
    return _entry(tuple(replace(ConsentStatement(**document), quote=quote) for document in documents))


def stored_statements(documents: Iterable[JsonMapping], said_at: datetime | None) -> tuple[ConsentStatement, ...]:
    """Return the statements of a stored entry."""
    return tuple(replace(ConsentStatement(**document), said_at=said_at) for document in documents)
