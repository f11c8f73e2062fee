"""Keep a message whose tenant does not exist yet: it is held, and sent again by itself once there is that tenant."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import structlog

from db.repositories.jobs import awaited_tenants
from db.repositories.jobs.quarantine import AWAITS_TENANT
from db.session import EVERY_TENANT, transaction
from tasks.runtime.celery_types import RunningTask
from tasks.runtime.failures import retry_policy

log = structlog.get_logger(__name__)


def keep(task: RunningTask, tenant_id: str, now: datetime) -> bool:
    """Hold the message that is run now; return whether it is kept.

    It is not where the task runs in its caller's own process, where the tenant was deleted, and where as many wait
    already as may.

    Raises:
        DatabaseError: it could not be held; the message has to come again.

    """
    if task.request.called_directly or task.request.is_eager:
        return False
    message = retry_policy.message_of(task.request, task=task.name, queue=task.default_queue, tries=0)
    draft = replace(message, reason=AWAITS_TENANT, awaited_tenant=tenant_id)
    with transaction(EVERY_TENANT) as session:
        kept = awaited_tenants.keep(session, draft=draft, now=now)
    log.warning("message_awaits_tenant", task=task.name, task_id=task.request.id, queue=draft.queue, state=kept)
    return kept == "kept"
