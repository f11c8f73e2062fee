"""Step 3 of an upsert: write the changes of a batch, each kind of row in one statement."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import update
from sqlalchemy.orm import Session

from db.models import ConsentEntry, Event, Lead, LeadIdentity
from db.repositories.leads.upsert.merge import Changes
from db.repositories.leads.upsert.resolve import UpsertContext
from db.repositories.sql import bulk


def write(session: Session, context: UpsertContext, changes: Changes) -> None:
    """Write rows; parents go before the rows that refer to them."""
    bulk.insert_many(session, Lead, changes.created)
    bulk.update_many(session, Lead, changes.updated)
    _set_import_ref(session, context, changes.unchanged)
    bulk.insert_many(session, LeadIdentity, changes.identities)
    bulk.insert_many(session, Event, changes.events)
    bulk.insert_many(session, ConsentEntry, changes.consent_entries)


def _set_import_ref(session: Session, context: UpsertContext, lead_ids: Sequence[str]) -> None:
    if lead_ids and context.import_ref is not None:
        leads = update(Lead).where(Lead.tenant_id == context.tenant_id, Lead.lead_id.in_(lead_ids))
        session.execute(leads.values(import_ref=context.import_ref), execution_options={"synchronize_session": False})
