"""A message becomes a request or a refusal that names the place and never the value."""

from __future__ import annotations

import doctest
import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tasks.contracts.base import locations
from tasks.contracts.base.locations import with_key_names
from tasks.contracts.base.request import Request, parse
from tasks.contracts.base.wire import MESSAGE_LIMIT
from tasks.contracts.events import IngestEvents
from tasks.contracts.jobs import JobStatus
from tasks.contracts.leads import ScoreLeads, UpsertLeads
from tasks.contracts.models import TrainModel
from tasks.contracts.outcomes import RecordOutcomes
from tasks.contracts.tenants import ConfigureTenant
from tasks.errors import InvalidPayload
from workers.base import decoding
from workers.bootstrap import app

SECRET = "s3cret-value"
LEAD = {"external_id": "a"}


def settings(**told: object) -> dict[str, object]:
    return {"tenant_id": "t", "settings": told}


def typed(kind: str, value: str) -> dict[str, str]:
    return {"__type__": kind, "__value__": value}


def nested(levels: int) -> object:
    made: object = 1
    for _ in range(levels):
        made = [made]
    return made


def objects(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for below in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects(below)


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
        (UpsertLeads, upsert(custom={"a": math.nan}), "not_finite", "leads.0.custom.[0]"),
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


KEYS = {SECRET: 5}
STAGES = {"stages": {"a": "b", SECRET: ""}}


@pytest.mark.parametrize(
    ("contract", "payload", "code", "loc"),
    [
        (UpsertLeads, upsert(custom={"a": 1, SECRET: []}), "type", "leads.0.custom.[1]"),
        (UpsertLeads, upsert(custom={SECRET * 99: 1}), "too_long", "leads.0.custom.[0]"),
        (ConfigureTenant, {"tenant_id": "t", "settings": STAGES}, "range", "settings.stages.[1]"),
        (ConfigureTenant, settings(silence_days={SECRET: -1}), "range", "settings.silence_days.[0]"),
        (ConfigureTenant, settings(capacity={"agents": KEYS | {"b": 999}}), "range", "settings.capacity.agents.[1]"),
        (ConfigureTenant, settings(thresholds={SECRET: {"enter": 9}}), "range", "settings.thresholds.[0].enter"),
        (ConfigureTenant, settings(thresholds={SECRET: {"enter": 0.5}}), "missing", "settings.thresholds.[0].leave"),
        (ConfigureTenant, settings(retention_days=KEYS), "unknown_value", "settings.retention_days.[0]"),
        (ConfigureTenant, settings(retention_days={"told": 0}), "range", "settings.retention_days.told"),
        (ConfigureTenant, settings(interventions={"costs": {"sms": -1}}), "range", "settings.interventions.costs.sms"),
        (ConfigureTenant, settings(callback={"kind": SECRET}), "unknown_value", "settings.callback"),
        (ConfigureTenant, settings(callback={"url": SECRET}), "missing", "settings.callback"),
        (ConfigureTenant, settings(callback={"kind": "webhook", "url": SECRET}), "type", "settings.callback.url"),
        (JobStatus, {"tenant_id": "t", "job_id": "j", SECRET: {"b": math.nan}}, "not_finite", "[2].[0]"),
        (JobStatus, {"tenant_id": "t", "job_id": "j", SECRET: 10**400}, "not_finite", "[2]"),
        (IngestEvents, {"tenant_id": "t", "events": [{SECRET: [1, math.inf]}]}, "not_finite", "events.0.[0].1"),
        (IngestEvents, {"tenant_id": "t", "events": [{"a": SECRET + "\ud800"}]}, "type", "events.0.[0]"),
        (IngestEvents, {"tenant_id": "t", "events": [{SECRET + "\ud800": 1}]}, "type", "events.0.[0]"),
        (IngestEvents, {"tenant_id": "t", "events": [nested(99)]}, "too_deep", "events.0" + ".0" * 10 + ".…"),
        (IngestEvents, {"tenant_id": "t", "events": [typed("uuid", SECRET)]}, "type", "events.0"),
        (UpsertLeads, upsert(created_at=typed("datetime", SECRET)), "type", "leads.0.created_at"),
        (UpsertLeads, upsert(created_at=datetime(2024, 5, 1, tzinfo=UTC)), "type", "leads.0.created_at"),
        (UpsertLeads, upsert(created_at="0001-01-01T00:00:00+14:00"), "range", "leads.0.created_at"),
        (UpsertLeads, upsert(note=SECRET.encode()), "type", "leads.0.[1]"),
    ],
)
def test_a_key_that_its_caller_made_up_is_told_by_its_number(
    contract: type[Request], payload: dict[str, object], code: str, loc: str
) -> None:
    with pytest.raises(InvalidPayload) as caught:
        parse(contract, payload)
    assert caught.value.code == code
    assert loc in [error["loc"] for error in caught.value.errors]
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("value", [f'"{SECRET}"', '"2026-01-01T00:00:00+00:00"', '{"hex": 1}', "null", "[]", '"1e9"'])
@pytest.mark.parametrize("kind", ["uuid", "datetime", "date", "time", "decimal", "bytes", "base64", SECRET])
def test_a_typed_object_is_refused_with_its_place_whether_its_value_is_good_or_not(kind: str, value: str) -> None:
    typed_object = f'{{"__type__": "{kind}", "__value__": {value}}}'
    sent = f'{{"tenant_id": "t", "leads": [{{"external_id": "a", "created_at": {typed_object}}}]}}'
    with pytest.raises(InvalidPayload) as caught:
        parse(UpsertLeads, decoding.loads(sent))
    assert (caught.value.code, caught.value.errors[0]["loc"]) == ("type", "leads.0.created_at")
    assert SECRET not in str(caught.value)


def test_a_hundred_levels_pass() -> None:
    parse(IngestEvents, {"tenant_id": "t", "events": [nested(98)]})


@pytest.mark.parametrize("name", sorted(name for name in app.tasks if name.startswith("hearth.")))
def test_no_whole_number_is_without_bounds(name: str) -> None:
    # what no column holds would be a fault of ours
    schema = app.tasks[name].contract.model_json_schema()
    boundless = [
        one for one in objects(schema) if one.get("type") == "integer" and not {"maximum", "const"} & one.keys()
    ]
    assert boundless == []


def test_a_message_over_the_limit_is_refused() -> None:
    with pytest.raises(InvalidPayload) as caught:
        parse(JobStatus, {"tenant_id": "t", "job_id": "j", "note": "x" * MESSAGE_LIMIT})
    assert caught.value.code == "too_long"


def test_unknown_keys_are_warned_about_at_every_depth() -> None:
    _, warnings = parse(UpsertLeads, {**upsert(foo=1), "bar": 2})
    assert warnings == [
        {"code": "unknown_field", "path": "[2]"},
        {"code": "unknown_field", "path": "leads.0.[1]"},
    ]
    _, warnings = parse(ConfigureTenant, settings(thresholds={"hot": {"enter": 0.5, "leave": 0.4, SECRET: 1}}))
    assert warnings == [{"code": "unknown_field", "path": "settings.thresholds.[0].[2]"}]


def test_a_misspelt_key_is_told_with_the_name_it_is_like() -> None:
    _, warnings = parse(UpsertLeads, upsert(firstName="A", emial="b", favourite_colour="c"))
    assert [(warning["path"], warning.get("near")) for warning in warnings] == [
        ("leads.0.[1]", "first_name"),
        ("leads.0.[2]", "email"),
        ("leads.0.[3]", None),
    ]


def test_times_come_out_in_utc() -> None:
    request, _ = parse(UpsertLeads, upsert(created_at="2024-05-01T12:00:00+02:00"))
    assert request.leads[0].created_at.isoformat() == "2024-05-01T10:00:00+00:00"


def test_the_examples_hold() -> None:
    assert doctest.testmod(locations).failed == 0


def test_whoever_has_the_message_can_put_its_keys_back() -> None:
    sent = {"settings": {"stages": {"a": "b", "Very hot": ""}}, "events": [{}, {"x.y": 1}]}
    assert with_key_names("settings.stages.[1]", sent) == "settings.stages.Very hot"
    assert with_key_names("events.1.[0]", sent) == "events.1.x.y"
    assert with_key_names("events.7.[3].…", sent) == "events.7.[3].…"
    assert with_key_names("", sent) == ""
