"""Leads by the caller's own ids: resolve them before a task's body runs, and give them beside ours in its answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from db.repositories.leads import lead_lookup
from db.session import Session
from domain.documents import JsonMapping, JsonObject
from tasks.contracts.base.lead_reference import LeadReference
from tasks.contracts.base.request import MOST_ERRORS, Request
from tasks.contracts.base.wire import RESULT_LIMIT, canonical
from tasks.errors import InvalidPayload
from tasks.runtime import idempotency
from tasks.runtime.context import TaskContext, TaskResult

#: bytes of an answer that its envelope and warnings may need
ENVELOPE = 4_000


def resolve(session: Session, request: Request, context: TaskContext) -> Request:
    """Return a request as if it had named its leads by our ids; one that does so already is returned as it is.

    The idempotency key then follows the leads, however they were named.

    Raises:
        InvalidPayload: no lead of the tenant has the id, or leads of several systems have it and none is named.

    """
    if not isinstance(request, LeadReference) or not request.external():
        return request
    asked = [(external_id, request.source_system) for external_id in request.external()]
    places = ["external_id"] if request.external_id else [f"external_ids.{index}" for index in range(len(asked))]
    context.source_system = request.source_system
    if request.external_id is None:
        context.leads_field = "external_ids"
    resolved = request.with_lead_ids(find(session, request.tenant_id, asked, places))
    context.args_hash = idempotency.args_hash(resolved)
    return resolved


def find(session: Session, tenant_id: str, asked: Sequence[tuple[str, str | None]], places: Sequence[str]) -> list[str]:
    """Return our id of each (external id, source system or None), in order; `places` are those of the message.

    Raises:
        InvalidPayload: see `resolve`.

    """
    if not asked:
        return []
    stored = lead_lookup.by_external_id(session, tenant_id, external_ids={external_id for external_id, _ in asked})
    found = [
        {lead_id for system, lead_id in stored.get(external_id, {}).items() if wanted in (None, system)}
        for external_id, wanted in asked
    ]
    unknown = [place for place, lead_ids in zip(places, found, strict=True) if not lead_ids]
    if unknown:
        raise _refusal("unknown_lead", unknown, "no lead of this tenant has this id")
    ambiguous = [place for place, lead_ids in zip(places, found, strict=True) if len(lead_ids) > 1]
    if ambiguous:
        raise _refusal("conflict", ambiguous, "different leads have this id in several systems; give source_system")
    return [lead_id for lead_ids in found for lead_id in lead_ids]


def identified(session: Session, context: TaskContext, result: TaskResult) -> TaskResult:
    """Return a result in which everything that gives a `lead_id` also gives `external_id` and `source_system`.

    They are those of the system that the request named, else those that the lead came with first; null where it has
    none.
    """
    lead_ids = {part["lead_id"] for part in _unidentified(result.data)}
    if not lead_ids:
        return result
    known = lead_lookup.identities(
        session, context.tenant_id, lead_ids=sorted(lead_ids), source_system=context.source_system
    )
    data: JsonObject = _with_identities(result.data, {lead_id: view(known.get(lead_id)) for lead_id in lead_ids})
    return replace(result, data=data)


def with_identities(session: Session, context: TaskContext, data: JsonObject, lead_ids: Sequence[str]) -> JsonObject:
    """Return an answer's data with `identities`: whose ids those are that it names in lists of our ids.

    As many as fit, with a warning where some do not; data that names nobody is returned as it is.
    """
    if not lead_ids:
        return data
    known = lead_lookup.identities(session, context.tenant_id, lead_ids=lead_ids, source_system=context.source_system)
    left = RESULT_LIMIT - ENVELOPE - len(canonical(data))
    fitting: list[JsonObject] = []
    for lead_id in lead_ids:
        row = {"lead_id": lead_id, **view(known.get(lead_id))}
        left -= len(canonical(row)) + 1
        if left < 0:
            context.warn("too_many", f"identities.{len(fitting)}")
            break
        fitting.append(row)
    return {**data, "identities": fitting}


def view(identity: lead_lookup.Identity | None) -> JsonObject:
    """Return the keys by which answers and events give a lead's own id; null where it has none."""
    return {"external_id": identity and identity.external_id, "source_system": identity and identity.source_system}


def _refusal(code: str, places: Sequence[str], message: str) -> InvalidPayload:
    return InvalidPayload(code, [{"loc": place, "msg": message} for place in places[:MOST_ERRORS]])


def _unidentified(value: Any) -> Iterator[JsonMapping]:
    """Yield each object that gives a lead's id alone; one that gives its own id too was written as a whole."""
    if isinstance(value, Mapping):
        if _is_identified(value):
            return
        if isinstance(value.get("lead_id"), str):
            yield value
        for item in value.values():
            yield from _unidentified(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _unidentified(item)


def _with_identities(value: Any, views: JsonMapping) -> Any:
    if isinstance(value, Mapping):
        if _is_identified(value):
            return value
        below = {name: _with_identities(item, views) for name, item in value.items()}
        lead_id = value.get("lead_id")
        return {**below, **views[lead_id]} if isinstance(lead_id, str) else below
    return [_with_identities(item, views) for item in value] if isinstance(value, list | tuple) else value


def _is_identified(value: JsonMapping) -> bool:
    return "lead_id" in value and "source_system" in value
