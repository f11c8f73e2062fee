"""Read a webhook together with the resource that it tells of, or an item of `/events` by itself.

Follow Up Boss' webhooks say only which resources changed. Whoever receives one fetches its `uri` and sends one event
for each resource: the notification as it came, with the resource under the name of its collection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from tasks.crm.followupboss import activities, appointments, consent_marks, deals, messages, notes_and_tasks, people
from tasks.crm.followupboss.notification import Notification, as_id, notification_of
from tasks.intake import payload
from tasks.intake.errors import EventRefused
from tasks.intake.parsed_event import IgnoredEvent, ParsedEvent, ReaderContext, with_key
from tasks.intake.payload import Raw

Reader = Callable[[Raw, Notification], ParsedEvent | IgnoredEvent]
DeletedReader = Callable[[str, Notification], ParsedEvent]

#: collection -> endings of its events, reader of its resources
_COLLECTIONS: Mapping[str, tuple[tuple[str, ...], Reader]] = {
    "people": (("Created", "Updated", "TagsCreated", "StageUpdated"), people.read),
    "deals": (("Created", "Updated"), deals.read),
    "appointments": (("Created", "Updated"), appointments.read),
    "notes": (("Created", "Updated"), notes_and_tasks.note),
    "tasks": (("Created", "Updated"), notes_and_tasks.task),
    **{name: (("Created", "Updated"), partial(messages.read, name)) for name in ("textMessages", "calls", "emails")},
    "events": (("Created",), activities.website),
    "emEvents": (("Opened", "Clicked", "Unsubscribed"), activities.mail),
}
#: event -> collection of the resource that comes with it
EVENTS: Mapping[str, str] = {f"{name}{end}": name for name, (ends, _) in _COLLECTIONS.items() for end in ends}
#: event about a resource that is gone, so that only its id is told
DELETIONS: Mapping[str, DeletedReader] = {
    "peopleDeleted": people.deleted,
    "dealsDeleted": deals.deleted,
    "appointmentsDeleted": appointments.deleted,
    "tasksDeleted": notes_and_tasks.task_deleted,
}
#: events that say nothing of a lead
NO_MEANING = frozenset(
    f"{name}{end}"
    for names, ends in (
        (("notes", "textMessages", "calls", "emails"), ("Deleted",)),
        (("peopleRelationship", "threadedReply", "stage", "pipeline"), ("Created", "Updated", "Deleted")),
        (("pipelineStage", "customFields", "dealCustomFields"), ("Created", "Updated", "Deleted")),
        (("reaction",), ("Created", "Deleted")),
    )
    for name in names
    for end in ends
)
_NAMES = {name.casefold(): name for name in (*EVENTS, *DELETIONS, *NO_MEANING)}
_ONE_EACH = "send one event for each resource"


def read(raw: Any, setup: ReaderContext) -> ParsedEvent | IgnoredEvent:
    """Read one webhook with its resource, or one item of `/events`.

    Raises:
        EventRefused: it comes without its resource or with several, or the resource names nobody.

    """
    if not isinstance(raw, Mapping):
        raise EventRefused("type", "")
    if "event" not in raw and "type" in raw:
        return activities.bare(raw, _unannounced(raw, setup))
    told = notification_of(raw, setup)
    name = _NAMES.get(told.event.casefold())
    if name is None or name in NO_MEANING:
        code = "unknown_type" if name is None else "no_meaning"
        return IgnoredEvent(type=told.event, code=code, key=f"id:{told.event_id}" if told.event_id else None)
    told = replace(told, event=name)
    return _deleted(told) if name in DELETIONS else _with_resource(raw, EVENTS[name], told)


def _unannounced(item: Raw, setup: ReaderContext) -> Notification:
    created = payload.moment(item, "occurred", "occurredAt", "created", zone=payload.UTC)
    return Notification(event="events", event_id=None, created=created, resource_ids=(), data={}, setup=setup)


def _deleted(told: Notification) -> ParsedEvent | IgnoredEvent:
    if len(told.resource_ids) != 1:
        raise EventRefused("too_many" if told.resource_ids else "missing", "resourceIds", _ONE_EACH)
    return _keyed(DELETIONS[told.event](told.resource_ids[0], told), told, told.resource_ids[0])


def _with_resource(raw: Raw, collection: str, told: Notification) -> ParsedEvent | IgnoredEvent:
    resources = _resources(raw, collection)
    if len(resources) == 1:
        found = _COLLECTIONS[collection][1](resources[0], told)
        if isinstance(found, ParsedEvent) and collection != people.COLLECTION:
            found = consent_marks.with_fields(found, resources[0])
        return _keyed(found, told, as_id(resources[0].get("id")) or "")
    if not resources and (said := people.refusal(told)) is not None:
        # with its resource it is another event: it says more
        return _keyed(said, told, f"{told.resource_ids[0]}:data")
    if resources:
        raise EventRefused("too_many", collection, _ONE_EACH)
    raise EventRefused("missing", collection, f"fetch the address in uri and send the resource under {collection}")


def _resources(raw: Raw, collection: str) -> list[Raw]:
    """Return the resources that come with a webhook, in a list or by themselves."""
    found: list[Any] = []
    for name, value in raw.items():
        if isinstance(name, str) and name.casefold() == collection.casefold():
            found += value if isinstance(value, list) else [value]
    return [one for one in found if isinstance(one, Mapping)]


def _keyed(found: ParsedEvent | IgnoredEvent, told: Notification, resource_id: str) -> ParsedEvent | IgnoredEvent:
    """Return an event with its key: one notification may tell of many resources, each of which is an event."""
    event_id = f"{told.event_id}:{resource_id}" if told.event_id else None
    if isinstance(found, IgnoredEvent):
        return replace(found, key=f"id:{event_id}" if event_id else None)
    return with_key(found, event_id, resource_id)
