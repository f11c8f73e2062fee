"""The keys of the broker that Hearth and its transport rely on, and the repair of one that has a wrong type.

A key becomes what the first write makes of it: a message that is put where a set should be, by a producer, by hand or
by a restored backup, turns it into a list, and whoever needs the set is answered WRONGTYPE from then on. Such a key is
renamed, so that nothing is lost and a person can look at it, and the next write makes it anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Concatenate, ParamSpec, TypeVar

import structlog
from redis import Redis
from redis.exceptions import RedisError, ResponseError

from tasks.contracts.base.destinations import KOMBU_SEPARATORS, OWN_QUEUES
from tasks.runtime.broker import queue_depth
from workers.base import lua, malformed
from workers.base.broker_epoch import EPOCH
from workers.base.celery_types import Channel

log = structlog.get_logger(__name__)

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

#: the set of the keys that were moved aside; before their own names stand this one and the time
BROKEN = "hearth.broken"
#: what the transport notes of messages that workers hold: the messages, when they were taken, and whose turn it is
HELD, HELD_INDEX = "unacked", "unacked_index"
_HELD = {HELD: "hash", HELD_INDEX: "zset", "unacked_mutex": "string"}
#: crashes of main processes by delivery tag (see workers.worker.crash_counter)
STARTS = "hearth.starts"
#: figures for the metrics (see workers.telemetry.figures): tasks by result and duration; starts of each process, and
#: when it last reported
TASKS_COUNTED = "hearth.figures.tasks"
PROCESSES_STARTED, PROCESSES_SEEN = "hearth.figures.started", "hearth.figures.seen"
#: lookups of the cache by kind, tier and what was found (see workers.telemetry.cache_figures)
CACHE_COUNTED = "hearth.figures.cache"
_ALONE = {
    BROKEN: "set",
    STARTS: "hash",
    TASKS_COUNTED: "hash",
    PROCESSES_STARTED: "hash",
    PROCESSES_SEEN: "hash",
    CACHE_COUNTED: "hash",
    "_kombu.binding_deadlines": "zset",
    EPOCH: "string",
    malformed.MALFORMED: "list",
}
#: the sets of what is bound to an exchange, and of what stays so though nobody consumes
_BINDINGS = ("_kombu.binding.", "_kombu.binding_permanent.")
#: exchanges of remote control and events
_EXCHANGES = ("celery.pidbox", "reply.celery.pidbox", "celeryev")
#: lists of a queue beside its own, by kombu's steps of priority
_PRIORITIES = (3, 6, 9)


def expected(queues: Collection[str]) -> dict[str, str]:
    """Return the type of each key that workers of these queues rely on, by its name."""
    kinds = {**_ALONE, **_HELD, **bindings([*queues, *_EXCHANGES])}
    for queue in queues:
        lists = (queue, *(f"{queue}{KOMBU_SEPARATORS}{step}" for step in _PRIORITIES), malformed.parked_key(queue))
        kinds |= dict.fromkeys(lists, "list")
        kinds |= {
            queue_depth.set_aside_key(queue): "zset",
            queue_depth.turns_key(queue): "hash",
            queue_depth.ready_key(queue): "hash",
        }
    return kinds


def bindings(exchanges: Collection[str]) -> dict[str, str]:
    """Return the keys that say which queues get the messages of an exchange; a queue's exchange has its name."""
    return {f"{kind}{exchange}": "set" for exchange in exchanges for kind in _BINDINGS}


def is_wrong_type(error: BaseException | None) -> bool:
    """Return whether an error is WRONGTYPE, from a single command, a pipeline or a script."""
    while error is not None:
        if isinstance(error, RedisError) and "WRONGTYPE" in str(error):
            return True
        error = error.__cause__
    return False


def mend(client: Redis, kinds: Mapping[str, str]) -> list[str]:
    """Move each key that has a wrong type aside; return the names of those.

    Keys that this user of the broker may not see are skipped. An error on the way is only logged: the next call finds
    the rest.
    """
    try:
        return [key for key, kind in _wrong(client, kinds) if _move_aside(client, key, kind, kinds[key])]
    except (RedisError, OSError) as error:
        log.warning("internal_keys_not_mended", error=type(error).__name__)
        return []


def mend_after(error: BaseException, client: Redis, kinds: Mapping[str, str]) -> bool:
    """Mend the keys when an error says that one has a wrong type; return whether one was moved."""
    return is_wrong_type(error) and bool(mend(client, kinds))


def mend_for(channel: Channel, error: BaseException) -> bool:
    """Mend the keys of the queues that a channel consumes, as `mend_after` does."""
    if not is_wrong_type(error):
        return False
    with channel.conn_or_acquire() as client:
        return bool(mend(client, expected(channel.active_queues)))


def mended(
    channel: Channel,
    act: Callable[Concatenate[str, Parameters], Result],
    name: str,
    *args: Parameters.args,
    **options: Parameters.kwargs,
) -> Result:
    """Call an operation of a channel; when a key has a wrong type, mend it and repeat the operation once.

    It is repeated too when there was nothing left to mend: another process was faster.
    """
    try:
        return act(name, *args, **options)
    except ResponseError as error:
        if not is_wrong_type(error):
            raise
        # the list of a queue that is not ours is its owner's, whatever it is
        ours = name in OWN_QUEUES or name in channel.active_queues
        with channel.conn_or_acquire() as client:
            mend(client, expected([name]) if ours else bindings([name]))
        return act(name, *args, **options)


def moved_aside(client: Redis) -> list[str]:
    """Return the keys that were moved aside and are still there."""
    keys = sorted(key for key in client.smembers(BROKEN) if isinstance(key, bytes))
    return [key.decode() for key in keys if client.exists(key)]


def _wrong(client: Redis, kinds: Mapping[str, str]) -> list[tuple[str, str]]:
    pipeline = client.pipeline(transaction=False)
    for key in kinds:
        pipeline.type(key)
    kinds_of_keys = zip(kinds, pipeline.execute(raise_on_error=False), strict=True)
    present = [(key, kind.decode()) for key, kind in kinds_of_keys if isinstance(kind, bytes)]
    return [(key, kind) for key, kind in present if kind not in (kinds[key], "none")]


def _move_aside(client: Redis, key: str, kind: str, wanted: str) -> bool:
    aside = f"{BROKEN}.{time.time_ns() // 1_000_000}.{key}"
    # in one step: another process may have put it right meanwhile
    if not client.eval(lua.script("workers.base", "internal_keys_move"), 3, key, aside, BROKEN, wanted):
        return False
    log.error("internal_key_broken", key=key, found=kind, wanted=wanted, moved_to=aside)
    if key == HELD_INDEX:
        _rebuild_held_index(client)
    elif key.startswith(_BINDINGS):
        _bind_again(client, key)
    return True


def _rebuild_held_index(client: Redis) -> None:
    """Rebuild the index by which held messages are restored: without it, those of a dead worker would stay for ever."""
    if tags := [tag for tag in client.hkeys(HELD) if isinstance(tag, bytes)]:
        client.zadd(HELD_INDEX, dict.fromkeys(tags, time.time()), nx=True)


def _bind_again(client: Redis, key: str) -> None:
    """Bind a queue to its exchange again: a process binds once, and what it sent to an unbound one would vanish."""
    exchange = next(key.removeprefix(kind) for kind in _BINDINGS if key.startswith(kind))
    if exchange not in _EXCHANGES:
        client.sadd(key, KOMBU_SEPARATORS.join((exchange, "", exchange)))
