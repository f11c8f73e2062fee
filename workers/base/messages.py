"""Messages as Celery writes them, apart from any task: taken to pieces to be kept, put together to be sent again."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from tasks.contracts.base.destinations import is_bookkeeping

Json = dict[str, Any]

#: names that may stand in a column, a log line or a terminal
_NAME = re.compile(r"[\w.:@/-]{1,200}", re.ASCII)
#: characters of a task id
_ID = 255
#: a message's queue, where it does not tell
NO_QUEUE = "celery"


def name_or_none(value: object) -> str | None:
    """A name if it is one: foreign messages may hold anything."""
    return value if isinstance(value, str) and _NAME.fullmatch(value) else None


def task_of(message: Any) -> str | None:
    """The task a message names, in either protocol; None when it names none."""
    headers = message.headers if isinstance(message.headers, Mapping) else {}
    return name_or_none(headers.get("task")) or name_or_none(_field(content(message), "task"))


def task_id_of(message: Any) -> str | None:
    """The task id of a message, in either protocol."""
    headers = message.headers if isinstance(message.headers, Mapping) else {}
    return name_or_none(headers.get("id")) or name_or_none(_field(content(message), "id"))


def queue_of(message: Any) -> str:
    """The queue a message came by, as far as it tells."""
    delivery = message.delivery_info if isinstance(message.delivery_info, Mapping) else {}
    told = name_or_none(delivery.get("routing_key"))
    return told if told and not is_bookkeeping(told) else NO_QUEUE


def count_of(message: Any, header: str) -> int:
    """A count in a message's headers, such as its retries; 0 where there is none."""
    count = message.headers.get(header) if isinstance(message.headers, Mapping) else None
    return count if isinstance(count, int) and 0 <= count < 2**31 else 0


def seconds_left(message: Any) -> float | None:
    """Seconds until a message expires, negative once it has; None when it never does."""
    expires = message.headers.get("expires") if isinstance(message.headers, Mapping) else None
    try:
        moment = datetime.fromisoformat(expires) if isinstance(expires, str) else None
    except ValueError:
        return None
    if moment is None:
        return None
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds()


def fault_of(message: Any) -> str | None:
    """The header of a task message that Celery takes as it is and falls over; None where each is what it must be."""
    headers = message.headers if isinstance(message.headers, Mapping) else {}
    if "task" in headers and headers.get("id") is None:
        return "id"
    return next((name for name, holds in _HEADERS.items() if not holds(headers.get(name))), None)


def tenant_of(message: Any) -> str | None:
    """The tenant that a message names; whether there is such a tenant is another question."""
    return tenant_in(content(message))


def tenant_in(body: Any) -> str | None:
    """The tenant that a decoded body names, in either protocol."""
    kwargs = _field(body, "kwargs")
    if isinstance(body, list | tuple) and len(body) > 1:
        args, kwargs = body[0], body[1]
    else:
        args = _field(body, "args")
    first = args[0] if isinstance(args, list | tuple) and args else None
    named = _field(kwargs, "tenant_id") or _field(first, "tenant_id")
    return named if isinstance(named, str) and len(named) <= 64 and name_or_none(named) else None


def content(message: Any) -> Any:
    """The decoded body, or None when it does not decode."""
    try:
        return message.payload
    except Exception:  # noqa: BLE001  # whatever a foreign body raises, it is no reason to lose its message
        return None


def body_of(message: Any) -> bytes:
    """The body as it came, without its transport's encoding."""
    body = message.body
    return body.encode(errors="replace") if isinstance(body, str) else bytes(body or b"")


def facts_of(message: Any) -> Json:
    """What a message says beside its body, as JSON that any database takes."""
    facts = {
        "headers": message.headers,
        "properties": message.properties,
        "content_type": message.content_type,
        "content_encoding": message.content_encoding,
    }
    try:
        return dict(json.loads(json.dumps(_finite(facts), allow_nan=False, default=str)))
    except (TypeError, ValueError, RecursionError):
        return {"unreadable": True, "headers": {}}


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else None


def _is_id(told: Any) -> bool:
    return told is None or (isinstance(told, str) and 0 < len(told) <= _ID and told.isprintable())


def _is_count(told: Any) -> bool:
    return told is None or (isinstance(told, int) and 0 <= told < 2**31)


def _is_limits(told: Any) -> bool:
    pair = isinstance(told, list | tuple) and len(told) == 2
    return not told or (pair and all(each is None or _is_seconds(each) for each in told))


def _is_seconds(told: Any) -> bool:
    return isinstance(told, int | float) and not isinstance(told, bool) and 0 < told < math.inf


#: what Celery reads of a message's headers without a look at their types
_HEADERS: Mapping[str, Callable[[Any], bool]] = {
    "id": _is_id,
    "root_id": _is_id,
    "parent_id": _is_id,
    "group": _is_id,
    "retries": _is_count,
    "timelimit": _is_limits,
}
