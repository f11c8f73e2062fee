"""Read an import's file: its layout and columns, as the import's row keeps them, and one row of each kind of file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from db.records import LeadDraft
from domain.documents import JsonMapping
from tasks.intake.csv import event_rows, rows
from tasks.intake.csv.columns.column_plan import ColumnPlan
from tasks.intake.csv.columns.mapping import FileDefaults
from tasks.intake.csv.issues import Issue
from tasks.intake.csv.source import CsvRecord, Source

#: a draft to be stored, or None, and what was found in the row
RowResult = tuple[LeadDraft | None, Sequence[Issue]]


def load(stored: JsonMapping) -> tuple[Source, ColumnPlan, FileDefaults]:
    """Return how to read the file, from the `source` of the import's row."""
    return (
        Source.load(stored["source"]),
        ColumnPlan.load(stored["columns"]),
        FileDefaults.load(stored["defaults"]),
    )


def read_lead(record: CsvRecord, plan: ColumnPlan, defaults: FileDefaults, now: datetime) -> RowResult:
    """Read a row of a file of leads."""
    converted = rows.convert(record, plan, defaults, now)
    return converted.draft, converted.issues


def read_event(record: CsvRecord, plan: ColumnPlan, defaults: FileDefaults, now: datetime) -> RowResult:
    """Read a row of a file of events: the lead it happened to, with what happened."""
    converted = event_rows.convert(record, plan, defaults, now)
    if converted.lead is None or converted.event is None:
        return None, converted.issues
    return replace(converted.lead, events=(converted.event,)), converted.issues


#: what a file's rows are -> how one is read
READERS: Mapping[str, Callable[[CsvRecord, ColumnPlan, FileDefaults, datetime], RowResult]] = {
    "leads": read_lead,
    "events": read_event,
}
