"""Load what the gates ask about a lead: consent, refusals, its clock, its last word, and who reached it when."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from db.consent import contactable, view
from db.records import EventRecord, InterventionRecord, LeadDraft, LeadRecord
from db.repositories.events import events
from db.repositories.interventions import interventions
from db.repositories.leads import leads, shared_refusals
from db.session import Session
from domain.action_states import UNREACHED
from domain.documents import JsonObject
from domain.leads import UNSCORED_LEAD_TYPES
from ml.churn.activity import TERMINAL, ends, plain_kind
from ml.features.events import OUTBOUND
from ml.interventions.compliance.gates import ActionCandidate, GateDecision, GateFacts, Ruling, judge
from ml.profiles import Interaction, LeadProfile
from ml.urgency import is_done
from tasks.intake.consent import with_marks
from tasks.runtime.context import TaskContext
from tasks.services.interventions.intervention_settings import InterventionSettings
from tasks.services.leads import profiles
from tasks.services.leads.profiles import StoredLead

log = structlog.get_logger(__name__)

#: how far back the gates count contacts
WEEK = timedelta(days=7)
#: no action takes longer than this to begin and to end
LONGEST = timedelta(days=120)
#: channel of actions that reach nobody outside
INTERNAL = "internal"
#: an action's report and the CRM's event of the same message are at most this far apart
_SAME = timedelta(hours=1)
_ASKS = frozenset({"inquiries", "sms_in", "replies", "replied"})
_TALKS = frozenset({"calls", "messages"})
#: kinds that say a lead was contacted without saying by which message, such as the report of an action
_REPORTS = frozenset({"contact", "contacted"})
#: words in the source of leads that asked for something themselves
_ASKED = frozenset(
    {"website", "web", "site", "online", "form", "inquiry", "inquiries", "enquiry", "inbound", "chat", "landing", "idx"}
    | {"portal", "zillow", "trulia", "redfin", "realtor", "homes", "movoto", "google", "bing", "organic", "seo", "ppc"}
    | {"facebook", "instagram", "tiktok", "youtube", "linkedin", "social", "ad", "ads", "sign", "walk", "open"}
)
#: words in the source of leads that never asked for anything
_LISTED = frozenset(
    {"import", "imported", "csv", "list", "lists", "purchased", "bought", "cold", "expired", "fsbo", "farming"}
    | {"prospecting", "circle", "scraped", "skip", "tax", "county", "referral", "referred", "sphere", "soi", "agent"}
)
_WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSubject:
    """A lead with all that planning and the gates ask about it."""

    record: LeadRecord
    profile: LeadProfile
    #: its actions within the time that counts, oldest first
    past: Sequence[InterventionRecord]
    #: moments of its messages that refuse something: they are no inquiry
    refusing: frozenset[datetime] = frozenset()

    @property
    def open(self) -> bool:
        """Return whether it is still to be won."""
        ended = profiles.ended(self.record) is not None or is_done(self.record.stage)
        return not ended and self.record.lead_type not in UNSCORED_LEAD_TYPES

    @property
    def refused(self) -> str | None:
        """Return the code of what ended all contact, or None; an archived lead that came back may be contacted."""
        if not self.record.contactable:
            return "unsubscribed" if self.record.consent.get("unsubscribed_at") else "do_not_disturb"
        came_back = self.profile.times.get("stage_changed_at")
        for end in ends(self.profile):
            if end.reason in TERMINAL and (end.refused or came_back is None or came_back <= end.at):
                return end.reason
        return "archived" if self.record.status == "archived" else None

    @property
    def has_risk(self) -> bool:
        """Return whether it can still be lost: it is open and refuses nothing."""
        return self.open and self.refused is None

    @property
    def wants_out(self) -> bool:
        """Return whether the lead asked to be left alone and the CRM may not know it yet."""
        crm_knows = any(self.record.consent.get(name) is True for name in ("dnd", "dnd_all"))
        return self.refused not in {None, "archived"} and not crm_knows

    def changed_since(self, moment: datetime) -> bool:
        """Return whether anything was learnt of the lead after a moment."""
        new_event = any(event.recorded_at > moment for event in self.profile.interactions)
        return new_event or self.record.changed_at > moment


def load(
    session: Session,
    context: TaskContext,
    lead_ids: Sequence[str],
    settings: InterventionSettings,
    stored: Sequence[StoredLead] = (),
) -> dict[str, GateSubject]:
    """Load leads as of now, with the actions that may still count, by lead.

    What another lead with the same address refuses, they refuse too. The events of leads that the caller has read just
    now are taken from `stored`.

    Raises:
        UnknownLead: some are not there for this tenant.

    """
    since = context.now - max(settings.cooldown, WEEK) - LONGEST
    records = shared_refusals.with_shared(
        session, context.tenant_id, leads.get(session, context.tenant_id, lead_ids=lead_ids)
    )
    read = {lead.profile.lead_id: lead for lead in stored if _is_current(lead, context)}
    unread = [lead_id for lead_id in lead_ids if lead_id not in read]
    lead_events = events.for_leads(session, context.tenant_id, lead_ids=unread) if unread else {}
    past = interventions.recent(session, context.tenant_id, lead_ids=lead_ids, since=since)
    return {
        record.lead_id: _subject(
            record,
            read.get(record.lead_id),
            lead_events.get(record.lead_id, ()),
            past.get(record.lead_id, ()),
            context.now,
        )
        for record in records
    }


def _is_current(lead: StoredLead, context: TaskContext) -> bool:
    """Return whether a lead was read with all that the gates ask, as of now."""
    return lead.refusing is not None and lead.profile.as_of == context.now


def _subject(
    record: LeadRecord,
    read: StoredLead | None,
    lead_events: Sequence[EventRecord],
    past: Sequence[InterventionRecord],
    now: datetime,
) -> GateSubject:
    if read is not None and read.refusing is not None:
        return GateSubject(record=record, profile=read.profile, past=past, refusing=read.refusing)
    return GateSubject(
        record=record,
        profile=profiles.to_profile(record, lead_events, now),
        past=past,
        refusing=profiles.refusing(lead_events),
    )


def candidate_of(action: str, channel: str, cost: float, *, title: str | None, text: str | None) -> ActionCandidate:
    """Return an action as the gates judge it; title and text are None where Hearth says nothing."""
    words = "\n".join(part for part in (title, text) if part) or None
    return ActionCandidate(action=action, channel=channel, text=words, cost=cost)


def judge_action(
    candidate: ActionCandidate,
    subject: GateSubject,
    moment: datetime,
    settings: InterventionSettings,
    *,
    but: str | None = None,
) -> GateDecision:
    """Judge an action at the moment at which it is to be taken.

    `but` is its own id: it does not count as a contact against itself. An action that cannot be judged is blocked.
    """
    return judge_actions([candidate], subject, moment, settings, but=but)[0]


def judge_actions(
    candidates: Sequence[ActionCandidate],
    subject: GateSubject,
    moment: datetime,
    settings: InterventionSettings,
    *,
    but: str | None = None,
) -> list[GateDecision]:
    """Judge several actions of one lead as `judge_action` does; what they have in common is gathered once."""
    try:
        facts = gate_facts(subject, moment, settings, but=but)
        return [judge(candidate, facts, settings.rules) for candidate in candidates]
    except Exception as error:  # noqa: BLE001  # whatever went wrong, nobody is contacted for it
        log.error("gates_failed", lead_id=subject.record.lead_id, error=type(error).__name__)
        ruling = Ruling(gate="error", rule=f"error.{type(error).__name__}", decision="block")
        blocked = GateDecision(decision="block", not_before=None, rules=(ruling,), requires_approval=False)
        return [blocked] * len(candidates)


def gate_facts(
    subject: GateSubject, moment: datetime, settings: InterventionSettings, *, but: str | None = None
) -> GateFacts:
    """Return what the gates ask about a lead."""
    lead = subject.record
    consent = consent_of(lead)
    return GateFacts(
        now=moment,
        kill_switch=settings.kill_switch,
        consent=consent,
        contactable=contactable(consent),
        refused=subject.refused,
        timezone=lead.fields.get("timezone"),
        state=lead.fields.get("state"),
        phone=lead.contact.get("phone"),
        inquiry_at=inquiry_at(subject.profile, but=subject.refusing),
        contacts=contact_times(subject, moment, but=but),
    )


def consent_of(lead: LeadRecord) -> JsonObject:
    """Return a lead's consent: what is stored, and what its tags, stage and custom fields refuse by the rules of today.

    They are read again because the reader may have learnt words since they came. Doubts are taken as they are stored,
    since a person may have decided them.
    """
    marks = with_marks(LeadDraft(fields=lead.fields, custom=lead.custom), at=lead.changed_at).statements
    return view((mark for mark in marks if mark.decision == "refused"), {**lead.consent})


def inquiry_at(profile: LeadProfile, *, but: Collection[datetime] = frozenset()) -> datetime | None:
    """Return when the lead last asked or answered, leaving out messages of the moments `but`.

    That the lead came by itself counts only where its source says so.

    >>> from datetime import UTC
    >>> came = datetime(2025, 3, 1, tzinfo=UTC)
    >>> sources = ("Website", "Zillow import", "Uncle Bob")
    >>> leads = [LeadProfile(lead_id="1", as_of=came, created_at=came, source=source) for source in sources]
    >>> [inquiry_at(lead) == came for lead in leads]
    [True, False, False]
    """
    source_words = set(_WORD.findall((profile.source or "").casefold()))
    arrival = profile.created_at if source_words & _ASKED and not source_words & _LISTED else None
    inquiries = [event.occurred_at for event in profile.interactions if _asks(event) and event.occurred_at not in but]
    replied = profile.times.get("last_replied_at")
    moments = [*inquiries, arrival, None if replied in but else replied]
    return max((at for at in moments if at is not None and at <= profile.as_of), default=None)


def contact_times(subject: GateSubject, moment: datetime, *, but: str | None = None) -> tuple[datetime, ...]:
    """Return when the lead was contacted in the week before a moment, by actions that were handed over too.

    An action counts once, though the CRM also reports the message that it became.
    """
    actions = [
        action for action in subject.past if action.action_id != but and action.channel != INTERNAL and _reached(action)
    ]
    reaching = [event for event in subject.profile.interactions if _reaches(event)]
    messages = {event.occurred_at for event in reaching if plain_kind(event) not in _REPORTS}
    reports = {event.occurred_at for event in reaching if plain_kind(event) in _REPORTS}
    last = subject.profile.times.get("last_contacted_at")
    others = [at for at in {*reports, last} if at is not None and not any(_covers(action, at) for action in actions)]
    dispatched = [action.dispatched_at for action in actions if action.dispatched_at is not None]
    return tuple(sorted(at for at in {*_besides(actions, messages), *others, *dispatched} if moment - WEEK <= at))


def _besides(actions: Sequence[InterventionRecord], messages: set[datetime]) -> list[datetime]:
    """Return the messages without the first that each action covers: it is the one that the action became."""
    left = sorted(messages)
    for action in actions:
        own_message = next((at for at in left if _covers(action, at)), None)
        if own_message is not None:
            left.remove(own_message)
    return left


def _asks(event: Interaction) -> bool:
    kind = plain_kind(event)
    return kind in _ASKS or (kind in _TALKS and event.direction == "inbound")


def _reaches(event: Interaction) -> bool:
    """Return whether somebody contacted the lead; a call of an unknown direction counts too."""
    kind = plain_kind(event)
    return kind in OUTBOUND | _REPORTS or (kind in _TALKS and event.direction != "inbound")


def _reached(record: InterventionRecord) -> bool:
    """Return whether an action went out, as far as anybody knows."""
    return record.dispatched_at is not None and record.state not in UNREACHED


def _covers(record: InterventionRecord, at: datetime) -> bool:
    if record.dispatched_at is None:
        return False
    ended = record.reported_at or record.withdrawn_at or record.expires_at
    return record.dispatched_at <= at <= ended + _SAME
