"""An upsert of leads from start to end: prepare new leads, lock the tenant, then resolve, merge and write each batch.

The order is the contract. Sealing new leads is the expensive part, so it is done before the lock, while other writers
of the tenant go on; whether a lead is new indeed is decided under the lock.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from db.records import LeadDraft, UpsertResult
from db.repositories import tenants
from db.repositories.leads.upsert.merge import NewLead, merge_drafts, new_lead
from db.repositories.leads.upsert.resolve import (
    LookupKeys,
    UpsertContext,
    load_stored,
    lookup_keys,
    stored_identities,
)
from db.repositories.leads.upsert.write import write
from db.repositories.sql.locks import lock_tenant
from db.repositories.sql.statements import in_batches

_BATCH = 1_000
#: drafts of a batch from which on preparing is worth its query
_MANY = 100


def upsert(session: Session, drafts: Sequence[LeadDraft], context: UpsertContext) -> list[UpsertResult]:
    """Merge drafts in the order given; see `db.repositories.leads.leads.upsert`."""
    tenants.require(session, context.tenant_id)
    batches = [(batch, [lookup_keys(draft, context) for draft in batch]) for batch in in_batches(drafts, _BATCH)]
    prepared = [_prepare(session, context, batch, keys) for batch, keys in batches]
    lock_tenant(session, context.tenant_id)
    results: list[UpsertResult] = []
    for (batch, keys), new_leads in zip(batches, prepared, strict=True):
        stored = load_stored(session, context, batch, keys)
        batch_results, changes = merge_drafts(batch, keys, stored, new_leads, context)
        write(session, context, changes)
        results += batch_results
    return results


def _prepare(
    session: Session, context: UpsertContext, drafts: Sequence[LeadDraft], keys: Sequence[LookupKeys]
) -> dict[int, NewLead]:
    """Make the leads that seem to be new, by position; nothing for a small batch."""
    if len(drafts) < _MANY:
        return {}
    known = stored_identities(session, context, keys)
    return {
        position: new_lead(draft, draft_keys, context)
        for position, (draft, draft_keys) in enumerate(zip(drafts, keys, strict=True))
        if draft_keys.identity is not None and draft_keys.identity not in known
    }
