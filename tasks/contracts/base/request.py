"""Define the fields of every request, parse a message into one, and describe the envelope of every result."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
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

from tasks.contracts.base import locations, wire
from tasks.errors import FieldError, InvalidPayload

CONTRACT = "1"
#: most errors of one refusal, and most unknown keys that a result warns of
MOST_ERRORS, MOST_WARNINGS = 50, 100
#: most characters of a key that may be a misspelt name, and how similar the two must be
_LONGEST_NAME, _SIMILARITY = 40, 0.8
#: how far a caller's clock may be ahead of ours
CLOCK_TOLERANCE = timedelta(minutes=5)
#: years of an accepted time, the same as in imported files
YEARS = range(1900, 2101)
#: most characters of a time, however it is written
LONGEST_TIME = 64


def _bounded_length(value: object) -> object:
    if isinstance(value, str) and len(value) > LONGEST_TIME:
        context = {"max_length": LONGEST_TIME}
        raise PydanticCustomError("string_too_long", "String should have at most {max_length} characters", context)
    return value


def _in_years(value: datetime) -> datetime:
    if value.year not in YEARS:
        message = f"lies before {YEARS[0]} or after {YEARS[-1]}; leave out a time that is not known"
        raise PydanticCustomError("range", message)
    return value.astimezone(UTC)


def _not_future(value: datetime) -> datetime:
    if value > datetime.now(UTC) + CLOCK_TOLERANCE:
        raise PydanticCustomError("future", "lies in the future; send a time that has passed")
    return _in_years(value)


def _without_nul(value: str) -> str:
    if "\x00" in value:
        raise PydanticCustomError("type", "holds a NUL, which no database keeps; leave it out")
    return value


#: for a text that is stored unchanged
Storable = AfterValidator(_without_nul)
Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:\-]{0,63}$")]
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=255, strip_whitespace=True), Storable]
#: an aware moment, in text of bounded length
Moment = Annotated[AwareDatetime, BeforeValidator(_bounded_length), AfterValidator(_in_years)]
PastTime = Annotated[AwareDatetime, BeforeValidator(_bounded_length), AfterValidator(_not_future)]


class Part(BaseModel):
    """A part of a request. Unknown keys are kept, so that the result can warn about them."""

    # most processes use few of them
    model_config = ConfigDict(
        extra="allow", frozen=True, defer_build=True, allow_inf_nan=False, hide_input_in_errors=True
    )


def build(part: type[Part] = Part) -> None:
    """Build what checks each imported kind of part, as its first use would: a worker does so before it forks."""
    for kind in part.__subclasses__():
        kind.model_rebuild()
        build(kind)


class Request(Part):
    """The keyword arguments that every task has."""

    tenant_id: Identifier
    contract: Literal["1"] = "1"
    idempotency_key: Annotated[str, StringConstraints(min_length=1, max_length=200), Storable] | None = None
    request_id: ShortText | None = None
    dry_run: bool = False

    def needs_tenant(self) -> bool:
        """Return whether the tenant must exist."""
        return True

    def lease_name(self) -> str | None:
        """Return the name of the lease that only one worker may hold at a time; None when no lease is needed."""
        return None

    def default_key(self) -> str | None:
        """Return the idempotency key that follows from the content; None when only the task id marks duplicates."""
        return None


RequestT = TypeVar("RequestT", bound=Request)

#: pydantic's error type -> code of the contract; any other type is `type`
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


#: parts of the context of pydantic's errors that a message may show: what a field expects, never what it got
_SAFE_CONTEXT = {
    *("expected", "expected_tags", "discriminator", "field_type", "class_name", "pattern", "multiple_of"),
    *("gt", "ge", "lt", "le", "min_length", "max_length", "actual_length", "max_digits", "decimal_places"),
}


def parse(contract: type[RequestT], payload: Mapping[str, Any]) -> tuple[RequestT, list[dict[str, str]]]:
    """Return the request in a message, and a warning for each unknown key.

    Raises InvalidPayload as `check`.
    """
    request = check(contract, payload)
    unknown = islice(_unknown_keys(request, payload), MOST_WARNINGS)
    return request, [_warning(contract, payload, path, near) for path, near in unknown]


def check(contract: type[RequestT], payload: Mapping[str, Any]) -> RequestT:
    """Return the request in a message, without a look at keys that are unknown.

    Raises InvalidPayload with the locations that are wrong, never their values and never a key that the caller made up.
    """
    if fault := wire.first_fault(payload):
        raise InvalidPayload.at(fault.code, locations.location(contract, payload, fault.path), fault.message)
    try:
        return contract.model_validate(payload)
    except ValidationError as error:
        raise invalid_payload(contract, payload, error) from None


def invalid_payload(contract: type[BaseModel], payload: Mapping[str, Any], error: ValidationError) -> InvalidPayload:
    """Return the error of a payload, without values, so that it may be stored and logged."""
    details = error.errors(include_url=False, include_input=False)[:MOST_ERRORS]
    errors = [_field_error(contract, payload, detail) for detail in details]
    return InvalidPayload(_CODES.get(details[0]["type"], "type"), errors)


def _field_error(contract: type[BaseModel], payload: Mapping[str, Any], detail: ErrorDetails) -> FieldError:
    prefix = "the key itself: " if locations.KEY in detail["loc"] else ""
    return {"loc": locations.location(contract, payload, detail["loc"]), "msg": prefix + _message(detail)}


def _message(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    if context.keys() <= _SAFE_CONTEXT or detail["type"].startswith("datetime_"):
        return detail["msg"]
    if "expected_tags" in context:
        return f"{context.get('discriminator', 'this')} must be one of {context['expected_tags']}"
    return "this cannot be read; see the schema of the task"


def _unknown_keys(
    part: Any, payload: Any, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[locations.Path, str | None]]:
    """Yield the path of each key of `payload` that the request `part` does not know, and the name it resembles."""
    if isinstance(part, BaseModel) and isinstance(payload, Mapping):
        names = type(part).model_fields
        for key in payload:
            if key not in names:
                yield (*path, key), _similar_name(key, names)
        for name in filter(payload.__contains__, names):
            yield from _unknown_keys(getattr(part, name), payload[name], (*path, name))
    elif isinstance(part, Mapping) and isinstance(payload, Mapping):
        for key, below in payload.items():
            yield from _unknown_keys(part.get(key, part.get(str(key).strip())), below, (*path, key))
    elif isinstance(part, list | tuple) and isinstance(payload, list | tuple):
        for index, (item, below) in enumerate(zip(part, payload, strict=False)):
            yield from _unknown_keys(item, below, (*path, index))


def _similar_name(key: object, names: Collection[str]) -> str | None:
    """Return the known name that a key is probably a misspelling of; None when it resembles none."""
    if not isinstance(key, str) or len(key) > _LONGEST_NAME:
        return None
    reduced = {_reduced(name): name for name in names}
    matches = difflib.get_close_matches(_reduced(key), reduced, n=1, cutoff=_SIMILARITY)
    return reduced[matches[0]] if matches else None


def _reduced(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))


def _warning(
    contract: type[BaseModel], payload: Mapping[str, Any], path: locations.Path, near: str | None
) -> dict[str, str]:
    """Return the warning of an unknown key: its location, and the known name it resembles, if any."""
    warning = {"code": "unknown_field", "path": locations.location(contract, payload, path)}
    return warning | {"near": near} if near else warning


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
                    "near": {"type": "string", "description": "the known name that an unknown key resembles"},
                },
            },
        },
        "model": {
            "type": ["object", "null"],
            "required": ["name", "version", "trained_at", "rows", "calibrated", "scope"],
            "properties": {
                "name": {"type": "string"},
                "version": {"type": "string"},
                "trained_at": {"type": ["string", "null"], "format": "date-time"},
                "rows": {"type": "integer", "minimum": 0},
                "calibrated": {"type": "boolean"},
                "scope": {"enum": ["tenant", "pooled", "scorecard"]},
            },
        },
        "as_of": {"type": ["string", "null"], "format": "date-time"},
        "computed_at": {"type": "string", "format": "date-time"},
        "took_ms": {"type": "integer", "minimum": 0},
        "duplicate": {"const": True},
    },
}
