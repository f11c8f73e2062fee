"""Finding leads by what their contact says, without opening it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.identity import email_key
from db.models import Lead
from db.repositories.leads import lead_mapper
from db.repositories.sql.clauses import in_batches, ring_of


def by_email(session: Session, tenant_id: str, *, emails: Sequence[str]) -> dict[str, str]:
    """Give the leads that have these addresses, by address; one that no lead or several leads have is left out."""
    ring = ring_of(session)
    hashed = {lead_mapper.hashed(ring, tenant_id, email_key({"email": email})): email for email in emails}
    found: dict[str, set[str]] = {}
    for batch in in_batches([key for key in hashed if key is not None]):
        rows = select(Lead.email_hash, Lead.lead_id).where(Lead.tenant_id == tenant_id, Lead.email_hash.in_(batch))
        for key, lead_id in session.execute(rows):
            found.setdefault(hashed[key], set()).add(lead_id)
    return {email: lead_ids.pop() for email, lead_ids in found.items() if len(lead_ids) == 1}
