"""The start of an import: read the file once, write down its chunks, publish them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from celery import chord

from db.records import BackfillDraft, BackfillRecord
from db.repositories.backfills import backfills, chunk_leases
from db.session import transaction
from tasks.backfill.chunks import import_chunk
from tasks.backfill.finish import finish
from tasks.contracts.backfill import BackfillCsv
from tasks.contracts.base.wire import digest
from tasks.errors import InvalidPayload
from tasks.intake.csv import columns, error_file, source
from tasks.intake.errors import FileRejected, MappingRejected
from tasks.runtime import admission_control, workspace
from tasks.runtime.context import Json, TaskContext, TaskResult
from tasks.runtime.task import job
from tasks.services.backfill.preview import preview


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A spooled file with the meaning of its columns."""

    draft: BackfillDraft
    spooled: source.Spooled


@job("hearth.backfill.csv", BackfillCsv)
def start(request: BackfillCsv, context: TaskContext) -> Json:
    """Import a file: preview shows how it is read, dry_run goes all the way without writing, commit writes.

    reconcile goes as far as dry_run and tells what the file and the store do not share.
    """
    _check(request)
    try:
        plan = _plan(request, context)
    except FileRejected as error:
        raise InvalidPayload.at("unknown_value", "uri", str(error)) from None
    except MappingRejected as error:
        place = error.place if error.place == "profile" else f"mapping.{error.place}"
        raise InvalidPayload.at("unknown_value", place, error.message) from None
    if request.mode == "preview":
        return context.envelope(request, TaskResult(data=preview(plan.draft, plan.spooled, context.now)))
    record, new = _accept(request, plan, context)
    if record.state == "finished":
        return context.envelope(request, TaskResult(data=dict(record.summary or {}))) | {"duplicate": True}
    _publish(request.tenant_id, record)
    return context.envelope(
        request, TaskResult(data={"job_id": record.backfill_id, "state": record.state, "resumed": not new})
    )


def _check(request: BackfillCsv) -> None:
    if request.mode == "reconcile" and request.kind != "leads":
        raise InvalidPayload.at("conflict", "mode", "only a file of leads is compared with what is stored")
    if request.archive_missing and (request.mode, request.kind) != ("commit", "leads"):
        raise InvalidPayload.at("conflict", "archive_missing", "this goes with mode commit and a file of leads")


def _plan(request: BackfillCsv, context: TaskContext) -> Plan:
    path = workspace.importable(request.uri, request.tenant_id)
    seen = source.inspect(path)
    meaning = columns.plan(seen.header, profile=request.profile, mapping=request.mapping, subject=request.kind)
    if _compares(request):
        _require_comparable(seen, meaning)
    # a caller chooses the task's id: it is no file name, and two tenants may choose the same
    name = digest([request.tenant_id, context.task_id, context.args_hash])
    spool = workspace.folder("spool") / f"{name}.csv"
    spooled = source.spool(path, spool, seen, watch=meaning.watch)
    if request.sha256 not in (None, spooled.sha256):
        spool.unlink()
        raise InvalidPayload.at("unknown_value", "sha256", "the file is another one than announced; send it again")
    told = _told(request, context, seen, meaning, spooled)
    trial = request.mode == "reconcile"
    policy = "overwrite" if trial else request.policy
    said = [spooled.sha256, told, request.mode, policy]
    draft = BackfillDraft(
        # What is stored may have changed since: a comparison is never answered with an earlier one.
        key=digest(said if request.resume and not trial else [*said, context.task_id]),
        sha256=spooled.sha256,
        file_name=path.name,
        spool=str(spool),
        mode=request.mode,
        policy=policy,
        profile=meaning.profile,
        source={**told, "written_at": _written_at(path)} if _compares(request) else told,
    )
    return Plan(draft=draft, spooled=spooled)


def _compares(request: BackfillCsv) -> bool:
    return request.mode == "reconcile" or request.archive_missing


def _require_comparable(seen: source.Source, meaning: columns.ColumnPlan) -> None:
    if meaning.row_number:
        message = "rows that are known by their number cannot be compared with another file's; map an id or an address"
        raise InvalidPayload.at("conflict", "mapping.identity.row_number", message)
    if error_file.is_error_file(seen.header):
        raise InvalidPayload.at("conflict", "uri", "these are the rows of an error file; compare the whole export")


def _written_at(path: Path) -> str:
    """When the file was written: leads that were made since are not in it."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat()


def _told(
    request: BackfillCsv,
    context: TaskContext,
    seen: source.Source,
    meaning: columns.ColumnPlan,
    spooled: source.Spooled,
) -> dict[str, Any]:
    """All that a chunk needs to read its rows."""
    zone = request.timezone or str(context.settings().get("timezone", "UTC"))
    defaults = columns.defaults(request.mapping, profile=meaning.profile, timezone=zone, sha256=spooled.sha256)
    archiving = {"archive_missing": True} if request.archive_missing else {}
    return {
        **archiving,
        "kind": request.kind,
        "max_error_rate": request.max_error_rate,
        "source": seen.dump(),
        "columns": meaning.learn(spooled.orders, defaults).dump(),
        "defaults": defaults.dump(),
    }


def _accept(request: BackfillCsv, plan: Plan, context: TaskContext) -> tuple[BackfillRecord, bool]:
    with context.transaction(request.tenant_id) as session:
        admission_control.admit_import(session, request.tenant_id)
        record, new = backfills.create(
            session, request.tenant_id, draft=plan.draft, chunks=plan.spooled.offsets, now=context.now
        )
    # a message that came again after its worker was killed has written the running import's own copy
    if not new and (record.state, record.spool) != ("running", plan.draft.spool):
        workspace.discard(plan.draft.spool)
    return record, new


def _publish(tenant_id: str, record: BackfillRecord) -> None:
    """Every chunk that is not done, in a chord: the fast path. What gets lost on it the sweep sends again."""
    scope = {"backfill_id": record.backfill_id}
    with transaction(tenant_id) as session:
        pending = backfills.chunks(session, tenant_id, **scope, state="pending")
        chunk_leases.enqueued(session, tenant_id, **scope, numbers=[chunk.number for chunk in pending])
    parts = [import_chunk.si(tenant_id=tenant_id, **scope, number=chunk.number) for chunk in pending]
    ending = finish.si(tenant_id=tenant_id, **scope)
    if parts:
        chord(parts)(ending)
    else:
        ending.delay()
