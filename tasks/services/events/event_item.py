"""Hold one event while it is applied: where it came from, how it was read, and what became of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from db.records import ConsentStatement, EventDraft, RawEventDraft
from domain.documents import JsonObject
from tasks.crm.adapter import CrmAdapter
from tasks.crm.adapters import adapter_of_events
from tasks.intake import payload
from tasks.intake.errors import EventRefused
from tasks.intake.parsed_event import IgnoredEvent, ParsedEvent, ReaderContext
from tasks.runtime.context import TaskContext

Fate = Literal["accepted", "duplicate", "ignored", "invalid"]
#: fate of an event that is stored -> the outcome it is stored with
OUTCOMES: Mapping[Fate, Literal["accepted", "ignored", "failed"]] = {
    "accepted": "accepted",
    "ignored": "ignored",
    "invalid": "failed",
}
#: code of an event about a person who was forgotten: not even the event is stored
FORGOTTEN = "forgotten"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The origin of events, with the settings that their reader needs."""

    provider: str
    #: whether a receiver checked the signature
    verified: bool
    setup: ReaderContext


@dataclass(slots=True, kw_only=True)
class Item:
    """One event of a message, and how far it got."""

    index: int
    raw: object
    origin: Origin
    type: str = ""
    fate: Fate = "accepted"
    key: str | None = None
    parsed: ParsedEvent | None = None
    #: why it was ignored or refused, and the place inside it
    code: str = ""
    loc: str = ""
    #: what its sender can do about it, where that helps
    hint: str = ""
    #: it is older than what is stored: it fills gaps and overwrites nothing
    stale: bool = False
    #: its entity had been deleted
    was_gone: bool = False
    #: its entity had been deleted, or what it told of had ended
    back: bool = False
    #: it created or changed the lead
    news: bool = False
    #: the events that are new by it, of a lead that was known before
    happened: tuple[EventDraft, ...] = ()
    changed: frozenset[str] = frozenset()
    #: refusals and doubts that are new by it
    refusals: tuple[ConsentStatement, ...] = ()
    lead_id: str | None = None

    @property
    def crm(self) -> CrmAdapter:
        """Return the adapter of the CRM that sent it."""
        return adapter_of_events(self.origin.provider)

    @property
    def source(self) -> str:
        """Return the CRM under which states of entities are stored: events of several shapes may share entities."""
        return self.crm.provider

    def end(self, fate: Fate, code: str, loc: str = "") -> None:
        """Record what became of it; nothing more is done about it."""
        self.fate, self.code, self.loc = fate, code, loc

    def read(self) -> None:
        """Read it with the adapter of its CRM."""
        try:
            parsed = self.crm.readers[self.origin.provider](payload.without_nul(self.raw), self.origin.setup)
        except EventRefused as refused:
            self.end("invalid", refused.code, refused.loc)
            self.hint = refused.hint
            return
        self.type, self.key = parsed.type[:80], parsed.key
        if isinstance(parsed, IgnoredEvent):
            self.end("ignored", parsed.code, "type")
            return
        self.parsed = parsed

    def to_draft(self) -> RawEventDraft | None:
        """Return the event as it is stored; None for one that is stored already or may not be stored here."""
        if self.code == FORGOTTEN or not isinstance(self.raw, Mapping) or self._elsewhere():
            return None
        if self.fate == "duplicate" and self.code != "same_state":
            return None
        return RawEventDraft(
            # without a key the same event fails again in the same way when it comes again
            key=None if self.fate == "invalid" else self.key,
            provider=self.origin.provider,
            type=self.type,
            outcome=OUTCOMES.get(self.fate, "duplicate"),
            lead_id=self.lead_id,
            verified=self.origin.verified,
            received_at=self.origin.setup.received_at,
            payload=json.dumps(self.raw, separators=(",", ":")).encode(),
        )

    def _elsewhere(self) -> bool:
        """Return whether it belongs to another location: it is about another tenant's people."""
        return self.fate == "invalid" and (self.code, self.parsed) == ("conflict", None)


def origin_of(context: TaskContext, *, provider: str, verified: bool, received_at: datetime | None) -> Origin:
    """Return where events came from, with what the tenant's settings say about reading them."""
    settings = context.settings()
    setup = ReaderContext(
        tenant_id=context.tenant_id,
        now=context.now,
        received_at=min(received_at or context.now, context.now),
        zone=ZoneInfo(settings.get("timezone") or "UTC"),
        stages=settings.get("stages") or {},
        custom_fields=settings.get("custom_fields") or {},
    )
    return Origin(provider=provider, verified=verified, setup=setup)


def still_open(items: Sequence[Item]) -> Iterator[tuple[Item, ParsedEvent]]:
    """Yield the items that were understood and are not done, with what was read."""
    return ((item, item.parsed) for item in items if item.fate == "accepted" and item.parsed is not None)


def counts(items: Sequence[Item]) -> JsonObject:
    """Count what became of the events of one message."""
    fates = Counter(item.fate for item in items)
    codes = Counter(item.code for item in items if item.fate == "ignored")
    invalid = [_refused(item) for item in items if item.fate == "invalid"]
    lead_ids = dict.fromkeys(item.lead_id for item in items if item.fate == "accepted" and item.lead_id)
    return {
        "accepted": fates["accepted"],
        "duplicates": fates["duplicate"],
        "ignored": fates["ignored"],
        "ignored_by": dict(sorted(codes.items())),
        "invalid": invalid,
        "lead_ids": list(lead_ids),
    }


def _refused(item: Item) -> JsonObject:
    refused: JsonObject = {"index": item.index, "code": item.code, "loc": item.loc}
    return {**refused, "hint": item.hint} if item.hint else refused
