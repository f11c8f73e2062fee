"""Read notes and tasks. A note that Hearth wrote is its own echo: it may hold words such as "reply STOP"."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from db.records import EventDraft, LeadDraft
from ml.language.text import without_markup
from tasks.crm.followupboss.notification import PROVIDER, Notification, id_of, is_hidden, is_set, need_id
from tasks.intake import consent, payload
from tasks.intake.parsed_event import IgnoredEvent, ParsedEvent
from tasks.intake.payload import MAX_BODY, Raw

#: how the subject of a note begins that Hearth wrote
OUR_NOTE = "ml: "
_NO_PERSON = "send personId: the note is nobody's"


def note(note: Raw, told: Notification) -> ParsedEvent | IgnoredEvent:
    """Read a note; what it reports of a refusal counts.

    Raises:
        EventRefused: it has no id, or no person.

    """
    note_id, person_id = need_id(note, "notes"), need_id(note, "notes", "personId", _NO_PERSON)
    subject = payload.text(note, "subject")
    if subject is not None and subject.startswith(OUR_NOTE):
        return IgnoredEvent(type=told.event, code="own_echo")
    body = payload.text(note, "body", limit=MAX_BODY)
    plain = "" if is_hidden(body) else without_markup(body or "").strip()
    text = "\n\n".join(filter(None, (subject, plain)))
    is_new = told.event == "notesCreated"
    kind, happened = ("note", told.moment(note, "created")) if is_new else ("note_updated", told.state_at(note))
    event = EventDraft(
        kind=kind,
        occurred_at=happened,
        recorded_at=told.recorded(happened),
        text=text or None,
        source=PROVIDER,
        source_id=f"notes:{note_id}" if is_new else f"notes:{note_id}:{happened.isoformat()}",
    )
    said = consent.from_note(text, "note", at=happened, reference=event.source_id)
    return ParsedEvent(
        type=told.event,
        at=happened,
        lead=LeadDraft(source_system=PROVIDER, external_id=person_id, statements=said, events=(event,)),
        entity=("note", note_id),
        state={"text": text},
        warnings=(("not_read", "notes.body"),) if is_hidden(body) else (),
    )


def task(task: Raw, told: Notification) -> ParsedEvent:
    """Read a task: created, or done.

    Raises:
        EventRefused: it has no id.

    """
    task_id = need_id(task, "tasks")
    kind = "task_completed" if is_set(task.get("isCompleted")) else "task_created"
    name = payload.text(task, "name", limit=MAX_BODY)
    parsed = _task(task_id, kind, told.state_at(task), name, told)
    due = payload.text(task, "dueDateTime", "dueDate")
    lead = replace(parsed.lead, external_id=id_of(task, "personId"))
    return replace(parsed, lead=lead, state={**parsed.state, "name": str(name), "due": str(due)})


def task_deleted(task_id: str, told: Notification) -> ParsedEvent:
    """Read that a task is gone."""
    return _task(task_id, "task_deleted", told.at, None, told)


def _task(task_id: str, kind: str, at: datetime, text: str | None, told: Notification) -> ParsedEvent:
    event = EventDraft(
        kind=kind,
        occurred_at=at,
        recorded_at=told.recorded(at),
        text=text,
        source=PROVIDER,
        source_id=f"tasks:{task_id}:{kind}",
    )
    lead = LeadDraft(source_system=PROVIDER, events=(event,))
    return ParsedEvent(type=told.event, at=at, lead=lead, entity=("task", task_id), state={"kind": kind})
