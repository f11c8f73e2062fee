"""Read messages as Celery writes them, without knowing any task, so that they can be stored and sent again."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from domain.documents import JsonObject
from tasks.contracts.base.destinations import is_bookkeeping
from workers.base.celery_types import Message

#: names that may stand in a column, a log line or a terminal
_NAME = re.compile(r"[\w.:@/-]{1,200}", re.ASCII)
#: characters of a task id
_ID = 255
#: a message's queue, where it does not tell
NO_QUEUE = "celery"


def name_or_none(value: object) -> str | None:
    """Return a value that is a valid name, else None: foreign messages may hold anything."""
    return value if isinstance(value, str) and _NAME.fullmatch(value) else None


def task_of(message: Message) -> str | None:
    """Return the task that a message names, in either protocol; None when it names none."""
    headers = message.headers if isinstance(message.headers, Mapping) else {}
    return name_or_none(headers.get("task")) or name_or_none(_field(content(message), "task"))


def task_id_of(message: Message) -> str | None:
    """Return the task id of a message, in either protocol."""
    headers = message.headers if isinstance(message.headers, Mapping) else {}
    return name_or_none(headers.get("id")) or name_or_none(_field(content(message), "id"))


def queue_of(message: Message) -> str:
    """Return the queue that a message came by, or NO_QUEUE when it does not tell."""
    delivery = message.delivery_info if isinstance(message.delivery_info, Mapping) else {}
    queue = name_or_none(delivery.get("routing_key"))
    return queue if queue and not is_bookkeeping(queue) else NO_QUEUE


def count_of(message: Message, header: str) -> int:
    """Return a count in a message's headers, such as its retries; 0 where there is none."""
    count = message.headers.get(header) if isinstance(message.headers, Mapping) else None
    return count if isinstance(count, int) and 0 <= count < 2**31 else 0


def seconds_left(message: Message) -> float | None:
    """Return the seconds until a message expires, negative once it has; None when it never does."""
    expires = message.headers.get("expires") if isinstance(message.headers, Mapping) else None
    try:
        moment = datetime.fromisoformat(expires) if isinstance(expires, str) else None
    except ValueError:
        return None
    if moment is None:
        return None
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds()


def fault_of(message: Message) -> str | None:
    """Return the name of a header that Celery does not check and would fail on; None when all are good."""
    headers = message.headers if isinstance(message.headers, Mapping) else {}
    if "task" in headers and headers.get("id") is None:
        return "id"
    return next((name for name, holds in _HEADERS.items() if not holds(headers.get(name))), None)


def tenant_of(message: Message) -> str | None:
    """Return the tenant that a message names, whether or not it exists; None when it names none."""
    return tenant_in(content(message))


def tenant_in(body: object) -> str | None:
    """Return the tenant that a decoded body names, in either protocol."""
    kwargs = _field(body, "kwargs")
    if isinstance(body, list | tuple) and len(body) > 1:
        args, kwargs = body[0], body[1]
    else:
        args = _field(body, "args")
    first = args[0] if isinstance(args, list | tuple) and args else None
    named = _field(kwargs, "tenant_id") or _field(first, "tenant_id")
    return named if isinstance(named, str) and len(named) <= 64 and name_or_none(named) else None


def content(message: Message) -> object:
    """Return the decoded body, or None when it does not decode."""
    try:
        return message.payload
    except Exception:  # noqa: BLE001  # whatever a foreign body raises, it is no reason to lose its message
        return None


def body_of(message: Message) -> bytes:
    """Return the body as it came, without its transport's encoding."""
    body = message.body
    return body.encode(errors="replace") if isinstance(body, str) else bytes(body or b"")


def facts_of(message: Message) -> JsonObject:
    """Return headers, properties and content type of a message, as JSON that any database stores."""
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


def _finite(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value


def _field(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, Mapping) else None


def _is_id(value: object) -> bool:
    return value is None or (isinstance(value, str) and 0 < len(value) <= _ID and value.isprintable())


def _is_count(value: object) -> bool:
    return value is None or (isinstance(value, int) and 0 <= value < 2**31)


def _is_limits(value: object) -> bool:
    if isinstance(value, list | tuple) and len(value) == 2:
        return all(each is None or _is_seconds(each) for each in value)
    return not value


def _is_seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


#: the headers that Celery reads without a check of their types
_HEADERS: Mapping[str, Callable[[object], bool]] = {
    "id": _is_id,
    "root_id": _is_id,
    "parent_id": _is_id,
    "group": _is_id,
    "retries": _is_count,
    "timelimit": _is_limits,
}
