"""Read the closed leads of a tenant for training: one row each, as the lead was before its label, or at its end."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from db.records import EventRecord, LeadRecord
from db.repositories.events import events
from db.repositories.leads import closed_leads as stored
from db.repositories.leads import leads
from db.repositories.predictions import snapshots
from db.session import Session
from domain.closed_leads import OBSERVED, ClosedLead, reading
from domain.documents import JsonObject
from ml import artifacts
from ml.features import SCHEMA_VERSION, extract, refused
from ml.leads import METHOD, after_end
from ml.profiles import FeatureMatrix, LeadProfile, MessageSignal
from tasks.contracts.base.wire import canonical
from tasks.services.leads import profiles
from tasks.services.models import closed_leads
from tasks.services.models.closed_leads import Usable

#: what makes another model of the same data: the way we train, and the libraries that do it
CODE = canonical([METHOD, artifacts.FORMAT, SCHEMA_VERSION, artifacts.libraries()])


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledRow:
    """One lead before its label, or at it, and the label."""

    features: Mapping[str, float | str | None]
    label: bool
    #: the moment at which the lead was observed
    seen_at: datetime
    #: when we learnt the label
    known_at: datetime
    #: leads (an import or upsert) or snapshots (live scoring)
    source: str
    #: before, same_moment, after: when it was observed, by its end
    observed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledRows:
    """A tenant's rows by lead, and what was left out."""

    by_lead: Mapping[str, LabelledRow]
    usable: Usable
    #: attributes that may not be features, each with the reason
    refused: Mapping[str, str]
    #: columns of times that are stamped at or after the end, each with the share of the leads
    stamped_later: Mapping[str, float]


def closed_of(session: Session, tenant_id: str, as_of: datetime | None = None) -> list[tuple[ClosedLead, str]]:
    """Return a tenant's closed leads by id, each with when it was observed or why it is left out."""
    closed = stored.of_tenant(session, tenant_id, feature_schema=SCHEMA_VERSION, as_of=as_of)
    return [(lead, reading(lead, as_of=as_of)) for lead in closed]


def rows_of(
    session: Session,
    tenant_id: str,
    as_of: datetime | None,
    *,
    seen_after_end: bool = True,
    newest: int | None = None,
) -> LabelledRows:
    """Return a tenant's labelled leads, or those labelled by a moment; live scoring's row wins over an import's.

    Without `seen_after_end` none is among them that was seen only after its end; with `newest` no more than those that
    ended last.
    """
    closed = closed_of(session, tenant_id, as_of)
    usable = closed_leads.usable(closed_leads.tallied(closed), seen_after_end=seen_after_end)
    learnable = {lead.lead_id: (lead, read) for lead, read in closed if usable.observed.get(read)}
    if newest is not None:
        by_end = sorted(learnable, key=lambda lead_id: _end_of(learnable[lead_id][0]), reverse=True)
        learnable = {lead_id: learnable[lead_id] for lead_id in by_end[:newest]}
    imported = [lead_id for lead_id, (lead, _) in learnable.items() if not lead.scored_before]
    records = leads.get(session, tenant_id, lead_ids=imported)
    readings = {lead_id: read for lead_id, (_, read) in learnable.items()}
    known = _profiles(session, tenant_id, records, readings)
    rows = _from_leads(records, known, readings) | _from_snapshots(session, tenant_id, learnable, as_of)
    # Sorted by lead, so that the same data has the same fingerprint in whatever order the database returns it.
    return LabelledRows(
        by_lead={lead_id: rows[lead_id] for lead_id in sorted(rows)},
        usable=usable,
        refused=refused(sorted({name for record in records for name in record.custom})),
        stamped_later=after_end.stamped_later(
            (profile.as_of, profile.times) for profile in known if readings[profile.lead_id] == "after"
        ),
    )


def matrix_of(rows: Sequence[LabelledRow], refused: Mapping[str, str] | None = None) -> FeatureMatrix:
    """Return rows as what a scorer learns from; `refused` are the attributes that are not among the features."""
    return replace(FeatureMatrix.from_rows([row.features for row in rows]), refused=refused or {})


def fingerprint(matrix: FeatureMatrix, labels: Sequence[bool], *request: object) -> str:
    """Return a digest of the data, of the code that learns from it, and of what was asked for (`request`)."""
    digest = hashlib.sha256(CODE)
    digest.update(canonical(request))
    digest.update(canonical(matrix.to_rows()))
    digest.update(bytes(labels))
    return digest.hexdigest()


def withheld(matrix: FeatureMatrix, rows: LabelledRows) -> dict[str, str]:
    """Return the columns that no row may have since leads are read as of their end, each with the reason."""
    return after_end.withheld(matrix, rows.stamped_later) if rows.usable.reads_after_end else {}


def facts_of_end(matrix: FeatureMatrix, rows: LabelledRows) -> JsonObject:
    """Return what a report says of leads that were seen only after their end."""
    later = after_end.counted_later(matrix) if rows.usable.reads_after_end else []
    return {"stamped_later": dict(rows.stamped_later), "may_include_later": later}


def facts(rows: Sequence[LabelledRow], usable: Usable) -> JsonObject:
    """Return what a report says of the rows: where they come from, the time they span, and what was left out."""
    seen_at, known_at = [row.seen_at for row in rows], [row.known_at for row in rows]
    sources = [row.source for row in rows]
    return {
        "sources": {name: sources.count(name) for name in ("leads", "snapshots")}
        | {"blocked": usable.left_out.get("blocked", 0)},
        "period": (
            {"observed": [min(seen_at), max(seen_at)], "labelled": [min(known_at), max(known_at)]} if rows else {}
        ),
        "closed": {**usable.closed, "usable": len(rows), "left_out": dict(usable.left_out)},
        "observed": {name: [row.observed for row in rows].count(name) for name in OBSERVED},
    }


def _end_of(lead: ClosedLead) -> datetime:
    return lead.label_at or lead.observed_at


def _profiles(
    session: Session, tenant_id: str, records: Sequence[LeadRecord], readings: Mapping[str, str]
) -> list[LeadProfile]:
    """Return leads as they were observed, or as of their end where that was earlier."""
    lead_ids = [record.lead_id for record in records]
    happened = events.for_leads(session, tenant_id, lead_ids=lead_ids)
    said = profiles.load_messages(session, tenant_id, lead_ids)
    return [
        _at_end(record, happened.get(record.lead_id, ()), said.get(record.lead_id, ()))
        if readings[record.lead_id] == "after"
        else profiles.to_profile(
            record, happened.get(record.lead_id, ()), record.observed_at, messages=said.get(record.lead_id, ())
        )
        for record in records
    ]


def _at_end(record: LeadRecord, happened: Sequence[EventRecord], said: Sequence[MessageSignal]) -> LeadProfile:
    """Return a lead as of its end: all that its record says, and what had happened by then, learnt then or later."""
    # one of the two may be a date without a time
    end = max(moment for moment in (record.label_at, record.created_at) if moment is not None)
    happened = [replace(event, recorded_at=event.occurred_at) for event in happened]
    said = [replace(signal, recorded_at=signal.occurred_at) for signal in said]
    return profiles.to_profile(replace(record, observed_at=end), happened, end, messages=said)


def _from_leads(
    records: Sequence[LeadRecord], known: Sequence[LeadProfile], readings: Mapping[str, str]
) -> dict[str, LabelledRow]:
    """Return closed leads as an import or upsert brought them."""
    return {
        record.lead_id: LabelledRow(
            features=row,
            label=bool(record.label),
            seen_at=record.observed_at,
            known_at=record.changed_at,
            source="leads",
            observed=readings[record.lead_id],
        )
        for record, row in zip(records, extract(known).to_rows(), strict=True)
    }


def _from_snapshots(
    session: Session, tenant_id: str, learnable: Mapping[str, tuple[ClosedLead, str]], as_of: datetime | None
) -> dict[str, LabelledRow]:
    """Return the newest snapshot of each lead from before its label: what live scoring leaves behind."""
    labelled = snapshots.labelled(session, tenant_id)
    return {
        snapshot.lead_id: LabelledRow(
            features=snapshot.features,
            label=bool(snapshot.label),
            seen_at=snapshot.as_of,
            known_at=snapshot.label_at or snapshot.as_of,
            source="snapshots",
            observed="before",
        )
        for snapshot in sorted(labelled, key=lambda snapshot: snapshot.as_of)
        if snapshot.lead_id in learnable
        and snapshot.feature_schema == SCHEMA_VERSION
        and (as_of is None or snapshot.label_at is None or snapshot.label_at <= as_of)
    }
