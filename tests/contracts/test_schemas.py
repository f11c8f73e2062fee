"""The published JSON Schemas are what the code says: a change of the contract shows as a change of a file."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from tasks.contracts import answers
from tasks.contracts.event_types import EVENT_TYPES
from tasks.runtime import registry
from workers.gateway import openapi, typescript

FOLDER = Path(__file__).parents[2] / "docs" / "schemas"
GENERATED = registry.schemas()


@pytest.mark.parametrize("name", sorted(GENERATED))
def test_the_published_schema_is_the_generated_one(name: str) -> None:
    published = json.loads((FOLDER / f"{name}.json").read_text())
    assert published == GENERATED[name], "run `hearth schemas docs/schemas` and look at the difference"


def test_the_published_description_of_the_gateway_is_the_generated_one() -> None:
    published = json.loads((FOLDER / "openapi.json").read_text())
    assert published == openapi.document(), "run `hearth schemas docs/schemas` and look at the difference"


def test_the_published_types_are_the_generated_ones() -> None:
    published = (FOLDER / "hearth.d.ts").read_text()
    assert published == typescript.declarations(GENERATED), "run `hearth schemas docs/schemas`"


def test_no_published_schema_is_left_over() -> None:
    published = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.json")}
    assert published == {f"{name}.json" for name in (*GENERATED, "openapi")}


def test_every_public_task_says_what_it_answers() -> None:
    assert set(answers.ANSWERS) == set(registry.public_contracts())


@pytest.mark.parametrize("name", sorted(GENERATED))
def test_schemas_are_schemas(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(GENERATED[name])


def test_unknown_keys_pass_the_schema_as_they_pass_the_task() -> None:
    jsonschema.validate({"tenant_id": "t", "job_id": "j", "later": 1}, GENERATED["hearth.jobs.status"])


def test_a_later_version_may_tell_more_than_a_schema_names() -> None:
    event = {"lead_id": "l", "band": "hot", "was": "cold", "probability": 0.7}
    jsonschema.validate({**event, "later": 1}, GENERATED["events/band.changed"])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**event, "band": "boiling"}, GENERATED["events/band.changed"])


def test_the_page_for_callers_lists_every_type_of_event() -> None:
    page = (FOLDER.parent / "callers.md").read_text()
    table = page.partition("### Types of events")[2].partition("\n#")[0]
    listed = [line.split("`")[1] for line in table.splitlines() if line.startswith("| `")]
    assert sorted(listed) == sorted(EVENT_TYPES)
