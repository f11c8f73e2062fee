"""The common part of every request, how a message becomes one, and the envelope of every answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from tasks.errors import InvalidPayload

CONTRACT = "1"
#: bytes of JSON that one message may carry
MESSAGE_LIMIT = 700_000
#: clocks of callers may run ahead of ours by this much
CLOCK_TOLERANCE = timedelta(minutes=5)


def _not_future(value: datetime) -> datetime:
    if value > datetime.now(UTC) + CLOCK_TOLERANCE:
        raise PydanticCustomError("future", "lies in the future; send a time that has passed")
    return value.astimezone(UTC)


Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:\-]{0,63}$")]
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=255, strip_whitespace=True)]
PastTime = Annotated[AwareDatetime, AfterValidator(_not_future)]


class Part(BaseModel):
    """A piece of a request: unknown keys are kept so that they can be warned about."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False, hide_input_in_errors=True)


class Request(Part):
    """The common kwargs of every task."""

    tenant_id: Identifier
    contract: Literal["1"] = "1"
    idempotency_key: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    request_id: ShortText | None = None
    dry_run: bool = False

    def needs_tenant(self) -> bool:
        """Whether the tenant must exist."""
        return True

    def lease_name(self) -> str | None:
        """What no two workers may do at once; None when anybody may."""
        return None

    def default_key(self) -> str | None:
        """The idempotency key that follows from the content; None when only the task id tells duplicates."""
        return None


RequestT = TypeVar("RequestT", bound=Request)

#: pydantic's error types, by the code of the contract; anything else is `type`
_CODES = {
    "missing": "missing",
    "finite_number": "not_finite",
    "future": "future",
    "string_too_long": "too_long",
    "too_long": "too_many",
    "literal_error": "unknown_value",
    "enum": "unknown_value",
    "unknown_value": "unknown_value",
    "missing_one": "missing",
    "range": "range",
    **dict.fromkeys(
        ("greater_than", "greater_than_equal", "less_than", "less_than_equal", "string_too_short", "too_short"), "range"
    ),
}


def parse(contract: type[RequestT], payload: Mapping[str, Any]) -> tuple[RequestT, list[dict[str, str]]]:
    """The request in a message, and a warning for each unknown key.

    Raises InvalidPayload with the places that are wrong, never their values.
    """
    if _too_large(payload):
        raise InvalidPayload.at("too_long", "", f"the message is over {MESSAGE_LIMIT} bytes of JSON; send fewer items")
    try:
        request = contract.model_validate(payload)
    except ValidationError as error:
        raise _refusal(error.errors(include_url=False, include_context=False, include_input=False)) from None
    warnings = [{"code": "unknown_field", "path": path} for path in _unknown(request)]
    return request, warnings


def _too_large(payload: Mapping[str, Any]) -> bool:
    try:
        return len(json.dumps(payload, ensure_ascii=False).encode()) > MESSAGE_LIMIT
    except (TypeError, ValueError):
        raise InvalidPayload.at("type", "", "the message is not plain JSON; send objects, lists and scalars") from None


def _refusal(details: list[ErrorDetails]) -> InvalidPayload:
    errors = [{"loc": ".".join(map(str, d["loc"])), "msg": d["msg"]} for d in details[:50]]
    return InvalidPayload(_CODES.get(details[0]["type"], "type"), errors)


def _unknown(part: BaseModel, prefix: str = "") -> Iterator[str]:
    for name in sorted(part.model_extra or {}):
        yield f"{prefix}{name}"[:200]
    for name in type(part).model_fields:
        yield from _unknown_below(getattr(part, name), f"{prefix}{name}.")


def _unknown_below(value: object, prefix: str) -> Iterator[str]:
    if isinstance(value, BaseModel):
        yield from _unknown(value, prefix)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _unknown_below(item, f"{prefix}{index}.")


ENVELOPE_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Envelope",
    "type": "object",
    "required": ["contract", "status", "tenant_id", "task_id", "data", "warnings", "computed_at", "took_ms"],
    "properties": {
        "contract": {"const": CONTRACT},
        "status": {"enum": ["ok", "insufficient_data", "no_model", "blocked", "partial"]},
        "tenant_id": {"type": ["string", "null"]},
        "task_id": {"type": "string"},
        "data": {"type": "object"},
        "warnings": {"type": "array", "items": {"type": "object", "required": ["code", "path"]}},
        "model": {
            "type": ["object", "null"],
            "required": ["name", "version", "trained_at", "rows", "calibrated", "scope"],
            "properties": {"scope": {"enum": ["tenant", "pooled", "scorecard"]}},
        },
        "as_of": {"type": ["string", "null"], "format": "date-time"},
        "computed_at": {"type": "string", "format": "date-time"},
        "took_ms": {"type": "integer", "minimum": 0},
        "duplicate": {"const": True},
    },
}
