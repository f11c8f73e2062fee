"""Between rows of `leads` and records: sealing, opening, times inside JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from db.base import to_json
from db.consent import contactable, doubts
from db.encryption import DataKey, KeyRing, place
from db.errors import SealBroken
from db.identity import email_key, phone_key
from db.merging import Content
from db.records import LeadRecord, LeadSight
from db.repositories.privacy.restrictions import named

Row = Mapping[Any, Any]
#: how the names of columns that hold times end
_TIMES = ("_at", "as_of")


def data_key_of(ring: KeyRing, row: Row) -> DataKey:
    """Open a lead's own key; the row needs tenant_id, lead_id, data_key."""
    try:
        return DataKey.unwrap(ring, row["data_key"], _key_place(row["tenant_id"], row["lead_id"]))
    except SealBroken as error:
        raise SealBroken(f"leads.data_key of lead {row['lead_id']}: {error}") from None


def wrapped(ring: KeyRing, tenant_id: str, lead_id: str, key: DataKey) -> bytes:
    """Give the form of a lead's key that is stored."""
    return key.wrap(ring, _key_place(tenant_id, lead_id))


def content_of(row: Row, key: DataKey) -> Content:
    """Open what is known of a lead."""
    return Content(
        contact=_open(row, key, "contact"),
        custom=_open(row, key, "custom"),
        fields=with_times(row["fields"]),
        consent=with_times(row["consent"]),
        status=row["status"],
        label=row["label"],
        label_at=row["label_at"],
    )


def columns_of(content: Content, *, ring: KeyRing, key: DataKey, tenant_id: str, lead_id: str) -> dict[str, Any]:
    """Give the columns that hold a content: sealed, hashed, or plain."""
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
        "fields": without_times(fields),
        "consent": without_times(content.consent),
        "contact": _seal(content.contact, key, tenant_id, lead_id, "contact"),
        "custom": _seal(content.custom, key, tenant_id, lead_id, "custom"),
        "email_hash": hashed(ring, tenant_id, email_key(content.contact)),
        "phone_hash": hashed(ring, tenant_id, phone_key(content.contact)),
    }


def hashed(ring: KeyRing, tenant_id: str, text: str | None) -> bytes | None:
    """Give the hash under which a text is found, or None for None."""
    return None if text is None else ring.lookup(tenant_id, text)


def record_of(row: Row, ring: KeyRing) -> LeadRecord:
    """Open a whole row of `leads`."""
    content = content_of(row, data_key_of(ring, row))
    return LeadRecord(
        **{name: row[name] for name in _PLAIN},
        fields=content.fields,
        custom=content.custom,
        contact=content.contact,
        consent=content.consent,
    )


def scoring_view_of(row: Row, key: DataKey) -> LeadSight:
    """Open what a model may read of a row of `leads`; its key is open already."""
    return LeadSight(
        lead_id=row["lead_id"],
        version=row["version"],
        lead_type=row["lead_type"],
        stage=row["stage"],
        created_at=row["created_at"],
        observed_at=row["observed_at"],
        fields=with_times(row["fields"]),
        custom=_open(row, key, "custom"),
        held=named(row["restricted_at"], row["objected_at"]),
        status=row["status"],
        label=row["label"],
        contactable=row["contactable"],
    )


def without_times(values: Mapping[str, Any]) -> dict[str, Any]:
    """Write aware times as ISO 8601 text, for JSON."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}


def with_times(values: Mapping[str, Any]) -> dict[str, Any]:
    """Read back what `without_times` wrote: times are the columns named `…_at` and `as_of`."""
    return {**values, **{name: _time(values[name]) for name in values if name.endswith(_TIMES)}}


_PLAIN = (
    "lead_id",
    "source_system",
    "external_id",
    "version",
    "lead_type",
    "stage",
    "status",
    "assigned_to",
    "contactable",
    "created_at",
    "observed_at",
    "changed_at",
    "label",
    "label_at",
)


def _time(value: object) -> object:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _key_place(tenant_id: str, lead_id: str) -> bytes:
    return place(tenant_id, "leads.data_key", lead_id)


def _seal(values: Mapping[str, Any], key: DataKey, tenant_id: str, lead_id: str, column: str) -> bytes:
    return key.seal(to_json(values).encode(), place(tenant_id, f"leads.{column}", lead_id))


def _open(row: Row, key: DataKey, column: str) -> dict[str, Any]:
    try:
        plain = key.open(row[column], place(row["tenant_id"], f"leads.{column}", row["lead_id"]))
    except SealBroken as error:
        raise SealBroken(f"leads.{column} of lead {row['lead_id']}: {error}") from None
    opened: dict[str, Any] = orjson.loads(plain)
    return opened
