"""Tenants with their newest settings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.documents import JsonMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantRecord:
    """A tenant with its newest settings."""

    tenant_id: str
    #: number of the newest settings version, from 1
    version: int
    settings: JsonMapping
    created_at: datetime
