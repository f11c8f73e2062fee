"""Features of leads as of a moment, stored once a scoring interval; and leads of whom nothing may be computed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from db.records import SnapshotDraft, SnapshotRecord
from db.repositories.leads import leads
from db.repositories.predictions import snapshots
from db.session import Session
from ml.features import SCHEMA_VERSION, extract
from tasks.runtime.context import TaskContext
from tasks.services.leads import profiles

EPOCH = datetime.fromtimestamp(0, UTC)


def may_score(session: Session, context: TaskContext, lead_ids: Sequence[str]) -> tuple[list[str], list[str]]:
    """Those that may be scored, and those of whom nothing may be computed until a person has looked (Art. 18, 22).

    Raises UnknownLead.
    """
    held = leads.restricted(session, context.tenant_id, lead_ids=lead_ids)
    for lead_id, why in held.items():
        context.warn(f"lead.{why[0]}", f"lead_ids.{lead_ids.index(lead_id)}")
    return [lead_id for lead_id in lead_ids if lead_id not in held], [one for one in lead_ids if one in held]


def blocked(context: TaskContext, known: Sequence[profiles.StoredLead]) -> list[str]:
    """Warn of those of whom nothing may be computed; gives their ids."""
    held = [(index, lead) for index, lead in enumerate(known) if lead.held]
    for index, lead in held:
        context.warn(f"lead.{lead.held[0]}", f"lead_ids.{index}")
    return [lead.profile.lead_id for _, lead in held]


def take_snapshots(
    session: Session, context: TaskContext, lead_ids: Sequence[str], as_of: datetime
) -> list[SnapshotRecord]:
    """Store the features of leads as of a moment; within a scoring interval an unchanged lead keeps its snapshot."""
    return of_known(session, context, profiles.load(session, context.tenant_id, lead_ids, as_of), as_of)


def of_known(
    session: Session, context: TaskContext, known: Sequence[profiles.StoredLead], as_of: datetime
) -> list[SnapshotRecord]:
    """Do the same of leads that are loaded."""
    features = extract([lead.profile for lead in known]).to_rows()
    bucket = bucket_of(as_of, context)
    drafts = [
        SnapshotDraft(
            lead_id=lead.profile.lead_id,
            lead_version=lead.version,
            as_of=as_of,
            bucket=bucket,
            feature_schema=SCHEMA_VERSION,
            features=row,
        )
        for lead, row in zip(known, features, strict=True)
    ]
    return snapshots.insert(session, context.tenant_id, drafts=drafts)


def bucket_of(as_of: datetime, context: TaskContext) -> datetime:
    """The beginning of the tenant's scoring interval that a moment lies in."""
    return as_of - (as_of - EPOCH) % interval_of(context)


def interval_of(context: TaskContext) -> timedelta:
    """For how long an unchanged lead keeps its score."""
    return timedelta(seconds=int(context.settings().get("scoring_interval", 3600)))


def due_after(moment: datetime, as_of: datetime, context: TaskContext) -> datetime:
    """When to look at a lead again that wants it at a moment; within one scoring interval it keeps its answer."""
    now, then = bucket_of(as_of, context), bucket_of(moment, context)
    return moment if then > now else now + interval_of(context)
