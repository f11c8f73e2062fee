"""What the caller is told instead of an answer: a status, a code, a message, and the places that are wrong."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tornado.web import HTTPError

from db.errors import DatabaseUnavailable, SchemaOutdated
from domain.documents import JsonMapping, JsonObject
from tasks import errors
from tasks.errors import FieldError, InvalidPayload, Overloaded, TaskError, Unavailable
from workers.gateway.errors import BrokerAway, GatewayError, RateExceeded

#: seconds that a caller is told to wait where nothing better is known
SOON = 2
_STATUS: Mapping[type[TaskError], int] = {
    errors.Unavailable: 503,
    errors.Overloaded: 429,
    errors.TimedOut: 504,
    errors.Poisonous: 500,
    errors.Unexpected: 500,
}
#: errors by the name under which Celery stores them; those of Celery's own are told by name alone
_TASK_ERRORS: Mapping[str, type[TaskError]] = {
    InvalidPayload.__name__: InvalidPayload,
    **{kind.__name__: kind for kind in _STATUS},
}
_HTTP = {
    400: ("bad_request", "this is no request that can be read"),
    404: ("not_found", "there is nothing under this path"),
    405: ("method_not_allowed", "this path does not take this method"),
}
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An error as the caller reads it; it holds no value of the request."""

    status: int
    code: str
    message: str
    errors: Sequence[FieldError] = ()
    #: seconds after which the same request may be sent again; None: sending it again is no use
    retry_after: int | None = None

    def body(self) -> JsonObject:
        """Return the JSON of the answer."""
        return {"code": self.code, "message": self.message, "errors": list(self.errors)}


def refusal_of(error: BaseException) -> Refusal:
    """Return how an error is told; whatever is not expected is told as a fault of ours."""
    match error:
        case GatewayError():
            return _of_gateway(error)
        case TaskError():
            return _of_task(error)
        case DatabaseUnavailable() | SchemaOutdated():
            return _of_task(Unavailable("the database does not answer; send the same request again"))
        case HTTPError():
            code, message = _HTTP.get(error.status_code, _HTTP[400])
            return Refusal(status=error.status_code, code=code, message=message)
    message = "a fault of ours; the log has the place by X-Request-Id"
    return Refusal(status=500, code="unexpected", message=message)


def stored_error(result: object) -> TaskError:
    """Return the error in a failed task's stored result; one that is not ours is told by its type alone."""
    told: JsonMapping = result if isinstance(result, Mapping) else {}
    name, arguments = told.get("exc_type"), told.get("exc_message")
    kind = _TASK_ERRORS.get(name) if isinstance(name, str) else None
    values: Sequence[Any] = arguments if isinstance(arguments, list | tuple) else ()
    if kind is InvalidPayload and len(values) == 2 and isinstance(values[1], list):
        return InvalidPayload(str(values[0]), values[1])
    if kind is not None and kind is not InvalidPayload:
        return kind(" ".join(map(str, values)))
    if name in ("TimeLimitExceeded", "SoftTimeLimitExceeded"):
        return errors.TimedOut("the task ran into its time limit; send less at once")
    return errors.Unexpected("the task failed; the worker's log has the place by task id")


def _of_gateway(error: GatewayError) -> Refusal:
    again = SOON if isinstance(error, BrokerAway) else None
    if isinstance(error, RateExceeded):
        again = max(1, math.ceil(error.seconds))
    return Refusal(status=error.status, code=error.code, message=str(error), retry_after=again)


def _of_task(error: TaskError) -> Refusal:
    if isinstance(error, InvalidPayload):
        places = "; ".join(f"{place['loc'] or 'the body'}: {place['msg']}" for place in error.errors[:3])
        status = 409 if error.code == "conflict" else 422
        return Refusal(status=status, code=error.code, message=places, errors=error.errors)
    code = _CAPITAL.sub("_", type(error).__name__).lower()
    again = SOON if isinstance(error, Unavailable | Overloaded) else None
    return Refusal(status=_STATUS.get(type(error), 500), code=code, message=str(error), retry_after=again)
