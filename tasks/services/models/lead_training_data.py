"""What there is to learn from: one row a labelled lead, as known before its label."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from db.records import LeadRecord
from db.repositories.leads import leads
from db.repositories.predictions import snapshots
from db.repositories.privacy import restrictions
from db.session import Session
from ml import artifacts
from ml.features import SCHEMA_VERSION, extract
from ml.leads import METHOD
from ml.profiles import FeatureMatrix
from tasks.contracts.base.wire import canonical
from tasks.services.leads import profiles

#: what makes another model of the same data: the way we train, and the libraries that do it
CODE = canonical([METHOD, artifacts.FORMAT, SCHEMA_VERSION, artifacts.libraries()])


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
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
class Rows:
    """A tenant's rows by lead, and how many leads were left out since nothing may be computed of them."""

    by_lead: Mapping[str, Row]
    blocked: int


def rows_of(session: Session, tenant_id: str, as_of: datetime | None) -> Rows:
    """Give a tenant's labelled leads, or those labelled by a moment; where both tell of a lead, live scoring wins."""
    rows = {**_from_leads(session, tenant_id, as_of), **_from_snapshots(session, tenant_id, as_of)}
    held = [rows.pop(lead_id, None) for lead_id in restrictions.blocked(session, tenant_id)]
    # By lead, so that the same data is the same lesson whatever order the database gives it in.
    return Rows(
        by_lead={lead_id: rows[lead_id] for lead_id in sorted(rows)}, blocked=sum(row is not None for row in held)
    )


def matrix_of(rows: Sequence[Row]) -> FeatureMatrix:
    """Give rows as what a scorer learns from."""
    return FeatureMatrix.from_rows([row.features for row in rows])


def fingerprint(matrix: FeatureMatrix, labels: Sequence[bool], *said: object) -> str:
    """Tell data, and the code that learns from it, from any other; `said` is what was asked for besides."""
    told = hashlib.sha256(CODE)
    told.update(canonical(said))
    told.update(canonical(matrix.to_rows()))
    told.update(bytes(labels))
    return told.hexdigest()


def facts(rows: Sequence[Row], blocked: int) -> dict[str, Any]:
    """Give what a report says of the rows: where they come from and the time they span."""
    seen, known = [row.seen_at for row in rows], [row.known_at for row in rows]
    sources = [row.source for row in rows]
    return {
        "sources": {name: sources.count(name) for name in ("leads", "snapshots")} | {"blocked": blocked},
        "period": {"observed": [min(seen), max(seen)], "labelled": [min(known), max(known)]} if rows else {},
    }


def _from_leads(session: Session, tenant_id: str, as_of: datetime | None) -> dict[str, Row]:
    """Closed leads whose fields were observed before their label, as of that moment: what an import brings."""
    labelled = [record for record in leads.labelled(session, tenant_id) if _usable(record, as_of)]
    moments = {record.lead_id: record.observed_at for record in labelled}
    features = extract(profiles.of_records(session, tenant_id, labelled, moments)).to_rows()
    return {
        record.lead_id: Row(
            features=row,
            label=bool(record.label),
            seen_at=record.observed_at,
            known_at=record.changed_at,
            source="leads",
        )
        for record, row in zip(labelled, features, strict=True)
    }


def _from_snapshots(session: Session, tenant_id: str, as_of: datetime | None) -> dict[str, Row]:
    """The newest snapshot of each lead from before its label: what live scoring leaves behind."""
    labelled = snapshots.labelled(session, tenant_id)
    return {
        snapshot.lead_id: Row(
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
