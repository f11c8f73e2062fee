"""The published JSON Schemas are what the code says: a change of the contract shows as a change of a file."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from tasks.runtime import registry

FOLDER = Path(__file__).parents[2] / "docs" / "schemas"
GENERATED = registry.schemas()


@pytest.mark.parametrize("name", sorted(GENERATED))
def test_the_published_schema_is_the_generated_one(name: str) -> None:
    published = json.loads((FOLDER / f"{name}.json").read_text())
    assert published == GENERATED[name], "run `hearth schemas docs/schemas` and look at the difference"


def test_no_published_schema_is_left_over() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(GENERATED)


@pytest.mark.parametrize("name", sorted(registry.public_contracts()))
def test_schemas_are_schemas(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(GENERATED[name])


def test_unknown_keys_pass_the_schema_as_they_pass_the_task() -> None:
    jsonschema.validate({"tenant_id": "t", "job_id": "j", "later": 1}, GENERATED["hearth.jobs.status"])
