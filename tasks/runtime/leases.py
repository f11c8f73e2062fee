"""Leases: one worker at a time does a piece of long work; the clock of the database decides when a lease ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
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

    def renew(self) -> None:
        """Renew the lease; when another worker took it over, its fence stops our effect."""
        with transaction(self.tenant_id) as session:
            leases.renew(
                session,
                self.tenant_id,
                name=self.lease.name,
                holder=self.holder,
                fence=self.lease.fence,
                seconds=LEASE,
            )

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
    try:
        with renewing(lease.renew, every=LEASE / 3, name=name):
            yield lease.lease
    finally:
        lease.release()


@contextmanager
def renewing(renew: Callable[[], None], *, every: float, name: str) -> Iterator[None]:
    """Call `renew` in a thread every so many seconds while the block runs; while the database is away, try again."""
    ended = threading.Event()

    def keep_on() -> None:
        while not ended.wait(every):
            try:
                renew()
            except DatabaseUnavailable:
                log.warning("lease_not_renewed", lease=name)

    thread = threading.Thread(target=keep_on, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
