"""Read the histories of leads for training the churn model: one labelled row a lead and week.

A history is all that is stored of a lead, each part with the moment from which it was known. The stage of a lead at a
past date comes from a snapshot of that time, since stages are not stored as events.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from db.records import EventRecord, LeadRecord, SnapshotRecord
from db.repositories.events import events
from db.repositories.leads import leads
from db.repositories.predictions import snapshots
from db.repositories.privacy import restrictions
from db.session import Session
from domain.documents import JsonMapping
from ml.churn.activity import STAGES, ends
from ml.churn.labels import HORIZON, History, Label, StageRecord, labels, week_start, weekly_dates
from ml.churn.training import gate, thinned
from ml.leads import Gate
from ml.profiles import Interaction, LeadProfile, MessageSignal
from tasks.services.leads import profiles

#: leads that are read at once, and leads of which `ready` looks at most
CHUNK, LOOKED_AT = 500, 2_000
#: later than any date
_NEVER = datetime.max.replace(tzinfo=UTC)
#: `ready` looks at one in so many of the dates that a training takes
EVERY = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledSnapshots:
    """Labelled snapshots, and the leads as they were known then, in the same order."""

    labels: tuple[Label, ...]
    profiles: tuple[LeadProfile, ...]
    #: as known at
    until: datetime
    #: leads of whom nothing may be computed
    blocked: int

    def known_since(self, moment: datetime) -> LabelledSnapshots:
        """Return those alone whose horizon ended at a moment or later."""
        rows = [row for row, label in enumerate(self.labels) if label.as_of + HORIZON >= moment]
        return replace(
            self, labels=tuple(self.labels[row] for row in rows), profiles=tuple(self.profiles[row] for row in rows)
        )


def rows_of(session: Session, tenant_id: str, *, as_of: datetime, thresholds: Mapping[str, float]) -> LabelledSnapshots:
    """Return the rows that there are to learn from, as known at the beginning of a moment's week."""
    until = week_start(as_of)
    learnable, dates = _learnable(session, tenant_id), weekly_dates(until)
    count = len(learnable.lead_ids)
    dates_of = {lead_id: thinned(dates, count, place) for place, lead_id in enumerate(learnable.lead_ids)}
    chosen = [lead_id for lead_id, own_dates in dates_of.items() if own_dates]
    rows: list[Label] = []
    known_then: list[LeadProfile] = []
    for history in _histories(session, tenant_id, chosen, dates, until):
        lead_labels = labels([history], dates_of[history.profile.lead_id], until=until, thresholds=thresholds)
        rows += lead_labels
        known_then += [_as_then(history).at(label.as_of) for label in lead_labels]
    return LabelledSnapshots(labels=tuple(rows), profiles=tuple(known_then), until=until, blocked=learnable.blocked)


def ready(session: Session, tenant_id: str, *, as_of: datetime, thresholds: Mapping[str, float]) -> Gate:
    """Return whether there is enough to learn from, else what is missing.

    Looks at a few dates of the first leads, and at more leads until there is enough.
    """
    until, rows = week_start(as_of), list[Label]()
    dates, lead_ids = weekly_dates(until)[::-EVERY], _learnable(session, tenant_id).lead_ids[:LOOKED_AT]
    for start in range(0, len(lead_ids), CHUNK):
        histories = _histories(session, tenant_id, lead_ids[start : start + CHUNK], dates, until)
        rows += labels(histories, dates, until=until, thresholds=thresholds)
        if gate(rows).ok:
            break
    return gate(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class _LearnableLeads:
    lead_ids: list[str]
    #: how many are left out since nothing may be computed of them
    blocked: int


def _learnable(session: Session, tenant_id: str) -> _LearnableLeads:
    blocked = restrictions.blocked(session, tenant_id)
    every = leads.with_events(session, tenant_id)
    return _LearnableLeads(
        lead_ids=[lead_id for lead_id in every if lead_id not in blocked],
        blocked=sum(lead_id in blocked for lead_id in every),
    )


def _histories(
    session: Session, tenant_id: str, lead_ids: Sequence[str], dates: Sequence[datetime], until: datetime
) -> Iterator[History]:
    for start in range(0, len(lead_ids), CHUNK):
        chunk = lead_ids[start : start + CHUNK]
        happened = events.for_leads(session, tenant_id, lead_ids=chunk)
        said = profiles.load_messages(session, tenant_id, chunk)
        taken = snapshots.newest_at(session, tenant_id, lead_ids=chunk, dates=dates)
        for record in leads.get(session, tenant_id, lead_ids=chunk):
            lead_id = record.lead_id
            history = history_of(
                record, happened[lead_id], taken.get(lead_id, ()), until, messages=said.get(lead_id, ())
            )
            # an archived lead of which no event says when it ended would count as silent
            if record.status != "archived" or ends(history.profile):
                yield history


def _as_then(history: History) -> History:
    """Return a history without what only today's record says: the features of a past date must not know it.

    A record is observed again with every event. So its attributes would be known at a past date only for leads to which
    nothing happened since, and that is what the model is to predict.
    """
    return replace(history, observed_at=_NEVER, stage_history=history.stage_history[:-1])


def history_of(
    record: LeadRecord,
    happened: Sequence[EventRecord],
    taken: Sequence[SnapshotRecord],
    until: datetime,
    *,
    messages: Sequence[MessageSignal] = (),
) -> History:
    """Return all that is known of a lead by now."""
    profile = profiles.to_profile(record, happened, max(until, record.observed_at), messages=messages)
    before = _past_stages(taken)
    return History(
        profile=replace(profile, interactions=(*profile.interactions, *_endings(record))),
        observed_at=record.observed_at,
        stage_history=(*before, _now(record, before[-1] if before else None)),
    )


def _endings(record: LeadRecord) -> Iterator[Interaction]:
    """Yield how a lead ended where its record tells and no event does, as of a file; it was known when it happened."""
    at, ended = record.label_at or record.fields.get("closed_at"), record.status
    if ended in {"won", "lost", "abandoned"} and isinstance(at, datetime):
        yield Interaction(kind=f"outcome.{ended}", occurred_at=at, recorded_at=at)
    refused = record.consent.get("unsubscribed_at")
    if isinstance(refused, datetime):
        yield Interaction(kind="unsubscribed", occurred_at=refused, recorded_at=refused, direction="inbound")


def _past_stages(taken: Sequence[SnapshotRecord]) -> list[StageRecord]:
    """Return the stages of a lead as its snapshots say; it entered a stage when a snapshot first said so."""
    stage_history: list[StageRecord] = []
    for snapshot in taken:
        stage = snapshot.features.get("stage")
        if isinstance(stage, str):
            since = stage_history[-1].since if stage_history and stage_history[-1].stage == stage else snapshot.as_of
            timeline = _timeline(snapshot.features)
            stage_history.append(StageRecord(since=since, recorded_at=snapshot.as_of, stage=stage, timeline=timeline))
    return stage_history


def _now(record: LeadRecord, before: StageRecord | None) -> StageRecord:
    return StageRecord(
        since=_since(record, before),
        recorded_at=record.observed_at,
        stage=record.stage,
        timeline=_timeline(record.fields),
    )


def _since(record: LeadRecord, before: StageRecord | None) -> datetime:
    """Return when a lead entered its stage; where nobody said, the earliest it can have been, since it is no news."""
    ended = (record.stage or "").casefold() in STAGES
    moments = [record.fields.get("stage_changed_at")]
    moments += [record.label_at, record.fields.get("closed_at")] if ended else []
    if before is not None and before.stage == record.stage:
        return before.since
    dates = [moment for moment in moments if isinstance(moment, datetime)]
    if dates or ended:
        return min([*dates[:1], record.observed_at])
    return min(record.created_at or record.observed_at, record.observed_at)


def _timeline(fields: JsonMapping) -> str | None:
    timeline = fields.get("timeline")
    return timeline if isinstance(timeline, str) else None
