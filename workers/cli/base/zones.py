"""Find the zone in which times are told: a lead's where it is known, else its tenant's, else UTC."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from db.errors import DatabaseError
from db.records import LeadRecord
from db.repositories import tenants
from db.repositories.leads import leads
from db.session import reading
from workers.base.database import database_exists
from workers.base.settings import settings
from workers.cli.base.database import database
from workers.cli.base.formatting import local


def tenant_zone(tenant: str) -> str | None:
    """Return the zone of a tenant's settings; None where it has none, is unknown, or no database tells."""
    chosen = settings()
    if not database_exists(chosen):
        return None
    try:
        with database(chosen), reading(tenant) as session:
            record = tenants.get(session, tenant)
    except DatabaseError:
        # who calls a cluster from afar may have no database; the times are told in UTC, and say so
        return None
    return None if record is None else record.settings.get("timezone")


def lead_zones(tenant: str, lead_ids: Sequence[str]) -> dict[str, str]:
    """Return the zones of leads for which exactly one is known, by their own zone or their state.

    A phone's area code is no proof of where somebody lives, and counts as not known. Empty where no database tells.
    """
    chosen = settings()
    if not lead_ids or not database_exists(chosen):
        return {}
    try:
        with database(chosen), reading(tenant) as session:
            known = {lead.lead_id: _zone(lead) for lead in leads.get(session, tenant, lead_ids=lead_ids)}
    except DatabaseError:
        return {}
    return {lead_id: zone for lead_id, zone in known.items() if zone is not None}


def _zone(lead: LeadRecord) -> str | None:
    # 50 ms of tables that only a list of leads needs
    from ml.interventions.compliance.zones import zones_of

    zones, basis = zones_of(lead.fields.get("timezone"), lead.fields.get("state"), None)
    return zones[0] if basis in ("contact", "state") and len(zones) == 1 else None


@contextmanager
def times_of(tenant: str) -> Iterator[None]:
    """Tell times in the tenant's zone until the block ends."""
    with local(lambda: tenant_zone(tenant)):
        yield
