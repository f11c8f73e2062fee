"""A lead of the contract as the store takes it."""

from __future__ import annotations

from db.records import LeadDraft
from tasks.contracts.leads import LeadIn

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


def to_draft(lead: LeadIn) -> LeadDraft:
    """Sort what was sent into contact, consent and fields; nothing is merged yet."""
    given = lead.model_dump(exclude_none=True, exclude=set(lead.model_extra or {}))
    personal = {name: given[name] for name in CONTACT if name in given}
    consent = {name: given[name] for name in CONSENT if name in given}
    fields = {name: value for name, value in given.items() if name not in {*CONTACT, *CONSENT, *OWN}}
    return LeadDraft(contact=personal, consent=consent, fields=fields, **{n: given[n] for n in OWN if n in given})
