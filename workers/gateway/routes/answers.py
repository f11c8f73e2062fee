"""`GET /v1/tasks/<task id>`: what became of a task."""

from __future__ import annotations

from domain.documents import JsonMapping, JsonObject
from workers.gateway.errors import NotFound
from workers.gateway.handler import Handler
from workers.gateway.refusals import refusal_of, stored_error


class AnswerHandler(Handler):
    """Tells the tenant that sent a task what became of it; anybody else gets 404."""

    async def get(self, task_id: str) -> None:
        """Answer with the task's state, after `?wait=` seconds or as soon as it has ended."""
        caller, seconds = await self.authenticated(), self.wait_seconds()
        caller.require("read")
        if not self.gateway.ids.belongs(task_id, caller.tenant_id):
            raise NotFound("unknown_task_id", "no task of this tenant has this id")
        outcome = await self.outcome(caller.tenant_id, task_id, seconds)
        outcome = outcome or await self.gateway.results.get(caller.tenant_id, task_id)
        self.answer(200, {"task_id": task_id, **state_of(outcome)})


def state_of(outcome: JsonMapping | None) -> JsonObject:
    """Return `state`, and `result` or `error`, of a task's stored outcome; None is one that has not ended."""
    if outcome is None:
        return {"state": "pending"}
    if outcome["status"] == "SUCCESS":
        return {"state": "done", "result": outcome.get("result")}
    return {"state": "failed", "error": refusal_of(stored_error(outcome.get("result"))).body()}


ROUTES = [(r"/v1/tasks/([0-9a-f]{32}\.[0-9a-f]{16})", AnswerHandler)]
