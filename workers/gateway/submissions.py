"""Hand an accepted request over: what the routes need from the broker and the outbox."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from domain.documents import JsonObject
from workers.gateway.errors import BrokerAway, KeyConflict

__all__ = ["BrokerAway", "KeyConflict", "Submission", "Submitter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A checked request of one tenant."""

    tenant_id: str
    task: str
    queue: str
    #: as the task takes them, `tenant_id` included
    kwargs: JsonObject
    task_id: str
    #: True where losing it would lose something: it is written to the outbox before it is answered
    durable: bool = True
    #: the idempotency key; None where the id stands for this one request
    key: str | None = None
    #: of the arguments (`tasks.runtime.idempotency.args_hash`), where there is a key
    args_hash: str = ""


class Submitter(Protocol):
    """Takes submissions, those that come together in one transaction and one round trip."""

    async def submit(self, submission: Submission) -> None:
        """Return once the outbox or the broker has it.

        Raises:
            BrokerAway: nobody has it.
            KeyConflict: the same id stands for other arguments.
            Unavailable: the database does not answer; nobody has it.
            Overloaded: too many wait to be written.

        """
