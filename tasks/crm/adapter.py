"""The one interface between Hearth and a CRM: read its events, write its requests, recognise our own echoes.

An adapter is pure: it knows no task, no database, no network and no token. A request that it writes is handed over as
data, and whoever holds the tokens sends it: the brokerage's own back end, or the sender, a process of its own that is
off by default (docs/sender.md). What a sender must know of a CRM is `CrmApi`.
"""

# ruff: noqa: ARG002  the methods of a source that carries no action out ask for nothing

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, get_args

from tasks.intake.parsed_event import WRITE_BACK_PREFIX, IgnoredEvent, ParsedEvent, ReaderContext

Json = dict[str, Any]
#: why an action has no request
Missing = Literal["unknown_action", "no_contact_id", "no_workflow", "no_text"]
#: what may be written into a lead's own fields; the setting `custom_fields` maps a field of the CRM to one of them
WriteBack = Literal["ml:score", "ml:band", "ml:reason", "ml:next_action"]
WRITE_BACKS: frozenset[str] = frozenset(get_args(WriteBack))
#: None empties the field
WriteBackValues = Mapping[WriteBack, str | float | None]


class EventReader(Protocol):
    """Reads one event as the CRM sent it."""

    def __call__(self, raw: Any, setup: ReaderContext, /) -> ParsedEvent | IgnoredEvent:
        """Return what happened, in our words.

        Raises:
            EventRefused: the event names nobody, belongs to another tenant, or cannot be read.

        """


@dataclass(frozen=True, slots=True, kw_only=True)
class CrmAction:
    """An action about one contact, from which an adapter writes a request."""

    #: of the catalogue
    action: str
    #: under which the CRM knows the lead; None = it does not
    contact_id: str | None
    #: plain text; None = Hearth says nothing
    text: str | None
    title: str | None
    #: when a task that the action becomes is due, with a zone
    due_at: datetime
    #: user of the CRM; None = nobody
    assigned_to: str | None
    #: the tenant's settings about interventions
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remaining:
    """How many requests a CRM says it will still take; None where it does not say."""

    in_window: int | None = None
    in_day: int | None = None


def _says_nothing(_headers: Mapping[str, str]) -> Remaining:
    return Remaining()


def _names_nothing(_answer: Any) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CrmApi:
    """What a sender must know of a CRM's public API."""

    #: https, without a slash at the end; the path of a request is appended
    base_url: str
    #: a token -> the headers that carry it
    authorization: Callable[[str], Mapping[str, str]]
    #: whether a request that is sent twice has the effect of one: only such a request is sent again after an outcome
    #: that is unknown (time-out, crash)
    is_idempotent: Callable[[Json], bool]
    #: headers of every request; those of the request itself win
    headers: Mapping[str, str] = field(default_factory=dict)
    #: the most requests of one account in any `window` seconds
    per_window: int
    window: float
    #: the most requests of one account in a day; None = no limit
    per_day: int | None = None
    #: headers of an answer, names in lower case -> what is left
    remaining: Callable[[Mapping[str, str]], Remaining] = _says_nothing
    #: decoded JSON of an answer -> ids under which the CRM's events may speak of the message that was sent
    message_ids: Callable[[Any], tuple[str, ...]] = _names_nothing


class CrmAdapter(Protocol):
    """What Hearth asks of a CRM. The methods as they stand here are those of a source that carries no action out."""

    #: its word on the wire; the states of its entities and the ids of its contacts are kept under it
    provider: str
    #: word of `hearth.events.ingest` -> reader: a CRM may send events in several shapes about the same entities
    readers: Mapping[str, EventReader]
    #: how its requests are sent; None = the sender cannot send them
    api: CrmApi | None = None

    def request_of(self, action: CrmAction) -> Json | None:
        """Return an action as a request: provider, method, path, body, headers; None where `why_not` has a code."""
        return None

    def why_not(
        self, action: str, *, contact_id: str | None, text: str | None, settings: Mapping[str, Any]
    ) -> Missing | None:
        """Return the code of why an action has no request; None when it has one."""
        return "unknown_action"

    def possible(self, settings: Mapping[str, Any]) -> frozenset[str]:
        """Return the actions that have a request with these settings, as far as that does not depend on the lead."""
        return frozenset()

    def is_tenant_run(self, action: str, settings: Mapping[str, Any]) -> bool:
        """Return whether the tenant's own workflow carries an action out, so that Hearth writes no text for it."""
        return False

    def is_own(self, field: str) -> bool:
        """Return whether a field of an entity's state is one that Hearth writes back: its change is our own echo."""
        return field.startswith(WRITE_BACK_PREFIX)

    def write_back(self, contact_id: str, values: WriteBackValues, settings: Mapping[str, Any]) -> Json | None:
        """Return the request that writes values into a lead's own fields, as `request_of` does; idempotent.

        `settings` are all of the tenant's: `custom_fields` says which field of the CRM holds which value. None where no
        field is mapped to any of the values.
        """
        return None
