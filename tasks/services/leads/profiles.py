"""Build what the models read of a lead as of a moment, from what is stored or was sent along, and store it as JSON.

A profile is encoded for its snapshot, so that later stages of an assessment need not read the lead again. Whether the
lead refused, ended or is restricted is no part of it: that is read when it is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from db import consent, merging
from db.records import EventDraft, EventRecord, LeadRecord, LeadState, ScoringView
from db.repositories.events import events, message_analyses
from db.repositories.leads import leads
from db.session import Session
from domain.documents import JsonMapping, JsonObject
from ml.features.contextual import normalised_level
from ml.profiles import Interaction, LeadProfile, MessageSignal
from tasks.contracts.leads import LeadIn
from tasks.intake.consent import REFUSES
from tasks.intake.lead_drafts import to_draft
from tasks.services.conversations import reading_cache, stored_results

#: canonical columns by how the models read them
NUMBERS = (
    "emails_sent",
    "emails_opened",
    "emails_clicked",
    "sms_in",
    "sms_out",
    "calls",
    "listing_views",
    "saved_listings",
    "saved_searches",
    "searches",
    "showings",
    "offers",
    "site_visits",
    "budget_min",
    "budget_max",
    "deal_value",
    "beds_min",
    "baths_min",
)
TIMES = ("last_activity_at", "last_contacted_at", "last_replied_at", "stage_changed_at")
#: how calls end that nobody answered, in letters only: what they lasted was voicemail or ringing
UNANSWERED = frozenset(
    {
        "voicemail",
        "noanswer",
        "busy",
        "failed",
        "canceled",
        "cancelled",
        "missed",
        "rejected",
        "declined",
        "undelivered",
    }
    | {"ringing", "queued", "initiated", "pending", "scheduled", "unanswered"}
)
TEXTS = ("source", "campaign", "timeline", "preapproval", "property_type", "state", "timezone")
#: changes with what a profile holds: a worker of another version reads the lead again instead
PROFILE_FORMAT = 2
#: texts that an encoded profile holds
_ENCODED_TEXTS = (
    *("lead_type", "source", "campaign", "stage", "status", "timeline", "preapproval", "property_type", "state"),
    "timezone",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLead:
    """A stored lead as of a moment, the version it has now, and why nothing may or need be computed of it."""

    profile: LeadProfile
    version: int
    #: why nothing may be computed of it: restricted, objected; empty where it may
    blocked: tuple[str, ...]
    #: how it ended as its record tells: won, lost, abandoned, archived, no_contact; None where it is open
    ended: str | None
    #: moments of its messages that refuse something; None: not read with it
    refusing: frozenset[datetime] | None = None


def load(session: Session, tenant_id: str, lead_ids: Sequence[str], as_of: datetime) -> list[StoredLead]:
    """Return stored leads as of one moment, in the order asked. Raises UnknownLead."""
    views = leads.scoring_views(session, tenant_id, lead_ids=lead_ids)
    happened = events.for_leads(session, tenant_id, lead_ids=lead_ids)
    profiles = _profiles(session, tenant_id, views, happened, dict.fromkeys(lead_ids, as_of))
    return [
        replace(with_state(profile, view), refusing=refusing(happened.get(view.lead_id, ())))
        for profile, view in zip(profiles, views, strict=True)
    ]


def refusing(happened: Sequence[EventRecord]) -> frozenset[datetime]:
    """Return the moments of the events that refuse something: none of them is an inquiry."""
    return frozenset(event.occurred_at for event in happened if event.facts.get(REFUSES))


def with_state(profile: LeadProfile, state: LeadState | ScoringView) -> StoredLead:
    """Return a lead with what its row says now of being scored and contacted."""
    return StoredLead(profile=profile, version=state.version, blocked=state.restrictions, ended=ended(state))


def load_profiles(
    session: Session, tenant_id: str, records: Sequence[LeadRecord | ScoringView], as_of: Mapping[str, datetime]
) -> list[LeadProfile]:
    """Return the profiles of leads with their events and what was read in their messages, each as of its own moment."""
    happened = events.for_leads(session, tenant_id, lead_ids=[record.lead_id for record in records])
    return _profiles(session, tenant_id, records, happened, as_of)


def _profiles(
    session: Session,
    tenant_id: str,
    records: Sequence[LeadRecord | ScoringView],
    happened: Mapping[str, Sequence[EventRecord]],
    as_of: Mapping[str, datetime],
) -> list[LeadProfile]:
    said = reading_cache.load(session, tenant_id, versions={record.lead_id: record.version for record in records})
    return [
        to_profile(
            record, happened.get(record.lead_id, ()), as_of[record.lead_id], messages=said.get(record.lead_id, ())
        )
        for record in records
    ]


def load_messages(session: Session, tenant_id: str, lead_ids: Sequence[str]) -> dict[str, tuple[MessageSignal, ...]]:
    """Return what was read in the newest messages of leads when they came, oldest first; no text is opened.

    A lead of whom nothing was read is left out.
    """
    stored = message_analyses.for_leads(session, tenant_id, lead_ids=lead_ids)
    return {lead_id: tuple(map(stored_results.to_signal, records)) for lead_id, records in stored.items()}


def to_profile(
    record: LeadRecord | ScoringView,
    happened: Sequence[EventRecord],
    as_of: datetime,
    *,
    messages: Sequence[MessageSignal] = (),
) -> LeadProfile:
    """Return a stored lead as of a moment; fields that were observed later are not known yet."""
    is_known = record.observed_at <= as_of
    fields: JsonMapping = record.fields if is_known else {}
    return LeadProfile(
        lead_id=record.lead_id,
        as_of=as_of,
        created_at=record.created_at,
        lead_type=record.lead_type,
        stage=record.stage if is_known else None,
        custom=dict(record.custom) if is_known else {},
        interactions=tuple(to_interaction(event) for event in happened),
        messages=tuple(messages),
        **_typed(fields),
    )


def ended(lead: LeadRecord | LeadState | ScoringView) -> str | None:
    """Return how a lead ended, as its record tells; None where it is open, as a past client is again."""
    return _ended(lead.status, lead.stage) if lead.contactable else "no_contact"


def ended_as_sent(lead: LeadIn, as_of: datetime) -> str | None:
    """Return how a lead ended that was sent along; None where it is open."""
    draft = to_draft(lead, as_of)
    if not consent.contactable(consent.draft_view(draft)):
        return "no_contact"
    return _ended(merging.draft_status(draft), lead.stage)


def _ended(status: str, stage: str | None) -> str | None:
    past_client = status == "won" and normalised_level(stage or "") == "past client"
    return None if status == "open" or past_client else status


def profile_from_message(lead: LeadIn, as_of: datetime) -> LeadProfile:
    """Return a lead that was sent along and is not stored."""
    fields = lead.model_dump(exclude_none=True)
    return LeadProfile(
        lead_id=lead.external_id or "",
        as_of=as_of,
        created_at=lead.created_at,
        lead_type=lead.lead_type,
        stage=lead.stage,
        custom=dict(lead.custom),
        interactions=(),
        **_typed(fields),
    )


def _typed(fields: JsonMapping) -> JsonObject:
    return {
        **{name: fields.get(name) for name in TEXTS},
        "numbers": {name: float(fields[name]) for name in NUMBERS if fields.get(name) is not None},
        "times": {name: fields[name] for name in TIMES if fields.get(name) is not None},
        "tags": tuple(fields.get("tags") or ()),
    }


def to_interaction(event: EventRecord | EventDraft) -> Interaction:
    """Return an event as the models read it."""
    value = event.facts.get("value")
    return Interaction(
        kind=event.kind,
        occurred_at=event.occurred_at,
        recorded_at=event.recorded_at,
        direction=event.direction,
        channel=event.channel,
        value=float(value) if isinstance(value, (int, float)) else call_minutes(event.facts),
    )


def call_minutes(facts: JsonMapping) -> float | None:
    """Return the minutes that a call lasted; None where nobody answered it, or nothing is known of that.

    >>> call_minutes({"duration": 90, "status": "completed"}), call_minutes({"duration": 30, "status": "voicemail"})
    (1.5, None)
    """
    seconds, status = facts.get("duration"), "".join(filter(str.isalpha, str(facts.get("status") or "").casefold()))
    if not isinstance(seconds, (int, float)) or seconds <= 0 or status in UNANSWERED:
        return None
    return seconds / 60


def encode_profile(profile: LeadProfile) -> JsonObject:
    """Return a profile as JSON; `decode_profile` gives it back, every number and moment as it was."""
    return {
        "format": PROFILE_FORMAT,
        "lead_id": profile.lead_id,
        "as_of": profile.as_of.isoformat(),
        "created_at": None if profile.created_at is None else profile.created_at.isoformat(),
        "texts": {name: getattr(profile, name) for name in _ENCODED_TEXTS},
        "numbers": dict(profile.numbers),
        "times": {name: at.isoformat() for name, at in profile.times.items()},
        "tags": list(profile.tags),
        "custom": dict(profile.custom),
        "interactions": [
            [
                event.kind,
                event.occurred_at.isoformat(),
                event.recorded_at.isoformat(),
                event.direction,
                event.channel,
                event.value,
            ]
            for event in profile.interactions
        ],
        "messages": [stored_results.encode_signal(signal) for signal in profile.messages],
    }


def decode_profile(stored: JsonMapping | None) -> LeadProfile | None:
    """Return the profile that was encoded; None where nothing is stored, or another version of Hearth wrote it."""
    if stored is None or stored.get("format") != PROFILE_FORMAT:
        return None
    return LeadProfile(
        lead_id=stored["lead_id"],
        as_of=datetime.fromisoformat(stored["as_of"]),
        created_at=None if stored["created_at"] is None else datetime.fromisoformat(stored["created_at"]),
        numbers=stored["numbers"],
        times={name: datetime.fromisoformat(at) for name, at in stored["times"].items()},
        tags=tuple(stored["tags"]),
        custom=stored["custom"],
        interactions=tuple(
            Interaction(
                kind=kind,
                occurred_at=datetime.fromisoformat(occurred_at),
                recorded_at=datetime.fromisoformat(recorded_at),
                direction=direction,
                channel=channel,
                value=value,
            )
            for kind, occurred_at, recorded_at, direction, channel, value in stored["interactions"]
        ),
        messages=tuple(map(stored_results.decode_signal, stored["messages"])),
        **stored["texts"],
    )
