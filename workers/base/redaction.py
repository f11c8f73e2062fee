"""Redact what a worker reports of a running task: no arguments, results or error texts, whoever sent it."""

from collections.abc import Mapping

from celery.worker.request import Request

from domain.documents import JsonMapping, JsonObject
from workers.base.celery_types import Message

HIDDEN = "[hidden]"
_VALUES = ("args", "kwargs", "result", "exception", "traceback")


class RedactedRequest(Request):
    """A request whose arguments, result and error text stay out of logs, events, remote control and Flower."""

    def __init__(self, message: Message, *, headers: JsonMapping | None = None, **options: object) -> None:
        sent = message.headers if headers is None else headers
        hidden = {**(sent if isinstance(sent, Mapping) else {}), "argsrepr": HIDDEN, "kwargsrepr": HIDDEN}
        # the child's log lines read these two from the headers
        super().__init__(message, headers=hidden, **options)

    def send_event(self, type: str, **fields: object) -> None:  # noqa: A002 - Celery's name
        """Send a task event without values; an exception is shown by its type."""
        shown = {key: _shown(key, value) if key in _VALUES else value for key, value in fields.items()}
        super().send_event(type, **shown)

    def info(self, safe: bool = False) -> JsonObject:  # noqa: ARG002 - nothing is unsafe here
        """Return what remote control (`inspect active`) and Flower show."""
        shown: JsonObject = super().info(safe=True)
        return shown


def _shown(key: str, value: object) -> object:
    if key == "exception" and isinstance(value, str):
        name, _, _ = value.partition("(")
        return name if name.isidentifier() else HIDDEN
    return HIDDEN if value else value
