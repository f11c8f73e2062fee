"""How far behind the cluster is, and what waits for a person, as the task and the command line show it."""

from __future__ import annotations

from collections.abc import Mapping

from db.records import QueueProbeRecord
from db.repositories.jobs import outbox, quarantine, queue_probes
from db.repositories.outbound import outbound
from db.session import Session
from domain.documents import JsonObject


def backlog(session: Session, depths: Mapping[str, int]) -> JsonObject:
    """Return the figures of each queue and of what is stored for all tenants; `session` reads across tenants.

    `depths` are the messages that wait in each queue. Ages and waits are seconds, None before the first canary.
    """
    canaries = {canary.queue: canary for canary in queue_probes.latest(session)}
    lag, events, held = outbox.lag(session), outbound.counts(session), quarantine.count(session)
    return {
        "queues": {name: {"depth": depth, **_waits(canaries.get(name))} for name, depth in depths.items()},
        "outbox": {"waiting": lag.waiting, "oldest_age": lag.age},
        "outbound": {"pending": events.get("pending", 0), "dead": events.get("dead", 0)},
        "quarantine": {
            "held": sum(count.held for count in held),
            "overflowed": sum(count.overflowed for count in held),
        },
    }


def _waits(canary: QueueProbeRecord | None) -> JsonObject:
    if canary is None:
        return {"oldest_age": None, "estimated_wait": None, "canary": None}
    arrived = canary.ran_at is not None
    return {
        "oldest_age": 0.0 if arrived else canary.age,
        "estimated_wait": canary.age,
        "canary": {"sent_at": canary.sent_at, "arrived_at": canary.ran_at},
    }
