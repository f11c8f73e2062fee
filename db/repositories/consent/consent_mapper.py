"""Map between rows of the consent ledger and records; the words are sealed with the lead's key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import RowMapping, String, cast, select
from sqlalchemy.orm import Session

from db import consent
from db.base import NewRow
from db.encryption import DataKey, associated_data
from db.models import ConsentEntry
from db.records import ConsentRecord, ConsentStatement, LeadDraft
from db.repositories import sql


def stored_entry_ids(
    session: Session, tenant_id: str, *, lead_ids: Sequence[str], key_of: Callable[[str], DataKey]
) -> set[str]:
    """Return the ids of the stored entries of some leads, as `Entry.id_of` gives them.

    A doubt that an older version stored has an id without its words: the one with them is returned instead.
    """
    conditions = (ConsentEntry.tenant_id == tenant_id, sql.column_in(session, ConsentEntry.lead_id, lead_ids))
    stored = set(session.scalars(select(ConsentEntry.entry_id).where(*conditions)))
    # of the same words in a JSON document on either database
    doubts = (ConsentEntry.quote.is_not(None), cast(ConsentEntry.said, String).contains("doubtful"))
    for row in session.execute(select(ConsentEntry.__table__).where(*conditions, *doubts)).mappings():
        record = to_record(row, key_of(row["lead_id"]))
        stored.discard(record.entry_id)
        stored.add(consent.stored_entry(record.said, record.quote or "").id_of(record.lead_id, record.source))
    return stored


def new_rows(
    draft: LeadDraft,
    *,
    key: DataKey,
    tenant_id: str,
    lead_id: str,
    now: datetime,
    import_ref: str | None,
    stored_ids: set[str],
) -> tuple[list[NewRow], tuple[ConsentStatement, ...]]:
    """Return the rows that a draft adds to the ledger, and its statements that close a channel.

    Entries whose ids are in `stored_ids` are stored already and left out; the ids of new ones are added to it.
    """
    rows: list[NewRow] = []
    closing: list[ConsentStatement] = []
    for entry in consent.entries(consent.statements_of(draft)):
        entry_id = entry.id_of(lead_id, draft.source_system)
        if entry_id not in stored_ids:
            stored_ids.add(entry_id)
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
            closing += [statement for statement in entry.statements if statement.decision in consent.CLOSING]
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
) -> NewRow:
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
    return key.seal(quote[: consent.QUOTE_LIMIT].encode(errors="replace"), quote_binding(tenant_id, entry_id))


def without_known_doubts(draft: LeadDraft, *, lead_id: str, stored_ids: set[str]) -> LeadDraft:
    """Return a draft without doubts that were recorded before: they still hold, or a person has settled them."""
    doubtful = [statement for statement in draft.statements if statement.decision == "doubtful"]
    if not doubtful:
        return draft
    recorded = {
        id(statement)
        for entry in consent.entries(tuple(doubtful))
        if entry.id_of(lead_id, draft.source_system) in stored_ids
        for statement in entry.statements
    }
    statements = tuple(statement for statement in draft.statements if id(statement) not in recorded)
    return replace(draft, statements=statements)


def refusals_only(draft: LeadDraft) -> LeadDraft:
    """Return a draft with its refusals and nothing else of consent, for a lead that is to stay as it is."""
    return replace(
        draft,
        consent={name: value for name, value in draft.consent.items() if consent.refuses(name, value)},
        statements=tuple(statement for statement in draft.statements if statement.decision in consent.CLOSING),
    )


def to_record(row: RowMapping, key: DataKey) -> ConsentRecord:
    """Return the record of an entry, with its words decrypted."""
    quote = None
    if row["quote"] is not None:
        quote = key.open(row["quote"], quote_binding(row["tenant_id"], row["entry_id"])).decode(errors="replace")
    names = ("entry_id", "lead_id", "source", "said_at", "recorded_at", "import_ref")
    return ConsentRecord(**{name: row[name] for name in names}, said=tuple(row["said"]), quote=quote)


def quote_binding(tenant_id: str, entry_id: str) -> bytes:
    """Return the associated data of an entry's words."""
    return associated_data(tenant_id, "consent_entries.quote", entry_id)
