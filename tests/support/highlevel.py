"""A HighLevel of our own: it checks each request as its documents say, and answers well, badly, late or not at all."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "pit-0f3a-of-a-location"
CONTACTS, CONVERSATIONS = "2021-07-28", "2021-04-15"
#: method, path, Version header, keys that the body must have, keys that it may have
ROUTES = [
    ("POST", r"/contacts/[\w-]+/tags", CONTACTS, {"tags"}, set()),
    ("POST", r"/contacts/[\w-]+/tasks", CONTACTS, {"title", "dueDate", "completed"}, {"body", "assignedTo"}),
    ("POST", r"/contacts/[\w-]+/notes", CONTACTS, {"body"}, set()),
    ("POST", r"/contacts/[\w-]+/workflow/[\w-]+", CONTACTS, set(), set()),
    ("DELETE", r"/contacts/[\w-]+/workflow/[\w-]+", CONTACTS, set(), set()),
    ("PUT", r"/contacts/[\w-]+", CONTACTS, set(), {"assignedTo", "dndSettings", "customFields"}),
    ("POST", r"/conversations/messages", CONVERSATIONS, {"type", "contactId"}, {"message", "html", "subject"}),
]


@dataclass(frozen=True)
class Reaction:
    """How it answers instead of well."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    #: as it goes over the wire; None = JSON
    body: bytes | None = None
    #: seconds until it answers
    hang: float = 0.0
    #: the request takes effect although the answer is bad
    effect: bool = False
    #: the connection breaks off without an answer
    drop: bool = False


@dataclass(frozen=True)
class Taken:
    """A request that took effect."""

    method: str
    path: str
    body: Any
    at: float


class HighLevel(ThreadingHTTPServer):
    """`react(method, path) -> Reaction | None` decides how a request that is well formed is answered."""

    daemon_threads = True

    def __init__(self, token: str = TOKEN, *, per_window: int = 100, window: float = 10.0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.token, self.per_window, self.window = token, per_window, window
        self.react = lambda method, path: None
        self.taken: list[Taken] = []
        self.seen: list[tuple[str, str, int | None]] = []
        #: what a request did wrong: a test expects none
        self.faults: list[str] = []
        self.contacts_gone: set[str] = set()
        self.lock, self.released = threading.Lock(), threading.Event()
        self._times: deque[float] = deque()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def close(self) -> None:
        self.released.set()
        self.shutdown()
        self.server_close()

    def is_over_limit(self) -> bool:
        now = time.monotonic()
        while self._times and self._times[0] <= now - self.window:
            self._times.popleft()
        self._times.append(now)
        return len(self._times) > self.per_window

    def left(self) -> int:
        return max(0, self.per_window - len(self._times))


class _Handler(BaseHTTPRequestHandler):
    server: HighLevel
    protocol_version = "HTTP/1.1"

    def _take(self) -> None:
        read = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server = self.server
        with server.lock:
            reaction = self._reaction(read)
            if reaction.status < 300 or reaction.effect:
                body = json.loads(read) if read else None
                server.taken.append(Taken(self.command, self.path, body, time.monotonic()))
            server.seen.append((self.command, self.path, None if reaction.drop else reaction.status))
        if reaction.hang:
            server.released.wait(reaction.hang)
        if reaction.drop:
            self.close_connection = True
            self.connection.close()
            return
        self._answer(reaction)

    def _reaction(self, read: bytes) -> Reaction:
        server = self.server
        if self.headers.get("Authorization") != f"Bearer {server.token}":
            return Reaction(status=401)
        if fault := self._fault(read):
            server.faults.append(fault)
            return Reaction(status=422)
        if server.is_over_limit():
            server.faults.append("over the limit")
            return Reaction(status=429, headers={"Retry-After": "10"})
        if any(gone in self.path or gone.encode() in read for gone in server.contacts_gone):
            return Reaction(status=404)
        return server.react(self.command, self.path) or Reaction(body=self._created(read))

    def _fault(self, read: bytes) -> str | None:
        for method, path, version, must, may in ROUTES:
            if self.command == method and re.fullmatch(path, self.path):
                if self.headers.get("Version") != version:
                    return f"{path}: Version"
                body = json.loads(read) if read else {}
                if not must <= body.keys() or not body.keys() <= must | may:
                    return f"{path}: {sorted(body)}"
                return None
        return f"{self.command} {self.path}: no such route"

    def _created(self, read: bytes) -> bytes:
        if self.path != "/conversations/messages":
            return b'{"succeded": true}'
        number = len(self.server.taken) + 1
        kind = json.loads(read)["type"]
        answer = {"conversationId": "conv-1", "messageId": f"msg-{number}"}
        return json.dumps(answer | ({"emailMessageId": f"mail-{number}"} if kind == "Email" else {})).encode()

    def _answer(self, reaction: Reaction) -> None:
        body = b'{"message": "no"}' if reaction.body is None else reaction.body
        self.send_response(reaction.status)
        headers = {"Content-Type": "application/json", "X-RateLimit-Remaining": str(self.server.left())}
        for name, value in (headers | reaction.headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        try:
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True

    do_POST = do_PUT = do_DELETE = do_GET = _take

    def log_message(self, *_: object) -> None:
        pass
