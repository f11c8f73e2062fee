"""The rights of a person over their data: a copy, erasure, restriction of processing, readmission."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import structlog
from kombu.exceptions import OperationalError as BrokerError

from db import privacy as registry
from db.base import new_id
from db.data_subject import DataSubject
from db.records import ErasureRecord, ErasureResult
from db.repositories.privacy import erasure, erasure_stores, restrictions, storage, subject_access, tombstones
from db.repositories.privacy.erasure import ErasureStart, RequestedIdentity
from db.session import Session, keyring_of, reading, transaction
from domain.documents import JsonObject
from tasks.contracts.base.wire import digest, to_wire
from tasks.contracts.privacy import Compact, ExportPerson, ForgetPerson, Person, ReadmitPerson, RestrictPerson
from tasks.errors import InvalidPayload
from tasks.runtime.cache import lead_cache
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import effect, job
from tasks.services.privacy import broker_data, workspace_files

log = structlog.get_logger(__name__)

#: reasons that are stored unchanged; any other text may describe a person and is stored as `other`
REASONS = frozenset({"request", "consent_withdrawn", "objection", "no_longer_needed", "unlawful", "legal", "test"})
#: seconds after which the message of an erasure has certainly been handled and acknowledged
SOON = 30.0
#: seconds that transactions which write beside an erasure are waited for
WRITERS = 5.0


@job("hearth.privacy.export", ExportPerson, queue="ingest", scope="privacy")
def export(request: ExportPerson, context: TaskContext) -> JsonObject:
    """Write everything that is stored about a person to a file of the workspace; the result has counts only."""
    with reading(request.tenant_id) as session:
        subject = erasure.find(session, request.tenant_id, lead_id=request.lead_id, identities=request.identities())
        stores = subject_access.collect(session, request.tenant_id, subject=subject)
    if not subject.lead_ids and not any(stores.values()):
        raise unknown_person(request)
    name = sha256(context.task_id.encode()).hexdigest()[:32]
    lead_ids = sorted(subject.lead_ids)
    document = {
        "tenant_id": request.tenant_id,
        "lead_ids": lead_ids,
        "exported_at": context.now,
        "stores": stores,
        "registry": [asdict(store) for store in registry.STORES],
        "kept_days": {
            category: registry.retention_days(category, context.settings().get("retention_days") or {})
            for category in registry.CATEGORIES
        },
    }
    export_file = workspace_files.write_export(request.tenant_id, name, to_wire(document))
    data = {
        "export_id": name,
        "file": str(export_file.path),
        "page": str(export_file.path.with_suffix(".html")),
        "bytes": export_file.size,
        "sha256": export_file.sha256,
        "leads": len(lead_ids),
        "stores": {table: len(rows) for table, rows in sorted(stores.items()) if rows},
    }
    # A plain hash of the request's own ids could be guessed; a hash of our lead ids cannot.
    context.args_hash = digest([lead_ids, request.reason])
    with context.transaction(request.tenant_id) as session:
        context.audit(
            "export",
            export_id=name,
            reason=recorded_reason(request),
            subject=subject_hashes(session, request.tenant_id, lead_ids),
            sha256=export_file.sha256,
        )
        key = request.idempotency_key or f"task:{context.task_id}"
        return context.store_result(session, request, key, TaskResult(data=data))


@job("hearth.privacy.forget", ForgetPerson, queue="ingest", scope="privacy")
def forget(request: ForgetPerson, context: TaskContext) -> JsonObject:
    """Erase a person everywhere, once: first refuse their data from now on, then clean files, then delete all rows."""
    with transaction(request.tenant_id) as session:
        begun = erasure.begin(
            session,
            request.tenant_id,
            lead_id=request.lead_id,
            identities=request.identities(),
            tombstone=not request.dry_run,
            now=context.now,
        )
        places = erasure.backfill_files(session, request.tenant_id)
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


def _erase_again(tenant_id: str, subject: DataSubject, task_ids: tuple[str, ...]) -> None:
    """Clean files and results once more, for tasks that ended between the first cleaning and the deletion of rows.

    Tasks that begin later cannot bring the person back, since the rows are gone; those that write now are waited for,
    since their answers may name the person.
    """
    with reading(tenant_id) as session:
        storage.wait_for_writers(session, seconds=WRITERS)
    with transaction(tenant_id) as session:
        erasure_stores.scrub_answers(session, tenant_id, subject=subject)
    with reading(tenant_id) as session:
        places = erasure.backfill_files(session, tenant_id)
    workspace_files.scrub(tenant_id, subject, places, dry_run=False)
    broker_data.forget_results(tenant_id, subject, task_ids=task_ids)
    with reading(tenant_id) as session:
        storage.empty_log(session)
        # sealed with a key that is gone, it opens no more; still, it need not wait until its time is over
        lead_cache.bound().forget(tenant_id, sorted(subject.lead_ids), keyring_of(session))


def _rewrite(envelope: JsonObject) -> None:
    """Make the broker rewrite its append-only file: now, and again when it no longer contains this task's message."""
    state = broker_data.rewrite_log()
    if state == "refused":
        hint = "the broker does not let us rewrite its append-only file: run BGREWRITEAOF, or allow it to the workers"
        envelope["warnings"].append({"code": "broker_log_kept", "path": hint})
    elif state != "none":
        _compact_later(datetime.now(UTC), SOON)


def _compact_later(since: datetime, seconds: float) -> None:
    try:
        compact.apply_async(kwargs=to_wire({"since": since}), countdown=seconds, ignore_result=True, retry=False)
    except BrokerError:
        log.warning("broker_log_not_rewritten", state="later")


@job("hearth.privacy.compact", Compact, queue="ingest", internal=True)
def compact(request: Compact, context: TaskContext) -> JsonObject:
    """Make the broker rewrite its append-only file after an erasure, unless it has done so since."""
    if broker_data.rewritten_since(request.since + timedelta(seconds=SOON / 3)):
        return context.envelope(request, TaskResult(data={"log": "begun"}))
    state = broker_data.rewrite_log()
    if state == "later" and context.now - request.since < timedelta(hours=1):
        _compact_later(request.since, 2 * SOON)
    return context.envelope(request, TaskResult(data={"log": state}))


def _erase(
    request: ForgetPerson, context: TaskContext, begun: ErasureStart, files: Mapping[str, int]
) -> tuple[JsonObject, tuple[str, ...]]:
    """Erase all rows in one transaction; ids of an earlier erasure are searched for like any other."""
    tenant_id = request.tenant_id
    with context.transaction(tenant_id, dry_run=request.dry_run) as session:
        subject = erasure.refresh(session, tenant_id, subject=begun.subject)
        # another message for the same erasure may have finished first
        ended = erasure.get(session, tenant_id, erasure_id=begun.erasure_id)
        erasure_id = new_id() if ended else begun.erasure_id
        hashes = subject_hashes(session, tenant_id, sorted(subject.lead_ids))
        person_hashes = erasure.person_hashes(session, tenant_id, subject=_without_earlier(subject, request, begun))
        erased = erasure.erase(session, tenant_id, subject=subject, now=context.now)
        # an answer of a task that ended beside the first erasure is cleaned, and is no erasure of its own
        counted = [count for name, count in erased.stores.items() if not (ended and name == "processed")]
        anything_erased = bool(subject.lead_ids) or any(counted)
        if not anything_erased and (ended or not _in_files(files)):
            return _nothing_left(session, request, context), erased.task_ids
        if ended or not begun.tombstoned:
            erasure.add_tombstones(session, tenant_id, erasure_id=erasure_id, hashes=person_hashes, now=context.now)
        result = _result(erasure_id, len(subject.lead_ids), erased, files)
        record = ErasureRecord(
            erasure_id=erasure_id, reason=recorded_reason(request), result=result, erased_at=context.now
        )
        erasure.save(session, tenant_id, record=record)
        context.audit("erasure", subject=hashes, reason=record.reason, **result)
        for lead_id in sorted(subject.lead_ids):
            context.emit_event("lead.forgotten", lead_id, lead_id=lead_id, erasure_id=erasure_id)
    return context.envelope(request, TaskResult(data={**result, **_identity_states(begun.requested)})), erased.task_ids


def _without_earlier(subject: DataSubject, request: ForgetPerson, begun: ErasureStart) -> DataSubject:
    """Return the subject without ids of earlier erasures, which stay tied to those, so that those can be lifted."""
    pairs = zip(request.identities(), begun.requested, strict=False)
    earlier = {identity for identity, requested in pairs if requested.earlier}
    return subject if earlier >= subject.identities else replace(subject, identities=subject.identities - earlier)


def _nothing_left(session: Session, request: ForgetPerson, context: TaskContext) -> JsonObject:
    """Return the result of the newest erasure of these ids again, and by which erasure each id was erased.

    Raises:
        InvalidPayload: no erasure named these ids.

    """
    requested = erasure.resolve_requested(
        session, request.tenant_id, lead_id=request.lead_id, identities=request.identities()
    )
    records = [identity.earlier for identity in requested if identity.earlier]
    if not records:
        raise unknown_person(request)
    newest = max(records, key=lambda record: record.erasure_id)
    return context.envelope(request, TaskResult(data={**newest.result, **_identity_states(requested)})) | {
        "duplicate": True
    }


def _identity_states(requested: Sequence[RequestedIdentity]) -> JsonObject:
    """Return the state of each of several ids: erased, erased_before, or searched when no lead had it."""
    if len(requested) < 2:
        return {}
    return {"ids": [{"index": index, **_identity_state(identity)} for index, identity in enumerate(requested)]}


def _identity_state(identity: RequestedIdentity) -> JsonObject:
    if identity.earlier is not None:
        return {"state": "erased_before", "erasure_id": identity.earlier.erasure_id}
    return {"state": "erased" if identity.exists else "searched"}


def _in_files(files: Mapping[str, int]) -> bool:
    # a result in the broker alone is no trace: somebody may have asked for a person who was erased before
    return any(count for name, count in files.items() if name != "results")


def _result(erasure_id: str, leads: int, erased: ErasureResult, files: Mapping[str, int]) -> JsonObject:
    stores = {name: count for name, count in erased.stores.items() if count}
    return {
        "erasure_id": erasure_id,
        "leads": leads,
        "stores": stores,
        "files": {name: count for name, count in files.items() if count and name != "results"},
        "results": files["results"],
        "models": list(erased.models),
    }


@effect("hearth.privacy.restrict", RestrictPerson, queue="ingest", scope="privacy")
def restrict(session: Session, request: RestrictPerson, context: TaskContext) -> TaskResult:
    """Restrict processing of a person's data, or lift the restriction after a review."""
    tenant_id = request.tenant_id
    subject = erasure.find(session, tenant_id, lead_id=request.lead_id, identities=request.identities())
    if not subject.lead_ids:
        raise unknown_person(request)
    blocked = {
        lead_id: restrictions.change(
            session,
            tenant_id,
            lead_id=lead_id,
            restricted=request.restricted,
            objected=request.objected,
            now=context.now,
        )
        for lead_id in sorted(subject.lead_ids)
    }
    for lead_id in blocked:
        context.audit(
            "restriction",
            lead_id=lead_id,
            restricted=request.restricted,
            objected=request.objected,
            reason=recorded_reason(request),
            actor=request.actor,
        )
    if True in (request.restricted, request.objected):
        # plan again, which withdraws what was planned for these leads
        context.enqueue("hearth.interventions.plan_due", tenant_id=tenant_id, lead_ids=sorted(blocked))
    leads = [{"lead_id": lead_id, "blocked": list(names)} for lead_id, names in blocked.items()]
    return TaskResult(data={"leads": leads})


@effect("hearth.privacy.readmit", ReadmitPerson, queue="ingest", scope="privacy")
def readmit(session: Session, request: ReadmitPerson, context: TaskContext) -> TaskResult:
    """Allow a forgotten person to be imported again, for example when they contact the tenant again."""
    if erasure.get(session, request.tenant_id, erasure_id=request.erasure_id) is None:
        raise InvalidPayload.at("unknown_value", "erasure_id", "no erasure of this tenant has this id")
    lifted = tombstones.lift(session, request.tenant_id, erasure_id=request.erasure_id)
    if lifted:
        context.audit("readmission", erasure_id=request.erasure_id, actor=request.actor)
    return TaskResult(data={"erasure_id": request.erasure_id, "identities": lifted})


def recorded_reason(request: Person) -> str:
    """Return the reason that may be stored: a known code, else `other`, since it may be about a person."""
    return request.reason if request.reason in REASONS else "other"


def subject_hashes(session: Session, tenant_id: str, lead_ids: Sequence[str]) -> list[str]:
    """Return keyed hashes of leads, by which the holder of the key ring can prove later whose data it was."""
    return [tombstones.lead_hash(session, tenant_id, lead_id).hex() for lead_id in lead_ids]


def unknown_person(request: Person) -> InvalidPayload:
    """Return the error for a person of whom the tenant has nothing."""
    place = next(name for name in ("lead_id", "external_id", "external_ids") if getattr(request, name))
    return InvalidPayload.at("unknown_lead", place, "this tenant has no data of such a lead")
