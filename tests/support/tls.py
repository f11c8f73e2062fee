"""TLS in front of a server that speaks none: bytes go in and out as they are."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

CHUNK = 65536


@contextmanager
def forwarding(port: int, target: int, *, certificate: Path, key: Path) -> Iterator[None]:
    """Serve TLS on `port` of 127.0.0.1 for the server on port `target`, while the block lasts."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    ready, over, opened = threading.Event(), asyncio.Event(), set()
    loop = asyncio.new_event_loop()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", target)
        except OSError:
            # the server is not there yet
            writer.close()
            return
        with suppress(OSError):
            opened.update((writer, inner_writer))
            await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer))

    async def serve() -> None:
        async with await asyncio.start_server(forward, "127.0.0.1", port, ssl=context):
            ready.set()
            await over.wait()
            for each in opened:
                each.transport.abort()
            # those who copied see the end
            await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    try:
        assert ready.wait(10), "the forwarder listens"
        yield
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
        loop.close()


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Copy until one of both ends, then end the other one."""
    with suppress(OSError):
        while data := await source.read(CHUNK):
            sink.write(data)
            await sink.drain()
    sink.close()
