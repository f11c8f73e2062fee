"""What there is to learn of leads that went cold: their histories, and one labelled row a lead and week.

A history is all that is stored of a lead, each part with the moment from which it was known. Where it stood at a past
date is what a snapshot of that time says, since stages are not kept as events.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from db.records import EventRecord, LeadRecord, SnapshotRecord
from db.repositories.events import events
from db.repositories.leads import leads
from db.repositories.predictions import snapshots
from db.repositories.privacy import restrictions
from db.session import Session
from ml.churn.activity import STAGES, ends
from ml.churn.labels import History, Label, Standing, labels, settled, weekly
from ml.churn.training import gate, thinned
from ml.leads import Gate
from ml.profiles import Interaction, LeadProfile
from tasks.services.leads import profiles

#: leads that are read at once, and those that are looked at for whether there is enough to learn from
CHUNK, LOOKED_AT = 500, 2_000
#: later than any date
_NEVER = datetime.max.replace(tzinfo=UTC)
#: of the dates that a training takes, those that this is told by
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


def rows_of(session: Session, tenant_id: str, *, as_of: datetime, thresholds: Mapping[str, float]) -> LabelledSnapshots:
    """Give the rows that there are to learn from, as known at the beginning of a moment's week."""
    until = settled(as_of)
    found, dates = _found(session, tenant_id), weekly(until)
    each = {lead_id: thinned(dates, len(found.lead_ids), place) for place, lead_id in enumerate(found.lead_ids)}
    chosen = [lead_id for lead_id, own in each.items() if own]
    told: list[Label] = []
    seen: list[LeadProfile] = []
    for history in _histories(session, tenant_id, chosen, dates, until):
        own = labels([history], each[history.profile.lead_id], until=until, thresholds=thresholds)
        told += own
        seen += [_then(history).at(label.as_of) for label in own]
    return LabelledSnapshots(labels=tuple(told), profiles=tuple(seen), until=until, blocked=found.blocked)


def ready(session: Session, tenant_id: str, *, as_of: datetime, thresholds: Mapping[str, float]) -> Gate:
    """Say whether there is enough to learn from, by few dates of the first leads until it is; else what is missing."""
    until, told = settled(as_of), list[Label]()
    dates, lead_ids = weekly(until)[::-EVERY], _found(session, tenant_id).lead_ids[:LOOKED_AT]
    for start in range(0, len(lead_ids), CHUNK):
        some = _histories(session, tenant_id, lead_ids[start : start + CHUNK], dates, until)
        told += labels(some, dates, until=until, thresholds=thresholds)
        if gate(told).ok:
            break
    return gate(told)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    lead_ids: list[str]
    blocked: int


def _found(session: Session, tenant_id: str) -> _Found:
    held = restrictions.blocked(session, tenant_id)
    every = leads.with_events(session, tenant_id)
    return _Found(lead_ids=[one for one in every if one not in held], blocked=sum(one in held for one in every))


def _histories(
    session: Session, tenant_id: str, lead_ids: Sequence[str], dates: Sequence[datetime], until: datetime
) -> Iterator[History]:
    for start in range(0, len(lead_ids), CHUNK):
        some = lead_ids[start : start + CHUNK]
        happened = events.for_leads(session, tenant_id, lead_ids=some)
        stood = snapshots.newest_at(session, tenant_id, lead_ids=some, dates=dates)
        for record in leads.get(session, tenant_id, lead_ids=some):
            history = of_record(record, happened[record.lead_id], stood.get(record.lead_id, ()), until)
            # who is gone nobody knows since when would count as silent
            if record.status != "archived" or ends(history.profile):
                yield history


def _then(history: History) -> History:
    """Give a lead without what only its record of now says: of that the features of a past date may know nothing.

    A record is observed anew with whatever happens, so that its attributes would be known at a date only of those to
    whom nothing happened since, which is what the model is to foretell.
    """
    return replace(history, observed_at=_NEVER, standings=history.standings[:-1])


def of_record(
    record: LeadRecord, happened: Sequence[EventRecord], stood: Sequence[SnapshotRecord], until: datetime
) -> History:
    """All that is known of a lead by now."""
    profile = profiles.to_profile(record, happened, max(until, record.observed_at))
    before = _runs(stood)
    return History(
        profile=replace(profile, interactions=(*profile.interactions, *_told(record))),
        observed_at=record.observed_at,
        standings=(*before, _now(record, before[-1] if before else None)),
    )


def _told(record: LeadRecord) -> Iterator[Interaction]:
    """What a record tells and no event does: how a lead that came by a file ended. It was known when it happened."""
    at, ended = record.label_at or record.fields.get("closed_at"), record.status
    if ended in {"won", "lost", "abandoned"} and isinstance(at, datetime):
        yield Interaction(kind=f"outcome.{ended}", occurred_at=at, recorded_at=at)
    refused = record.consent.get("unsubscribed_at")
    if isinstance(refused, datetime):
        yield Interaction(kind="unsubscribed", occurred_at=refused, recorded_at=refused, direction="inbound")


def _runs(stood: Sequence[SnapshotRecord]) -> list[Standing]:
    """Where a lead stood as its snapshots say; it entered a stage when one first said so."""
    found: list[Standing] = []
    for snapshot in stood:
        stage = snapshot.features.get("stage")
        if isinstance(stage, str):
            since = found[-1].since if found and found[-1].stage == stage else snapshot.as_of
            told = {"stage": stage, **_timeline(snapshot.features)}
            found.append(Standing(since=since, recorded_at=snapshot.as_of, **told))
    return found


def _now(record: LeadRecord, before: Standing | None) -> Standing:
    told = {"stage": record.stage, **_timeline(record.fields)}
    return Standing(since=_since(record, before), recorded_at=record.observed_at, **told)


def _since(record: LeadRecord, before: Standing | None) -> datetime:
    """When a lead entered its stage; where nobody said, as early as it can have been, since it is no news."""
    ended = (record.stage or "").casefold() in STAGES
    moments = [record.fields.get("stage_changed_at")]
    moments += [record.label_at, record.fields.get("closed_at")] if ended else []
    if before is not None and before.stage == record.stage:
        return before.since
    known = [moment for moment in moments if isinstance(moment, datetime)]
    if known or ended:
        return min([*known[:1], record.observed_at])
    return min(record.created_at or record.observed_at, record.observed_at)


def _timeline(told: Mapping[str, Any]) -> dict[str, str | None]:
    timeline = told.get("timeline")
    return {"timeline": timeline if isinstance(timeline, str) else None}
