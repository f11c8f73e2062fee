"""Which plans wait for a person's yes, by a tenant's settings."""

import pytest
from pydantic import ValidationError

from tasks.contracts.tenants import Interventions
from tasks.services.interventions.intervention_settings import LARGEST_PLAN_SHARE, settings_of


@pytest.mark.parametrize("mode", ["first_and_large", "large", "never"])
def test_a_tenant_decides_before(mode):
    assert settings_of({"interventions": {"ask_before": mode}}).ask_before == mode


@pytest.mark.parametrize("block", [None, {}, {"ask_before": None}, {"ask_before": "on_mondays"}])
def test_what_is_not_set_or_not_known_asks_as_often_as_can_be(block):
    settings = settings_of({"interventions": block})
    assert (settings.ask_before, settings.largest_plan_share) == ("first_and_large", LARGEST_PLAN_SHARE)


@pytest.mark.parametrize(
    "wrong", [{"ask_before": "on_mondays"}, {"largest_plan_share": 0}, {"largest_plan_share": 1.5}]
)
def test_a_setting_that_means_nothing_is_refused(wrong):
    with pytest.raises(ValidationError):
        Interventions(**wrong)
