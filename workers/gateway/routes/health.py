"""`GET /healthz`: whether the gateway could accept work now; it needs no key."""

from __future__ import annotations

from workers.gateway.handler import Handler


class HealthHandler(Handler):
    """Answers 200 where broker and database answer, else 503."""

    async def get(self) -> None:
        """Ask both stores."""
        broker, database = await self.gateway.health.check()
        self.answer(
            200 if broker and database else 503, {"ok": broker and database, "broker": broker, "database": database}
        )


ROUTES = [(r"/healthz", HealthHandler)]
