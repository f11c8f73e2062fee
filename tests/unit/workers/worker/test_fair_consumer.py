"""Who is next: the tenant of a raw entry, and who may have a worker's last free child."""

import base64
import json

import pytest

from workers.worker.fair_consumer import HEARD, Admission
from workers.worker.fair_queue import tenant_of


def entry(body, **changes):
    return json.dumps({"body": body, "properties": {}, "headers": {}} | changes).encode()


def encoded(body):
    return base64.b64encode(json.dumps(body).encode()).decode()


BASE64 = {"properties": {"body_encoding": "base64"}}


@pytest.mark.parametrize(
    ("raw", "tenant"),
    [
        (entry(encoded([[], {"tenant_id": "acme"}, {}]), **BASE64), "acme"),
        (entry(encoded([[{"tenant_id": "acme"}], {}, {}]), **BASE64), "acme"),
        (entry(encoded({"task": "x", "args": [], "kwargs": {"tenant_id": "acme"}}), **BASE64), "acme"),
        (entry('[[], {"tenant_id": "acme"}, {}]'), "acme"),
        (entry(encoded([[], {"queue": "batch"}, {}]), **BASE64), ""),
        (entry(encoded([[], {"tenant_id": 7}, {}]), **BASE64), ""),
        (entry("*", **BASE64), ""),
        (entry(None), ""),
        (entry("[]", properties=None), ""),
        (b'{"headers": {}}', ""),
        (b"[1]", ""),
        (b"\xff\x00", ""),
        (b"[" * 100_000, ""),
        (entry(base64.b64encode(b"\xff" * 9).decode(), **BASE64), ""),
    ],
)
def test_the_tenant_of_an_entry(raw, tenant):
    assert tenant_of(raw) == tenant


@pytest.mark.parametrize(
    ("following", "taken", "children", "heard", "admitted"),
    [
        ({"a"}, [], 2, {"a", "b"}, True),
        ({"a"}, ["a"], 2, {"a", "b"}, False),
        ({"a", "b"}, ["a"], 2, {"a", "b"}, True),
        ({"b"}, ["a"], 2, {"a", "b"}, True),
        ({"a"}, ["b"], 2, {"a", "b"}, True),
        ({"a"}, ["a"], 2, {"a"}, True),
        ({"a"}, ["a"], 2, {"a", ""}, True),
        ({"a"}, ["a"], 3, {"a", "b"}, True),
        ({"a"}, ["a", "a"], 3, {"a", "b"}, False),
        ({"a"}, [], 1, {"a", "b"}, True),
        ({"b"}, ["a", "a"], 2, {"a", "b"}, False),
        (set(), ["a"], 2, {"a", "b"}, True),
    ],
)
def test_the_last_child_is_kept_for_the_others(following, taken, children, heard, admitted):
    places = Admission()
    places.record(heard, now=100.0)
    assert places.admit(following, taken, children, now=101.0) is admitted


def test_who_is_silent_keeps_no_child_free():
    places = Admission()
    places.record({"a", "b", ""}, now=100.0)
    assert places.crowded(now=101.0)
    places.record({"a"}, now=100.0 + HEARD)
    assert not places.crowded(now=101.0 + HEARD)
    assert places.admit({"a"}, ["a"], 2, now=101.0 + HEARD)
