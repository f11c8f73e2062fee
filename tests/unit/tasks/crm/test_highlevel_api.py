"""How HighLevel's API is called: write-backs, which requests may be repeated, what its answers say."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.crm.adapter import Remaining
from tasks.crm.adapters import adapter_of
from tasks.crm.generic import GENERIC
from tasks.crm.highlevel.api import API

VALUES: Any = {"ml:score": 71, "ml:band": "hot", "ml:reason": None, "ml:next_action": "Call task"}


def test_write_backs_go_into_the_fields_that_are_mapped_to_them() -> None:
    mapping = {"f2": "ml:band", "f1": "ml:score", "f3": "ml:reason", "f4": "budget"}
    request = adapter_of("ghl").write_back("c/1", VALUES, {"custom_fields": mapping})
    assert request == {
        "provider": "ghl",
        "method": "PUT",
        "path": "/contacts/c%2F1",
        "body": {
            "customFields": [
                {"id": "f1", "field_value": 71},
                {"id": "f2", "field_value": "hot"},
                {"id": "f3", "field_value": ""},
            ]
        },
        "headers": {"Version": "2021-07-28"},
    }


@pytest.mark.parametrize("settings", [{}, {"custom_fields": {}}, {"custom_fields": {"f4": "budget"}}])
def test_without_a_mapped_field_there_is_nothing_to_write(settings: dict[str, Any]) -> None:
    assert adapter_of("ghl").write_back("c1", VALUES, settings) is None


def test_a_tenant_s_own_version_of_the_api_is_asked_for() -> None:
    settings = {"custom_fields": {"f": "ml:band"}, "interventions": {"versions": {"contacts": "2023-02-21"}}}
    request = adapter_of("ghl").write_back("c1", VALUES, settings)
    assert request is not None
    assert request["headers"] == {"Version": "2023-02-21"}


@pytest.mark.parametrize(
    ("method", "path", "repeatable"),
    [
        ("PUT", "/contacts/c1", True),
        ("POST", "/contacts/c1/tags", True),
        ("DELETE", "/contacts/c1/workflow/w1", True),
        ("POST", "/contacts/c1/workflow/w1", False),
        ("POST", "/contacts/c1/tasks", False),
        ("POST", "/contacts/c1/notes", False),
        ("POST", "/conversations/messages", False),
    ],
)
def test_a_message_a_task_a_note_and_a_workflow_are_not_repeated(method: str, path: str, repeatable: bool) -> None:
    assert API.is_idempotent({"method": method, "path": path}) is repeatable


@pytest.mark.parametrize(
    ("answer", "ids"),
    [
        ({"messageId": "m1", "emailMessageId": "e1", "conversationId": "c"}, ("m1", "e1")),
        ({"messageId": 7}, ()),
        ([], ()),
        (None, ()),
        ("m1", ()),
    ],
)
def test_ids_of_a_message_are_read_from_any_answer(answer: Any, ids: tuple[str, ...]) -> None:
    assert API.message_ids(answer) == ids


@pytest.mark.parametrize(("value", "left"), [("0", 0), ("99", 99), ("-1", None), ("many", None), ("9" * 30, None)])
def test_what_is_left_is_read_from_headers(value: str, left: int | None) -> None:
    told = API.remaining({"x-ratelimit-remaining": value, "x-ratelimit-daily-remaining": "5"})
    assert told == Remaining(in_window=left, in_day=5)


def test_a_source_that_carries_nothing_out_has_no_api() -> None:
    assert GENERIC.api is None
    assert GENERIC.write_back("c1", VALUES, {"custom_fields": {"f": "ml:band"}}) is None
