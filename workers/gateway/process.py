"""Run the gateway: listen until SIGTERM or SIGINT, then finish what is in hand."""

from __future__ import annotations

import asyncio
import signal
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from db.encryption import KeyRing
from db.session import dispose
from tasks.contracts.base import request
from tasks.runtime import registry
from workers.app import app
from workers.base import database
from workers.base.errors import GatewayUnready
from workers.base.settings import Settings
from workers.gateway.access.api_keys import Authenticator
from workers.gateway.access.rate_limit import RateLimiter
from workers.gateway.gateway import Gateway
from workers.gateway.health import StoreHealth
from workers.gateway.results import StoredResults
from workers.gateway.server import make_app, make_server
from workers.gateway.submitter import BatchSubmitter
from workers.gateway.task_ids import TaskIds
from workers.gateway.webhook_keys import check_keys

log = structlog.get_logger(__name__)

#: seconds that requests in hand have after the gateway was told to stop
LAST = 10.0


def run(chosen: Settings, *, listening: Callable[[str], None] = lambda _: None) -> None:
    """Serve until SIGTERM or SIGINT; `listening` is told the address once requests are accepted.

    Raises:
        GatewayUnready: the address is taken, or the certificate cannot be used.
        KeysUnreadable: the key ring is not the one that sealed the database.
        WebhookKeysUnusable: no key verifies signed webhooks, and nobody said that none come.

    """
    check_keys(chosen)
    database.begin(chosen)
    try:
        asyncio.run(_run(chosen, listening))
    finally:
        dispose()


@asynccontextmanager
async def opened(chosen: Settings, ring: KeyRing) -> AsyncIterator[Gateway]:
    """Yield the parts of a gateway over the bound database and the app's broker; close them at the end."""
    tasks = registry.open_tasks()
    request.build()
    submitter, results, health = BatchSubmitter(app), StoredResults(app), StoreHealth(app)
    authenticator = Authenticator(ring)
    try:
        yield Gateway(
            submitter=submitter,
            authenticator=authenticator,
            limiter=RateLimiter(),
            results=results,
            health=health,
            ids=TaskIds(ring),
            tasks=tasks,
            settings=chosen,
        )
    finally:
        await submitter.close()
        await results.close()
        await health.close()
        await authenticator.close()


async def _run(chosen: Settings, listening: Callable[[str], None]) -> None:
    stopping = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stopping.set)
    async with opened(chosen, database.key_ring(chosen)) as gateway:
        server = make_server(make_app(gateway), _tls(chosen))
        address = _listen(server, chosen)
        log.info("listening", service="gateway", address=address)
        listening(address)
        await stopping.wait()
        await finish(server, gateway)
    log.info("stopped", service="gateway")


async def finish(server: HTTPServer, gateway: Gateway, seconds: float = LAST) -> None:
    """Accept nothing more, and return when the requests in hand are answered, at most `seconds` later."""
    server.stop()
    gateway.results.hasten()
    deadline = asyncio.get_running_loop().time() + seconds
    while gateway.in_hand and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.02)
        gateway.results.hasten()
    await server.close_all_connections()


def _listen(server: HTTPServer, chosen: Settings) -> str:
    try:
        sockets = bind_sockets(chosen.gateway_port, chosen.gateway_host)
    except OSError as error:
        place = f"{chosen.gateway_host}, port {chosen.gateway_port}"
        raise GatewayUnready(f"cannot listen on {place}: {error.strerror or type(error).__name__}") from None
    server.add_sockets(sockets)
    scheme = "https" if chosen.gateway_tls_cert else "http"
    host = f"[{chosen.gateway_host}]" if ":" in chosen.gateway_host else chosen.gateway_host
    return f"{scheme}://{host}:{sockets[0].getsockname()[1]}"


def _tls(chosen: Settings) -> ssl.SSLContext | None:
    if chosen.gateway_tls_cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(chosen.gateway_tls_cert, chosen.gateway_tls_key)
    except OSError as error:
        problem = f"HEARTH_GATEWAY_TLS_CERT and _KEY cannot be used: {error.strerror or type(error).__name__}"
        raise GatewayUnready(problem) from None
    return context
