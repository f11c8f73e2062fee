"""One worker at a time does a piece of long work; the database's clock says whose turn it is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog

from db.errors import DatabaseUnavailable
from db.repositories.jobs import leases
from db.session import transaction
from tasks.runtime.context import JobLease

log = structlog.get_logger(__name__)

#: seconds that a lease lasts unless it is renewed
LEASE = 30.0


class LeaseBusy(Exception):  # noqa: N818  # the name says the fact
    """Another worker does this work now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lease:
    tenant_id: str
    held: JobLease
    holder: str

    def renew(self, ended: threading.Event) -> None:
        """Prolong the lease until the work has ended; a successor's fence stops our effect, not this thread."""
        while not ended.wait(LEASE / 3):
            try:
                with transaction(self.tenant_id) as session:
                    leases.renew(session, self.tenant_id, **self._own(), seconds=LEASE)
            except DatabaseUnavailable:
                log.warning("lease_not_renewed", lease=self.held.name)

    def release(self) -> None:
        """Let the lease go; when the database is away it ends by itself, and what was done stays done."""
        try:
            with transaction(self.tenant_id) as session:
                leases.release(session, self.tenant_id, **self._own())
        except DatabaseUnavailable:
            log.warning("lease_not_released", lease=self.held.name)

    def _own(self) -> dict[str, Any]:
        return {"name": self.held.name, "holder": self.holder, "fence": self.held.fence}


@contextmanager
def leased(tenant_id: str, name: str, holder: str) -> Iterator[JobLease]:
    """Hold a lease while the block runs, renewed by a thread. Raises LeaseBusy while another holds it."""
    with transaction(tenant_id) as session:
        taken = leases.acquire(session, tenant_id, name=name, holder=holder, seconds=LEASE)
    if taken is None:
        raise LeaseBusy(name)
    lease = _Lease(tenant_id=tenant_id, held=JobLease(name=name, fence=taken.fence), holder=holder)
    ended = threading.Event()
    renewing = threading.Thread(target=lease.renew, args=(ended,), name="lease", daemon=True)
    renewing.start()
    try:
        yield lease.held
    finally:
        ended.set()
        renewing.join()
        lease.release()
