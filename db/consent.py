"""What may be sent to a lead, from what was said: pure rules, no database.

Statements are kept one by one; `leads.consent` is their view: the newest grant a channel, every refusal. A refusal is
never taken back by a source, whatever it says later; a doubt ends when a person decides.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from db.records import LeadDraft
from db.records.consent import Basis, Channel, ConsentStatement, Decision

#: channels that are refused one by one
CHANNELS: tuple[Channel, ...] = ("email", "sms", "call")
EVERY: tuple[Channel, ...] = ("all", "email", "sms", "call", "mail")
UNSUBSCRIBED = "unsubscribed_at"
_DND_EVERYWHERE = ("dnd", "dnd_all")
#: decisions that close something
CLOSING: frozenset[Decision] = frozenset({"refused", "unsubscribed", "doubtful"})
_DOUBTS: Mapping[Channel, str] = {channel: f"doubt_{channel}_at" for channel in EVERY}
#: names of the view that hold a time, of which the earliest stays
_EARLIEST = frozenset({UNSUBSCRIBED, *_DOUBTS.values()})


def key_of(statement: ConsentStatement) -> tuple[str, bool | datetime | None]:
    """Give the name and value under which a statement stands in the view.

    >>> key_of(ConsentStatement(channel="sms", decision="refused", basis="tag"))
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


def view(statements: Iterable[ConsentStatement], known: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Fold statements, oldest first, into what may be sent; `known` is the view so far.

    >>> said = [("refused", "sms"), ("granted", "sms")]
    >>> view(ConsentStatement(channel=c, decision=d, basis="column") for d, c in said)
    {'dnd_sms': True, 'opt_in_sms': True}
    """
    merged = dict(known or {})
    for statement in statements:
        name, value = key_of(statement)
        if value is None:
            merged.pop(name, None)
        else:
            merged = merge(merged, {name: value})[0]
    return merged


def merge(known: Mapping[str, Any], told: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """Merge what is told into a view; gives too whether a refusal that stands was contradicted."""
    merged = dict(known)
    contradicted = False
    for name, value in told.items():
        if name in _EARLIEST:
            merged[name] = min(known.get(name, value), value)
        elif name in known and known[name] == negative(name) != value:
            contradicted = True
        else:
            merged[name] = value
    return merged, contradicted


def negative(name: str) -> bool:
    """Give the value of a name of the view that refuses."""
    return name.startswith("dnd")


def refuses(name: str, value: object) -> bool:
    """Tell whether a name of the view with this value closes something."""
    return name in _EARLIEST or value == negative(name)


def contactable(consent: Mapping[str, Any]) -> bool:
    """Whether any channel is open: not unsubscribed, not on do-not-disturb everywhere."""
    everywhere = any(consent.get(name) is True for name in _DND_EVERYWHERE)
    each = all(consent.get(f"dnd_{channel}") is True for channel in CHANNELS)
    return not (consent.get(UNSUBSCRIBED) or everywhere or each)


def doubts(consent: Mapping[str, Any]) -> dict[Channel, datetime]:
    """Give the channels that are in doubt, each with the moment since when."""
    return {channel: consent[name] for channel, name in _DOUBTS.items() if consent.get(name)}


def told(draft: LeadDraft) -> dict[str, Any]:
    """Give what a draft says of consent, its statements included, as names of the view; a refusal wins."""
    said = dict(draft.consent)
    for statement in draft.statements:
        name, value = key_of(statement)
        if value is None or (name in said and refuses(name, said[name]) and not refuses(name, value)):
            continue
        said[name] = min(said.get(name, value), value) if name in _EARLIEST else value
    return said


def statements_of(draft: LeadDraft) -> tuple[ConsentStatement, ...]:
    """Give all that a draft states: its statements, and one for each name of its consent that none of them makes.

    A flag at rest, `dnd_sms: false`, states nothing.
    """
    if all(value is False and name.startswith("dnd") for name, value in draft.consent.items()):
        return draft.statements
    covered = {key_of(statement)[0] for statement in draft.statements}
    own = (_stated(name, value, draft) for name, value in draft.consent.items() if name not in covered)
    return (*draft.statements, *(statement for statement in own if statement is not None))


def stated(name: str, value: object, *, basis: Basis, said_at: datetime | None = None) -> ConsentStatement | None:
    """Give the statement that a name of the view with this value stands for; None where it says nothing."""
    kind, _, channel = name.rpartition("_")
    if name == UNSUBSCRIBED and isinstance(value, datetime):
        return ConsentStatement(channel="all", decision="unsubscribed", basis=basis, reference=name, said_at=value)
    if name == "dnd" and value is True:
        return ConsentStatement(channel="all", decision="refused", basis=basis, reference=name, said_at=said_at)
    if channel not in EVERY or not isinstance(value, bool) or (kind == "dnd" and not value):
        return None
    decisions: Mapping[str, Decision] = {"dnd": "refused", "opt_in": "granted" if value else "withheld"}
    if kind not in decisions:
        return None
    return ConsentStatement(channel=channel, decision=decisions[kind], basis=basis, reference=name, said_at=said_at)


def _stated(name: str, value: object, draft: LeadDraft) -> ConsentStatement | None:
    return stated(name, value, basis="field", said_at=draft.as_of)


def grouped(statements: Iterable[ConsentStatement]) -> list[tuple[ConsentStatement, ...]]:
    """Give statements as entries of the ledger hold them: a doubt and what has words of its own alone, others together.

    A doubt that a person has settled is told by its entry when a source says the same again.
    """
    together: list[ConsentStatement] = []
    alone: dict[tuple[Any, ...], list[ConsentStatement]] = {}
    for statement in statements:
        if statement.decision == "doubtful" or statement.basis in {"words", "person", "event"}:
            mark = (statement.decision == "doubtful", statement.basis, statement.reference)
            alone.setdefault(mark, []).append(statement)
        else:
            together.append(statement)
    return [*([tuple(together)] if together else []), *map(tuple, alone.values())]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Statements that one source made together, ready to be stored."""

    statements: tuple[ConsentStatement, ...]
    #: channel, decision, basis, reference and rule of each; without the words, which are sealed
    document: tuple[Mapping[str, str], ...]
    #: the same as text, in one order
    text: str
    said_at: datetime | None
    quote: str | None

    def id_of(self, lead_id: str, source: str) -> str:
        """Give the id of the entry: the same for the same words of the same source, however often they come."""
        told = f"{lead_id}\n{source}\n{self.text}"
        return hashlib.sha256(told.encode(errors="replace")).hexdigest()[:32]


def entries(statements: tuple[ConsentStatement, ...]) -> tuple[Entry, ...]:
    """Give statements as entries of the ledger."""
    if any(one.quote is not None for one in statements):
        return tuple(map(_entry, grouped(statements)))  # a person's words stay in no cache
    return _entries(statements)


@lru_cache(maxsize=2048)  # rows of a file say the same over and over
def _entries(statements: tuple[ConsentStatement, ...]) -> tuple[Entry, ...]:
    return tuple(map(_entry, grouped(statements)))


def _entry(group: tuple[ConsentStatement, ...]) -> Entry:
    names = ("channel", "decision", "basis", "reference", "rule")
    told = sorted([getattr(one, name) or "" for name in names] for one in group)
    return Entry(
        statements=group,
        document=tuple({name: value for name in names if (value := getattr(one, name))} for one in group),
        text=json.dumps(told, separators=(",", ":")),
        said_at=next((one.said_at for one in group if one.said_at is not None), None),
        quote=next((one.quote for one in group if one.quote), None),
    )


def opened(said: Iterable[Mapping[str, Any]], said_at: datetime | None) -> tuple[ConsentStatement, ...]:
    """Give the statements that an entry stores."""
    return tuple(replace(ConsentStatement(**one), said_at=said_at) for one in said)
