"""Store what answers stand on, and the answers: snapshots of leads, once a scoring interval, and predictions.

A snapshot holds the features of a lead as of a moment; a prediction is one row, with a row of the audit chain. Also
tells the leads of whom nothing may be computed (GDPR Art. 18 and 22).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from db.records import AssessmentRecord, PredictionDraft, PriorScore, SnapshotDraft, SnapshotRecord
from db.repositories.leads import leads
from db.repositories.predictions import predictions, snapshots
from db.session import Session
from ml.features import SCHEMA_VERSION, extract
from tasks.runtime.context import TaskContext
from tasks.services.conversations.analyses import analyse_new
from tasks.services.leads import profiles, snapshot_cache

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
    if len(stored) > snapshot_cache.FEW:
        return _taken(session, context, stored, as_of, with_profiles=with_profiles)
    by_id = {lead.profile.lead_id: lead for lead in stored}
    versions = {lead_id: lead.version for lead_id, lead in by_id.items()}
    take = partial(_taken, session, context, as_of=as_of, with_profiles=with_profiles)
    found = _found_or_taken(session, context, versions, as_of, lambda missing: take([by_id[each] for each in missing]))
    return [found[lead.profile.lead_id] for lead in stored]


def snapshots_of(
    session: Session, context: TaskContext, lead_ids: Sequence[str], as_of: datetime
) -> tuple[list[SnapshotRecord], list[str]]:
    """Return the snapshots of the leads that may be scored, in their order, and the ids of those that may not.

    Messages that nobody has read yet are read first: that raises the version. Of a few leads, only those are looked at
    whose snapshot of this scoring interval is neither cached nor stored. Warns of those that may not be scored. Raises
    UnknownLead.
    """
    analyse_new(session, context, lead_ids)
    if len(lead_ids) > snapshot_cache.FEW:
        stored = profiles.load(session, context.tenant_id, lead_ids, as_of)
        blocked = warn_of_blocked(context, stored)
        return take_snapshots(session, context, [lead for lead in stored if not lead.blocked], as_of), blocked
    states = leads.states(session, context.tenant_id, lead_ids=lead_ids, open_keys=True)
    for index, state in enumerate(states):
        if state.restrictions:
            context.warn(f"lead.{state.restrictions[0]}", f"lead_ids.{index}")
    versions = {state.lead_id: state.version for state in states if not state.restrictions}

    def take(missing: Sequence[str]) -> list[SnapshotRecord]:
        return _taken(session, context, profiles.load(session, context.tenant_id, missing, as_of), as_of)

    found = _found_or_taken(session, context, versions, as_of, take)
    blocked = [state.lead_id for state in states if state.restrictions]
    return [found[lead_id] for lead_id in versions], blocked


def _found_or_taken(
    session: Session,
    context: TaskContext,
    versions: Mapping[str, int],
    as_of: datetime,
    take: Callable[[Sequence[str]], list[SnapshotRecord]],
) -> dict[str, SnapshotRecord]:
    """Return the snapshots of a few leads by lead: those that are cached or stored, and those that `take` makes."""
    bucket = bucket_of(as_of, context)
    found = snapshot_cache.find(session, context.tenant_id, versions=versions, bucket=bucket, now=context.now)
    missing = [lead_id for lead_id in versions if lead_id not in found]
    if not missing:
        return found
    taken = take(missing)
    snapshot_cache.keep(session, context.tenant_id, taken, bucket=bucket, now=context.now)
    return found | {snapshot.lead_id: snapshot for snapshot in taken}


def _taken(
    session: Session,
    context: TaskContext,
    stored: Sequence[profiles.StoredLead],
    as_of: datetime,
    *,
    with_profiles: bool = False,
) -> list[SnapshotRecord]:
    features = extract([lead.profile for lead in stored]).to_rows()
    drafts = [
        SnapshotDraft(
            lead_id=lead.profile.lead_id,
            lead_version=lead.version,
            as_of=as_of,
            bucket=bucket_of(as_of, context),
            feature_schema=SCHEMA_VERSION,
            features=row,
            profile=profiles.encode_profile(lead.profile) if with_profiles else None,
        )
        for lead, row in zip(stored, features, strict=True)
    ]
    taken = snapshots.insert(session, context.tenant_id, drafts=drafts)
    if with_profiles and len(stored) <= snapshot_cache.FEW:
        # one that was there before is as of another moment: what it was made of is read again
        fresh = [
            replace(snapshot, profile=draft.profile)
            for snapshot, draft in zip(taken, drafts, strict=True)
            if snapshot.as_of == as_of
        ]
        snapshot_cache.keep_profiles(session, context.tenant_id, fresh)
    return taken


def load_snapshots(
    session: Session, tenant_id: str, assessment: AssessmentRecord
) -> tuple[list[SnapshotRecord], list[profiles.StoredLead]]:
    """Return the snapshots of an assessment and the leads as they were read for them, in the same order.

    Whether a lead has ended, refused or is restricted is read now: what was said after the snapshot counts. The leads
    are read again where a snapshot does not hold them: it is an earlier one of an unchanged lead, a worker of another
    version took it, or it was purged.
    """
    is_few = len(assessment.lead_ids) <= snapshot_cache.FEW
    states = leads.states(session, tenant_id, lead_ids=assessment.lead_ids, open_keys=is_few)
    taken = _cached_snapshots(session, tenant_id, assessment) if is_few else None
    if taken is None:
        taken = snapshots.get(session, tenant_id, snapshot_ids=assessment.snapshot_ids, with_profiles=True)
    decoded = [profiles.decode_profile(snapshot.profile) for snapshot in taken]
    complete = [profile for profile in decoded if profile is not None and profile.as_of == assessment.as_of]
    if len(complete) < len(taken):
        return taken, profiles.load(session, tenant_id, assessment.lead_ids, assessment.as_of)
    return taken, [profiles.with_state(profile, state) for profile, state in zip(complete, states, strict=True)]


def _cached_snapshots(session: Session, tenant_id: str, assessment: AssessmentRecord) -> list[SnapshotRecord] | None:
    return snapshot_cache.find_with_profiles(
        session, tenant_id, lead_ids=assessment.lead_ids, snapshot_ids=assessment.snapshot_ids
    )


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


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPredictions:
    """Predictions as they are stored now."""

    #: each prediction with its id; those of leads that were restricted meanwhile are left out
    saved: tuple[tuple[PredictionDraft, str], ...]
    #: ids of those that are new; an unchanged one keeps the id that it had
    new: frozenset[str]
    #: lead -> its newest prediction before, and what happened to it since
    before: Mapping[str, PriorScore]

    def fresh(self) -> list[tuple[PredictionDraft, str]]:
        """Return those that are new."""
        return [(draft, prediction_id) for draft, prediction_id in self.saved if prediction_id in self.new]


def save_predictions(
    session: Session, context: TaskContext, drafts: Sequence[PredictionDraft], *, kind: str
) -> StoredPredictions:
    """Store each prediction once, with its audit row; `before` of the result holds predictions of this `kind`.

    A lead that was restricted since its snapshot was taken gets none.
    """
    before = predictions.prior(session, context.tenant_id, kind=kind, lead_ids=[draft.lead_id for draft in drafts])
    allowed = [draft for draft in drafts if draft.lead_id in before]
    saved = predictions.save_each(session, context.tenant_id, drafts=allowed, now=context.now) if allowed else []
    stored = StoredPredictions(
        saved=tuple((draft, prediction_id) for draft, (prediction_id, _) in zip(allowed, saved, strict=True)),
        new=frozenset(prediction_id for prediction_id, new in saved if new),
        before=before,
    )
    for draft, prediction_id in stored.fresh():
        context.audit(
            "prediction",
            prediction_id=prediction_id,
            lead_id=draft.lead_id,
            snapshot_id=draft.snapshot_id,
            of=draft.kind,
            model=draft.model_version,
            probability=draft.probability,
            as_of=draft.as_of,
        )
    return stored
