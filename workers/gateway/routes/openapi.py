"""`GET /v1/openapi.json`: the OpenAPI document of the gateway; it needs no key."""

from __future__ import annotations

import asyncio

from workers.gateway import openapi
from workers.gateway.handler import Handler


class OpenApiHandler(Handler):
    """Answers with the document."""

    async def get(self) -> None:
        """Send the document, which is made at the first request, in half a second and beside other requests."""
        self.answer(200, await asyncio.to_thread(openapi.document))


ROUTES = [(r"/v1/openapi\.json", OpenApiHandler)]
