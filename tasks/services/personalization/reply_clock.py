"""Count when a tenant's leads answer and on which channels, and keep it as one row: no request reads all events.

Each day it is counted anew from the newest talks of a year, on each lead's own clock, so it needs no ledger of what
was counted, and who was erased is gone from it. A request counts by itself only where there is next to nothing yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from itertools import chain

from db.records import EventRecord, LeadPlace, ReplyClockRecord
from db.repositories.personalization import reply_clocks
from db.session import Session
from domain.documents import JsonMapping
from ml.personalization.channels import ChannelHabit, habit_of
from ml.personalization.replies import CHANNELS, SPELLINGS, counted, read_replies, slots_of, zone_of
from ml.personalization.send_window import MIN_TENANT_REPLIES, TenantClock, before_each_day, fit_strength
from tasks.runtime.context import TaskContext
from tasks.services.leads import profiles

#: how far back talks count
YEAR = timedelta(days=365)
#: the newest talks that are read: by the periodic job, and by a request that finds no clock yet
TALKS, FIRST_TALKS = 100_000, 10_000
#: after this time a request counts again for a tenant that had too few replies
AGAIN = timedelta(minutes=1)


def of_tenant(session: Session, context: TaskContext) -> ReplyClockRecord:
    """Return a tenant's clock.

    The first request of a tenant counts it, and so do later ones while it has too few replies, a minute apart: only
    the newest talks. In all others it is the row that the periodic job keeps.
    """
    stored = reply_clocks.get(session, context.tenant_id)
    if stored is not None and (stored.replies >= MIN_TENANT_REPLIES or context.now - stored.computed_at < AGAIN):
        return stored
    clock = count(session, context.tenant_id, context.settings(), context.now, limit=FIRST_TALKS)
    reply_clocks.save(session, context.tenant_id, clock=clock)
    return clock


def count(
    session: Session, tenant_id: str, settings: JsonMapping, now: datetime, *, limit: int = TALKS
) -> ReplyClockRecord:
    """Count the replies of a tenant's leads from its newest talks; those restricted or objecting are left out."""
    talked = reply_clocks.talks(session, tenant_id, kinds=SPELLINGS, since=now - YEAR, limit=limit)
    places = reply_clocks.places(session, tenant_id, lead_ids=list(talked))
    return _counted(talked, places, home_of(settings), now)


def home_of(settings: JsonMapping) -> str:
    """Return the zone of a tenant, by which the hours of a lead are told that may be anywhere."""
    return settings.get("timezone") or "UTC"


def tenant_clock(record: ReplyClockRecord) -> TenantClock:
    """Return the slots of a stored clock as the send window reads them."""
    return TenantClock(counts=record.slots, strength=record.strength)


def channel_habits(record: ReplyClockRecord) -> dict[str, ChannelHabit]:
    """Return the channels of a stored clock as their ranking reads them."""
    names = ("sent", "replied", "strength")
    return {channel: ChannelHabit(**{name: told[name] for name in names}) for channel, told in record.channels.items()}


def _counted(
    talked: Mapping[str, list[EventRecord]], places: Mapping[str, LeadPlace], home: str, now: datetime
) -> ReplyClockRecord:
    histories = {lead_id: read_replies(map(profiles.to_interaction, talked[lead_id]), now) for lead_id in places}
    slots = {
        lead_id: slots_of(history.moments, zone_of(places[lead_id].timezone, places[lead_id].state, None, home))
        for lead_id, history in histories.items()
    }
    replies = ((lead_id, day, slot) for lead_id, of_lead in slots.items() for day, slot in of_lead)
    habits = {
        channel: habit_of(history.channels[channel] for history in histories.values() if channel in history.channels)
        for channel in CHANNELS
    }
    return ReplyClockRecord(
        slots=tuple(counted(chain.from_iterable(slots.values()))),
        strength=fit_strength(before_each_day(replies)),
        channels={channel: asdict(habit) for channel, habit in habits.items() if habit.sent},
        leads=len(histories),
        computed_at=now,
    )
