"""Leases: one worker at a time does a piece of long work; the clock of the database decides when a lease ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

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
    lease: JobLease
    holder: str

    def renew(self, ended: threading.Event) -> None:
        """Renew the lease until the work has ended; when another worker took it over, its fence stops our effect."""
        while not ended.wait(LEASE / 3):
            try:
                with transaction(self.tenant_id) as session:
                    leases.renew(
                        session,
                        self.tenant_id,
                        name=self.lease.name,
                        holder=self.holder,
                        fence=self.lease.fence,
                        seconds=LEASE,
                    )
            except DatabaseUnavailable:
                log.warning("lease_not_renewed", lease=self.lease.name)

    def release(self) -> None:
        """Release the lease; while the database is away it expires by itself, and what was committed stays."""
        try:
            with transaction(self.tenant_id) as session:
                leases.release(
                    session, self.tenant_id, name=self.lease.name, holder=self.holder, fence=self.lease.fence
                )
        except DatabaseUnavailable:
            log.warning("lease_not_released", lease=self.lease.name)


@contextmanager
def leased(tenant_id: str, name: str, holder: str) -> Iterator[JobLease]:
    """Hold a lease while the block runs, renewed by a thread. Raises LeaseBusy while another holds it."""
    with transaction(tenant_id) as session:
        taken = leases.acquire(session, tenant_id, name=name, holder=holder, seconds=LEASE)
    if taken is None:
        raise LeaseBusy(name)
    lease = _Lease(tenant_id=tenant_id, lease=JobLease(name=name, fence=taken.fence), holder=holder)
    ended = threading.Event()
    renewing = threading.Thread(target=lease.renew, args=(ended,), name="lease", daemon=True)
    renewing.start()
    try:
        yield lease.lease
    finally:
        ended.set()
        renewing.join()
        lease.release()
