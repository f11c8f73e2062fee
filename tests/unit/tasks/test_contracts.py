"""A message becomes a request or a refusal that names the place and never the value."""

from __future__ import annotations

import json
import math

import pytest

from ml.interventions import names
from tasks.contracts import interventions
from tasks.contracts.base import MESSAGE_LIMIT, Request, parse
from tasks.contracts.jobs import JobStatus
from tasks.contracts.leads import ScoreLeads, UpsertLeads
from tasks.contracts.outcomes import RecordOutcomes
from tasks.contracts.tenants import ConfigureTenant
from tasks.contracts.training import TrainModel
from tasks.errors import InvalidPayload

SECRET = "s3cret-value"
LEAD = {"external_id": "a"}


def upsert(**lead: object) -> dict[str, object]:
    return {"tenant_id": "t", "leads": [{**LEAD, **lead}]}


@pytest.mark.parametrize(
    ("contract", "payload", "code", "loc"),
    [
        (UpsertLeads, {"leads": [LEAD]}, "missing", "tenant_id"),
        (UpsertLeads, {"tenant_id": f"{SECRET} ", "leads": [LEAD]}, "type", "tenant_id"),
        (UpsertLeads, {"tenant_id": "t"}, "missing", "leads"),
        (UpsertLeads, {"tenant_id": "t", "leads": SECRET}, "type", "leads"),
        (UpsertLeads, {"tenant_id": "t", "leads": []}, "range", "leads"),
        (UpsertLeads, {"tenant_id": "t", "leads": [LEAD] * 1001}, "too_many", "leads"),
        (UpsertLeads, {"tenant_id": "t", "leads": [LEAD], "contract": "9"}, "unknown_value", "contract"),
        (UpsertLeads, upsert(deal_value=math.nan), "not_finite", "leads.0.deal_value"),
        (UpsertLeads, upsert(deal_value=math.inf), "not_finite", "leads.0.deal_value"),
        (UpsertLeads, upsert(deal_value=SECRET), "type", "leads.0.deal_value"),
        (UpsertLeads, upsert(created_at="2999-01-01T00:00:00Z"), "future", "leads.0.created_at"),
        (UpsertLeads, upsert(created_at="2020-01-01T00:00:00"), "type", "leads.0.created_at"),
        (UpsertLeads, upsert(email=SECRET), "type", "leads.0.email"),
        (UpsertLeads, upsert(lead_type=SECRET), "unknown_value", "leads.0.lead_type"),
        (UpsertLeads, upsert(source=SECRET * 99), "too_long", "leads.0.source"),
        (UpsertLeads, upsert(custom={"a": math.nan}), "not_finite", "leads.0.custom.a.float"),
        (ScoreLeads, {"tenant_id": "t"}, "missing", ""),
        (ScoreLeads, {"tenant_id": "t", "lead_id": "a", "lead_ids": ["b"]}, "missing", ""),
        (ScoreLeads, {"tenant_id": "t", "lead_ids": ["a"] * 1001}, "too_many", "lead_ids"),
        (TrainModel, {"tenant_id": "t", "kind": SECRET}, "unknown_value", "kind"),
        (ConfigureTenant, {"tenant_id": "t", "settings": {"timezone": SECRET}}, "unknown_value", "settings.timezone"),
        (ConfigureTenant, {"tenant_id": "t", "settings": {"bands": {"hot": 0.2}}}, "range", "settings.bands"),
        (
            RecordOutcomes,
            {"tenant_id": "t", "outcomes": [{"subject": {}, "type": "won", "at": "2020-01-01T00:00:00Z"}]},
            "missing",
            "outcomes.0.subject",
        ),
    ],
)
def test_a_wrong_place_is_named_and_its_value_is_not(
    contract: type[Request], payload: dict[str, object], code: str, loc: str
) -> None:
    with pytest.raises(InvalidPayload) as caught:
        parse(contract, payload)
    assert caught.value.code == code
    assert loc in [error["loc"] for error in caught.value.errors]
    assert SECRET not in str(caught.value)
    json.dumps(caught.value.args, allow_nan=False)


def test_a_message_over_the_limit_is_refused() -> None:
    with pytest.raises(InvalidPayload) as caught:
        parse(JobStatus, {"tenant_id": "t", "job_id": "j", "note": "x" * MESSAGE_LIMIT})
    assert caught.value.code == "too_long"


def test_unknown_keys_are_warned_about_at_every_depth() -> None:
    _, warnings = parse(UpsertLeads, {**upsert(foo=1), "bar": 2})
    assert warnings == [
        {"code": "unknown_field", "path": "bar"},
        {"code": "unknown_field", "path": "leads.0.foo"},
    ]


def test_times_come_out_in_utc() -> None:
    request, _ = parse(UpsertLeads, upsert(created_at="2024-05-01T12:00:00+02:00"))
    assert request.leads[0].created_at.isoformat() == "2024-05-01T10:00:00+00:00"


def test_the_words_of_requests_are_those_of_the_catalogue() -> None:
    # written twice, since whoever reads a contract must not import models
    assert (interventions.ACTIONS, interventions.INTERVENTIONS) == (names.ACTIONS, names.INTERVENTIONS)
