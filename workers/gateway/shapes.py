"""What the gateway itself says, as JSON Schemas: around the answers of tasks, which the contract describes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from domain.documents import JsonObject
from workers.gateway.components import REFERENCE

_TEXT: JsonObject = {"type": "string"}
_ERROR: JsonObject = {
    "description": "Why there is no answer; never a value that was sent.",
    "type": "object",
    "required": ["code", "message", "errors"],
    "properties": {
        "code": {"description": "for programs", **_TEXT},
        "message": {"description": "for people", **_TEXT},
        "errors": {
            "description": "the places of the arguments that are wrong; empty where it is about no place",
            "type": "array",
            "items": {
                "type": "object",
                "required": ["loc", "msg"],
                "properties": {"loc": {"description": "such as `leads.3.email`", **_TEXT}, "msg": _TEXT},
            },
        },
    },
}

#: name of the model -> its schema, which refers to others by `#/$defs/<name>`
SHAPES: Mapping[str, JsonObject] = MappingProxyType(
    {
        "Accepted": {
            "description": "A task that is taken and has not ended.",
            "type": "object",
            "required": ["task_id", "task", "state"],
            "properties": {"task_id": _TEXT, "task": _TEXT, "state": {"const": "accepted"}},
        },
        "GatewayError": _ERROR,
        "ErrorAnswer": {
            "description": "Any answer of 400 and above.",
            "type": "object",
            "required": ["error"],
            "properties": {"error": {"$ref": f"{REFERENCE}GatewayError"}},
        },
        "TaskState": {
            "description": "What became of a task; `pending` also where it was never sent or its answer has expired.",
            "type": "object",
            "required": ["task_id", "state"],
            "properties": {
                "task_id": _TEXT,
                "state": {"enum": ["pending", "done", "failed"]},
                "result": {"description": "where it is done", "$ref": f"{REFERENCE}Envelope"},
                "error": {"description": "where it failed", "$ref": f"{REFERENCE}GatewayError"},
            },
        },
        "Taken": {
            "description": "A webhook that is taken.",
            "type": "object",
            "required": ["state"],
            "properties": {"state": {"const": "accepted"}},
        },
        "Health": {
            "description": "Whether the broker and the database answer.",
            "type": "object",
            "required": ["ok", "broker", "database"],
            "properties": {name: {"type": "boolean"} for name in ("ok", "broker", "database")},
        },
    }
)
