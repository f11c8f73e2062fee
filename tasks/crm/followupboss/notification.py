"""What a webhook says besides the resource that it tells of: which event it is, of which resources, and when.

Follow Up Boss' times are in UTC, also where they have no offset.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tasks.intake import payload
from tasks.intake.errors import EventRefused
from tasks.intake.parsed_event import ReaderContext
from tasks.intake.payload import Raw

PROVIDER: Final = "followupboss"
#: how Follow Up Boss writes a text that it does not hand out
_HIDDEN = "hidden for privacy reasons"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One webhook without its resource."""

    event: str
    event_id: str | None
    #: when Follow Up Boss says that it happened; None = it does not say
    created: datetime | None
    #: of the resources that it tells of
    resource_ids: tuple[str, ...]
    #: what some events say themselves: the tags that were added, the new stage
    data: Raw
    setup: ReaderContext

    @property
    def at(self) -> datetime:
        """Return when it happened, else when it came; never in the future."""
        return min(self.created or self.setup.received_at, self.setup.now)

    def moment(self, resource: Raw, *names: str) -> datetime:
        """Return the first of these times of a resource, else when the event happened; never in the future."""
        return min(payload.moment(resource, *names, zone=payload.UTC) or self.at, self.setup.now)

    def state_at(self, resource: Raw) -> datetime:
        """Return when a resource was as it is: it was fetched after the event, and may have changed since."""
        return max(self.at, self.moment(resource, "updated"))

    def recorded(self, happened: datetime) -> datetime:
        """Return when something was known that happened at this time."""
        return max(happened, self.setup.received_at)


def notification_of(raw: Raw, setup: ReaderContext) -> Notification:
    """Return what a webhook says besides its resource.

    Raises:
        EventRefused: it names no event.

    """
    ids = raw.get("resourceIds")
    listed = ids if isinstance(ids, list) else [ids]
    return Notification(
        event=payload.identifier(raw, "event"),
        event_id=payload.text(raw, "eventId"),
        created=payload.moment(raw, "eventCreated", zone=payload.UTC),
        resource_ids=tuple(dict.fromkeys(found for one in listed if (found := as_id(one)))),
        data=payload.nested(raw, "data"),
        setup=setup,
    )


def as_id(value: Any) -> str | None:
    """Return an id as text; None where there is none, which Follow Up Boss also writes as 0.

    >>> as_id(1234), as_id("1234"), as_id(1234.0), as_id(0), as_id(None)
    ('1234', '1234', '1234', None, None)
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    found = payload.as_text(value)
    return None if found == "0" else found


def id_of(resource: Raw, *names: str) -> str | None:
    """Return the first of these ids that a resource has."""
    return next((found for name in names if (found := as_id(resource.get(name)))), None)


def need_id(resource: Raw, collection: str, name: str = "id", hint: str = "") -> str:
    """Return an id that a resource of a collection must have.

    Raises:
        EventRefused: it has none.

    """
    found = id_of(resource, name)
    if found is None:
        is_wrong = isinstance(resource.get(name), Mapping | list | bool)
        raise EventRefused("type" if is_wrong else "missing", f"{collection}.{name}", hint)
    return found


def entries(resource: Raw, name: str) -> Iterator[Raw]:
    """Yield the objects of a list; a plain text in it counts as the object's `value`."""
    told = resource.get(name)
    for entry in told if isinstance(told, list) else ():
        if isinstance(entry, Mapping):
            yield entry
        elif isinstance(entry, str):
            yield {"value": entry}


def letters(text: str | None) -> str:
    """Return the letters of a word in lower case, by which words of accounts are compared.

    >>> letters("No-Show"), letters("didn't show"), letters(None)
    ('noshow', 'didntshow', '')
    """
    return "".join(filter(str.isalpha, (text or "").casefold()))


def is_set(value: Any) -> bool:
    """Return whether a flag is set; Follow Up Boss writes flags as booleans and as 1 and 0."""
    return value is True or (isinstance(value, int | float) and value == 1) or str(value).casefold() in {"true", "1"}


def is_hidden(text: str | None) -> bool:
    """Return whether a text is only the remark that Follow Up Boss does not hand it out."""
    return text is not None and len(text) <= payload.MAX_TEXT and _HIDDEN in text.casefold()
