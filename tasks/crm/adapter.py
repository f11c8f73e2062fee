"""The one interface between Hearth and a CRM: read its events, write its requests, recognise our own echoes.

An adapter is pure: it knows no task, no database and no network. Hearth holds no tokens of a CRM either: a request
that an adapter writes is handed over as data, and whoever holds the tokens sends it.
"""

# ruff: noqa: ARG002  the methods of a source that carries no action out ask for nothing

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from tasks.intake.parsed_event import WRITE_BACK_PREFIX, IgnoredEvent, ParsedEvent, ReaderContext

Json = dict[str, Any]
#: why an action has no request
Missing = Literal["unknown_action", "no_contact_id", "no_workflow", "no_text"]


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


class CrmAdapter(Protocol):
    """What Hearth asks of a CRM. The methods as they stand here are those of a source that carries no action out."""

    #: its word on the wire; the states of its entities and the ids of its contacts are kept under it
    provider: str
    #: word of `hearth.events.ingest` -> reader: a CRM may send events in several shapes about the same entities
    readers: Mapping[str, EventReader]

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
