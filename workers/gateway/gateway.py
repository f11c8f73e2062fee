"""The parts of a running gateway that its routes use (`Gateway`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from domain.documents import JsonObject
from tasks.runtime.registry import Declaration
from workers.base.settings import Settings
from workers.gateway.access.api_keys import Authenticator
from workers.gateway.access.rate_limit import RateLimiter
from workers.gateway.submissions import Submitter
from workers.gateway.task_ids import TaskIds


class Results(Protocol):
    """The answers of tasks, from Celery's result backend."""

    async def get(self, tenant_id: str, task_id: str) -> JsonObject | None:
        """Return a task's outcome, as `{"status": "SUCCESS" or another, "result"}`; None while it has not ended.

        Raises:
            BrokerAway: the store does not answer.

        """

    async def wait(self, tenant_id: str, task_id: str, seconds: float) -> JsonObject | None:
        """Return the outcome of a task as soon as there is one; None when none came in time.

        Raises:
            Overloaded: too many wait already.
            BrokerAway: the store does not answer.

        """

    def hasten(self) -> None:
        """Let nobody wait any longer, since the process ends."""


class Health(Protocol):
    """Whether the stores answer."""

    async def check(self) -> tuple[bool, bool]:
        """Return whether the broker answers, and whether the database does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """What the routes use; `server.make_app` hands it to each handler."""

    submitter: Submitter
    authenticator: Authenticator
    limiter: RateLimiter
    results: Results
    health: Health
    ids: TaskIds
    #: the tasks that callers may send (`tasks.runtime.registry.open_tasks`), by name
    tasks: Mapping[str, Declaration]
    settings: Settings
    #: requests that are not answered yet
    in_hand: set[object] = field(default_factory=set)
