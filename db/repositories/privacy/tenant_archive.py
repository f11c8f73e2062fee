"""Everything that is stored of a tenant, decrypted, for the copy that it takes along when it leaves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.base import Base
from db.data_subject import DataSubject
from db.privacy import STORES
from db.repositories.leads import leads
from db.repositories.privacy import subject_access
from domain.documents import JsonMapping

#: leads that are opened at once
LEADS = 200
_STREAM = 1_000
#: tables that name leads and are about work that is due, not about the leads
_OPERATION = frozenset(store.table for store in STORES if store.category == "operation")
#: table that belongs to no single lead -> columns that are left out: secrets, and bytes that only Hearth reads
OF_TENANT: Mapping[str, frozenset[str]] = {
    "tenant_settings": frozenset(),
    "api_keys": frozenset({"secret_hash", "sealed_secret"}),
    "model_versions": frozenset({"artifact"}),
    "backfills": frozenset({"spool", "error_file"}),
    "assessments": frozenset(),
    "intervention_pauses": frozenset(),
    "erasures": frozenset(),
    "outbound_events": frozenset(),
    "audit": frozenset(),
}


def of_leads(session: Session, tenant_id: str) -> Iterator[dict[str, list[JsonMapping]]]:
    """Yield the rows of a few leads at a time, by table.

    Raises:
        SealBroken: a stored row was changed or moved.

    """
    after: str | None = None
    while lead_ids := leads.ids(session, tenant_id, after=after, limit=LEADS):
        subject = DataSubject(lead_ids=frozenset(lead_ids))
        rows = subject_access.of_leads(session, tenant_id, subject=subject)
        yield {table: found for table, found in rows.items() if table not in _OPERATION}
        after = lead_ids[-1]


def of_tenant(session: Session, tenant_id: str, *, table: str) -> Iterator[JsonMapping]:
    """Yield the tenant's rows of a table of `OF_TENANT`, in the order of its key; sealed secrets are left out."""
    stored = Base.metadata.tables[table]
    shown = [column for column in stored.columns if column.name not in OF_TENANT[table]]
    query = select(*shown).where(stored.c.tenant_id == tenant_id).order_by(*stored.primary_key.columns)
    for row in session.execute(query.execution_options(yield_per=_STREAM)).mappings():
        yield _without_secret(dict(row)) if table == "tenant_settings" else dict(row)


def _without_secret(row: JsonMapping) -> JsonMapping:
    callback = row["settings"].get("callback") or {}
    shown = {name: value for name, value in callback.items() if name != "sealed"}
    return {**row, "settings": {**row["settings"], **({"callback": shown} if callback else {})}}
