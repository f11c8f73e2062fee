"""A lead of the contract as the store takes it."""

from __future__ import annotations

from datetime import datetime

from db.records import LeadDraft
from tasks.contracts.leads import LeadIn
from tasks.intake.consent import with_marks

CONTACT = ("email", "phone", "first_name", "last_name", "full_name")
CONSENT = (
    "opt_in_email",
    "opt_in_sms",
    "opt_in_call",
    "dnd_all",
    "dnd_email",
    "dnd_sms",
    "dnd_call",
    "unsubscribed_at",
)
OWN = ("source_system", "external_id", "as_of", "label", "label_at", "custom")


def to_draft(lead: LeadIn, at: datetime) -> LeadDraft:
    """Sort what was sent at a moment into contact, consent and fields; nothing is merged yet."""
    given = lead.model_dump(exclude_none=True, exclude=set(lead.model_extra or {}))
    personal = {name: given[name] for name in CONTACT if name in given}
    consent = {name: given[name] for name in CONSENT if name in given}
    fields = {name: value for name, value in given.items() if name not in {*CONTACT, *CONSENT, *OWN}}
    own = {name: given[name] for name in OWN if name in given}
    return with_marks(LeadDraft(contact=personal, consent=consent, fields=fields, **own), at=at)
