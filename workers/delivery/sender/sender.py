"""Serve each tenant that has the sender switched on, in parallel; what one CRM does holds no other tenant up."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import structlog

from db.base import new_id
from db.repositories import tenants
from db.session import EVERY_TENANT, reading
from tasks.services.sending.sender_settings import sender_settings_of
from workers.delivery.poll_loop import TRANSIENT_ERRORS
from workers.delivery.sender.client import Client
from workers.delivery.sender.dry_run import DryRun
from workers.delivery.sender.limits import SenderLimits
from workers.delivery.sender.tenant_sender import TenantSender
from workers.delivery.sender.tokens import Tokens

log = structlog.get_logger(__name__)

#: seconds between two looks for tenants that have the sender switched on
LOOK = 5.0


def print_line(line: str) -> None:
    """Print a line of a dry run."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@dataclass(slots=True, kw_only=True)
class Sender:
    """Hands each tenant to a thread; `step` never waits for a CRM."""

    tokens: Tokens
    client: Client = field(default_factory=Client)
    limits: SenderLimits = field(default_factory=SenderLimits)
    #: nothing is sent for anybody
    dry_run: bool = False
    print_line: Callable[[str], None] = print_line
    #: names this process in the leases
    holder: str = field(default_factory=lambda: f"{os.getpid()}:{new_id()}")
    _pool: ThreadPoolExecutor = field(init=False, repr=False)
    _running: dict[str, Future[int]] = field(default_factory=dict)
    _senders: dict[str, TenantSender] = field(default_factory=dict)
    _dry: dict[str, DryRun] = field(default_factory=dict)
    #: tenant -> whether it only wants a dry run
    _enabled: dict[str, bool] = field(default_factory=dict)
    _look_at: float = 0.0

    def __post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(self.limits.threads, thread_name_prefix="crm")

    def step(self) -> bool:
        """Hand the tenants that are not being served to the free threads; return False: others wait for a while.

        Raises:
            DatabaseUnavailable: the database is away; try again.

        """
        self._look()
        self._running = {tenant: work for tenant, work in self._running.items() if not work.done()}
        for tenant_id, dry in self._enabled.items():
            if tenant_id not in self._running and len(self._running) < self.limits.threads:
                self._running[tenant_id] = self._pool.submit(self.serve, tenant_id, dry=dry)
        return False

    def close(self) -> None:
        """Finish what is on its way, and let other processes go on at once."""
        self._pool.shutdown(wait=True)
        for sender in self._senders.values():
            try:
                sender.give_back()
            except TRANSIENT_ERRORS as error:
                log.warning("lease_not_given_back", error=type(error).__name__)

    def serve(self, tenant_id: str, *, dry: bool) -> int:
        """Serve one tenant once; return the number of requests or lines. No error leaves it but is logged."""
        try:
            return self._dry_run_of(tenant_id).serve() if dry else self._sender_of(tenant_id).serve()
        except TRANSIENT_ERRORS as error:
            # what is on its way is judged when its hold ends
            log.warning("sending_put_off", tenant_id=tenant_id, error=type(error).__name__)
        except Exception as error:  # noqa: BLE001  # the edge of a thread: no other code would report it
            log.error("sending_failed", tenant_id=tenant_id, error=type(error).__name__)
        return 0

    def _look(self) -> None:
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + LOOK
        with reading(EVERY_TENANT) as session:
            settings = {
                tenant.tenant_id: sender_settings_of(tenant.settings)
                for tenant_id in tenants.ids(session)
                if (tenant := tenants.get(session, tenant_id)) is not None
            }
        self._enabled = {
            tenant_id: self.dry_run or chosen.dry_run
            for tenant_id, chosen in settings.items()
            if chosen.enabled or self.dry_run
        }

    def _sender_of(self, tenant_id: str) -> TenantSender:
        if tenant_id not in self._senders:
            self._senders[tenant_id] = TenantSender(
                tenant_id=tenant_id, holder=self.holder, tokens=self.tokens, client=self.client, limits=self.limits
            )
        return self._senders[tenant_id]

    def _dry_run_of(self, tenant_id: str) -> DryRun:
        if tenant_id not in self._dry:
            self._dry[tenant_id] = DryRun(tenant_id=tenant_id, print_line=self.print_line)
        return self._dry[tenant_id]
