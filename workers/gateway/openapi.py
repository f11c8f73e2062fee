"""Describe the gateway as an OpenAPI 3.1 document, made from the contracts: no second list of tasks or fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from domain.documents import JsonMapping, JsonObject
from tasks.contracts.base.request import CONTRACT
from tasks.runtime import registry
from workers.gateway import components, shapes
from workers.gateway.components import REFERENCE, Components
from workers.gateway.routes import webhooks

_SCHEMAS = "#/components/schemas/"
_INTRODUCTION = (
    "Tasks of Hearth over HTTP. `POST /v1/tasks/<task>` takes a task's arguments and answers 202 with its id as soon "
    "as the task cannot be lost any more; `GET /v1/tasks/<id>` tells what became of it. Ignore keys that are not named "
    "here: later versions may add some."
)
#: how a caller says who it is: either the secret itself, or the key's id and a signature
_SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "`hk_<key id>_<secret>`, from `hearth tenant key`"},
    "key": {"type": "apiKey", "in": "header", "name": "X-Hearth-Key", "description": "id of a key that signs"},
    "sender": {
        "type": "apiKey",
        "in": "header",
        "name": "X-GHL-Signature",
        "description": "Ed25519 signature of the body, by a key in `HEARTH_GHL_KEYS`",
    },
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Hearth-Signature",
        "description": (
            "`t=<Unix seconds>,v1=<hex>`: HMAC-SHA256, under the key's secret, of `<t>.<METHOD>.<path with query>.` "
            "and the body; at most 300 s old"
        ),
    },
}
_PARAMETERS = {
    "wait": {
        "name": "wait",
        "in": "query",
        "description": "seconds to wait for the answer; without it, or when they are over, the answer is 202",
        "schema": {"type": "number", "minimum": 0, "maximum": 20},
    },
    "idempotency_key": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "the same key with the same arguments is the same task, however often it is sent",
        "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
    },
}
_RETRY_AFTER = {"description": "seconds to wait before the next try", "schema": {"type": "integer", "minimum": 1}}
#: status -> when it is the answer
_ERRORS = {
    "400": "This is no request that can be read, or no event.",
    "401": "No key, or one that is unknown, revoked or wrongly signed.",
    "403": "The key may not do this: another tenant's `tenant_id`, or a scope that it does not have.",
    "404": "No such path, task or location; or no task of this key's tenant has this id.",
    "405": "This path has another method.",
    "409": "The idempotency key was used with other arguments.",
    "413": "The body is too large.",
    "422": "The body is no JSON object, or arguments are wrong: `errors` names the places, never the values.",
    "429": "Too much at once, or the broker is away: send the same again after `Retry-After` seconds.",
    "500": "A fault of Hearth: its log has the details.",
    "503": "A part of Hearth was away for too long: send the same again later.",
    "504": "The task ran into its time limit: send less at once.",
}


@cache
def document() -> JsonObject:
    """Return the OpenAPI document of the open tasks. Imports all tasks at its first call, which takes seconds."""
    found = components.collect(registry.schemas())
    described = {
        "openapi": "3.1.0",
        "info": {"title": "Hearth", "version": CONTRACT, "description": _INTRODUCTION},
        "servers": [{"url": "/"}],
        "security": _security(),
        "paths": {
            **{
                f"/v1/tasks/{name}": {"post": _task(name, str(declaration.scope), found)}
                for name, declaration in registry.open_tasks().items()
            },
            **{f"/v1/webhooks/{name}": {"post": _webhook(name, [{"sender": []}])} for name in webhooks.SIGNED},
            **{f"/v1/webhooks/{name}": {"post": _webhook(name, _security("write"))} for name in webhooks.KEYED},
            **_fixed_paths(),
        },
        "webhooks": {kind: {"post": _event(kind, body)} for kind, body in found.events.items()},
        "components": {
            "securitySchemes": _SECURITY_SCHEMES,
            "parameters": _PARAMETERS,
            "responses": {f"E{status}": _error(status, text) for status, text in _ERRORS.items()},
            "schemas": {**found.models, **_without_tenant(found), **shapes.SHAPES},
        },
    }
    return _used_only(_moved(described))


def _security(*roles: str) -> list[JsonObject]:
    return [{"bearer": list(roles)}, {"key": list(roles), "signature": list(roles)}]


def _task(name: str, scope: str, found: Components) -> JsonObject:
    """Return the operation that hands over one task."""
    parts = name.removeprefix(registry.PREFIX).replace("_", ".").split(".")
    purpose, _, more = found.models[found.requests[name]].get("description", name).partition("\n\n")
    envelope = {"allOf": [_ref("Envelope"), {"type": "object", "properties": {"data": _ref(found.answers[name])}}]}
    return {
        "operationId": parts[0] + "".join(part.capitalize() for part in parts[1:]),
        "tags": [parts[0]],
        "summary": " ".join(purpose.split()),
        "description": "\n\n".join(filter(None, [more, f"Needs a key with the scope `{scope}`."])),
        "security": _security(scope),
        "parameters": [{"$ref": f"#/components/parameters/{each}"} for each in _PARAMETERS],
        "requestBody": {"required": True, "content": _json(_ref(found.requests[name]))},
        "responses": {
            "200": {"description": "The task has ended within `wait` seconds.", "content": _json(envelope)},
            "202": {
                "description": "The task is taken; one that changes something is not lost any more.",
                "headers": {"Location": {"description": "where to ask for its answer", "schema": {"type": "string"}}},
                "content": _json(_ref("Accepted")),
            },
            **_errors("400", "401", "403", "404", "409", "413", "422", "429", "500", "503", "504"),
        },
    }


def _fixed_paths() -> dict[str, JsonObject]:
    """Return the paths that are no tasks."""
    task_id = {"name": "task_id", "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        "/v1/tasks/{task_id}": {
            "get": {
                "operationId": "getTask",
                "summary": "Return what became of a task of this key's tenant.",
                "description": "Needs a key with the scope `read`.",
                "security": _security("read"),
                "parameters": [task_id, {"$ref": "#/components/parameters/wait"}],
                "responses": {
                    "200": {"description": "What is known of it.", "content": _json(_ref("TaskState"))},
                    **_errors("401", "403", "404", "422", "429", "500", "503"),
                },
            }
        },
        "/healthz": {
            "get": {
                "operationId": "getHealth",
                "summary": "Return whether broker and database answer; needs no key.",
                "security": [],
                "responses": {
                    "200": {"description": "Both answer.", "content": _json(_ref("Health"))},
                    "503": {"description": "One does not.", "content": _json(_ref("Health"))},
                },
            }
        },
        "/v1/openapi.json": {
            "get": {
                "operationId": "getDescription",
                "summary": "Return this document; needs no key.",
                "security": [],
                "responses": {"200": {"description": "This document.", "content": _json({"type": "object"})}},
            }
        },
    }


def _webhook(name: str, security: list[JsonObject]) -> JsonObject:
    """Return the operation by which a source of webhooks hands over one event."""
    return {
        "operationId": "webhooks" + "".join(part.capitalize() for part in name.split("/")),
        "tags": ["webhooks"],
        "summary": "Take one event as its source sends it.",
        "security": security,
        "requestBody": {"required": True, "content": _json({"type": "object"})},
        "responses": {
            "200": {"description": "The event is taken and is not lost any more.", "content": _json(_ref("Taken"))},
            **_errors("400", "401", "403", "404", "405", "413", "429"),
        },
    }


def _event(kind: str, body: str) -> JsonObject:
    """Return the post of one type of event to the webhook in a tenant's settings."""
    event = {"type": "object", "properties": {"type": {"const": kind}, "data": _ref(body)}}
    return {
        "operationId": "on" + "".join(part.capitalize() for part in kind.replace("_", ".").split(".")),
        "summary": f"Tell your webhook of `{kind}`, signed with the secret that you gave with its address.",
        "security": [],
        "requestBody": {"required": True, "content": _json({"allOf": [_ref("OutboundEvent"), event]})},
        "responses": {"2XX": {"description": "It is taken; anything else is sent again, a 4xx is given up."}},
    }


def _error(status: str, text: str) -> JsonObject:
    headers = {"headers": {"Retry-After": _RETRY_AFTER}} if status in ("429", "503") else {}
    return {"description": text, "content": _json(_ref("ErrorAnswer")), **headers}


def _errors(*statuses: str) -> JsonObject:
    return {status: {"$ref": f"#/components/responses/E{status}"} for status in statuses}


def _json(schema: JsonObject) -> JsonObject:
    return {"application/json": {"schema": schema}}


def _ref(name: str) -> JsonObject:
    return {"$ref": f"{REFERENCE}{name}"}


def _without_tenant(found: Components) -> dict[str, JsonObject]:
    """Return the arguments of each task as the gateway takes them: without `tenant_id` it is the key's."""
    return {name: optional(found.models[name], "tenant_id") for name in found.requests.values()}


def optional(model: JsonMapping, field: str) -> JsonObject:
    """Return an object's schema with one field that may be left out."""
    required = [name for name in model.get("required", []) if name != field]
    return {key: value for key, value in model.items() if key != "required"} | (
        {"required": required} if required else {}
    )


def _moved(document: JsonObject) -> JsonObject:
    """Return the document with its models where OpenAPI keeps them."""

    def move(value: object) -> object:
        if isinstance(value, str):
            return value.replace(REFERENCE, _SCHEMAS, 1) if value.startswith(REFERENCE) else value
        if isinstance(value, Mapping):
            return {key: move(each) for key, each in value.items()}
        return [move(each) for each in value] if isinstance(value, list) else value

    return {key: move(value) for key, value in document.items()}


def _used_only(document: JsonObject) -> JsonObject:
    """Return the document without the models that no path and no event needs: those of tasks that are not open."""
    models = document["components"]["schemas"]
    used: set[str] = set()
    waiting = {name for part in ("paths", "webhooks") for name in _named(document[part])}
    waiting |= set(_named(document["components"]["responses"]))
    while waiting:
        used |= waiting
        waiting = {name for known in waiting for name in _named(models[known])} - used
    kept = {name: model for name, model in models.items() if name in used}
    return document | {"components": document["components"] | {"schemas": kept}}


def _named(value: object) -> Iterator[str]:
    """Yield the name of each model that a part of the document refers to."""
    if isinstance(value, str) and value.startswith(_SCHEMAS):
        yield value.removeprefix(_SCHEMAS)
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _named(each)
    elif isinstance(value, list):
        for each in value:
            yield from _named(each)
