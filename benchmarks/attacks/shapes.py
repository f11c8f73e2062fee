"""Entries that anybody who may write to a queue may write: malformed, misleading or very large, each with its end."""

from __future__ import annotations

import base64
import bz2
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import uuid4

Json = dict[str, Any]
#: held with one of the quarantine's reasons, or worked on like any good message
End = Literal["malformed", "undecodable", "unknown_message", "unknown_task", "invalid", "worked_on"]

DEEP = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One entry and what becomes of it."""

    name: str
    end: End
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Forger:
    """Writes entries for one queue that name a task which takes no arguments."""

    task: str
    queue: str

    def entry(self, **changes: Any) -> Json:
        """A good entry with some of its parts changed; None takes a part away."""
        whole = {
            "body": _packed(b"[[], {}, {}]"),
            "headers": {"lang": "py", "task": self.task, "id": uuid4().hex, "ignore_result": True},
            "properties": self.properties(),
            "content-type": "application/json",
            "content-encoding": "utf-8",
        }
        return {key: value for key, value in (whole | changes).items() if value is not _GONE}

    def properties(self, **changes: Any) -> Json:
        """Good properties with some changed."""
        whole = {
            "correlation_id": uuid4().hex,
            "delivery_tag": uuid4().hex,
            "delivery_info": {"exchange": "", "routing_key": self.queue},
            "priority": 0,
            "body_encoding": "base64",
        }
        return {key: value for key, value in (whole | changes).items() if value is not _GONE}

    def headers(self, **changes: Any) -> Json:
        """Good headers with some changed."""
        headers = {"lang": "py", "task": self.task, "id": uuid4().hex, "ignore_result": True} | changes
        return {key: value for key, value in headers.items() if value is not _GONE}


_GONE: Any = object()


def shapes(task: str, queue: str) -> Iterator[Shape]:
    """Every shape, written for a queue and a task that takes no arguments."""
    forger = Forger(task=task, queue=queue)
    for family in (_entries, _properties, _headers, _names, _limits, _bodies):
        for name, end, raw in family(forger):
            yield Shape(name=name, end=end, raw=raw)


Told = tuple[str, End, bytes]


def _entries(forger: Forger) -> Iterator[Told]:
    good = json.dumps(forger.entry()).encode()
    for name, raw in {
        "empty": b"",
        "not JSON": b"{not json",
        "null": b"null",
        "number": b"17",
        "string": b'"text"',
        "list": b"[1, 2]",
        "empty object": b"{}",
        "NUL bytes": b"\0\0\0\0",
        "not UTF-8": good.replace(b'"lang"', b'"\xff\xfe"'),
        "cut off": good[: len(good) // 2],
        "rubbish behind": good + b"}}",
        "very deep": b'{"x": ' + b"[" * DEEP + b"]" * DEEP + b"}",
        "deep beside": json.dumps(forger.entry()).encode()[:-1] + b', "x": ' + b"[" * 500 + b"]" * 500 + b"}",
        "long integer": good[:-1] + b', "x": ' + b"9" * 10_000 + b"}",
    }.items():
        yield f"entry: {name}", "malformed", raw
    yield "entry: good", "worked_on", good
    yield "entry: keys that nobody knows", "worked_on", _raw(forger.entry(more={"a": [1, 2]}))


def _properties(forger: Forger) -> Iterator[Told]:
    def whole(told: Any) -> Json:
        return forger.entry(properties=told)

    def part(name: str) -> Callable[[Any], Json]:
        return lambda told: forger.entry(properties=forger.properties(**{name: told}))

    yield from _each("properties", "malformed", whole, gone=_GONE, null=None, list=[], text="x", number=3)
    tags = {"gone": _GONE, "null": None, "object": {"a": 1}, "list": [1], "empty": "", "true": True, "half": "\ud800"}
    yield from _each("delivery_tag", "malformed", part("delivery_tag"), **tags)
    yield from _each("delivery_tag", "worked_on", part("delivery_tag"), number=uuid4().int >> 70)
    sent = {"gone": _GONE, "null": None, "list": [1], "text": "x", "number": {"exchange": 1}}
    yield from _each("delivery_info", "worked_on", part("delivery_info"), **sent)
    priorities = {"text": "x", "list": [1], "infinite": float("inf"), "huge": 10**300}
    yield from _each("priority", "worked_on", part("priority"), **priorities)
    wrapped = {"unknown": "rot13", "list": ["base64"], "number": 1}
    yield from _each("body_encoding", "malformed", part("body_encoding"), **wrapped)
    for name in ("reply_to", "correlation_id"):
        yield from _each(name, "worked_on", part(name), list=[1], object={"a": 1}, number=5)


def _headers(forger: Forger) -> Iterator[Told]:
    def whole(told: Any) -> Json:
        return forger.entry(headers=told)

    def more(told: Any) -> Json:
        return forger.entry(headers=forger.headers(x=told))

    yield from _each("headers", "malformed", whole, list=[1], text="x", number=1)
    yield from _each("headers", "unknown_message", whole, gone=_GONE, null=None, empty={})
    typed = {"bad": {"__type__": "uuid", "__value__": 3}, "unknown": {"__type__": "eval", "__value__": "1"}}
    yield from _each("headers: typed object", "malformed", more, **typed)
    moment = {"__type__": "datetime", "__value__": "2026-01-01T00:00:00+00:00"}
    yield from _each("headers: typed object", "worked_on", more, good=moment)
    deep: Any = 0
    for _ in range(500):
        deep = [deep]
    yield from _each("headers", "malformed", more, deep=deep)


def _names(forger: Forger) -> Iterator[Told]:
    def part(name: str) -> Callable[[Any], Json]:
        return lambda told: forger.entry(headers=forger.headers(**{name: told}))

    yield from _each("task", "unknown_message", part("task"), gone=_GONE)
    yield from _each("task", "unknown_task", part("task"), unknown="nobody.knows", number=5, null=None)
    yield from _each("task", "invalid", part("task"), list=["x"], object={"a": 1})
    wrong = {"list": [1], "object": {"a": 1}, "number": 7, "controls": "a\x1b]0;x\x07", "long": "x" * 9_999}
    for key in ("id", "root_id", "parent_id", "group"):
        yield from _each(key, "invalid", part(key), **wrong)
    yield from _each("id", "invalid", part("id"), gone=_GONE)
    for key in ("eta", "expires"):
        yield from _each(key, "invalid", part(key), text="x", object={"a": 1}, list=[1])
    retries = {"text": "x", "list": [1], "object": {"a": 1}, "negative": -1, "huge": 10**40}
    yield from _each("retries", "invalid", part("retries"), **retries)


def _limits(forger: Forger) -> Iterator[Told]:
    def part(told: Any) -> Json:
        return forger.entry(headers=forger.headers(timelimit=told))

    wrong = {
        "text": "x",
        "two texts": ["x", "y"],
        "numbers as texts": ["300", "200"],
        "object": {"a": 1, "b": 2},
        "one": [5],
        "three": [5, 4, 3],
        "negative": [-5, -5],
        "zero": [0, 0],
        "not a number": [float("nan"), None],
        "true": [True, True],
        "lists": [[1], [2]],
    }
    yield from _each("timelimit", "invalid", part, **wrong)
    yield from _each("timelimit", "worked_on", part, good=[300, 200], null=None, nulls=[None, None], empty=[])


def _bodies(forger: Forger) -> Iterator[Told]:
    def bare(told: Any) -> Json:
        return forger.entry(body=told)

    def packed(told: bytes) -> Json:
        return forger.entry(body=_packed(told))

    def part(name: str) -> Callable[[Any], Json]:
        return lambda told: forger.entry(**{name: told})

    other = {"number": 5, "list": [1], "object": {"a": 1}, "true": True, "not base64": "a"}
    yield from _each("body", "malformed", bare, **other)
    yield from _each("body", "invalid", bare, gone=_GONE, null=None, empty="")
    unreadable = {
        "garbage": b"\x00\x01\xff garbage",
        "not JSON": b"{not json",
        "very deep": b"[[], " + b"[" * DEEP + b"]" * DEEP + b", {}]",
        "500 levels": b'[[], {"x": ' + b"[" * 500 + b"]" * 500 + b"}, {}]",
        "500 levels of objects": b'[[], {"x": ' + b'{"y":' * 500 + b"1" + b"}" * 500 + b"}, {}]",
        "long integer": b'[[], {"x": ' + b"9" * 10_000 + b"}, {}]",
    }
    yield from _each("body", "undecodable", packed, **unreadable)
    unusable = {"kwargs null": b"[[], null, {}]", "kwargs list": b"[[], [], {}]", "scalar": b"17", "none": b"[]"}
    unusable |= {"self": b'[[], {"self": 1}, {}]', "two parts": b"[[], {}]", "four parts": b"[[], {}, {}, {}]"}
    yield from _each("body", "invalid", packed, **unusable)
    plain = forger.properties(body_encoding=_GONE)
    yield "body: half of a pair", "undecodable", _raw(forger.entry(body="\ud800", properties=plain))
    others = {"pickle": "application/x-python-serialize", "yaml": "application/x-yaml"}
    yield from _each("content-type", "invalid", part("content-type"), **others)
    for key in ("content-type", "content-encoding"):
        yield from _each(key, "malformed", part(key), list=[1], object={"a": 1}, number=1)
    yield from _each("content-encoding", "worked_on", part("content-encoding"), unknown="klingon")
    yield from _compressed(forger)


def _compressed(forger: Forger) -> Iterator[Told]:
    def by(name: Any, body: bytes) -> bytes:
        return _raw(forger.entry(body=_packed(body), headers=forger.headers(compression=name)))

    good, bomb = b"[[], {}, {}]", b"[[], {}, {}]" + b" " * 20_000_000
    packers: Mapping[str, Callable[[bytes], bytes]] = {"gzip": zlib.compress, "bzip2": bz2.compress}
    for name, pack in packers.items():
        yield f"compression: {name}", "worked_on", by(name, pack(good))
        yield f"compression: {name} bomb", "undecodable", by(name, pack(bomb))
        yield f"compression: {name} cut off", "undecodable", by(name, pack(good)[:-4])
    for told in ("rar", ["gzip"], "gzip"):
        yield f"compression: {told} of what is not compressed", "undecodable", by(told, good)


def _each(name: str, end: End, write: Callable[[Any], Json], **values: Any) -> Iterator[Told]:
    """The same part with different values."""
    for label, told in values.items():
        yield f"{name}: {label}", end, _raw(write(told))


def _packed(body: bytes) -> str:
    return base64.b64encode(body).decode()


def _raw(entry: Json) -> bytes:
    return json.dumps(entry).encode()
