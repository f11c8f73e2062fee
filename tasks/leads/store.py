"""Leads in."""

from __future__ import annotations

from db.records import LeadDraft
from db.repositories import leads
from db.session import Session
from tasks.base import Answer, Work, effect
from tasks.contracts.leads import LeadIn, UpsertLeads

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


@effect("hearth.leads.upsert", UpsertLeads)
def upsert(session: Session, request: UpsertLeads, work: Work) -> Answer:
    """Create or change leads; a lead without a usable identity is rejected by its index and the rest goes on."""
    drafts = [to_draft(lead) for lead in request.leads]
    results = leads.upsert(session, request.tenant_id, drafts=drafts, policy=request.policy, now=work.now)
    for index, result in enumerate(results):
        for code in result.codes if result.lead_id else ():
            work.warn(code, f"leads.{index}")
    outcomes = [result.outcome for result in results]
    return Answer(
        data={
            "created": outcomes.count("created"),
            "updated": outcomes.count("updated"),
            "unchanged": outcomes.count("unchanged") + outcomes.count("skipped") + outcomes.count("duplicate"),
            "rejected": [
                {"index": index, "code": result.codes[0]} for index, result in enumerate(results) if not result.lead_id
            ],
            "lead_ids": [result.lead_id for result in results],
        }
    )


def to_draft(lead: LeadIn) -> LeadDraft:
    """A lead of the contract as the store takes it."""
    given = lead.model_dump(exclude_none=True, exclude=set(lead.model_extra or {}))
    personal = {name: given[name] for name in CONTACT if name in given}
    consent = {name: given[name] for name in CONSENT if name in given}
    fields = {name: value for name, value in given.items() if name not in {*CONTACT, *CONSENT, *OWN}}
    return LeadDraft(contact=personal, consent=consent, fields=fields, **{n: given[n] for n in OWN if n in given})
