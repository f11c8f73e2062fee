"""The common part of every request, how a message becomes one, and the envelope of every answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    ValidationError,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from tasks.contracts.base import json_values, locations
from tasks.errors import InvalidPayload, Place

CONTRACT = "1"
#: places that a refusal names, and unknown keys that an answer warns of
MOST_PLACES, MOST_WARNINGS = 50, 100
#: clocks of callers may run ahead of ours by this much
CLOCK_TOLERANCE = timedelta(minutes=5)
#: of times that mean something, as in files that are imported
YEARS = range(1900, 2101)
#: characters of a time however it is written
MOST_OF_TIME = 64


def _short(value: object) -> object:
    if isinstance(value, str) and len(value) > MOST_OF_TIME:
        said = {"max_length": MOST_OF_TIME}
        raise PydanticCustomError("string_too_long", "String should have at most {max_length} characters", said)
    return value


def _moment(value: datetime) -> datetime:
    if value.year not in YEARS:
        message = f"lies before {YEARS[0]} or after {YEARS[-1]}; leave out a time that is not known"
        raise PydanticCustomError("range", message)
    return value.astimezone(UTC)


def _not_future(value: datetime) -> datetime:
    if value > datetime.now(UTC) + CLOCK_TOLERANCE:
        raise PydanticCustomError("future", "lies in the future; send a time that has passed")
    return _moment(value)


def _storable(value: str) -> str:
    if "\x00" in value:
        raise PydanticCustomError("type", "holds a NUL, which no database keeps; leave it out")
    return value


#: of a text that is kept as it is
Storable = AfterValidator(_storable)
Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:\-]{0,63}$")]
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=255, strip_whitespace=True), Storable]
#: an aware moment, written in so many characters as one needs
Moment = Annotated[AwareDatetime, BeforeValidator(_short), AfterValidator(_moment)]
PastTime = Annotated[AwareDatetime, BeforeValidator(_short), AfterValidator(_not_future)]


class Part(BaseModel):
    """A piece of a request: unknown keys are kept so that they can be warned about."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False, hide_input_in_errors=True)


class Request(Part):
    """The common kwargs of every task."""

    tenant_id: Identifier
    contract: Literal["1"] = "1"
    idempotency_key: Annotated[str, StringConstraints(min_length=1, max_length=200), Storable] | None = None
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
    "union_tag_invalid": "unknown_value",
    "union_tag_not_found": "missing",
    "unknown_value": "unknown_value",
    "missing_one": "missing",
    "range": "range",
    **dict.fromkeys(
        ("greater_than", "greater_than_equal", "less_than", "less_than_equal", "string_too_short", "too_short"), "range"
    ),
}


#: what the context of pydantic's own errors may say in a message: what a field wants, never what it got
_SAID = {
    *("expected", "expected_tags", "discriminator", "field_type", "class_name", "pattern", "multiple_of"),
    *("gt", "ge", "lt", "le", "min_length", "max_length", "actual_length", "max_digits", "decimal_places"),
}


def parse(contract: type[RequestT], payload: Mapping[str, Any]) -> tuple[RequestT, list[dict[str, str]]]:
    """The request in a message, and a warning for each unknown key.

    Raises InvalidPayload with the places that are wrong, never their values and never a key that the caller made up.
    """
    if fault := json_values.fault(payload):
        raise InvalidPayload.at(fault.code, locations.place(contract, payload, fault.path), fault.message)
    try:
        request = contract.model_validate(payload)
    except ValidationError as error:
        raise refusal(contract, payload, error) from None
    return request, [_warning(contract, payload, *found) for found in _unknown(request, payload)]


def refusal(contract: type[BaseModel], payload: Mapping[str, Any], error: ValidationError) -> InvalidPayload:
    """What is wrong with a payload, as its caller may read it and anybody may keep it."""
    details = error.errors(include_url=False, include_input=False)[:MOST_PLACES]
    errors = [_place(contract, payload, one) for one in details]
    return InvalidPayload(_CODES.get(details[0]["type"], "type"), errors)


def _place(contract: type[BaseModel], payload: Mapping[str, Any], detail: ErrorDetails) -> Place:
    own = "the key itself: " if locations.KEY in detail["loc"] else ""
    return {"loc": locations.place(contract, payload, detail["loc"]), "msg": own + _message(detail)}


def _message(detail: ErrorDetails) -> str:
    said = detail.get("ctx", {})
    if said.keys() <= _SAID or detail["type"].startswith("datetime_"):
        return detail["msg"]
    if "expected_tags" in said:
        return f"{said.get('discriminator', 'this')} must be one of {said['expected_tags']}"
    return "this cannot be read; see the schema of the task"


def _unknown(request: Request, payload: Mapping[str, Any]) -> list[tuple[locations.Path, str | None]]:
    return list(islice(locations.unknown(request, payload), MOST_WARNINGS))


def _warning(
    contract: type[BaseModel], payload: Mapping[str, Any], path: locations.Path, near: str | None
) -> dict[str, str]:
    """An unknown key by its place; the name that it is like helps where it is a misspelt one."""
    told = {"code": "unknown_field", "path": locations.place(contract, payload, path)}
    return told | {"near": near} if near else told


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
        "warnings": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["code", "path"],
                "properties": {
                    "code": {"type": "string"},
                    "path": {"type": "string"},
                    "near": {"type": "string", "description": "the known name that an unknown key is like"},
                },
            },
        },
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
