"""Every CRM has an adapter, and every adapter its words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

import pytest

from domain.crms import DEFAULT_CRM, LEAD_SYSTEMS, ActionCrm, EventProvider
from tasks.crm.adapter import CrmAction
from tasks.crm.adapters import ADAPTERS, UnknownCrmError, adapter_of, adapter_of_events
from tasks.crm.generic import GENERIC

NOW = datetime(2025, 3, 1, tzinfo=UTC)


def test_every_word_of_events_has_one_reader_and_every_reader_a_word() -> None:
    words = [word for adapter in ADAPTERS.values() for word in adapter.readers]
    assert sorted(words) == sorted(get_args(EventProvider))


def test_every_crm_that_actions_are_written_for_has_an_adapter_that_can_write_some() -> None:
    able = {provider for provider, adapter in ADAPTERS.items() if adapter.possible({})}
    assert able == set(get_args(ActionCrm))
    assert {DEFAULT_CRM} <= able <= LEAD_SYSTEMS


def test_an_adapter_is_found_by_its_word_and_by_those_of_its_events() -> None:
    assert adapter_of("ghl") is adapter_of_events("ghl") is adapter_of_events("ghl_workflow")
    for find in (adapter_of, adapter_of_events):
        with pytest.raises(UnknownCrmError):
            find("carrier_pigeon")


def test_a_source_that_carries_nothing_out_has_no_request_and_says_why() -> None:
    asked = CrmAction(
        action="sms",
        contact_id="c1",
        text="Hello",
        title=None,
        due_at=NOW,
        assigned_to=None,
        settings={},
    )
    assert GENERIC.request_of(asked) is None
    assert GENERIC.why_not("sms", contact_id="c1", text="Hello", settings={}) == "unknown_action"
    assert not GENERIC.is_tenant_run("sms", {"workflows": {"sms": "w1"}})


def test_what_hearth_writes_back_is_its_own_echo() -> None:
    assert adapter_of("ghl").is_own("ml.score")
    assert not adapter_of("ghl").is_own("tags")
