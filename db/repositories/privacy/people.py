"""Find people by an e-mail address or a phone number, exactly; several may share one, and nobody is chosen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.data_subject import phone_digits
from db.models import Lead, LeadIdentity
from db.records import ErasureRecord, FoundPerson
from db.repositories.leads import lead_mapper
from db.repositories.leads.lead_mapper import email_key, phone_key
from db.repositories.leads.lead_status import STATUS
from db.repositories.privacy import erasure, tombstones
from db.repositories.privacy.restrictions import restriction_names
from db.repositories.sql import column_in
from db.session import keyring_of

#: leads that are opened at once
_STREAM = 1_000


def by_email(session: Session, tenant_id: str, *, email: str) -> list[FoundPerson]:
    """Return the leads with this e-mail address, by id; capital and small letters are the same."""
    value = lead_mapper.lookup_hash(keyring_of(session), tenant_id, email_key({"email": email}))
    having = select(Lead.lead_id).where(Lead.tenant_id == tenant_id, Lead.email_hash == value)
    return _people(session, tenant_id, list(session.scalars(having)))


def by_phone(session: Session, tenant_id: str, *, phone: str) -> list[FoundPerson]:
    """Return the leads with this number, by id, however it is written.

    What is stored is the hash of a number with a last name, since people share numbers. So every lead's number is
    opened and compared.

    Raises:
        SealBroken: a stored lead was changed or moved.

    """
    wanted = phone_digits(phone)
    found = [lead_id for lead_id, number in _numbers(session, tenant_id) if phone_digits(number) == wanted]
    return _people(session, tenant_id, found)


def forgotten(
    session: Session, tenant_id: str, *, email: str | None, phone: str | None, last_name: str | None
) -> list[ErasureRecord]:
    """Return the finished erasures of people with this address, or with this number and last name, oldest first."""
    contact = {name: text for name, text in (("email", email), ("phone", phone), ("last_name", last_name)) if text}
    ring, keys = keyring_of(session), (email_key(contact), phone_key(contact))
    hashes = [ring.lookup(tenant_id, key) for key in keys if key is not None]
    erasure_ids = tombstones.erasures(session, tenant_id, hashes=hashes) if hashes else []
    records = (erasure.get(session, tenant_id, erasure_id=erasure_id) for erasure_id in erasure_ids)
    return [record for record in records if record is not None]


def _numbers(session: Session, tenant_id: str) -> Iterator[tuple[str, str]]:
    ring = keyring_of(session)
    columns = (Lead.tenant_id, Lead.lead_id, Lead.data_key, Lead.contact)
    query = select(*columns).where(Lead.tenant_id == tenant_id).execution_options(yield_per=_STREAM)
    for row in session.execute(query).mappings():
        number = lead_mapper.to_contact(row, lead_mapper.unwrap_data_key(ring, row)).get("phone")
        if number:
            yield row["lead_id"], number


def _people(session: Session, tenant_id: str, lead_ids: Sequence[str]) -> list[FoundPerson]:
    known = select(LeadIdentity.lead_id, LeadIdentity.source_system, LeadIdentity.external_id).where(
        LeadIdentity.tenant_id == tenant_id, column_in(session, LeadIdentity.lead_id, lead_ids)
    )
    identities: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for lead_id, system, external_id in session.execute(known.order_by(LeadIdentity.source_system)):
        identities[lead_id].append((system, external_id))
    columns = (Lead.lead_id, STATUS.label("status"), Lead.restricted_at, Lead.objected_at)
    rows = session.execute(
        select(*columns)
        .where(Lead.tenant_id == tenant_id, column_in(session, Lead.lead_id, lead_ids))
        .order_by(Lead.lead_id)
    )
    return [
        FoundPerson(
            lead_id=row.lead_id,
            identities=tuple(identities[row.lead_id]),
            status=row.status,
            restrictions=restriction_names(row.restricted_at, row.objected_at),
        )
        for row in rows
    ]
