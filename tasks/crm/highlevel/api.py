"""How HighLevel's public API is called: its address, its limits, and which requests may be repeated.

The limits are those that HighLevel publishes for a token of one location; its answers say what is left of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from tasks.contracts.base.wire import to_wire
from tasks.crm.adapter import CrmApi, Json, Remaining, WriteBackValues
from tasks.crm.highlevel.requests import PROVIDER, VERSIONS, contact_path

#: names under which an answer gives the ids of a message; an e-mail has one of its own
_MESSAGE_IDS = ("messageId", "emailMessageId")


def write_back(contact_id: str, values: WriteBackValues, settings: Mapping[str, Any]) -> Json | None:
    """Return the request that sets custom fields of a contact; None where no field is mapped to any of the values."""
    mapped = settings.get("custom_fields") or {}
    fields = [
        {"id": field, "field_value": "" if values[name] is None else values[name]}
        for field, name in sorted(mapped.items())
        if name in values
    ]
    if not fields:
        return None
    versions = (settings.get("interventions") or {}).get("versions") or {}
    request: Json = to_wire(
        {
            "provider": PROVIDER,
            "method": "PUT",
            "path": contact_path(contact_id),
            "body": {"customFields": fields},
            "headers": {"Version": versions.get("contacts") or VERSIONS["contacts"]},
        }
    )
    return request


def is_idempotent(request: Json) -> bool:
    """Return whether a request that is sent twice has the effect of one.

    A tag that a contact has is not added again, and starts nothing; a contact put into a workflow again may run through
    it again.
    """
    return request["method"] in {"PUT", "DELETE"} or request["path"].endswith("/tags")


def remaining(headers: Mapping[str, str]) -> Remaining:
    """Return what the headers of an answer say is left."""
    return Remaining(
        in_window=_count(headers.get("x-ratelimit-remaining")),
        in_day=_count(headers.get("x-ratelimit-daily-remaining")),
    )


def message_ids(answer: Any) -> tuple[str, ...]:
    """Return the ids that an answer gives a message."""
    if not isinstance(answer, Mapping):
        return ()
    return tuple(value for name in _MESSAGE_IDS if isinstance(value := answer.get(name), str) and value)


def _authorization(token: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _count(value: str | None) -> int | None:
    return int(value) if value is not None and value.isascii() and value.isdigit() and len(value) < 10 else None


API = CrmApi(
    base_url="https://services.leadconnectorhq.com",
    headers=MappingProxyType({"Accept": "application/json"}),
    authorization=_authorization,
    is_idempotent=is_idempotent,
    per_window=100,
    window=10.0,
    per_day=200_000,
    remaining=remaining,
    message_ids=message_ids,
)
