"""Take events of webhooks in: those of one tenant that arrive together are one message; without a tenant they wait.

An event is answered once its message cannot be lost: the outbox or the broker has it, or, where its tenant does not
exist, the quarantine, from which it is sent by itself as soon as there is that tenant.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from db.errors import DatabaseError
from db.records import QuarantineDraft
from db.repositories import tenants
from db.repositories.jobs import awaited_tenants
from db.repositories.jobs.awaited_tenants import Kept
from db.repositories.jobs.quarantine import AWAITS_TENANT
from db.session import EVERY_TENANT, reading, transaction
from domain.crms import EventProvider
from domain.documents import JsonObject
from tasks.contracts.base.wire import to_wire
from tasks.errors import Unavailable
from workers.gateway.errors import DatabaseAway, QuarantineFull, UnknownLocation
from workers.gateway.submissions import Submission, Submitter
from workers.gateway.task_ids import TaskIds

log = structlog.get_logger(__name__)

TASK, QUEUE = "hearth.events.ingest", "ingest"
#: the most bytes of the events of one message
LIMIT = 600_000
#: seconds for which events of one tenant are gathered, and the most of them in one message
GATHER, MOST = 0.1, 200
#: seconds for which a tenant that exists is not looked up again; one that does not is looked up each time
FRESH = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where events come from, and whose they are."""

    tenant_id: str
    provider: EventProvider
    #: whether a signature of the provider was verified
    verified: bool


@dataclass(slots=True)
class Batch:
    """Events of one origin that are gathered."""

    events: list[JsonObject] = field(default_factory=list)
    size: int = 0
    #: hands them over; all that wait for it get its error
    delivery: asyncio.Task[None] | None = None

    def has_room(self, size: int) -> bool:
        """Return whether an event of this size still goes into the message."""
        return len(self.events) < MOST and self.size + size <= LIMIT


class WebhookIntake:
    """Hands events over to workers, or keeps them for a tenant that does not exist yet."""

    def __init__(self, submitter: Submitter, ids: TaskIds, *, seconds: float = GATHER) -> None:
        self._submitter = submitter
        self._ids = ids
        self._seconds = seconds
        self._waiting: dict[Origin, Batch] = {}
        #: the event loop keeps none of them
        self._deliveries: set[asyncio.Task[None]] = set()
        #: tenants that exist -> when that was seen, in monotonic seconds
        self._known: dict[str, float] = {}

    async def put(self, origin: Origin, event: JsonObject, size: int) -> None:
        """Return once the event cannot be lost; `size` is the length of its body.

        Raises:
            UnknownLocation: its tenant does not exist; it waits for it, unless the tenant was deleted.
            BrokerAway: nobody has it, and it may come again.

        """
        batch = self._waiting.get(origin)
        if batch is None or not batch.has_room(size):
            batch = self._waiting[origin] = Batch()
            batch.delivery = asyncio.create_task(self._deliver(origin, batch))
            self._deliveries.add(batch.delivery)
            batch.delivery.add_done_callback(self._ended)
        batch.events.append(event)
        batch.size += size
        assert batch.delivery is not None
        # who hangs up does not take the others' events along
        await asyncio.shield(batch.delivery)

    async def keep_unread(self, raw: bytes) -> None:
        """Keep a signed body that is no event, or names no location, for a person to look at.

        Raises:
            BrokerAway: it could not be kept, and may come again.

        """
        draft = QuarantineDraft(
            task=TASK,
            queue=QUEUE,
            reason=awaited_tenants.NO_TENANT,
            headers={},
            body=raw,
            # one that comes again is kept once
            message_id=hashlib.sha256(raw).hexdigest(),
        )
        await self._keep(draft)

    def _ended(self, delivery: asyncio.Task[None]) -> None:
        self._deliveries.discard(delivery)
        if not delivery.cancelled():
            # all who waited may have hung up
            delivery.exception()

    async def _deliver(self, origin: Origin, batch: Batch) -> None:
        await asyncio.sleep(self._seconds)
        if self._waiting.get(origin) is batch:
            del self._waiting[origin]
        kwargs: JsonObject = {
            "tenant_id": origin.tenant_id,
            "provider": origin.provider,
            "events": batch.events,
            "signature_verified": origin.verified,
            "received_at": to_wire(datetime.now(UTC)),
        }
        task_id = self._ids.new(origin.tenant_id)
        if await self._exists(origin.tenant_id):
            await self._submit(
                Submission(tenant_id=origin.tenant_id, task=TASK, queue=QUEUE, kwargs=kwargs, task_id=task_id)
            )
            return
        draft = QuarantineDraft(
            task=TASK,
            queue=QUEUE,
            reason=AWAITS_TENANT,
            headers={"id": task_id},
            body=json.dumps(kwargs).encode(),
            message_id=task_id,
            awaited_tenant=origin.tenant_id,
        )
        raise UnknownLocation(kept=await self._keep(draft) == "kept")

    async def _submit(self, submission: Submission) -> None:
        try:
            await self._submitter.submit(submission)
        except Unavailable:
            raise DatabaseAway from None

    async def _exists(self, tenant_id: str) -> bool:
        now = time.monotonic()
        if now - self._known.get(tenant_id, -FRESH) < FRESH:
            return True
        try:
            exists = await asyncio.to_thread(_is_tenant, tenant_id)
        except DatabaseError:
            raise DatabaseAway from None
        if exists:
            self._known[tenant_id] = now
        else:
            self._known.pop(tenant_id, None)
        return exists

    async def _keep(self, draft: QuarantineDraft) -> Kept:
        try:
            kept = await asyncio.to_thread(_hold, draft)
        except DatabaseError:
            raise DatabaseAway from None
        log.warning("webhook_without_tenant", reason=draft.reason, state=kept)
        if kept == "full":
            raise QuarantineFull
        return kept


def _is_tenant(tenant_id: str) -> bool:
    with reading(tenant_id) as session:
        return tenants.get(session, tenant_id) is not None


def _hold(draft: QuarantineDraft) -> Kept:
    with transaction(EVERY_TENANT) as session:
        return awaited_tenants.keep(session, draft=draft, now=datetime.now(UTC))
