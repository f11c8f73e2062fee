"""Map between rows of `leads` and records: encryption, look-up texts and their hashes, times inside JSON."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias

import orjson
from sqlalchemy import RowMapping

from db.base import NewRow, to_json
from db.consent import contactable, doubts
from db.data_subject import phone_digits
from db.encryption import DataKey, KeyRing, associated_data
from db.errors import SealBroken
from db.merging import LeadContent, effective_status
from db.records import LeadRecord, LeadState, ScoringView
from db.repositories.privacy.restrictions import restriction_names
from domain.documents import JsonMapping, JsonObject

#: a row of `leads` as it was read, or copied into a dict
LeadRow: TypeAlias = RowMapping | NewRow
#: suffixes of the names of columns that hold times
_TIMES = ("_at", "as_of")


def unwrap_data_key(ring: KeyRing, row: LeadRow) -> DataKey:
    """Return a lead's data key; the row needs tenant_id, lead_id and data_key."""
    try:
        return DataKey.unwrap(ring, row["data_key"], _key_place(row["tenant_id"], row["lead_id"]))
    except SealBroken as error:
        raise SealBroken(f"leads.data_key of lead {row['lead_id']}: {error}") from None


def wrap_data_key(ring: KeyRing, tenant_id: str, lead_id: str, key: DataKey) -> bytes:
    """Return a lead's data key in the form that is stored."""
    return key.wrap(ring, _key_place(tenant_id, lead_id))


def to_content(row: LeadRow, key: DataKey) -> LeadContent:
    """Return the content of a lead, decrypted."""
    return LeadContent(
        contact=_open(row, key, "contact"),
        custom=_open(row, key, "custom"),
        fields=parse_times(row["fields"]),
        consent=parse_times(row["consent"]),
        status=_status(row),
        label=row["label"],
        label_at=row["label_at"],
    )


def to_contact(row: LeadRow, key: DataKey) -> dict[str, str]:
    """Return the contact of a lead alone, decrypted; the row needs tenant_id, lead_id and contact."""
    return _open(row, key, "contact")


def to_columns(content: LeadContent, *, ring: KeyRing, key: DataKey, tenant_id: str, lead_id: str) -> NewRow:
    """Return the columns of a lead's content: sealed, hashed, or plain."""
    fields = content.fields
    return {
        "tenant_id": tenant_id,
        "lead_id": lead_id,
        "lead_type": fields.get("lead_type"),
        "stage": fields.get("stage"),
        "status": content.status,
        "assigned_to": fields.get("assigned_to"),
        "contactable": contactable(content.consent),
        "doubt_at": min(doubts(content.consent).values(), default=None),
        "created_at": fields.get("created_at"),
        "label": content.label,
        "label_at": content.label_at,
        "fields": format_times(fields),
        "consent": format_times(content.consent),
        "contact": _seal(content.contact, key, tenant_id, lead_id, "contact"),
        "custom": _seal(content.custom, key, tenant_id, lead_id, "custom"),
        "email_hash": lookup_hash(ring, tenant_id, email_key(content.contact)),
        "phone_hash": lookup_hash(ring, tenant_id, phone_key(content.contact)),
    }


def email_key(contact: Mapping[str, str]) -> str | None:
    """Return the look-up text of an e-mail address, or None without one."""
    email = contact.get("email", "").strip().casefold()
    return f"email:{email}" if email else None


def phone_key(contact: Mapping[str, str]) -> str | None:
    """Return the look-up text of phone and last name together, or None when either lacks: phones are shared."""
    digits = phone_digits(contact.get("phone", ""))
    name = _last_name(contact)
    return f"phone:{digits}:{name}" if digits and name else None


def lookup_hash(ring: KeyRing, tenant_id: str, text: str | None) -> bytes | None:
    """Return the hash by which a text is looked up; None for None."""
    return None if text is None else ring.lookup(tenant_id, text)


def to_record(row: LeadRow, ring: KeyRing) -> LeadRecord:
    """Return the record of a whole row of `leads`, decrypted."""
    content = to_content(row, unwrap_data_key(ring, row))
    return LeadRecord(
        **{name: row[name] for name in _PLAIN},
        status=content.status,
        fields=content.fields,
        custom=content.custom,
        contact=content.contact,
        consent=content.consent,
    )


def to_state(row: LeadRow) -> LeadState:
    """Return what a row of `leads`, whose status is `lead_status.STATUS`, says of being scored and contacted."""
    return LeadState(
        lead_id=row["lead_id"],
        version=row["version"],
        status=row["status"],
        label=row["label"],
        stage=row["stage"],
        contactable=row["contactable"],
        restrictions=restriction_names(row["restricted_at"], row["objected_at"]),
    )


def to_scoring_view(row: LeadRow, key: DataKey) -> ScoringView:
    """Return what a model may read of a row of `leads`; `key` is the lead's data key."""
    return ScoringView(
        lead_id=row["lead_id"],
        version=row["version"],
        lead_type=row["lead_type"],
        stage=row["stage"],
        created_at=row["created_at"],
        observed_at=row["observed_at"],
        fields=parse_times(row["fields"]),
        custom=_open(row, key, "custom"),
        restrictions=restriction_names(row["restricted_at"], row["objected_at"]),
        status=_status(row),
        label=row["label"],
        contactable=row["contactable"],
    )


def format_times(values: JsonMapping) -> JsonObject:
    """Convert aware times to ISO 8601 text, for JSON."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}


def parse_times(values: JsonMapping) -> JsonObject:
    """Convert back what `format_times` converted: times are the columns named `…_at` and `as_of`."""
    return {**values, **{name: _time(values[name]) for name in values if name.endswith(_TIMES)}}


_PLAIN = (
    "lead_id",
    "source_system",
    "external_id",
    "version",
    "lead_type",
    "stage",
    "assigned_to",
    "contactable",
    "created_at",
    "observed_at",
    "changed_at",
    "label",
    "label_at",
)


def _status(row: LeadRow) -> str:
    return effective_status(row["status"], row["label"], row["fields"].get("opportunity_status"))


def _last_name(contact: Mapping[str, str]) -> str:
    words = contact.get("last_name", "").split() or contact.get("full_name", "").split()[-1:]
    return unicodedata.normalize("NFKC", " ".join(words)).casefold()


def _time(value: object) -> object:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _key_place(tenant_id: str, lead_id: str) -> bytes:
    return associated_data(tenant_id, "leads.data_key", lead_id)


def _seal(values: JsonMapping, key: DataKey, tenant_id: str, lead_id: str, column: str) -> bytes:
    return key.seal(to_json(values).encode(), associated_data(tenant_id, f"leads.{column}", lead_id))


def _open(row: LeadRow, key: DataKey, column: str) -> JsonObject:
    try:
        decrypted = key.open(row[column], associated_data(row["tenant_id"], f"leads.{column}", row["lead_id"]))
    except SealBroken as error:
        raise SealBroken(f"leads.{column} of lead {row['lead_id']}: {error}") from None
    values: JsonObject = orjson.loads(decrypted)
    return values
