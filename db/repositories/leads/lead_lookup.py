"""Find leads by their contact data, without decrypting it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Lead
from db.repositories.leads import lead_mapper
from db.repositories.leads.lead_mapper import email_key
from db.repositories.sql import in_batches
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
