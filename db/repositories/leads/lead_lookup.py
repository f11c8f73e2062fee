"""Find leads by their contact data, without decrypting it, and by the ids under which source systems know them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Lead, LeadIdentity
from db.repositories.leads import lead_mapper
from db.repositories.leads.lead_mapper import email_key
from db.repositories.sql import column_in, in_batches
from db.session import keyring_of


def by_email(session: Session, tenant_id: str, *, emails: Sequence[str]) -> dict[str, str]:
    """Return the leads with these addresses, by address; addresses that no lead or several leads have are left out."""
    ring = keyring_of(session)
    email_by_hash = {lead_mapper.lookup_hash(ring, tenant_id, email_key({"email": email})): email for email in emails}
    lead_ids_by_email: dict[str, set[str]] = {}
    for batch in in_batches([key for key in email_by_hash if key is not None]):
        rows = select(Lead.email_hash, Lead.lead_id).where(Lead.tenant_id == tenant_id, Lead.email_hash.in_(batch))
        for key, lead_id in session.execute(rows):
            lead_ids_by_email.setdefault(email_by_hash[key], set()).add(lead_id)
    return {email: lead_ids.pop() for email, lead_ids in lead_ids_by_email.items() if len(lead_ids) == 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """An id under which a source system knows a lead."""

    source_system: str
    external_id: str


def by_external_id(session: Session, tenant_id: str, *, external_ids: Collection[str]) -> dict[str, dict[str, str]]:
    """Return the leads with these ids: external id -> source system -> our id; ids that no lead has are left out."""
    rows = select(LeadIdentity.external_id, LeadIdentity.source_system, LeadIdentity.lead_id).where(
        LeadIdentity.tenant_id == tenant_id, column_in(session, LeadIdentity.external_id, external_ids)
    )
    leads: dict[str, dict[str, str]] = {}
    for external_id, system, lead_id in session.execute(rows):
        leads.setdefault(external_id, {})[system] = lead_id
    return leads


def identities(
    session: Session, tenant_id: str, *, lead_ids: Collection[str], source_system: str | None = None
) -> dict[str, Identity]:
    """Return the ids of leads in a source system, the smallest of several; else the id that a lead came with first.

    Leads without any id are left out, and so are leads that are not there.
    """
    first = select(Lead.lead_id, Lead.source_system, Lead.external_id).where(
        Lead.tenant_id == tenant_id, Lead.external_id.is_not(None), column_in(session, Lead.lead_id, lead_ids)
    )
    named = select(LeadIdentity.lead_id, LeadIdentity.source_system, LeadIdentity.external_id).where(
        LeadIdentity.tenant_id == tenant_id,
        LeadIdentity.source_system == source_system,
        column_in(session, LeadIdentity.lead_id, lead_ids),
    )
    rows = session.execute(first).all()
    if source_system is not None:
        rows = [*rows, *sorted(session.execute(named).all(), key=lambda row: row.external_id, reverse=True)]
    return {row.lead_id: Identity(source_system=row.source_system, external_id=row.external_id) for row in rows}
