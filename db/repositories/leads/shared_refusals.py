"""Refusals of leads that share an e-mail address, or a phone number and a last name: what one refuses, none may get.

Such leads are kept apart because they may be two people (see `db.repositories.leads.upsert.resolve`). They may also be
one person whom the CRM has twice, and a message to a shared address reaches whoever said no.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Select, select, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from db import consent as consents
from db.models import Lead
from db.records import LeadRecord
from db.repositories.leads.lead_mapper import parse_times
from db.repositories.sql import in_batches
from domain.documents import JsonObject

_ONE, _OTHER = aliased(Lead), aliased(Lead)
_SHARED = ("email_hash", "phone_hash")


def sharing(session: Session, tenant_id: str, *, lead_ids: Sequence[str]) -> list[str]:
    """Return the other leads that share an address with any of these, by id."""
    found: set[str] = set()
    for batch in in_batches(lead_ids):
        found.update(session.scalars(union_all(*_pairs(tenant_id, batch, _OTHER.lead_id))))
    return sorted(found - set(lead_ids))


def of_others(session: Session, tenant_id: str, *, lead_ids: Sequence[str]) -> dict[str, JsonObject]:
    """Return what others who share an address with leads refuse, as entries of the view; leads without are left out."""
    refused: dict[str, JsonObject] = {}
    for batch in in_batches(lead_ids):
        for lead_id, view in session.execute(union_all(*_pairs(tenant_id, batch, _ONE.lead_id, _OTHER.consent))):
            closing = {name: value for name, value in parse_times(view).items() if consents.refuses(name, value)}
            if closing:
                refused[lead_id] = consents.merge(refused.get(lead_id, {}), closing)[0]
    return refused


def _pairs(
    tenant_id: str, lead_ids: Sequence[str], *columns: InstrumentedAttribute[Any]
) -> list[Select[tuple[Any, ...]]]:
    """Return a query for each kind of address: pairs of one of these leads and another lead that shares it."""
    return [
        select(*columns)
        .select_from(_ONE)
        .join(_OTHER, (_OTHER.tenant_id == _ONE.tenant_id) & (getattr(_OTHER, name) == getattr(_ONE, name)))
        .where(_ONE.tenant_id == tenant_id, _ONE.lead_id.in_(lead_ids), _OTHER.lead_id != _ONE.lead_id)
        for name in _SHARED
    ]


def with_shared(session: Session, tenant_id: str, records: Sequence[LeadRecord]) -> list[LeadRecord]:
    """Return leads with the refusals of those who share an address with them."""
    others = of_others(session, tenant_id, lead_ids=[record.lead_id for record in records])
    return [_closed(record, others[record.lead_id]) if record.lead_id in others else record for record in records]


def _closed(record: LeadRecord, refused: JsonObject) -> LeadRecord:
    # its own consent is the news: a refusal wins whichever comes first, and the earliest time is kept
    view = consents.merge(refused, record.consent)[0]
    return replace(record, consent=view, contactable=record.contactable and consents.contactable(view))
