"""Upkeep is for nobody in particular, and what it does is done for one tenant after another."""

from __future__ import annotations

from dataclasses import replace

from db.repositories import tenants
from db.session import reading
from tasks.runtime.task import Work


def of_tenant(work: Work, tenant_id: str) -> Work:
    """Give the same work for one tenant, with its settings."""
    with reading(tenant_id) as session:
        return replace(work.anew(), tenant=tenants.require(session, tenant_id))
