"""`POST /v1/tasks/<name>`: send a task with its keyword arguments as JSON."""

from __future__ import annotations

import re

from tornado.web import HTTPError

from domain.documents import JsonObject
from tasks.contracts.base.request import Request, check
from tasks.errors import InvalidPayload
from tasks.runtime import idempotency
from tasks.runtime.registry import Declaration
from workers.gateway.access.api_keys import Caller
from workers.gateway.errors import Forbidden, NotFound
from workers.gateway.handler import Handler
from workers.gateway.refusals import stored_error
from workers.gateway.submissions import Submission

#: tasks whose form for many leads waits in the queue `batch`, where nobody waits for one lead
_BATCHED = frozenset({"hearth.leads.score", "hearth.churn.predict"})
_KEY = re.compile(r"[\x21-\x7e]{1,200}")


class TaskHandler(Handler):
    """Takes a task for the tenant of the caller's key."""

    async def post(self, name: str) -> None:
        """Answer 202 once the task cannot be lost, or 200 with its answer where that comes within `?wait=` seconds."""
        caller = await self.authenticated()
        declaration = self.gateway.tasks.get(name)
        if declaration is None or declaration.scope is None:
            raise NotFound("unknown_task", "no task of this name can be sent here")
        caller.require(declaration.scope)
        seconds = self.wait_seconds()
        submission = self._submission(caller, declaration)
        await self.gateway.submitter.submit(submission)
        await self._answer(submission, seconds)

    async def get(self, name: str) -> None:
        """Answer 404: this is the id of no task."""
        if name in self.gateway.tasks:
            raise HTTPError(405)
        await self.authenticated()
        raise NotFound("unknown_task_id", "no task of this tenant has this id")

    def _submission(self, caller: Caller, declaration: Declaration) -> Submission:
        kwargs = self._arguments(caller)
        # the worker's answer warns of keys that are unknown
        request = check(declaration.contract, kwargs)
        key = request.idempotency_key
        if key is not None:
            task_id = self.gateway.ids.for_key(caller.tenant_id, declaration.name, key)
        elif caller.signature is not None:
            task_id = self.gateway.ids.for_signature(caller.tenant_id, caller.signature)
        else:
            task_id = self.gateway.ids.new(caller.tenant_id)
        return Submission(
            tenant_id=caller.tenant_id,
            task=declaration.name,
            queue=queue_of(declaration, request),
            kwargs=kwargs,
            task_id=task_id,
            durable=not declaration.reads,
            key=key,
            args_hash=idempotency.args_hash(request) if key is not None else "",
        )

    def _arguments(self, caller: Caller) -> JsonObject:
        """Return the task's arguments, with the caller's tenant and the key of the header."""
        kwargs = self.json_body()
        if kwargs.setdefault("tenant_id", caller.tenant_id) != caller.tenant_id:
            raise Forbidden("other_tenant", "this key is for another tenant; leave tenant_id out")
        key = self.request.headers.get("Idempotency-Key")
        if key is not None:
            if not _KEY.fullmatch(key):
                message = "send 1 to 200 visible ASCII characters without blanks"
                raise InvalidPayload.at("type", "Idempotency-Key", message)
            if kwargs.setdefault("idempotency_key", key) != key:
                raise InvalidPayload.at("unknown_value", "idempotency_key", "the header Idempotency-Key says another")
        return kwargs

    async def _answer(self, submission: Submission, seconds: float) -> None:
        task_id = submission.task_id
        outcome = await self.outcome(submission.tenant_id, task_id, seconds)
        if outcome is None:
            self.set_header("Location", f"/v1/tasks/{task_id}")
            self.answer(202, {"task_id": task_id, "task": submission.task, "state": "accepted"})
        elif outcome["status"] == "SUCCESS":
            self.answer(200, outcome["result"])
        else:
            raise stored_error(outcome.get("result"))


def queue_of(declaration: Declaration, request: Request) -> str:
    """Return the queue of a request."""
    many = getattr(request, "lead_ids", None) or getattr(request, "external_ids", None)
    return "batch" if many and declaration.name in _BATCHED else declaration.queue


ROUTES = [(r"/v1/tasks/([^/]{1,200})", TaskHandler)]
