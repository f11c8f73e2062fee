"""The gateway's HTTP server, put together of its routes."""

from __future__ import annotations

import ssl
from collections.abc import Sequence

from tornado.httpserver import HTTPServer
from tornado.web import Application

from workers.gateway.gateway import Gateway
from workers.gateway.handler import Handler, UnknownPathHandler, log_request
from workers.gateway.routes import answers, health, openapi, tasks, webhooks

Routes = Sequence[tuple[str, type[Handler]]]

#: seconds that a connection may stay silent between requests or within its headers, and a body may take to arrive
IDLE, BODY = 65.0, 20.0
#: bytes of a request's line and headers
HEADERS = 16_384
#: handlers limit bodies themselves, with an answer; Tornado's own limit answers with no JSON
_ANY_BODY = 2**62

ROUTES: tuple[Routes, ...] = (answers.ROUTES, tasks.ROUTES, health.ROUTES, openapi.ROUTES, webhooks.ROUTES)


def make_app(gateway: Gateway) -> Application:
    """Return the application that answers the gateway's paths."""
    parts = {"gateway": gateway}
    routes = [(path, handler, parts) for module in ROUTES for path, handler in module]
    return Application(
        routes, default_handler_class=UnknownPathHandler, default_handler_args=parts, log_function=log_request
    )


def make_server(app: Application, tls: ssl.SSLContext | None = None) -> HTTPServer:
    """Return the server of an application, with limits on what a connection may send and how slowly."""
    return HTTPServer(
        app,
        ssl_options=tls,
        idle_connection_timeout=IDLE,
        body_timeout=BODY,
        max_header_size=HEADERS,
        max_body_size=_ANY_BODY,
    )
