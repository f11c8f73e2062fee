"""Redact what a worker reports of a running task: no arguments, results or error texts, whoever sent it.

Monitors such as Flower count a task that was refused as refused, not as failed: the caller's message was wrong, and
Hearth did what it should. The stored result says FAILURE all the same, as the contract has it.
"""

import re
from collections.abc import Mapping

from celery.worker.request import Request

from domain.documents import JsonMapping, JsonObject
from tasks.errors import InvalidPayload, Overloaded
from workers.base.celery_types import Message

HIDDEN = "[hidden]"
_VALUES = ("args", "kwargs", "result", "exception", "traceback")
#: an error as Celery writes it: its type, and the code of a refusal, which is one of a few words of ours
_ERROR = re.compile(r"(?P<type>[A-Za-z_]\w{0,100})(?:\('(?P<code>[a-z_]{1,40})')?")
_REFUSALS = (InvalidPayload.__name__, Overloaded.__name__)
FAILED, REFUSED = "task-failed", "task-refused"


class RedactedRequest(Request):
    """A request whose arguments, result and error text stay out of logs, events, remote control and Flower."""

    def __init__(self, message: Message, *, headers: JsonMapping | None = None, **options: object) -> None:
        sent = message.headers if headers is None else headers
        hidden = {**(sent if isinstance(sent, Mapping) else {}), "argsrepr": HIDDEN, "kwargsrepr": HIDDEN}
        # the child's log lines read these two from the headers
        super().__init__(message, headers=hidden, **options)

    def send_event(self, type: str, **fields: object) -> None:  # noqa: A002 - Celery's name
        """Send a task event without values; an exception is shown by its type, a refusal by its code too.

        Upkeep sends no events (`task_annotations`), or it would hide callers' tasks; it is shown when it fails.
        """
        shown = {key: _shown(key, value) if key in _VALUES else value for key, value in fields.items()}
        if type == FAILED and not self.task.send_events:
            if self._eventer and self._eventer.enabled:
                self._eventer.send(type, uuid=self.id, name=self.name, **shown)
            return
        is_refusal = type == FAILED and str(shown.get("exception")).startswith(_REFUSALS)
        super().send_event(REFUSED if is_refusal else type, **shown)

    def info(self, safe: bool = False) -> JsonObject:  # noqa: ARG002 - nothing is unsafe here
        """Return what remote control (`inspect active`) and Flower show."""
        shown: JsonObject = super().info(safe=True)
        return shown


def _shown(key: str, value: object) -> object:
    if key == "exception" and isinstance(value, str):
        return _error(value)
    return HIDDEN if value else value


def _error(text: str) -> str:
    """Return the type of an error, and the code of one that has refused a message.

    >>> _error("InvalidPayload('unknown_lead', [])"), _error("ValueError('ann@example.com')")
    ('InvalidPayload: unknown_lead', 'ValueError')
    """
    match = _ERROR.match(text)
    if match is None or text[match.end("type") : match.end("type") + 1] not in {"", "("}:
        return HIDDEN
    known = match["code"] and match["type"] == InvalidPayload.__name__
    return f"{match['type']}: {match['code']}" if known else match["type"]
