"""Round-robin fair queueing between tenants on a Redis list.

A queue of the stock transport is a Redis list, first come, first served: a tenant that sends ten thousand messages
makes all others wait for them. Where a list is longer than a few messages, a worker that consumes it gives each new
message a turn (the first of every tenant, then the second …), sets it aside in the order of turns, and puts the first
few back at the end of the list that is taken next. Each step is one Lua script in the broker: a message is either on
the list or aside, byte by byte as it was sent, and never only in the memory of a process.

Of each queue four keys are used: the list itself, `aside` (a sorted set of messages by turn), `turns` (a hash of each
tenant's last turn) and `ready` (a hash of the messages on the list that had their turn). See
tasks.runtime.broker.queue_depth.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha1

from redis import Redis

from tasks.runtime.broker import queue_depth
from workers.base import internal_keys, lua, messages

#: a list of up to this many messages is left as it is
SHORT = 4
#: messages kept ready on a list: as many as its workers take between two looks
READY = 32
#: most messages and bytes of one look: a main process and a broker have other things to do
WINDOW, BYTES = 250, 1_000_000
#: seconds between two looks while messages are being taken
CLOSE = 0.002
#: messages that one script puts back when a worker stops
BACK = 500

#: what the script says of a queue: messages on the list and aside, whether more follow, the next one, the new ones
QueueState = tuple[int, int, int, bytes, *tuple[bytes, ...]]


def tenant_of(raw: bytes) -> str:
    """Return the tenant whose turn a message takes; empty when it names none, or cannot be read here."""
    try:
        entry = json.loads(raw)
        body = entry["body"]
        if entry["properties"].get("body_encoding") == "base64":
            body = base64.b64decode(body)
        return messages.tenant_in(json.loads(body)) or ""
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, binascii.Error):
        return ""


def keys_of(queue: str) -> list[str]:
    """Return the keys of a queue in the order of the scripts."""
    return [queue, queue_depth.set_aside_key(queue), queue_depth.turns_key(queue), queue_depth.ready_key(queue)]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStep:
    """The result of one step: what waits in the queues, and whose messages come next."""

    #: whether something waits, on a list that is not short or aside
    waits: bool
    #: whether messages are left that nobody has looked at
    more: bool
    #: the tenants of the messages that are taken next, one of each list
    following: frozenset[str]
    #: the tenants of the messages that came since the last look
    arrivals: frozenset[str]


class FairQueue:
    """Orders the queues of one worker; any number of workers may order the same queues at once."""

    def __init__(self, client: Redis, queues: Sequence[str]) -> None:
        self.queues = list(queues)
        self._client = client
        self._look = client.register_script(lua.script("workers.worker", "fair_queue_look"))
        self._deal = client.register_script(lua.script("workers.worker", "fair_queue_deal"))
        self._return = client.register_script(lua.script("workers.worker", "fair_queue_return"))

    def step(self) -> QueueStep:
        """Return turns to new messages, and keep a few messages ready on each list.

        Raises:
            redis.RedisError: the broker is away; what it holds is whole.

        """
        keys = [key for queue in self.queues for key in keys_of(queue)]
        states = self._look(keys=keys, args=[SHORT, WINDOW, BYTES, round(CLOSE * 1000)])
        looks = [self._step(queue, state) for queue, state in zip(self.queues, states, strict=True)]
        return QueueStep(
            waits=any(look.waits for look in looks),
            more=any(look.more for look in looks),
            following=frozenset[str]().union(*(look.following for look in looks)),
            arrivals=frozenset[str]().union(*(look.arrivals for look in looks)),
        )

    def mend(self, error: Exception) -> bool:
        """Move a key of a wrong type aside when that is the error; return whether there was one."""
        return internal_keys.mend_after(error, self._client, internal_keys.expected(self.queues))

    def give_back(self) -> None:
        """Put all messages that are aside back on their lists, in order: an older worker looks nowhere else."""
        for queue in self.queues:
            self._give_turns(queue, {}, ready=0)
            while self._return(keys=keys_of(queue), args=[BACK]):
                pass

    def _step(self, queue: str, state: QueueState) -> QueueStep:
        length, aside, more, following, *entries = state
        arrivals = {sha1(raw, usedforsecurity=False).hexdigest(): tenant_of(raw) for raw in entries}
        if arrivals or (aside and length < READY / 2):
            aside, following = self._give_turns(queue, arrivals, ready=READY)
        return QueueStep(
            waits=bool(aside) or length > SHORT,
            more=bool(more),
            following=frozenset({tenant_of(following)} if following else ()),
            arrivals=frozenset(arrivals.values()),
        )

    def _give_turns(self, queue: str, arrivals: Mapping[str, str], *, ready: int) -> tuple[int, bytes]:
        """Return how many messages are aside now, and the one that is taken next."""
        lanes = [part for digest, tenant_id in arrivals.items() for part in (digest, queue_depth.LANE + tenant_id)]
        aside, following = self._deal(keys=keys_of(queue), args=[ready, *lanes])
        return int(aside), following
