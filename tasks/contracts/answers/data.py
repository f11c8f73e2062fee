"""Answers about what is sent in: outcomes, events, imports, assessments, jobs and the outbound stream."""

from __future__ import annotations

from typing import Any, Literal

from tasks.contracts.answers.base import Answer, Identified
from tasks.contracts.base.published import Count, Published
from tasks.contracts.event_types import OutboundEvent


class RecordedOutcomes(Answer):
    """How many outcomes were stored, and what they changed."""

    recorded: Count
    duplicates: Count
    labels_created: Count
    #: labels of scored leads that online learners did not have yet: one for each target that an outcome decides
    online_updates: Count
    #: actions that were moved to their next state
    actions: Count


class RefusedEvent(Published):
    """An event that cannot be read."""

    #: its place in the message, from 0
    index: Count
    code: str
    loc: str
    #: what to send instead
    hint: str | None = None


class IngestedEvents(Answer):
    """What became of the events of the message."""

    accepted: Count
    duplicates: Count
    ignored: Count
    #: code of the reason -> events
    ignored_by: dict[str, Count]
    invalid: list[RefusedEvent]
    #: the leads that accepted events are about, each once, by our ids
    lead_ids: list[str]


class ReplayedEvents(Answer):
    """What became of stored events that were read again."""

    read: Count
    accepted: Count
    duplicates: Count
    ignored: Count
    ignored_by: dict[str, Count]
    failed: Count
    #: leads that accepted events are about
    leads: Count


class StartedAssessment(Answer):
    """The assessment that was started; ask `hearth.jobs.status` how far it is."""

    #: null: nothing may be computed of any of the leads
    assessment_id: str | None
    leads: Count
    #: leads of whom nothing may be computed, by our ids
    blocked: list[str] | None = None
    #: whose ids those in `blocked` are
    identities: list[Identified] | None = None


class Progress(Published):
    """How much of a job is done."""

    done: Count
    total: Count


class JobState(Answer):
    """How far a job is."""

    job_id: str
    #: `backfill`, `assessment`, or the name of a task that has ended
    kind: str
    state: str
    progress: Progress
    #: why it failed, or what of it; null where nothing did
    error: str | None
    #: of an import the summary, of an assessment the stages, of a task its answer's data; null: not there yet
    result: dict[str, Any] | None


class Events(Answer):
    """Events after the cursor, oldest first."""

    events: list[OutboundEvent]
    #: send it to go on
    cursor: Count


class StartedImport(Answer):
    """The import that was accepted; ask `hearth.jobs.status` how far it is."""

    job_id: str
    state: str
    #: an unfinished import of the same file goes on
    resumed: bool


class ImportColumns(Published):
    """How the columns of a file are read."""

    #: header -> column of a lead, or of an event
    mapped: dict[str, str]
    custom: list[str]
    empty: list[str]


class UsableLeads(Published):
    """Closed leads that a model can learn from, and why others cannot be used."""

    won: Count
    lost: Count
    #: reason -> leads
    left_out: dict[str, Count]


class ImportReport(Published):
    """How a file was read."""

    profile: str
    encoding: str
    delimiter: str
    #: what became of the rows -> how many
    rows: dict[str, Count]
    #: code -> cells or columns
    warnings: dict[str, Count]
    columns: ImportColumns
    #: won, lost, open -> rows
    labels: dict[str, Count]
    usable: UsableLeads
    advice: list[str]
    #: the file of rejected rows, on the workers' machine; null where none was rejected
    error_file: str | None
    seconds: float


class FinishedImport(Answer, ImportReport):
    """The summary of an import that has ended: the same file was sent again."""

    job_id: str
    state: str
    #: of mode reconcile: how the file and the store differ
    reconcile: dict[str, Any] | None = None


class ImportPreview(Answer, ImportReport):
    """How a file would be read; nothing was stored."""

    job_id: None
    state: Literal["preview"]
    profile_why: str
    #: one object a column: how it is read, who decided that, examples with most letters hidden
    readings: list[dict[str, Any]]
    #: columns that are not read, and why
    ignored: list[dict[str, Any]]
    #: one object a column: what its words are taken for
    consent: list[dict[str, Any]]
    ends: list[dict[str, Any]]
    rejected: list[dict[str, Any]]
    passed_over: list[dict[str, Any]]
