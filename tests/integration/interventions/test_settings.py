"""The tenant's choices: what is left out stays, null goes back, what is wrong is named."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from db.repositories import tenants
from db.session import EVERY_TENANT, reading
from tasks.errors import InvalidPayload
from tasks.services.interventions.intervention_settings import BUDGET, InterventionSettings, settings_of
from tasks.tenants import configure

pytestmark = pytest.mark.usefixtures("sqlite_database")


def told(**interventions: Any) -> InterventionSettings:
    configure(tenant_id="acme", settings={"interventions": interventions})
    with reading(EVERY_TENANT) as session:
        return settings_of(tenants.require(session, "acme").settings)


def test_a_tenant_that_said_nothing_has_the_written_choices() -> None:
    configure(tenant_id="acme", settings={"name": "Harbor Homes"})
    with reading(EVERY_TENANT) as session:
        assert settings_of(tenants.require(session, "acme").settings) == InterventionSettings()
    assert InterventionSettings().rules.approval == {"sms", "email"}


def test_what_is_left_out_stays_and_null_goes_back() -> None:
    told(holdout=0.2, budget=50, approval=["call"], caps={"per_week": 2}, quiet_hours={"start": 10, "end": 18})
    kept = told(kill_switch=True)
    assert (kept.kill_switch, kept.holdout, kept.budget) == (True, 0.2, 50.0)
    assert (kept.rules.approval, kept.rules.per_day, kept.rules.per_week) == ({"call"}, 1, 2)
    assert (kept.rules.hours.start, kept.rules.hours.end) == (10, 18)
    back = told(budget=None, holdout=None, kill_switch=False)
    assert (back.kill_switch, back.holdout, back.budget, back.rules.per_week) == (False, 0.1, BUDGET, 2)


def test_a_threshold_is_never_left_above_where_it_is_entered() -> None:
    assert (told(enter=0.4).enter, told(enter=0.4).leave) == (0.4, 0.4)
    assert told(cooldown_days=3.5).cooldown == timedelta(days=3.5)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"holdout": 0.6}, "range"),
        ({"enter": 0.5, "leave": 0.6}, "range"),
        ({"allowed_actions": ["shout"]}, "unknown_value"),
        ({"quiet_hours": {"start": 20, "end": 9}}, "range"),
        ({"caps": {"per_day": -1}}, "range"),
        ({"workflows": {"sms": "a b"}}, "type"),
    ],
)
def test_what_is_wrong_is_named(given: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidPayload) as caught:
        told(**given)
    assert caught.value.code == code
