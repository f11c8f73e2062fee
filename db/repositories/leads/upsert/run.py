"""An upsert of leads from start to end: prepare new leads, lock the tenant, then resolve, merge and write each batch.

The order is the contract. Sealing new leads is the expensive part, so it is done before the lock, while other writers
of the tenant go on; whether a lead is new indeed is decided under the lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import update
from sqlalchemy.orm import Session

from db.models import ConsentEntry, Event, Lead, LeadIdentity
from db.records import LeadDraft, UpsertResult
from db.repositories import sql, tenants
from db.repositories.leads.upsert.merge import Changes, NewLead, merge_drafts, new_lead
from db.repositories.leads.upsert.resolve import (
    LookupKeys,
    UpsertContext,
    load_stored,
    lookup_keys,
    stored_identities,
)
from db.repositories.privacy import corrections
from db.repositories.sql import in_batches
from db.session import lock_tenant

_BATCH = 1_000
#: drafts of a batch from which on preparing is worth its query
_MANY = 100


def upsert(session: Session, drafts: Sequence[LeadDraft], context: UpsertContext) -> list[UpsertResult]:
    """Merge drafts in the order given; see `db.repositories.leads.leads.upsert`."""
    settings = tenants.require(session, context.tenant_id).settings
    context = replace(context, merge_on=frozenset(settings.get("merge_on") or ()))
    batches = [(batch, [lookup_keys(draft, context) for draft in batch]) for batch in in_batches(drafts, _BATCH)]
    prepared = [_prepare(session, context, batch, keys) for batch, keys in batches]
    lock_tenant(session, context.tenant_id)
    results: list[UpsertResult] = []
    for (batch, keys), new_leads in zip(batches, prepared, strict=True):
        stored = load_stored(session, context, batch, keys)
        refused = corrections.refused_values(session, context.tenant_id, rows=stored.rows, ring=context.ring)
        batch_results, changes = merge_drafts(batch, keys, stored, new_leads, context, refused=refused)
        _write(session, context, changes)
        results += batch_results
    return results


def _prepare(
    session: Session, context: UpsertContext, drafts: Sequence[LeadDraft], keys: Sequence[LookupKeys]
) -> dict[int, NewLead]:
    """Make the leads that seem to be new, by position; nothing for a small batch."""
    if len(drafts) < _MANY:
        return {}
    stored = stored_identities(session, context, keys)
    return {
        position: new_lead(draft, draft_keys, context)
        for position, (draft, draft_keys) in enumerate(zip(drafts, keys, strict=True))
        if draft_keys.identity is not None and draft_keys.identity not in stored
    }


def _write(session: Session, context: UpsertContext, changes: Changes) -> None:
    """Write rows; parents go before the rows that refer to them."""
    sql.insert_many(session, Lead, changes.created)
    sql.update_many(session, Lead, changes.updated)
    _set_import_ref(session, context, changes.unchanged)
    sql.insert_many(session, LeadIdentity, changes.identities)
    sql.insert_many(session, Event, changes.events)
    sql.insert_many(session, ConsentEntry, changes.consent_entries)


def _set_import_ref(session: Session, context: UpsertContext, lead_ids: Sequence[str]) -> None:
    if lead_ids and context.import_ref is not None:
        leads = update(Lead).where(Lead.tenant_id == context.tenant_id, Lead.lead_id.in_(lead_ids))
        session.execute(leads.values(import_ref=context.import_ref), execution_options={"synchronize_session": False})
