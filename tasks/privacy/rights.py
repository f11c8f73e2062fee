"""What people may ask of those who keep data on them: a copy, erasure, a stop; and what was kept too long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import structlog
from kombu.exceptions import OperationalError as BrokerError

from db import privacy as registry
from db.base import new_id
from db.data_subject import Subject
from db.records import AuditDraft, Erased, ErasureRecord, TenantRecord
from db.repositories import audit, tenants
from db.repositories.privacy import erasure, restrictions, retention, storage, subject_access, tombstones
from db.repositories.privacy.erasure import Asked, Begun
from db.session import EVERY_TENANT, Session, reading, transaction
from tasks.contracts.base.wire import digest, to_wire
from tasks.contracts.privacy import Compact, ExportPerson, ForgetPerson, Person, ReadmitPerson, RestrictPerson
from tasks.contracts.system import Upkeep
from tasks.errors import InvalidPayload
from tasks.runtime import schedule
from tasks.runtime.context import Json, TaskContext, TaskResult
from tasks.runtime.task import effect, job
from tasks.services.privacy import broker_data, workspace_files

log = structlog.get_logger(__name__)

#: reasons that are kept as they are; anything else may be about somebody and is kept as `other`
REASONS = frozenset({"request", "consent_withdrawn", "objection", "no_longer_needed", "unlawful", "legal", "test"})
DAY = 86_400
#: rounds of deleting in one run for one tenant; what is left goes the next day
ROUNDS = 200
#: seconds after which the message of an erasure is done with, whoever is slow
SOON = 30.0
#: leads nobody heard of for too long that are erased at once
INACTIVE = 100


@job("hearth.privacy.export", ExportPerson)
def export(request: ExportPerson, context: TaskContext) -> Json:
    """Write everything that is kept of a person to a file of the workspace; the answer has counts only."""
    with reading(request.tenant_id) as session:
        subject = erasure.find(session, request.tenant_id, lead_id=request.lead_id, identities=request.identities())
        stores = subject_access.collect(session, request.tenant_id, subject=subject)
    if not subject.lead_ids and not any(stores.values()):
        raise _unknown(request)
    name = sha256(context.task_id.encode()).hexdigest()[:32]
    lead_ids = sorted(subject.lead_ids)
    told = {"tenant_id": request.tenant_id, "lead_ids": lead_ids, "exported_at": context.now, "stores": stores}
    written = workspace_files.write_export(request.tenant_id, name, to_wire({**told, "registry": _registry()}))
    counts = {table: len(rows) for table, rows in sorted(stores.items()) if rows}
    data = {"export_id": name, "file": str(written.path), "bytes": written.size, "sha256": written.sha256}
    # Of the ids in the request a plain hash could be guessed from; of ours it cannot.
    context.args_hash = digest([lead_ids, request.reason])
    with context.transaction(request.tenant_id) as session:
        proof = {"subject": _hashed(session, request.tenant_id, lead_ids), "sha256": written.sha256}
        context.audit("export", export_id=name, reason=_reason(request), **proof)
        key = request.idempotency_key or f"task:{context.task_id}"
        return context.store_result(
            session, request, key, TaskResult(data={**data, "leads": len(lead_ids), "stores": counts})
        )


@job("hearth.privacy.forget", ForgetPerson)
def forget(request: ForgetPerson, context: TaskContext) -> Json:
    """Erase a person everywhere, once: first nothing more of them is taken in, then files, then all rows at once."""
    with transaction(request.tenant_id) as session:
        begun = erasure.begin(session, request.tenant_id, **_scope(request), lay=not request.dry_run, now=context.now)
        places = erasure.imports(session, request.tenant_id)
    if not begun.subject.needles():
        with reading(request.tenant_id) as session:
            return _nothing_left(session, request, context)
    files = workspace_files.scrub(request.tenant_id, begun.subject, places, dry_run=request.dry_run)
    results = broker_data.forget_results(request.tenant_id, begun.subject, dry_run=request.dry_run)
    if results is None:
        context.warn("results_kept", "the broker did not answer; results of earlier tasks expire within a day")
    envelope, task_ids = _erase(request, context, begun, {**files, "results": results or 0})
    if not request.dry_run:
        _erase_again(request.tenant_id, begun.subject, task_ids)
        _rewrite(envelope)
    return envelope


def _erase_again(tenant_id: str, subject: Subject, task_ids: tuple[str, ...]) -> None:
    """What ended between the files and the rows took the person from rows into files and answers; no later one can."""
    with reading(tenant_id) as session:
        places = erasure.imports(session, tenant_id)
    workspace_files.scrub(tenant_id, subject, places, dry_run=False)
    broker_data.forget_results(tenant_id, subject, task_ids=task_ids)
    with reading(tenant_id) as session:
        storage.empty_log(session)


def _rewrite(envelope: Json) -> None:
    """Have the broker's append-only file written anew: now, and once more when it holds this message no longer."""
    state = broker_data.rewrite_log()
    if state == "refused":
        told = "the broker does not let us rewrite its append-only file: run BGREWRITEAOF, or allow it to the workers"
        envelope["warnings"].append({"code": "broker_log_kept", "path": told})
    elif state != "none":
        _compact_later(datetime.now(UTC), SOON)


def _compact_later(since: datetime, seconds: float) -> None:
    try:
        compact.apply_async(kwargs=to_wire({"since": since}), countdown=seconds, ignore_result=True, retry=False)
    except BrokerError:
        log.warning("broker_log_not_rewritten", state="later")


@job("hearth.privacy.compact", Compact)
def compact(request: Compact, context: TaskContext) -> Json:
    """Have the broker write its append-only file anew after an erasure, unless it did since."""
    if broker_data.rewritten_since(request.since + timedelta(seconds=SOON / 3)):
        return context.envelope(request, TaskResult(data={"log": "begun"}))
    state = broker_data.rewrite_log()
    if state == "later" and context.now - request.since < timedelta(hours=1):
        _compact_later(request.since, 2 * SOON)
    return context.envelope(request, TaskResult(data={"log": state}))


def _erase(
    request: ForgetPerson, context: TaskContext, begun: Begun, files: Mapping[str, int]
) -> tuple[Json, tuple[str, ...]]:
    """Erase all rows in one transaction; ids that went with an earlier erasure are searched for like any other."""
    tenant_id = request.tenant_id
    with context.transaction(tenant_id, dry_run=request.dry_run) as session:
        subject = erasure.refreshed(session, tenant_id, subject=begun.subject)
        # another message of the same wish was quicker
        ended = erasure.get(session, tenant_id, erasure_id=begun.erasure_id)
        erasure_id = new_id() if ended else begun.erasure_id
        hashed = _hashed(session, tenant_id, sorted(subject.lead_ids))
        door = erasure.door(session, tenant_id, subject=_without_earlier(subject, request, begun))
        erased = erasure.erase(session, tenant_id, subject=subject, now=context.now)
        found = bool(subject.lead_ids) or any(erased.stores.values())
        if not found and (ended or not _in_files(files)):
            return _nothing_left(session, request, context), erased.task_ids
        if ended or not begun.laid:
            erasure.close_door(session, tenant_id, erasure_id=erasure_id, door=door, now=context.now)
        result = _result(erasure_id, len(subject.lead_ids), erased, files)
        record = ErasureRecord(erasure_id=erasure_id, reason=_reason(request), result=result, erased_at=context.now)
        erasure.note(session, tenant_id, record=record)
        context.audit("erasure", subject=hashed, reason=record.reason, **result)
        for lead_id in sorted(subject.lead_ids):
            context.emit_event("lead.forgotten", lead_id, lead_id=lead_id, erasure_id=erasure_id)
    return context.envelope(request, TaskResult(data={**result, **_each(begun.asked)})), erased.task_ids


def _without_earlier(subject: Subject, request: ForgetPerson, begun: Begun) -> Subject:
    """The subject without ids whose own erasure stays theirs, so that it is still what lets them in again."""
    given = zip(request.identities(), begun.asked, strict=False)
    earlier = {identity for identity, asked in given if asked.before}
    return subject if earlier >= subject.identities else replace(subject, identities=subject.identities - earlier)


def _nothing_left(session: Session, request: ForgetPerson, context: TaskContext) -> Json:
    """The answer of the newest erasure of these ids once more, and of which erasure each was.

    Raises:
        InvalidPayload: there was none.

    """
    asked = erasure.told_of(session, request.tenant_id, **_scope(request))
    records = [one.before for one in asked if one.before]
    if not records:
        raise _unknown(request)
    newest = max(records, key=lambda record: record.erasure_id)
    return context.envelope(request, TaskResult(data={**newest.result, **_each(asked)})) | {"duplicate": True}


def _each(asked: Sequence[Asked]) -> Json:
    """What became of each of several ids, by its place: erased, erased_before, or searched for where no lead had it."""
    if len(asked) < 2:
        return {}
    return {"ids": [{"index": at, **_one(one)} for at, one in enumerate(asked)]}


def _one(asked: Asked) -> Json:
    if asked.before is not None:
        return {"state": "erased_before", "erasure_id": asked.before.erasure_id}
    return {"state": "erased" if asked.there else "searched"}


def _in_files(files: Mapping[str, int]) -> bool:
    # an answer in the broker is no trace of a person by itself: somebody may have asked for who is gone
    return any(count for name, count in files.items() if name != "results")


def _result(erasure_id: str, leads: int, erased: Erased, files: Mapping[str, int]) -> Json:
    stores = {name: count for name, count in erased.stores.items() if count}
    return {
        "erasure_id": erasure_id,
        "leads": leads,
        "stores": stores,
        "files": {name: count for name, count in files.items() if count and name != "results"},
        "results": files["results"],
        "models": list(erased.models),
    }


def _scope(request: Person) -> Json:
    return {"lead_id": request.lead_id, "identities": request.identities()}


@effect("hearth.privacy.restrict", RestrictPerson)
def restrict(session: Session, request: RestrictPerson, context: TaskContext) -> TaskResult:
    """Note that nothing may be computed of a person, or that somebody has reviewed it and it may."""
    tenant_id = request.tenant_id
    subject = erasure.find(session, tenant_id, lead_id=request.lead_id, identities=request.identities())
    if not subject.lead_ids:
        raise _unknown(request)
    told = {"restricted": request.restricted, "objected": request.objected}
    held = {
        lead_id: restrictions.change(session, tenant_id, lead_id=lead_id, **told, now=context.now)
        for lead_id in sorted(subject.lead_ids)
    }
    for lead_id in held:
        context.audit("restriction", lead_id=lead_id, **told, reason=_reason(request), actor=request.actor)
    if True in (request.restricted, request.objected):
        # what is planned for them is taken back
        context.enqueue("hearth.interventions.plan_due", tenant_id=tenant_id, lead_ids=sorted(held))
    return TaskResult(data={"leads": [{"lead_id": lead_id, "blocked": list(names)} for lead_id, names in held.items()]})


@effect("hearth.privacy.readmit", ReadmitPerson)
def readmit(session: Session, request: ReadmitPerson, context: TaskContext) -> TaskResult:
    """Let a person who was forgotten be imported again, as when they come back by themselves."""
    if erasure.get(session, request.tenant_id, erasure_id=request.erasure_id) is None:
        raise InvalidPayload.at("unknown_value", "erasure_id", "no erasure of this tenant has this id")
    lifted = tombstones.lift(session, request.tenant_id, erasure_id=request.erasure_id)
    if lifted:
        context.audit("readmission", erasure_id=request.erasure_id, actor=request.actor)
    return TaskResult(data={"erasure_id": request.erasure_id, "identities": lifted})


@job("hearth.privacy.purge", Upkeep)
def purge(request: Upkeep, context: TaskContext) -> Json:
    """Delete what was kept long enough, of every tenant, once a day."""
    if not schedule.is_due("privacy.purge", DAY):
        return context.envelope(request, TaskResult(data={}))
    with reading(EVERY_TENANT) as session:
        known = [tenants.require(session, tenant_id) for tenant_id in tenants.ids(session)]
        spools = erasure.spools(session)
    gone = {tenant.tenant_id: _purge(tenant, context) for tenant in known}
    orphans = workspace_files.discard_orphans(spools, context.now - timedelta(days=2))
    _clean_storage()
    log_state = broker_data.rewrite_log()
    rows = sum(sum(removed.values()) for removed in gone.values())
    counts = {"tenants": len(gone), "removed": rows, "orphans": orphans}
    return context.envelope(request, TaskResult(data={**counts, "log": log_state}))


def _purge(tenant: TenantRecord, context: TaskContext) -> dict[str, int]:
    """What went of one tenant, rows by table and files."""
    tenant_id, chosen = tenant.tenant_id, tenant.settings.get("retention_days") or {}
    total: dict[str, int] = {}
    for _ in range(ROUNDS):
        with transaction(tenant_id) as session:
            gone = retention.purge(session, tenant_id, chosen=chosen, now=context.now)
        total = {name: total.get(name, 0) + gone.get(name, 0) for name in {*total, *gone}}
        if max(gone.values(), default=0) < retention.BATCH:
            break
    total["leads"] = _purge_inactive(tenant_id, registry.days("profile", chosen), context)
    total["files"] = _purge_files(tenant_id, chosen, context)
    return total


def _purge_inactive(tenant_id: str, kept: int | None, context: TaskContext) -> int:
    """Leads of whom nothing was heard for too long; they may come again, so no tombstone is laid."""
    if kept is None:
        return 0
    before, count = context.now - timedelta(days=kept), 0
    for _ in range(ROUNDS):
        with transaction(tenant_id) as session:
            lead_ids = retention.inactive(session, tenant_id, before=before, limit=INACTIVE)
            if not lead_ids:
                break
            subject = erasure.for_leads(session, tenant_id, lead_ids=lead_ids)
            hashed = _hashed(session, tenant_id, lead_ids)
            erased = erasure.erase(session, tenant_id, subject=subject, now=context.now)
            body = to_wire({"subject": hashed, "reason": "retention", "stores": erased.stores, "models": erased.models})
            audit.append(session, tenant_id, entries=[AuditDraft(kind="erasure", body=body)], now=context.now)
        count += len(lead_ids)
    return count


def _purge_files(tenant_id: str, chosen: Mapping[str, int], context: TaskContext) -> int:
    kept = {name: registry.days(name, chosen) or registry.DAYS[name] or 0 for name in ("imports", "exports")}
    with reading(tenant_id) as session:
        ended = erasure.imports(session, tenant_id, ended_before=context.now - timedelta(days=kept["imports"]))
    removed = workspace_files.discard_of(ended)
    return removed + workspace_files.discard_exports(tenant_id, context.now - timedelta(days=kept["exports"]))


def _clean_storage() -> None:
    with reading(EVERY_TENANT) as session:
        storage.empty_log(session)
        storage.vacuum(session, tables=sorted(store.table for store in registry.STORES if store.action != "keep"))


def _registry() -> list[dict[str, Any]]:
    return [asdict(store) for store in registry.STORES]


def _reason(request: Person) -> str:
    return request.reason if request.reason in REASONS else "other"


def _hashed(session: Session, tenant_id: str, lead_ids: list[str]) -> list[str]:
    """What proves later whose it was, to who knows the lead's id and holds the key ring."""
    return [tombstones.for_lead(session, tenant_id, lead_id).hex() for lead_id in lead_ids]


def _unknown(request: Person) -> InvalidPayload:
    place = "lead_id" if request.lead_id else "external_ids"
    return InvalidPayload.at("unknown_lead", place, "nothing of this tenant names such a lead")
