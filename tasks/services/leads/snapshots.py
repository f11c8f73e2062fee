"""Take snapshots of leads: their features as of a moment, stored once a scoring interval.

Also tells the leads of whom nothing may be computed (GDPR Art. 18 and 22).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from db.records import AssessmentRecord, SnapshotDraft, SnapshotRecord
from db.repositories.leads import leads
from db.repositories.predictions import snapshots
from db.session import Session
from ml.features import SCHEMA_VERSION, extract
from tasks.runtime.context import TaskContext
from tasks.services.leads import profile_codec, profiles

EPOCH = datetime.fromtimestamp(0, UTC)


def may_score(session: Session, context: TaskContext, lead_ids: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the leads that may be scored, and those of whom nothing may be computed until a person has looked.

    Warns of the latter. Raises UnknownLead.
    """
    restricted = leads.restricted(session, context.tenant_id, lead_ids=lead_ids)
    for lead_id, reasons in restricted.items():
        context.warn(f"lead.{reasons[0]}", f"lead_ids.{lead_ids.index(lead_id)}")
    allowed = [lead_id for lead_id in lead_ids if lead_id not in restricted]
    return allowed, [lead_id for lead_id in lead_ids if lead_id in restricted]


def warn_of_blocked(context: TaskContext, stored: Sequence[profiles.StoredLead]) -> list[str]:
    """Warn of leads of whom nothing may be computed; return their ids."""
    blocked = [(index, lead) for index, lead in enumerate(stored) if lead.blocked]
    for index, lead in blocked:
        context.warn(f"lead.{lead.blocked[0]}", f"lead_ids.{index}")
    return [lead.profile.lead_id for _, lead in blocked]


def take_snapshots(
    session: Session,
    context: TaskContext,
    stored: Sequence[profiles.StoredLead],
    as_of: datetime,
    *,
    with_profiles: bool = False,
) -> list[SnapshotRecord]:
    """Store the features of leads as of a moment; within a scoring interval an unchanged lead keeps its snapshot.

    `with_profiles` also stores what the features were made of, for stages that other workers do next.
    """
    features = extract([lead.profile for lead in stored]).to_rows()
    bucket = bucket_of(as_of, context)
    drafts = [
        SnapshotDraft(
            lead_id=lead.profile.lead_id,
            lead_version=lead.version,
            as_of=as_of,
            bucket=bucket,
            feature_schema=SCHEMA_VERSION,
            features=row,
            profile=profile_codec.encode(lead.profile) if with_profiles else None,
        )
        for lead, row in zip(stored, features, strict=True)
    ]
    return snapshots.insert(session, context.tenant_id, drafts=drafts)


def load_taken(
    session: Session, tenant_id: str, assessment: AssessmentRecord
) -> tuple[list[SnapshotRecord], list[profiles.StoredLead]]:
    """Return the snapshots of an assessment and the leads as they were read for them, in the same order.

    Whether a lead has ended, refused or is restricted is read now: what was said after the snapshot counts. The leads
    are read again where a snapshot does not hold them: it is an earlier one of an unchanged lead, a worker of another
    version took it, or it was purged.
    """
    taken = snapshots.get(session, tenant_id, snapshot_ids=assessment.snapshot_ids, with_profiles=True)
    decoded = [profile_codec.decode(snapshot.profile) for snapshot in taken]
    complete = [profile for profile in decoded if profile is not None and profile.as_of == assessment.as_of]
    if len(complete) < len(taken):
        return taken, profiles.load(session, tenant_id, assessment.lead_ids, assessment.as_of)
    states = leads.states(session, tenant_id, lead_ids=[profile.lead_id for profile in complete])
    return taken, [profiles.with_state(profile, state) for profile, state in zip(complete, states, strict=True)]


def bucket_of(as_of: datetime, context: TaskContext) -> datetime:
    """Return the beginning of the tenant's scoring interval that a moment lies in."""
    return as_of - (as_of - EPOCH) % interval_of(context)


def interval_of(context: TaskContext) -> timedelta:
    """Return for how long an unchanged lead keeps its score."""
    return timedelta(seconds=int(context.settings().get("scoring_interval", 3600)))


def due_after(moment: datetime, as_of: datetime, context: TaskContext) -> datetime:
    """Return when to look again at a lead that is due at a moment; within one scoring interval it keeps its answer."""
    now, then = bucket_of(as_of, context), bucket_of(moment, context)
    return moment if then > now else now + interval_of(context)
