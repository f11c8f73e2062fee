"""What is read from messages that anybody may have written."""

from datetime import UTC, datetime, timedelta

import pytest
from kombu.message import Message

from workers.base import messages


def message(body=b"[[], {}, {}]", headers=None, **facts):
    return Message(
        body,
        content_type="application/json",
        content_encoding="utf-8",
        headers=headers,
        accept={"application/json"},
        **facts,
    )


@pytest.mark.parametrize(
    ("body", "tenant"),
    [
        (b'[[], {"tenant_id": "acme"}, {}]', "acme"),
        (b'[[{"tenant_id": "acme"}], {}, {}]', "acme"),
        (b'{"task": "x", "args": [{"tenant_id": "acme"}], "kwargs": {}}', "acme"),
        (b'{"task": "x", "args": [], "kwargs": {"tenant_id": "acme"}}', "acme"),
        (b'{"kwargs": {"tenant_id": ["acme"]}}', None),
        (b'[[], {"tenant_id": "a\\u0000"}, {}]', None),
        (b'[[], {"tenant_id": "' + b"a" * 65 + b'"}, {}]', None),
        (b"{nonsense", None),
        (b"\xff\xfe", None),
        (b"7", None),
        (b"[" * 100_000, None),
    ],
)
def test_the_tenant_of_a_message(body, tenant):
    assert messages.tenant_of(message(body)) == tenant


def test_the_task_of_a_message_in_either_protocol():
    assert messages.task_of(message(headers={"task": "a.b"})) == "a.b"
    assert messages.task_of(message(b'{"task": "a.b"}')) == "a.b"
    assert messages.task_of(message(headers={"task": "a b\n"})) is None
    assert messages.task_of(message(headers={"task": ["a"]})) is None


def test_facts_are_json_whatever_they_were():
    odd = message(headers={"a": float("nan"), "b": b"\xff", "c": [float("inf")], 7: object()})
    facts = messages.facts_of(odd)
    assert facts["headers"]["a"] == "nan"
    assert facts["headers"]["c"] == ["inf"]
    deep = current = {}
    for _ in range(100_000):
        current["a"] = current = {}
    assert messages.facts_of(message(headers={"deep": deep})) == {"unreadable": True, "headers": {}}


@pytest.mark.parametrize("count", [-1, 2**40, "3", None, 1.5])
def test_odd_counts_are_none(count):
    assert messages.count_of(message(headers={"retries": count}), "retries") == 0


def test_the_time_that_is_left():
    soon = datetime.now(UTC) + timedelta(seconds=30)
    assert 20 < messages.seconds_left(message(headers={"expires": soon.isoformat()})) <= 30
    assert messages.seconds_left(message(headers={"expires": "2020-01-01T00:00:00"})) < 0
    assert messages.seconds_left(message(headers={"expires": "soon"})) is None
    assert messages.seconds_left(message(headers={})) is None
