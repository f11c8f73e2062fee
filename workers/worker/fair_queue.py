"""Turns on a queue that anybody fills: the next messages on its list are one of each tenant in turn.

A queue of the stock transport is a Redis list, first come, first served: who sends ten thousand messages makes all
others wait for them. Where a list is longer than a few messages, a worker that consumes it deals: it gathers what came
lately, gives each message a turn (the first of every tenant, then the second …), sets it aside in the order of turns,
and puts the first few back at the end that is taken next. Each step is one script of the broker's: a message lies
either on the list or aside, byte by byte as it was sent, and never in the memory of a process.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha1
from typing import Any

from tasks.runtime import queue_depth
from workers.base import internal_keys, messages

#: a list as long as this is taken as it comes
SHORT = 4
#: messages that lie ready on a list: what its workers take between two looks
READY = 32
#: messages and bytes that one deal gathers: a main process and a broker have other things to do
WINDOW, BYTES = 250, 1_000_000
#: seconds between two looks before a message is taken
CLOSE = 0.002
#: messages in one script when all that is aside goes back
BACK = 500

# Keys of a queue: its list, aside, turns, ready. All are read first: a key of another kind fails before anything moves.
# Tells of each queue its length, what is aside, whether there is more, what is taken next, and what has no turn yet.
_LOOK = """
local short, window, bytes, pause = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local told = {}
for k = 1, #KEYS, 4 do
  local list, aside, turns, ready = KEYS[k], KEYS[k + 1], KEYS[k + 2], KEYS[k + 3]
  local found = {redis.call('LLEN', list), redis.call('ZCARD', aside), 0, redis.call('LINDEX', list, -1) or ''}
  if found[1] <= short and found[2] == 0 then
    if redis.call('EXISTS', turns) == 1 then redis.call('DEL', turns, ready) end
  elseif now >= tonumber(redis.call('HGET', turns, 'next') or 0) then
    local known, size = redis.call('HLEN', ready), 0
    local entries = redis.call('LRANGE', list, -(window + known), -1)
    if found[1] > #entries then found[3] = 1 end
    for i = #entries, 1, -1 do
      known = known - 1
      if known < 0 or redis.call('HEXISTS', ready, redis.sha1hex(entries[i])) == 0 then
        size = size + #entries[i]
        if #found > 4 and size > bytes then
          found[3] = 1
          break
        end
        found[#found + 1] = entries[i]
      end
    end
    if found[3] == 0 then redis.call('HSET', turns, 'next', now + pause) end
  end
  told[#told + 1] = found
end
return told
"""
# Sets the entries named in ARGV aside, each with its turn. When one of them comes before what is ready, or little is
# ready, the first ones are chosen anew and put at the list's end, where they are taken next. Whatever else the script
# finds there stays: what came meanwhile gets its turn next time, what a worker gave back goes as it lies.
_DEAL = """
local list, aside, turns, ready = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
redis.call('ZCARD', aside)
redis.call('HLEN', turns)
local lanes, held, gone = {}, {}, 'hearth.fair.gone'
for i = 2, #ARGV, 2 do lanes[ARGV[i]] = ARGV[i + 1] end
local known = redis.call('HGETALL', ready)
for i = 1, #known, 2 do held[known[i]] = known[i + 1] end
local entries = redis.call('LRANGE', list, -(#known / 2 + (#ARGV - 1) / 2 + 50), -1)
local fresh, lying, base, latest = {}, {}, nil, 0
for i = #entries, 1, -1 do
  local digest = redis.sha1hex(entries[i])
  local place = i - #entries - 1
  if held[digest] then
    local turn = tonumber(string.sub(held[digest], 17))
    lying[#lying + 1] = {place, entries[i], held[digest], digest}
    base, latest = math.min(base or turn, turn), math.max(latest, turn)
    held[digest] = nil
  elseif lanes[digest] then
    fresh[#fresh + 1] = {place, entries[i], lanes[digest]}
  end
end
for digest in pairs(held) do redis.call('HDEL', ready, digest) end
local first = redis.call('ZRANGE', aside, 0, 0, 'WITHSCORES')[2]
if first then base = math.min(base or tonumber(first), tonumber(first)) end
if not base then redis.call('DEL', turns) end
base = (base or 1) - 1
local count = redis.call('HINCRBY', turns, 'count', #fresh) - #fresh
local last, cuts_in = {}, false
for i = 1, #fresh do
  local lane = fresh[i][3]
  last[lane] = math.max(base, (last[lane] or tonumber(redis.call('HGET', turns, lane) or 0)) + 1)
  cuts_in = cuts_in or last[lane] < latest
  redis.call('ZADD', aside, last[lane], string.format('%016.0f', count + i) .. fresh[i][2])
  redis.call('LSET', list, fresh[i][1], gone)
end
for lane, turn in pairs(last) do redis.call('HSET', turns, lane, string.format('%.0f', turn)) end
local wanted, removed = tonumber(ARGV[1]), #fresh
local choose = cuts_in or #lying < wanted / 2 or wanted == 0
if choose then
  for i = 1, #lying do
    redis.call('ZADD', aside, string.sub(lying[i][3], 17), string.sub(lying[i][3], 1, 16) .. lying[i][2])
    redis.call('LSET', list, lying[i][1], gone)
    redis.call('HDEL', ready, lying[i][4])
  end
  removed = removed + #lying
end
if removed > 0 then redis.call('LREM', list, -removed, gone) end
if choose then
  local chosen = redis.call('ZPOPMIN', aside, wanted)
  for i = #chosen - 1, 1, -2 do
    local raw = string.sub(chosen[i], 17)
    redis.call('RPUSH', list, raw)
    redis.call('HSET', ready, redis.sha1hex(raw), string.sub(chosen[i], 1, 16) .. chosen[i + 1])
  end
end
return {redis.call('ZCARD', aside), redis.call('LINDEX', list, -1) or ''}
"""
# Puts the last ones first, so that in the end the first lies where it is taken next.
_BACK = """
local list, aside, turns, ready = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
redis.call('LLEN', list)
local chosen = redis.call('ZPOPMAX', aside, ARGV[1])
for i = 1, #chosen, 2 do redis.call('RPUSH', list, string.sub(chosen[i], 17)) end
local left = redis.call('ZCARD', aside)
if left == 0 then redis.call('DEL', turns, ready) end
return left
"""


def tenant_of(raw: bytes) -> str:
    """The tenant whose turn a message takes; empty for one that names none, or not in a way that can be read here."""
    try:
        entry = json.loads(raw)
        body = entry["body"]
        if entry["properties"].get("body_encoding") == "base64":
            body = base64.b64decode(body)
        return messages.tenant_in(json.loads(body)) or ""
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, binascii.Error):
        return ""


def keys_of(queue: str) -> list[str]:
    """The keys of a queue, in the scripts' order."""
    return [queue, queue_depth.set_aside_key(queue), queue_depth.turns_key(queue), queue_depth.ready_key(queue)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a dealer found and left."""

    #: whether something waits, on a list that is not short or aside
    waits: bool
    #: whether entries are left that nobody has looked at
    more: bool
    #: the tenants of the messages that are taken next, one of each list
    following: frozenset[str]
    #: the tenants of the messages that came since the last look
    came: frozenset[str]


class FairQueue:
    """Deals the queues of one worker; any number of workers may deal the same ones."""

    def __init__(self, client: Any, queues: Sequence[str]) -> None:
        self.queues = list(queues)
        self._client = client
        self._look, self._deal, self._back = map(client.register_script, (_LOOK, _DEAL, _BACK))

    def step(self) -> Look:
        """Deal what needs it.

        Raises:
            redis.RedisError: the broker is away; what it holds is whole.

        """
        keys = [key for queue in self.queues for key in keys_of(queue)]
        found = self._look(keys=keys, args=[SHORT, WINDOW, BYTES, round(CLOSE * 1000)])
        looks = [self._treat(queue, told) for queue, told in zip(self.queues, found, strict=True)]
        return Look(
            waits=any(look.waits for look in looks),
            more=any(look.more for look in looks),
            following=frozenset[str]().union(*(look.following for look in looks)),
            came=frozenset[str]().union(*(look.came for look in looks)),
        )

    def mend(self, error: Exception) -> bool:
        """Put a key right that has a wrong type, if that is the error; whether there was one."""
        return internal_keys.mend_after(error, self._client, internal_keys.expected(self.queues))

    def give_back(self) -> None:
        """Put everything that is aside back on its list, in order: a worker of an older version looks nowhere else."""
        for queue in self.queues:
            self._dealt(queue, {}, ready=0)
            while self._back(keys=keys_of(queue), args=[BACK]):
                pass

    def _treat(self, queue: str, told: Sequence[Any]) -> Look:
        length, aside, more, following, *entries = told
        came = {sha1(raw, usedforsecurity=False).hexdigest(): tenant_of(raw) for raw in entries}
        if came or (aside and length < READY / 2):
            aside, following = self._dealt(queue, came, ready=READY)
        return Look(
            waits=bool(aside) or length > SHORT,
            more=bool(more),
            following=frozenset({tenant_of(following)} if following else ()),
            came=frozenset(came.values()),
        )

    def _dealt(self, queue: str, came: Mapping[str, str], *, ready: int) -> tuple[int, bytes]:
        lanes = [part for digest, tenant_id in came.items() for part in (digest, queue_depth.LANE + tenant_id)]
        aside, following = self._deal(keys=keys_of(queue), args=[ready, *lanes])
        return int(aside), following
