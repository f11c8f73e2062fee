"""Stored facts that a person corrected (Art. 16): record them, and keep what was wrong from coming back.

A source that sends the old value again, in next week's file perhaps, changes nothing. A source that sends another value
does: it knows something newer.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from db.base import new_id, to_json, utc
from db.data_subject import phone_digits
from db.encryption import DataKey, KeyRing, associated_data
from db.errors import UnknownLead
from db.merging import LeadContent, merge
from db.models import Correction, Lead
from db.records import CorrectionRecord, LeadDraft
from db.repositories.leads import lead_mapper
from db.repositories.leads.lead_mapper import LeadRow
from db.repositories.privacy import tombstones
from db.repositories.sql import column_in, update_many
from db.session import keyring_of, lock_tenant

#: warning of a draft whose value was corrected before
CORRECTED = "fact.corrected"
#: prefix of a tenant's own columns
CUSTOM = "custom."
#: lead -> column -> values that were said to be wrong
RefusedValues = Mapping[str, Mapping[str, Sequence[object]]]

_Value = TypeVar("_Value")


def correct(
    session: Session,
    tenant_id: str,
    *,
    lead_id: str,
    facts: LeadDraft,
    removed: Collection[str] = (),
    reason: str,
    actor: str,
    now: datetime,
) -> tuple[str, ...]:
    """Set the contact, fields and custom columns of a draft, and remove the columns `removed`; return what changed.

    Names in the result are those of columns; a tenant's own begin with `custom.`. It locks the tenant.

    Raises:
        UnknownLead: not there for this tenant.

    """
    lock_tenant(session, tenant_id)
    this = (Lead.tenant_id == tenant_id, Lead.lead_id == lead_id)
    row = session.execute(select(Lead.__table__).where(*this).with_for_update()).mappings().one_or_none()
    if row is None:
        raise UnknownLead((0,))
    ring = keyring_of(session)
    key = lead_mapper.unwrap_data_key(ring, row)
    before = lead_mapper.to_content(row, key)
    after = _corrected(before, merge(None, facts, "overwrite").content, removed)
    was, becomes = _facts(before), _facts(after)
    changed = sorted(name for name in {*was, *becomes} if was.get(name) != becomes.get(name))
    if changed:
        columns = lead_mapper.to_columns(after, ring=ring, key=key, tenant_id=tenant_id, lead_id=lead_id)
        update_many(session, Lead, [{**columns, "version": row["version"] + 1, "changed_at": now, "observed_at": now}])
        changes = [(name, {"before": was.get(name), "after": becomes.get(name)}) for name in changed]
        rows = [
            _row(tenant_id, lead_id, key, name, change) | {"reason": reason, "actor": actor, "corrected_at": now}
            for name, change in changes
        ]
        session.execute(insert(Correction), rows)
    return tuple(changed)


def for_lead(session: Session, tenant_id: str, *, lead_id: str) -> list[CorrectionRecord]:
    """Return the corrections of a lead, oldest first, decrypted.

    Raises:
        UnknownLead: not there for this tenant.
        SealBroken: a stored row was changed or moved.

    """
    this = (Lead.tenant_id == tenant_id, Lead.lead_id == lead_id)
    row = session.execute(select(Lead.tenant_id, Lead.lead_id, Lead.data_key).where(*this)).mappings().one_or_none()
    if row is None:
        raise UnknownLead((0,))
    return _of_leads(session, tenant_id, [row], keyring_of(session)).get(lead_id, [])


def refused_values(session: Session, tenant_id: str, *, rows: Sequence[LeadRow], ring: KeyRing) -> RefusedValues:
    """Return the values that loads may not bring back, of leads by their rows, which need tenant, id and data key."""
    return {
        lead_id: refused
        for lead_id, records in _of_leads(session, tenant_id, rows, ring).items()
        if (refused := _refused(records))
    }


def without_refused(draft: LeadDraft, refused: Mapping[str, Sequence[object]]) -> LeadDraft:
    """Return the draft without values that were said to be wrong; the same draft where it has none."""
    if not refused:
        return draft
    contact, fields = _kept(draft.contact, refused, ""), _kept(draft.fields, refused, "")
    custom = _kept(draft.custom, refused, CUSTOM)
    if (len(contact), len(fields), len(custom)) == (len(draft.contact), len(draft.fields), len(draft.custom)):
        return draft
    return replace(draft, contact=contact, fields=fields, custom=custom)


def has_address(session: Session, tenant_id: str, *, facts: LeadDraft, lead_id: str) -> bool:
    """Return whether another lead, or a person who was erased, has the e-mail address of a draft."""
    value = lead_mapper.lookup_hash(keyring_of(session), tenant_id, lead_mapper.email_key(facts.contact))
    if value is None:
        return False
    others = select(Lead.lead_id).where(Lead.tenant_id == tenant_id, Lead.email_hash == value, Lead.lead_id != lead_id)
    return session.execute(others.limit(1)).first() is not None or bool(
        tombstones.match(session, tenant_id, hashes=[value])
    )


def same_value(name: str, one: object, other: object) -> bool:
    """Return whether two values of a column say the same: letters of any case, numbers, times and phone numbers.

    >>> same_value("phone", "+1 (305) 555-0147", "3055550147"), same_value("state", " fl", "FL")
    (True, True)
    >>> same_value("beds_min", 3, 3.0), same_value("beds_min", 3.0, 4.0)
    (True, False)
    """
    return _comparable(name, one) == _comparable(name, other)


def _comparable(name: str, value: object) -> object:
    if name == "phone":
        return phone_digits(str(value))
    match value:
        case str():
            return " ".join(value.casefold().split())
        case datetime():
            return utc(value).isoformat().casefold()
        case list() | tuple():
            return [_comparable("", item) for item in value]
    return value


def _corrected(content: LeadContent, facts: LeadContent, removed: Collection[str]) -> LeadContent:
    return replace(
        content,
        contact=_without({**content.contact, **facts.contact}, removed, ""),
        fields=_without({**content.fields, **facts.fields}, removed, ""),
        custom=_without({**content.custom, **facts.custom}, removed, CUSTOM),
    )


def _without(values: Mapping[str, _Value], removed: Collection[str], prefix: str) -> dict[str, _Value]:
    return {name: value for name, value in values.items() if f"{prefix}{name}" not in removed}


def _facts(content: LeadContent) -> dict[str, object]:
    custom = {f"{CUSTOM}{name}": value for name, value in content.custom.items()}
    return {**content.contact, **lead_mapper.format_times(content.fields), **custom}


def _kept(values: Mapping[str, _Value], refused: Mapping[str, Sequence[object]], prefix: str) -> dict[str, _Value]:
    return {
        name: value
        for name, value in values.items()
        if not any(same_value(name, value, wrong) for wrong in refused.get(f"{prefix}{name}", ()))
    }


def _refused(records: Sequence[CorrectionRecord]) -> dict[str, list[object]]:
    """Return, by column, what was corrected and is not what the newest correction says."""
    wrong: defaultdict[str, list[object]] = defaultdict(list)
    right = {record.field: record.after for record in records}
    for record in records:
        if record.before is not None and not same_value(record.field, record.before, right[record.field]):
            wrong[record.field].append(record.before)
    return dict(wrong)


def _of_leads(
    session: Session, tenant_id: str, rows: Sequence[LeadRow], ring: KeyRing
) -> dict[str, list[CorrectionRecord]]:
    if not rows:
        return {}
    wanted = column_in(session, Correction.lead_id, [row["lead_id"] for row in rows])
    query = select(Correction.__table__).where(Correction.tenant_id == tenant_id, wanted)
    found = session.execute(query.order_by(Correction.corrected_at, Correction.correction_id)).mappings().all()
    wrapped = {row["lead_id"]: row for row in rows}
    keys = {
        lead_id: lead_mapper.unwrap_data_key(ring, wrapped[lead_id]) for lead_id in {row["lead_id"] for row in found}
    }
    records: defaultdict[str, list[CorrectionRecord]] = defaultdict(list)
    for row in found:
        records[row["lead_id"]].append(_record(row, keys[row["lead_id"]]))
    return dict(records)


def _record(row: LeadRow, key: DataKey) -> CorrectionRecord:
    change = json.loads(key.open(row["change"], _place(row["tenant_id"], row["lead_id"], row["correction_id"])))
    return CorrectionRecord(
        correction_id=row["correction_id"],
        field=row["field"],
        before=change["before"],
        after=change["after"],
        reason=row["reason"],
        actor=row["actor"],
        corrected_at=row["corrected_at"],
    )


def _row(tenant_id: str, lead_id: str, key: DataKey, name: str, change: Mapping[str, object]) -> dict[str, object]:
    correction_id = new_id()
    sealed = key.seal(to_json(change).encode(), _place(tenant_id, lead_id, correction_id))
    names = {"tenant_id": tenant_id, "correction_id": correction_id, "lead_id": lead_id}
    return {**names, "field": name, "change": sealed}


def _place(tenant_id: str, lead_id: str, correction_id: str) -> bytes:
    return associated_data(tenant_id, "corrections.change", lead_id, correction_id)
