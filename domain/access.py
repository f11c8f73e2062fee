"""The kinds of access that a key of the gateway may have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

AccessScope = Literal["read", "write", "settings", "privacy"]

ACCESS_SCOPES: tuple[AccessScope, ...] = get_args(AccessScope)
#: what a key may do unless it is given more or less
DEFAULT_SCOPES: tuple[AccessScope, ...] = ("read", "write")
#: what each of them opens
SCOPE_NOTES: Mapping[AccessScope, str] = {
    "read": "ask: scores, worklists, plans, reports",
    "write": "send leads and events, let them be scored and planned for",
    "settings": "change the tenant's settings",
    "privacy": "export, correct, restrict and erase people",
}

KeyKind = Literal["bearer", "signing"]
