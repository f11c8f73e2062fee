"""Load what the gates ask about a lead: consent, refusals, its clock, its last word, and who reached it when."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from db.consent import contactable, view
from db.records import InterventionRecord, LeadDraft, LeadRecord
from db.repositories.events import events
from db.repositories.interventions import interventions
from db.repositories.leads import leads
from db.session import Session
from domain.action_states import UNREACHED
from ml.churn.activity import TERMINAL, ends, plain_kind
from ml.features.events import OUTBOUND
from ml.interventions.compliance.gates import ActionCandidate, GateDecision, GateFacts, Ruling, judge
from ml.profiles import Interaction, LeadProfile
from ml.urgency import is_done
from tasks.intake.consent import REFUSES, with_marks
from tasks.runtime.context import TaskContext
from tasks.services.interventions.intervention_settings import InterventionSettings
from tasks.services.leads import profiles

log = structlog.get_logger(__name__)

#: how far back the gates count contacts
WEEK = timedelta(days=7)
#: no action takes longer than this to begin and to end
LONGEST = timedelta(days=120)
#: channel of actions that reach nobody outside
INTERNAL = "internal"
#: the report of an action and the CRM's event of the same message lie no further apart
_SAME = timedelta(hours=1)
_ASKS = frozenset({"inquiries", "sms_in", "replies", "replied"})
_TALKS = frozenset({"calls", "messages"})
#: how it is told that a lead was contacted where nobody tells by which message: by the report of an action, for one
_REPORTS = frozenset({"contact", "contacted"})
#: words of a source by which people ask themselves
_ASKED = frozenset(
    {"website", "web", "site", "online", "form", "inquiry", "inquiries", "enquiry", "inbound", "chat", "landing", "idx"}
    | {"portal", "zillow", "trulia", "redfin", "realtor", "homes", "movoto", "google", "bing", "organic", "seo", "ppc"}
    | {"facebook", "instagram", "tiktok", "youtube", "linkedin", "social", "ad", "ads", "sign", "walk", "open"}
)
#: words of a source from which leads are taken that never asked for anything
_LISTED = frozenset(
    {"import", "imported", "csv", "list", "lists", "purchased", "bought", "cold", "expired", "fsbo", "farming"}
    | {"prospecting", "circle", "scraped", "skip", "tax", "county", "referral", "referred", "sphere", "soi", "agent"}
)
_WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSubject:
    """A lead with all that planning and the gates ask of it."""

    record: LeadRecord
    profile: LeadProfile
    #: its actions of the time that counts, oldest first
    past: Sequence[InterventionRecord]
    #: when it sent messages that refuse something: they are no inquiry
    refusing: frozenset[datetime] = frozenset()

    @property
    def open(self) -> bool:
        """Whether it is still to be won."""
        ended = profiles.ended(self.record) is not None or is_done(self.record.stage)
        return not ended and self.record.lead_type not in leads.UNSCORED

    @property
    def refused(self) -> str | None:
        """The code of what ended all contact, if anything did; a lead that was archived and came back may be met."""
        if not self.record.contactable:
            return "unsubscribed" if self.record.consent.get("unsubscribed_at") else "do_not_disturb"
        back = self.profile.times.get("stage_changed_at")
        for end in ends(self.profile):
            if end.reason in TERMINAL and (end.refused or back is None or back <= end.at):
                return end.reason
        return "archived" if self.record.status == "archived" else None

    @property
    def has_risk(self) -> bool:
        """Whether it can still be lost: it is open and refuses nothing."""
        return self.open and self.refused is None

    @property
    def wants_out(self) -> bool:
        """Whether the lead asked to be left alone and the CRM may not know it yet."""
        known = any(self.record.consent.get(name) is True for name in ("dnd", "dnd_all"))
        return self.refused not in {None, "archived"} and not known

    def changed_since(self, moment: datetime) -> bool:
        """Whether anything was learnt of the lead after a moment."""
        happened = any(event.recorded_at > moment for event in self.profile.interactions)
        return happened or self.record.changed_at > moment


def load(
    session: Session, context: TaskContext, lead_ids: Sequence[str], choices: InterventionSettings
) -> dict[str, GateSubject]:
    """Load leads as of now, with the actions that may still count.

    Raises:
        UnknownLead: some are not there for this tenant.

    """
    since = context.now - max(choices.cooldown, WEEK) - LONGEST
    records = leads.get(session, context.tenant_id, lead_ids=lead_ids)
    happened = events.for_leads(session, context.tenant_id, lead_ids=lead_ids)
    past = interventions.recent(session, context.tenant_id, lead_ids=lead_ids, since=since)
    return {
        record.lead_id: GateSubject(
            record=record,
            profile=profiles.to_profile(record, happened.get(record.lead_id, ()), context.now),
            past=past.get(record.lead_id, ()),
            refusing=frozenset(
                event.occurred_at for event in happened.get(record.lead_id, ()) if event.facts.get(REFUSES)
            ),
        )
        for record in records
    }


def candidate_of(action: str, channel: str, cost: float, *, title: str | None, text: str | None) -> ActionCandidate:
    """Return an action as the gates judge it; title and text are None where Hearth says nothing."""
    words = "\n".join(part for part in (title, text) if part) or None
    return ActionCandidate(action=action, channel=channel, text=words, cost=cost)


def judge_action(
    candidate: ActionCandidate,
    subject: GateSubject,
    moment: datetime,
    choices: InterventionSettings,
    *,
    but: str | None = None,
) -> GateDecision:
    """Judge an action at the moment at which it is to be taken, itself (`but`) left out; what cannot be is blocked."""
    return judge_actions([candidate], subject, moment, choices, but=but)[0]


def judge_actions(
    candidates: Sequence[ActionCandidate],
    subject: GateSubject,
    moment: datetime,
    choices: InterventionSettings,
    *,
    but: str | None = None,
) -> list[GateDecision]:
    """Judge several actions of one lead as `judge_action` does: what they have in common is gathered once."""
    try:
        facts = gate_facts(subject, moment, choices, but=but)
        return [judge(candidate, facts, choices.rules) for candidate in candidates]
    except Exception as error:  # noqa: BLE001  # whatever went wrong, nobody is contacted for it
        log.error("gates_failed", lead_id=subject.record.lead_id, error=type(error).__name__)
        broken = Ruling(gate="error", rule=f"error.{type(error).__name__}", decision="block")
        blocked = GateDecision(decision="block", not_before=None, rules=(broken,), requires_approval=False)
        return [blocked] * len(candidates)


def gate_facts(
    subject: GateSubject, moment: datetime, choices: InterventionSettings, *, but: str | None = None
) -> GateFacts:
    """Gather what the gates ask."""
    lead = subject.record
    consent = consent_of(lead)
    return GateFacts(
        now=moment,
        kill_switch=choices.kill_switch,
        consent=consent,
        contactable=contactable(consent),
        refused=subject.refused,
        timezone=lead.fields.get("timezone"),
        state=lead.fields.get("state"),
        phone=lead.contact.get("phone"),
        inquiry_at=inquiry_at(subject.profile, but=subject.refusing),
        contacts=contact_times(subject, moment, but=but),
    )


def consent_of(lead: LeadRecord) -> dict[str, Any]:
    """Give what may be sent to a lead: as it is stored, and what its tags, stage and own fields refuse as of now.

    They were read when they came; a reader that has learnt words since then is not waited for. Doubts are stored ones
    only, since a person may have settled them.
    """
    marks = with_marks(LeadDraft(fields=lead.fields, custom=lead.custom), at=lead.changed_at).statements
    return view((mark for mark in marks if mark.decision == "refused"), {**lead.consent})


def inquiry_at(profile: LeadProfile, *, but: Collection[datetime] = frozenset()) -> datetime | None:
    """Give when the lead last asked or answered, messages of the moments `but` left out.

    That it came by itself counts only where its source says so.

    >>> from datetime import UTC
    >>> came = datetime(2025, 3, 1, tzinfo=UTC)
    >>> told = ("Website", "Zillow import", "Uncle Bob")
    >>> asks = [LeadProfile(lead_id="1", as_of=came, created_at=came, source=one) for one in told]
    >>> [inquiry_at(lead) == came for lead in asks]
    [True, False, False]
    """
    own = set(_WORD.findall((profile.source or "").casefold()))
    came = profile.created_at if own & _ASKED and not own & _LISTED else None
    said = [event.occurred_at for event in profile.interactions if _asks(event) and event.occurred_at not in but]
    replied = profile.times.get("last_replied_at")
    known = [*said, came, None if replied in but else replied]
    return max((at for at in known if at is not None and at <= profile.as_of), default=None)


def contact_times(subject: GateSubject, moment: datetime, *, but: str | None = None) -> tuple[datetime, ...]:
    """Give when the lead was contacted in the week before a moment, actions that were handed over included.

    An action counts once, though the CRM also tells of the message that it became.
    """
    own = [one for one in subject.past if one.action_id != but and one.channel != INTERNAL and _reached(one)]
    reached = [event for event in subject.profile.interactions if _reaches(event)]
    told = {event.occurred_at for event in reached if plain_kind(event) not in _REPORTS}
    reports = {event.occurred_at for event in reached if plain_kind(event) in _REPORTS}
    last = subject.profile.times.get("last_contacted_at")
    others = [at for at in {*reports, last} if at is not None and not any(_covers(one, at) for one in own)]
    handed = [one.dispatched_at for one in own if one.dispatched_at is not None]
    return tuple(sorted(at for at in {*_besides(own, told), *others, *handed} if moment - WEEK <= at))


def _besides(own: Sequence[InterventionRecord], told: set[datetime]) -> list[datetime]:
    """Leave out of the messages that the CRM tells of the one that each action became: what follows is another."""
    left = sorted(told)
    for one in own:
        became = next((at for at in left if _covers(one, at)), None)
        if became is not None:
            left.remove(became)
    return left


def _asks(event: Interaction) -> bool:
    kind = plain_kind(event)
    return kind in _ASKS or (kind in _TALKS and event.direction == "inbound")


def _reaches(event: Interaction) -> bool:
    """Tell whether somebody reached out; a call of which nobody says who made it counts too."""
    kind = plain_kind(event)
    return kind in OUTBOUND | _REPORTS or (kind in _TALKS and event.direction != "inbound")


def _reached(record: InterventionRecord) -> bool:
    """Tell whether an action went out, as far as anybody knows."""
    return record.dispatched_at is not None and record.state not in UNREACHED


def _covers(record: InterventionRecord, at: datetime) -> bool:
    if record.dispatched_at is None:
        return False
    ended = record.reported_at or record.withdrawn_at or record.expires_at
    return record.dispatched_at <= at <= ended + _SAME
