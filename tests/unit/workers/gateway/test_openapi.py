"""The gateway's OpenAPI document: correct by OpenAPI's own rules, and about every task that is open."""

from __future__ import annotations

import json

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tasks.contracts.event_types import EVENT_TYPES
from tasks.runtime import registry
from workers.gateway import openapi

TASKS = "/v1/tasks/"
DOCUMENT = openapi.document()
MODELS = DOCUMENT["components"]["schemas"]
OPERATIONS = [
    (path, operation)
    for part in ("paths", "webhooks")
    for path, methods in DOCUMENT[part].items()
    for operation in methods.values()
]


def request(task: str) -> jsonschema.Draft202012Validator:
    """What checks the body of a task, by the document alone."""
    body = DOCUMENT["paths"][f"{TASKS}{task}"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    return jsonschema.Draft202012Validator({**body, "components": DOCUMENT["components"]})


def test_it_is_openapi():
    assert not list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors())


def test_it_goes_over_the_wire():
    assert json.loads(json.dumps(DOCUMENT, allow_nan=False)) == DOCUMENT


def test_it_tells_of_the_open_tasks_each_with_its_scope():
    told = {
        path.removeprefix(TASKS): operation["security"][0]["bearer"]
        for path, operation in OPERATIONS
        if path.startswith(f"{TASKS}{registry.PREFIX}")
    }
    assert told == {name: [declaration.scope] for name, declaration in registry.open_tasks().items()}
    assert told["hearth.leads.upsert"] == ["write"]
    assert "hearth.backfill.csv" not in told


def test_operations_have_names_of_their_own_that_programs_can_use():
    names = [operation["operationId"] for _, operation in OPERATIONS]
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() for name in names)
    assert "leadsWithdrawOverride" in names


def test_it_tells_of_every_type_of_event():
    assert set(DOCUMENT["webhooks"]) == set(EVENT_TYPES)


def test_every_model_in_it_is_used_and_none_is_missing():
    text = json.dumps(DOCUMENT)
    unused = [name for name in MODELS if f'"#/components/schemas/{name}"' not in text]
    assert not unused
    assert "#/$defs/" not in text
    assert "BackfillCsv" not in MODELS


@pytest.mark.parametrize(
    ("task", "body", "good"),
    [
        ("hearth.leads.upsert", {"leads": [{"external_id": "C-1", "showings": 1}]}, True),
        ("hearth.leads.upsert", {"tenant_id": "acme", "leads": [{"external_id": "C-1"}]}, True),
        ("hearth.leads.upsert", {"leads": [{"external_id": "C-1", "timeline": "soon"}]}, False),
        ("hearth.leads.upsert", {}, False),
        ("hearth.leads.upsert", {"tenant_id": "no tenant", "leads": [{"external_id": "C-1"}]}, False),
        ("hearth.system.ping", {}, True),
    ],
)
def test_its_models_take_what_the_tasks_take_with_or_without_a_tenant(task, body, good):
    assert request(task).is_valid(body) is good


def test_no_path_without_a_key_but_health_and_the_document():
    free = {path for path, operation in OPERATIONS if operation.get("security") == [] and path in DOCUMENT["paths"]}
    assert free == {"/healthz", "/v1/openapi.json"}
