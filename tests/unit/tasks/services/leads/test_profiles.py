"""From what is stored to what models read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from db.records import EventRecord
from ml.churn.activity import is_sign
from tasks.services.leads.profiles import to_interaction

AT = datetime(2026, 2, 3, 14, tzinfo=UTC)


def call(direction: str, **facts: Any) -> EventRecord:
    who = {"event_id": "e", "lead_id": "l", "kind": "call", "channel": "call"}
    return EventRecord(**who, occurred_at=AT, recorded_at=AT, direction=direction, facts=facts)


@pytest.mark.parametrize(
    ("facts", "minutes"),
    [
        ({"duration": 240.0, "status": "completed"}, 4.0),
        ({"duration": 90}, 1.5),
        ({"duration": 90, "status": "answered"}, 1.5),
        ({"duration": 15.0, "status": "voicemail"}, None),
        ({"duration": 15.0, "status": "no-answer"}, None),
        ({"duration": 22.0, "status": "busy"}, None),
        ({"duration": 0.0, "status": "completed"}, None),
        ({"status": "completed"}, None),
        ({"value": 7.0, "duration": 60.0}, 7.0),
    ],
)
def test_a_call_of_ours_that_was_answered_is_a_sign_of_the_lead(facts: dict[str, Any], minutes: float | None) -> None:
    told = to_interaction(call("outbound", **facts))
    assert told.value == minutes
    assert is_sign(told) is (minutes is not None)


def test_a_call_of_the_lead_is_a_sign_whatever_it_lasted() -> None:
    assert is_sign(to_interaction(call("inbound", status="missed")))
