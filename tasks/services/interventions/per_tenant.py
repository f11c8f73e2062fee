"""Run a system-wide periodic task once per tenant."""

from __future__ import annotations

from dataclasses import replace

from db.repositories import tenants
from db.session import reading
from tasks.runtime.context import TaskContext


def for_tenant(context: TaskContext, tenant_id: str) -> TaskContext:
    """Return a copy of the context for one tenant, with its settings."""
    with reading(tenant_id) as session:
        return replace(context.fork(), tenant=tenants.require(session, tenant_id))
