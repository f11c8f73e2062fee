"""Between rows of the ledger of consent and records; the words are sealed with the lead's key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db import consent
from db.encryption import DataKey, associated_data
from db.models import ConsentEntry
from db.records import ConsentRecord, ConsentStatement, LeadDraft
from db.repositories.sql import filters

#: words beyond this are cut: what refuses stands before
_QUOTE = 1_000


def stored_entry_ids(session: Session, tenant_id: str, *, lead_ids: Sequence[str]) -> set[str]:
    """Return the ids of the stored entries of some leads."""
    own = (ConsentEntry.tenant_id == tenant_id, filters.column_in(session, ConsentEntry.lead_id, lead_ids))
    return set(session.scalars(select(ConsentEntry.entry_id).where(*own)))


def new_rows(
    draft: LeadDraft,
    *,
    key: DataKey,
    tenant_id: str,
    lead_id: str,
    now: datetime,
    import_ref: str | None,
    known: set[str],
) -> tuple[list[dict[str, Any]], tuple[ConsentStatement, ...]]:
    """Return the rows that a draft adds to the ledger, and its statements that close something; `stored_entry_ids` learns their ids.

    What `stored_entry_ids` has is not given again: it is stored already.
    """
    rows: list[dict[str, Any]] = []
    closing: list[ConsentStatement] = []
    for entry in consent.entries(consent.statements_of(draft)):
        entry_id = entry.id_of(lead_id, draft.source_system)
        if entry_id not in known:
            known.add(entry_id)
            rows.append(
                to_row(
                    entry,
                    key=key,
                    tenant_id=tenant_id,
                    entry_id=entry_id,
                    lead_id=lead_id,
                    source=draft.source_system,
                    now=now,
                    import_ref=import_ref,
                )
            )
            closing += [one for one in entry.statements if one.decision in consent.CLOSING]
    return rows, tuple(closing)


def to_row(
    entry: consent.Entry,
    *,
    key: DataKey,
    tenant_id: str,
    entry_id: str,
    lead_id: str,
    source: str,
    now: datetime,
    import_ref: str | None,
) -> dict[str, Any]:
    """Return the row of an entry."""
    return {
        "tenant_id": tenant_id,
        "entry_id": entry_id,
        "lead_id": lead_id,
        "source": source,
        "said_at": entry.said_at,
        "recorded_at": now,
        "import_ref": import_ref,
        "said": list(entry.document),
        "quote": None if entry.quote is None else _sealed(entry.quote, key, tenant_id, entry_id),
    }


def _sealed(quote: str, key: DataKey, tenant_id: str, entry_id: str) -> bytes:
    return key.seal(quote[:_QUOTE].encode(errors="replace"), quote_binding(tenant_id, entry_id))


def without_known_doubts(draft: LeadDraft, *, lead_id: str, known: set[str]) -> LeadDraft:
    """Leave out doubts that were noted before: they stand, or a person has settled them."""
    doubtful = [one for one in draft.statements if one.decision == "doubtful"]
    if not doubtful:
        return draft
    noted = {
        id(one)
        for entry in consent.entries(tuple(doubtful))
        if entry.id_of(lead_id, draft.source_system) in known
        for one in entry.statements
    }
    return replace(draft, statements=tuple(one for one in draft.statements if id(one) not in noted))


def refusals_only(draft: LeadDraft) -> LeadDraft:
    """Return what a draft refuses and nothing else, for a lead that is to stay as it is."""
    return replace(
        draft,
        consent={name: value for name, value in draft.consent.items() if consent.refuses(name, value)},
        statements=tuple(one for one in draft.statements if one.decision in consent.CLOSING),
    )


def to_record(row: Any, key: DataKey) -> ConsentRecord:
    """Open an entry."""
    quote = None
    if row["quote"] is not None:
        quote = key.open(row["quote"], quote_binding(row["tenant_id"], row["entry_id"])).decode(errors="replace")
    names = ("entry_id", "lead_id", "source", "said_at", "recorded_at", "import_ref")
    return ConsentRecord(**{name: row[name] for name in names}, said=tuple(row["said"]), quote=quote)


def quote_binding(tenant_id: str, entry_id: str) -> bytes:
    """Return the place that an entry's words are bound to."""
    return associated_data(tenant_id, "consent_entries.quote", entry_id)
