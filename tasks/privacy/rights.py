"""What people may ask of those who keep data on them: a copy, erasure, a stop; and what was kept too long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from hashlib import sha256
from typing import Any

import structlog
from celery import current_app
from redis.exceptions import RedisError

from db import privacy as registry
from db.records import AuditDraft, Erased, ErasureRecord, TenantRecord
from db.repositories import audit, dossiers, privacy, restrictions, retention, storage, tenants, tombstones
from db.repositories.privacy import Begun
from db.session import Session, reading, transaction
from db.subjects import Subject
from tasks import privacy_files, schedule
from tasks.base import Answer, Json, Work, effect, job
from tasks.contracts.privacy import ExportPerson, ForgetPerson, Person, ReadmitPerson, RestrictPerson
from tasks.contracts.system import Upkeep
from tasks.contracts.wire import digest, to_wire
from tasks.errors import InvalidPayload

log = structlog.get_logger(__name__)

#: reasons that are kept as they are; anything else may be about somebody and is kept as `other`
REASONS = frozenset({"request", "consent_withdrawn", "objection", "no_longer_needed", "unlawful", "legal", "test"})
DAY = 86_400
#: rounds of deleting in one run for one tenant; what is left goes the next day
ROUNDS = 200
#: leads nobody heard of for too long that are erased at once
INACTIVE = 100


@job("hearth.privacy.export", ExportPerson)
def export(request: ExportPerson, work: Work) -> Json:
    """Write everything that is kept of a person to a file of the workspace; the answer has counts only."""
    with reading() as session:
        subject = privacy.find(session, request.tenant_id, lead_id=request.lead_id, identities=request.identities())
        stores = dossiers.collect(session, request.tenant_id, subject=subject)
    if not subject.lead_ids and not any(stores.values()):
        raise _unknown(request)
    name = sha256(work.task_id.encode()).hexdigest()[:32]
    lead_ids = sorted(subject.lead_ids)
    told = {"tenant_id": request.tenant_id, "lead_ids": lead_ids, "exported_at": work.now, "stores": stores}
    written = privacy_files.write_export(request.tenant_id, name, to_wire({**told, "registry": _registry()}))
    counts = {table: len(rows) for table, rows in sorted(stores.items()) if rows}
    data = {"export_id": name, "file": str(written.path), "bytes": written.size, "sha256": written.sha256}
    # Of the ids in the request a plain hash could be guessed from; of ours it cannot.
    work.args_hash = digest([lead_ids, request.reason])
    with work.effect(request.tenant_id) as session:
        proof = {"subject": _hashed(session, request.tenant_id, lead_ids), "sha256": written.sha256}
        work.prove("export", export_id=name, reason=_reason(request), **proof)
        key = request.idempotency_key or f"task:{work.task_id}"
        return work.keep(session, request, key, Answer(data={**data, "leads": len(lead_ids), "stores": counts}))


@job("hearth.privacy.forget", ForgetPerson)
def forget(request: ForgetPerson, work: Work) -> Json:
    """Erase a person everywhere, once: first nothing more of them is taken in, then files, then all rows at once."""
    scope: Json = {"lead_id": request.lead_id, "identities": request.identities()}
    with transaction() as session:
        begun = privacy.begin(session, request.tenant_id, **scope, lay=not request.dry_run, now=work.now)
        places = privacy.imports(session, request.tenant_id)
    if begun.ended is not None:
        return work.envelope(request, Answer(data=begun.ended.result)) | {"duplicate": True}
    if not begun.subject.needles():
        raise _unknown(request)
    files = privacy_files.scrub(request.tenant_id, begun.subject, places, dry_run=request.dry_run)
    envelope, task_ids = _erase(request, work, begun, files)
    if not request.dry_run:
        _forget_results(work, task_ids)
        _scrub_again(request.tenant_id, begun.subject)
        with reading() as session:
            storage.empty_log(session)
    return envelope


def _scrub_again(tenant_id: str, subject: Subject) -> None:
    """An import that ended between the files and the rows wrote the person from rows into files; no later one can."""
    with reading() as session:
        places = privacy.imports(session, tenant_id)
    privacy_files.scrub(tenant_id, subject, places, dry_run=False)


def _erase(request: ForgetPerson, work: Work, begun: Begun, files: Mapping[str, int]) -> tuple[Json, tuple[str, ...]]:
    tenant_id = request.tenant_id
    with work.effect(tenant_id, dry_run=request.dry_run) as session:
        subject = privacy.refreshed(session, tenant_id, subject=begun.subject)
        if begun.subject.lead_ids and not subject.lead_ids:
            # another message of the same wish was quicker
            return work.envelope(request, Answer(data=_ended(session, tenant_id, begun).result)), ()
        hashed = _hashed(session, tenant_id, sorted(subject.lead_ids))
        if not begun.laid:
            privacy.close_door(session, tenant_id, erasure_id=begun.erasure_id, subject=subject, now=work.now)
        erased = privacy.erase(session, tenant_id, subject=subject, now=work.now)
        if not subject.lead_ids and not (any(erased.stores.values()) or any(files.values())):
            raise _unknown(request)
        result = _result(begun, len(subject.lead_ids), erased, files)
        record = ErasureRecord(erasure_id=begun.erasure_id, reason=_reason(request), result=result, erased_at=work.now)
        privacy.note(session, tenant_id, record=record)
        work.prove("erasure", subject=hashed, reason=record.reason, **result)
        for lead_id in sorted(subject.lead_ids):
            work.tell("lead.forgotten", lead_id, lead_id=lead_id, erasure_id=begun.erasure_id)
    return work.envelope(request, Answer(data=result)), erased.task_ids


def _ended(session: Session, tenant_id: str, begun: Begun) -> ErasureRecord:
    record = privacy.get(session, tenant_id, erasure_id=begun.erasure_id)
    assert record is not None, "a lead goes in the transaction that notes its erasure"
    return record


def _result(begun: Begun, leads: int, erased: Erased, files: Mapping[str, int]) -> Json:
    stores = {name: count for name, count in erased.stores.items() if count}
    return {
        "erasure_id": begun.erasure_id,
        "leads": leads,
        "stores": stores,
        "files": {name: count for name, count in files.items() if count},
        "models": list(erased.models),
    }


def _forget_results(work: Work, task_ids: tuple[str, ...]) -> None:
    """Remove the answers of tasks that named the person from the broker, where they would stay a day."""
    backend = current_app.backend
    keys = [backend.get_key_for_task(task_id) for task_id in task_ids]
    if not keys:
        return
    try:
        backend.client.delete(*keys)
    except RedisError:
        work.warn("results_kept", "the broker did not answer; results of earlier tasks expire within a day")
        log.warning("results_kept", results=len(keys))


@effect("hearth.privacy.restrict", RestrictPerson)
def restrict(session: Session, request: RestrictPerson, work: Work) -> Answer:
    """Note that nothing may be computed of a person, or that somebody has reviewed it and it may."""
    tenant_id = request.tenant_id
    subject = privacy.find(session, tenant_id, lead_id=request.lead_id, identities=request.identities())
    if not subject.lead_ids:
        raise _unknown(request)
    told = {"restricted": request.restricted, "objected": request.objected}
    held = {
        lead_id: restrictions.change(session, tenant_id, lead_id=lead_id, **told, now=work.now)
        for lead_id in sorted(subject.lead_ids)
    }
    for lead_id in held:
        work.prove("restriction", lead_id=lead_id, **told, reason=_reason(request), actor=request.actor)
    if True in (request.restricted, request.objected):
        # what is planned for them is taken back
        work.then("hearth.interventions.plan_due", tenant_id=tenant_id, lead_ids=sorted(held))
    return Answer(data={"leads": [{"lead_id": lead_id, "blocked": list(names)} for lead_id, names in held.items()]})


@effect("hearth.privacy.readmit", ReadmitPerson)
def readmit(session: Session, request: ReadmitPerson, work: Work) -> Answer:
    """Let a person who was forgotten be imported again, as when they come back by themselves."""
    if privacy.get(session, request.tenant_id, erasure_id=request.erasure_id) is None:
        raise InvalidPayload.at("unknown_value", "erasure_id", "no erasure of this tenant has this id")
    lifted = tombstones.lift(session, request.tenant_id, erasure_id=request.erasure_id)
    if lifted:
        work.prove("readmission", erasure_id=request.erasure_id, actor=request.actor)
    return Answer(data={"erasure_id": request.erasure_id, "identities": lifted})


@job("hearth.privacy.purge", Upkeep)
def purge(request: Upkeep, work: Work) -> Json:
    """Delete what was kept long enough, of every tenant, once a day."""
    if not schedule.mine("privacy.purge", DAY):
        return work.envelope(request, Answer(data={}))
    with reading() as session:
        known = [tenants.require(session, tenant_id) for tenant_id in tenants.ids(session)]
        spools = privacy.spools(session)
    gone = {tenant.tenant_id: _purge(tenant, work) for tenant in known}
    orphans = privacy_files.discard_orphans(spools, work.now - timedelta(days=2))
    _clean_storage()
    rows = sum(sum(counts.values()) for counts in gone.values())
    return work.envelope(request, Answer(data={"tenants": len(gone), "removed": rows, "orphans": orphans}))


def _purge(tenant: TenantRecord, work: Work) -> dict[str, int]:
    """What went of one tenant, rows by table and files."""
    tenant_id, chosen = tenant.tenant_id, tenant.settings.get("retention_days") or {}
    total: dict[str, int] = {}
    for _ in range(ROUNDS):
        with transaction() as session:
            gone = retention.purge(session, tenant_id, chosen=chosen, now=work.now)
        total = {name: total.get(name, 0) + gone.get(name, 0) for name in {*total, *gone}}
        if max(gone.values(), default=0) < retention.BATCH:
            break
    total["leads"] = _purge_inactive(tenant_id, registry.days("profile", chosen), work)
    total["files"] = _purge_files(tenant_id, chosen, work)
    return total


def _purge_inactive(tenant_id: str, kept: int | None, work: Work) -> int:
    """Leads of whom nothing was heard for too long; they may come again, so no tombstone is laid."""
    if kept is None:
        return 0
    before, count = work.now - timedelta(days=kept), 0
    for _ in range(ROUNDS):
        with transaction() as session:
            lead_ids = retention.inactive(session, tenant_id, before=before, limit=INACTIVE)
            if not lead_ids:
                break
            subject = privacy.of_leads(session, tenant_id, lead_ids=lead_ids)
            hashed = _hashed(session, tenant_id, lead_ids)
            erased = privacy.erase(session, tenant_id, subject=subject, now=work.now)
            body = to_wire({"subject": hashed, "reason": "retention", "stores": erased.stores, "models": erased.models})
            audit.append(session, tenant_id, entries=[AuditDraft(kind="erasure", body=body)], now=work.now)
        count += len(lead_ids)
    return count


def _purge_files(tenant_id: str, chosen: Mapping[str, int], work: Work) -> int:
    kept = {name: registry.days(name, chosen) or registry.DAYS[name] or 0 for name in ("imports", "exports")}
    with reading() as session:
        ended = privacy.imports(session, tenant_id, ended_before=work.now - timedelta(days=kept["imports"]))
    removed = privacy_files.discard_of(ended)
    return removed + privacy_files.discard_exports(tenant_id, work.now - timedelta(days=kept["exports"]))


def _clean_storage() -> None:
    with reading() as session:
        storage.empty_log(session)
        storage.vacuum(session, tables=sorted(store.table for store in registry.STORES if store.action != "keep"))


def _registry() -> list[dict[str, Any]]:
    return [asdict(store) for store in registry.STORES]


def _reason(request: Person) -> str:
    return request.reason if request.reason in REASONS else "other"


def _hashed(session: Session, tenant_id: str, lead_ids: list[str]) -> list[str]:
    """What proves later whose it was, to who knows the lead's id and holds the key ring."""
    return [tombstones.of_lead(session, tenant_id, lead_id).hex() for lead_id in lead_ids]


def _unknown(request: Person) -> InvalidPayload:
    place = "lead_id" if request.lead_id else "external_ids"
    return InvalidPayload.at("unknown_lead", place, "nothing of this tenant names such a lead")
