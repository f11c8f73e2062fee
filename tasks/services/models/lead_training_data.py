"""Read the closed leads of a tenant for training: one row each, as the lead was known before its label."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from db.records import LeadRecord
from db.repositories.leads import leads
from db.repositories.predictions import snapshots
from db.repositories.privacy import restrictions
from db.session import Session
from domain.documents import JsonObject
from ml import artifacts
from ml.features import SCHEMA_VERSION, extract, refused
from ml.leads import METHOD
from ml.profiles import FeatureMatrix
from tasks.contracts.base.wire import canonical
from tasks.services.leads import profiles

#: what makes another model of the same data: the way we train, and the libraries that do it
CODE = canonical([METHOD, artifacts.FORMAT, SCHEMA_VERSION, artifacts.libraries()])


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledRow:
    """One lead before its label, and the label."""

    features: Mapping[str, float | str | None]
    label: bool
    #: the moment at which the features were so
    seen_at: datetime
    #: when we learnt the label
    known_at: datetime
    #: leads (an import or upsert) or snapshots (live scoring)
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledRows:
    """A tenant's rows by lead, and what was left out."""

    by_lead: Mapping[str, LabelledRow]
    #: leads of which nothing may be computed
    blocked: int
    #: attributes that may not be features, each with the reason
    refused: Mapping[str, str]


def rows_of(session: Session, tenant_id: str, as_of: datetime | None) -> LabelledRows:
    """Return a tenant's labelled leads, or those labelled by a moment; live scoring's row wins over an import's."""
    records = leads.labelled(session, tenant_id)
    rows = {**_from_leads(session, tenant_id, records, as_of), **_from_snapshots(session, tenant_id, as_of)}
    blocked = [rows.pop(lead_id, None) for lead_id in restrictions.blocked(session, tenant_id)]
    # Sorted by lead, so that the same data has the same fingerprint in whatever order the database returns it.
    return LabelledRows(
        by_lead={lead_id: rows[lead_id] for lead_id in sorted(rows)},
        blocked=sum(row is not None for row in blocked),
        refused=refused(sorted({name for record in records for name in record.custom})),
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


def facts(rows: Sequence[LabelledRow], blocked: int) -> JsonObject:
    """Return what a report says of the rows: where they come from and the time they span."""
    seen_at, known_at = [row.seen_at for row in rows], [row.known_at for row in rows]
    sources = [row.source for row in rows]
    return {
        "sources": {name: sources.count(name) for name in ("leads", "snapshots")} | {"blocked": blocked},
        "period": (
            {"observed": [min(seen_at), max(seen_at)], "labelled": [min(known_at), max(known_at)]} if rows else {}
        ),
    }


def _from_leads(
    session: Session, tenant_id: str, records: Sequence[LeadRecord], as_of: datetime | None
) -> dict[str, LabelledRow]:
    """Return closed leads whose fields were observed before their label, as of that moment: what an import brings."""
    labelled = [record for record in records if _usable(record, as_of)]
    moments = {record.lead_id: record.observed_at for record in labelled}
    features = extract(profiles.load_profiles(session, tenant_id, labelled, moments)).to_rows()
    return {
        record.lead_id: LabelledRow(
            features=row,
            label=bool(record.label),
            seen_at=record.observed_at,
            known_at=record.changed_at,
            source="leads",
        )
        for record, row in zip(labelled, features, strict=True)
    }


def _from_snapshots(session: Session, tenant_id: str, as_of: datetime | None) -> dict[str, LabelledRow]:
    """Return the newest snapshot of each lead from before its label: what live scoring leaves behind."""
    labelled = snapshots.labelled(session, tenant_id)
    return {
        snapshot.lead_id: LabelledRow(
            features=snapshot.features,
            label=bool(snapshot.label),
            seen_at=snapshot.as_of,
            known_at=snapshot.label_at or snapshot.as_of,
            source="snapshots",
        )
        for snapshot in sorted(labelled, key=lambda snapshot: snapshot.as_of)
        if snapshot.feature_schema == SCHEMA_VERSION and _in_time(snapshot.label_at, as_of)
    }


def _usable(record: LeadRecord, as_of: datetime | None) -> bool:
    seen_before = record.label_at is None or record.observed_at <= record.label_at
    return seen_before and _in_time(record.label_at, as_of)


def _in_time(label_at: datetime | None, as_of: datetime | None) -> bool:
    return as_of is None or label_at is None or label_at <= as_of
