"""Serve what a scraper asks for over HTTP: `/metrics`, and `/healthz`, which says whether the stores answer."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

#: part -> whether it answers
Health = Callable[[], Mapping[str, bool]]
_JSON = (("Content-Type", "application/json"), ("Cache-Control", "no-store"))


@dataclass(frozen=True, slots=True)
class MetricsServer:
    """A running metrics server."""

    port: int
    _server: WSGIServer
    _thread: threading.Thread

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingMixIn, WSGIServer):
    """Answers each request in a thread of its own: a slow store must not keep `/healthz` waiting."""

    daemon_threads = True


class _SixServer(_Server):
    address_family = socket.AF_INET6


class _Quiet(WSGIRequestHandler):
    #: seconds for a client to say what it wants
    timeout = 10.0

    def log_message(self, *_: object) -> None:
        """Say nothing: a probe every few seconds would fill the log."""


def start(host: str, port: int, registry: CollectorRegistry, health: Health) -> MetricsServer:
    """Serve on a thread until closed; port 0 takes any free one. Raises OSError when the address is taken."""
    kind = _SixServer if ":" in host else _Server
    server = make_server(host, port, _application(registry, health), kind, handler_class=_Quiet)
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    return MetricsServer(server.server_port, server, thread)


def _application(
    registry: CollectorRegistry, health: Health
) -> Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]:
    metrics = make_wsgi_app(registry)

    def answer(environ: WSGIEnvironment, respond: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            respond("405 Method Not Allowed", [*_JSON, ("Allow", "GET, HEAD")])
            return [b'{"error": "method_not_allowed"}']
        match environ["PATH_INFO"]:
            case "/metrics":
                page: Iterable[bytes] = metrics(environ, respond)
                return page
            case "/healthz":
                parts = dict(health())
                ok = all(parts.values())
                respond("200 OK" if ok else "503 Service Unavailable", [*_JSON])
                return [json.dumps({"ok": ok, **parts}).encode()]
            case _:
                respond("404 Not Found", [*_JSON])
                return [b'{"error": "not_found"}']

    return answer
