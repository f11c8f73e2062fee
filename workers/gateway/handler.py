"""The base of all handlers: who asks, the body within its limits, JSON answers and errors, the log line."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import time
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import orjson
import structlog
from tornado.httputil import HTTPServerRequest
from tornado.web import Application, HTTPError, RequestHandler, stream_request_body

from domain.documents import JsonObject
from tasks.contracts.base.wire import MESSAGE_LIMIT
from tasks.errors import InvalidPayload
from workers.base import decoding
from workers.gateway.access.api_keys import Caller
from workers.gateway.errors import RateExceeded, TooLarge
from workers.gateway.gateway import Gateway
from workers.gateway.refusals import Refusal, refusal_of
from workers.telemetry.logs import error_facts

log = structlog.get_logger(__name__)

#: bytes of a body beyond the limit that are read and thrown away, so that its sender reads the 413 and no broken pipe
READ_ON = 16_000_000
#: most seconds that a caller may wait for an answer
MOST_WAIT = 20.0
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:\-]{1,64}")
_HEADERS = {
    "Content-Type": "application/json",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Server": "hearth",
}


@stream_request_body
class Handler(RequestHandler):
    """A handler of the gateway; errors raised in it become JSON answers (`refusals.refusal_of`)."""

    #: bytes of a body that are taken
    body_limit = MESSAGE_LIMIT

    def __init__(self, application: Application, request: HTTPServerRequest, **kwargs: Any) -> None:
        given = request.headers.get("X-Request-Id", "")
        self.request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        self._chunks: list[bytes] = []
        self._received = 0
        self._waiting: asyncio.Task[JsonObject | None] | None = None
        #: whose request this is, once that is known
        self.caller: Caller | None = None
        super().__init__(application, request, **kwargs)

    def initialize(self, gateway: Gateway) -> None:
        """Take the parts of the gateway."""
        self.gateway = gateway
        gateway.in_hand.add(self)

    def set_default_headers(self) -> None:
        """Set what every answer carries."""
        for name, value in _HEADERS.items():
            self.set_header(name, value)
        self.set_header("X-Request-Id", self.request_id)

    def prepare(self) -> None:
        """Refuse a body that is far too long before any of it is read."""
        length = self.request.headers.get("Content-Length", "")
        if length.isascii() and length.isdigit() and int(length[:20]) > READ_ON:
            raise _too_large(self.body_limit)

    def on_finish(self) -> None:
        """Record that the request is answered."""
        self.gateway.in_hand.discard(self)

    def on_connection_close(self) -> None:
        """Record that nobody waits for the answer any more."""
        self.gateway.in_hand.discard(self)
        if self._waiting is not None:
            self._waiting.cancel()

    def data_received(self, chunk: bytes) -> None:
        """Take a part of the body; what is beyond the limit is dropped."""
        self._received += len(chunk)
        if self._received <= self.body_limit:
            self._chunks.append(chunk)
        elif self._received > READ_ON:
            raise _too_large(self.body_limit)
        else:
            self._chunks.clear()

    def body(self) -> bytes:
        """Return the body.

        Raises:
            TooLarge: it is longer than `body_limit`.

        """
        if self._received > self.body_limit:
            raise _too_large(self.body_limit)
        return b"".join(self._chunks)

    def json_body(self) -> JsonObject:
        """Return the body as a JSON object; an empty body is an empty object.

        Raises:
            TooLarge: as `body`.
            InvalidPayload: it is no JSON object, or nested too deep.

        """
        raw = self.body()
        try:
            document = json.loads(decoding.shallow(raw.decode())) if raw else {}
        except decoding.TooDeep:
            message = f"more than {decoding.DEPTH} levels of nesting; send a flatter message"
            raise InvalidPayload.at("too_deep", "", message) from None
        except (ValueError, RecursionError):
            raise InvalidPayload.at("type", "", "the body is no JSON in UTF-8") from None
        if not isinstance(document, dict):
            raise InvalidPayload.at("type", "", "send a JSON object: the task's keyword arguments")
        return document

    async def authenticated(self) -> Caller:
        """Return whose request this is, once the key's rate allows it.

        Raises:
            Unauthorized: no key, or none that is good.
            RateExceeded: the key asks too often.
            TooLarge: the body is too long.

        """
        asked = self.request
        headers = asked.headers.get_all()
        now = datetime.now(UTC)
        target = asked.uri or asked.path
        caller = await self.gateway.authenticator.authenticate(asked.method or "", target, headers, self.body(), now)
        self.caller = caller
        wait = self.gateway.limiter.wait(caller.key_id, caller.rate, time.monotonic())
        if wait is not None:
            raise RateExceeded(wait)
        return caller

    def wait_seconds(self) -> float:
        """Return how long the caller wants to wait for an answer: `?wait=`, 0 where it is left out.

        Raises:
            InvalidPayload: no number from 0 to 20.

        """
        text = self.get_query_argument("wait", "0")
        try:
            seconds = float(text) if len(text) <= 10 else -1.0
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds <= MOST_WAIT:
            raise InvalidPayload.at("range", "wait", f"wait a number of seconds from 0 to {MOST_WAIT:.0f}")
        return seconds

    async def outcome(self, tenant_id: str, task_id: str, seconds: float) -> JsonObject | None:
        """Return a task's outcome as soon as there is one; None when none came in time, or the caller hung up.

        Raises:
            Overloaded: too many wait already.

        """
        if not seconds:
            return None
        self._waiting = asyncio.create_task(self.gateway.results.wait(tenant_id, task_id, seconds))
        with suppress(asyncio.CancelledError):
            return await self._waiting
        return None

    def answer(self, status: int, body: JsonObject) -> None:
        """End the request with JSON."""
        self.set_status(status)
        self.finish(to_bytes(body))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """End the request with an error."""
        error = kwargs["exc_info"][1] if "exc_info" in kwargs else HTTPError(status_code)
        self._refuse(refusal_of(error))

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Record a fault of ours, by type and place; what the caller did wrong is in the line of the request."""
        if value is not None and refusal_of(value).status == 500:
            log.error("unexpected_error", request_id=self.request_id, **error_facts((typ, value, tb)))

    def _refuse(self, refusal: Refusal) -> None:
        self.set_status(refusal.status)
        if refusal.retry_after is not None:
            self.set_header("Retry-After", str(refusal.retry_after))
        if refusal.status == 401:
            self.set_header("WWW-Authenticate", 'Bearer realm="hearth"')
        if refusal.status == 405:
            self.set_header("Allow", ", ".join(self._methods()))
        self.finish(to_bytes({"error": refusal.body()}))

    def _methods(self) -> list[str]:
        own = type(self)
        every = ("GET", "POST", "PUT", "DELETE")
        return [name for name in every if getattr(own, name.lower()) is not getattr(RequestHandler, name.lower())]


class UnknownPathHandler(Handler):
    """Every path that is not the gateway's."""

    def prepare(self) -> None:
        """Answer 404 before the body is read."""
        raise HTTPError(404)


def log_request(handler: RequestHandler) -> None:
    """Write one line for a request: no header, no body, no query, and a path only where it is one of ours."""
    if not isinstance(handler, Handler):
        return
    known = not isinstance(handler, UnknownPathHandler)
    log.info(
        "request",
        method=handler.request.method if known else None,
        path=handler.request.path if known and len(handler.request.path) <= 200 else None,
        status=handler.get_status(),
        ms=round(1000 * handler.request.request_time(), 1),
        key_id=handler.caller.key_id if handler.caller else None,
        tenant_id=handler.caller.tenant_id if handler.caller else None,
        request_id=handler.request_id,
    )


def to_bytes(document: JsonObject) -> bytes:
    """Return JSON as UTF-8."""
    try:
        return orjson.dumps(document)
    except TypeError:  # a whole number of more than 64 bits
        return json.dumps(document, allow_nan=False).encode()


def _too_large(limit: int) -> TooLarge:
    return TooLarge("too_large", f"the body is over {limit} bytes; send fewer items at once")
