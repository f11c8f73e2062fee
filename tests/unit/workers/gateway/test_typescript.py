"""The TypeScript types of the contract: what becomes of each form of JSON Schema."""

from __future__ import annotations

import pytest

from tasks.runtime import registry
from workers.gateway import typescript
from workers.gateway.components import ModelNameClashError

TEXT = typescript.declarations(registry.schemas())


@pytest.mark.parametrize(
    ("schema", "type_"),
    [
        ({}, "unknown"),
        (True, "unknown"),
        ({"$ref": "#/$defs/Lead"}, "Lead"),
        ({"const": "1"}, '"1"'),
        ({"const": True, "type": "boolean"}, "true"),
        ({"enum": ["hot", 'a"b', 3, None]}, '"hot" | "a\\"b" | 3 | null'),
        ({"type": "integer"}, "number"),
        ({"type": ["string", "null"]}, "string | null"),
        ({"anyOf": [{"type": "integer"}, {"type": "number"}, {"type": "null"}]}, "number | null"),
        ({"oneOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}]}, "A | B"),
        ({"allOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}]}, "A & B"),
        ({"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "null"}]}}, "Array<string | null>"),
        ({"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}, "[number, number]"),
        ({"type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": 1000}, "Array<number>"),
        ({"type": "array", "prefixItems": [{"type": "string"}, {"type": "number"}]}, "[string, number]"),
        ({"type": "object"}, "Record<string, unknown>"),
        ({"type": "object", "additionalProperties": {"type": "boolean"}}, "Record<string, boolean>"),
        (
            {"type": "object", "propertyNames": {"enum": ["hot", "cold"]}, "additionalProperties": {"type": "integer"}},
            'Partial<Record<"hot" | "cold", number>>',
        ),
        (
            {"type": "object", "properties": {"a-b": {"type": "string"}, "c": {"type": "null"}}, "required": ["c"]},
            '{\n  "a-b"?: string;\n  c: null;\n}',
        ),
    ],
)
def test_a_schema_has_its_type(schema, type_):
    assert typescript.type_of(schema) == type_


def test_what_a_schema_says_is_a_comment_that_cannot_end_early():
    model = {"title": "Ask", "description": "Ends */ here.\n\nAnd more.", "properties": {"n": {"default": 3}}}
    text = typescript.declarations(
        {"event": {"title": "Told"}, "hearth.a.b": model, "answers/hearth.a.b": {"title": "Told"}}
    )
    assert "/**\n * Ends * / here.\n *\n * And more.\n */\nexport interface Ask {\n  /** @default 3 */\n" in text
    assert "export type Told = unknown;" in text


def test_every_task_and_every_type_of_event_has_its_line():
    schemas = registry.schemas()
    for name in schemas:
        if name.startswith("events/"):
            assert f'\n  "{name.removeprefix("events/")}": ' in TEXT
        if name.startswith("hearth."):
            assert f'\n  "{name}": {{ request: {schemas[name]["title"]}; data: ' in TEXT


def test_a_model_with_a_name_of_the_heads_own_is_an_error():
    with pytest.raises(ModelNameClashError, match="TaskName"):
        typescript.declarations({"event": {"title": "TaskName"}})
    with pytest.raises(ModelNameClashError, match="Accepted"):
        typescript.declarations({"event": {"title": "Accepted"}})
