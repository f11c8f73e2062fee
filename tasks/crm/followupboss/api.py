"""How Follow Up Boss' public API is called: its address, its limits, and which requests may be repeated."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from tasks.crm.adapter import CrmApi, Json, Remaining, WriteBackValues
from tasks.crm.followupboss.custom_fields import PREFIX
from tasks.crm.followupboss.requests import person_path, request

#: headers of the parts of a token behind the API key
_SYSTEM_HEADERS = ("X-System", "X-System-Key")


def write_back(contact_id: str, values: WriteBackValues, settings: Mapping[str, Any]) -> Json | None:
    """Return the request that sets custom fields of a person; None where no field is mapped to any of the values.

    Of the mapped fields those count that Follow Up Boss could have: their names begin with `custom`.
    """
    mapped = settings.get("custom_fields") or {}
    fields = {
        field: values[name] for field, name in sorted(mapped.items()) if name in values and field.startswith(PREFIX)
    }
    return request("PUT", person_path(contact_id), fields) if fields else None


def is_idempotent(told: Json) -> bool:
    """Return whether a request that is sent twice has the effect of one: a person's fields and tags are set."""
    return bool(told["method"] == "PUT")


def authorization(token: str) -> Mapping[str, str]:
    """Return the headers of a token: `<API key>`, or `<API key>:<system>:<system key>` of a registered system.

    >>> authorization("fka_1"), sorted(authorization("fka_1:Example:s3cret"))
    ({'Authorization': 'Basic ZmthXzE6'}, ['Authorization', 'X-System', 'X-System-Key'])
    """
    key, *system = token.split(":", maxsplit=2)
    encoded = base64.b64encode(f"{key}:".encode()).decode()
    return {"Authorization": f"Basic {encoded}", **dict(zip(_SYSTEM_HEADERS, system, strict=False))}


def remaining(headers: Mapping[str, str]) -> Remaining:
    """Return what the headers of an answer say is left of the window."""
    told = headers.get("x-ratelimit-remaining", "")
    return Remaining(in_window=int(told) if told.isascii() and told.isdigit() and len(told) < 10 else None)


API = CrmApi(
    base_url="https://api.followupboss.com/v1",
    headers=MappingProxyType({"Accept": "application/json"}),
    authorization=authorization,
    is_idempotent=is_idempotent,
    # notes may come 10 times in 10 s, changes of people 25 times, anything else more often: the least holds for all
    per_window=10,
    window=10.0,
    remaining=remaining,
)
