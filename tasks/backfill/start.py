"""Start an import: read the file once, store its chunks, publish them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from celery import chord

from db.records import BackfillDraft, BackfillRecord
from db.repositories.backfills import backfills, chunk_leases
from db.session import transaction
from domain.documents import JsonObject
from tasks.backfill.chunks import import_chunk
from tasks.backfill.finish import finish
from tasks.contracts.backfill import BackfillCsv
from tasks.contracts.base.wire import digest
from tasks.errors import InvalidPayload
from tasks.intake.csv import error_file, source
from tasks.intake.csv.columns import evidence, planning
from tasks.intake.csv.columns import mapping as mapping_file
from tasks.intake.csv.columns.column_plan import ColumnPlan
from tasks.intake.errors import FileRejected, MappingRejected
from tasks.runtime.broker import admission_control
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.files import workspace
from tasks.runtime.task import job
from tasks.services.backfill.preview import preview


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillPlan:
    """A spooled file, and the import to be stored for it."""

    draft: BackfillDraft
    spooled: source.SpooledFile


@job("hearth.backfill.csv", BackfillCsv, queue="batch")
def start(request: BackfillCsv, context: TaskContext) -> JsonObject:
    """Import a file: preview shows how it is read, dry_run runs the whole import without writing, commit writes.

    reconcile runs like dry_run and reports the differences between the file and the store. `dry_run` of every task
    means the mode of that name here.
    """
    if request.dry_run and request.mode == "commit":
        request = request.model_copy(update={"mode": "dry_run"})
    _require_valid_mode(request)
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


def _require_valid_mode(request: BackfillCsv) -> None:
    if request.mode == "reconcile" and request.kind != "leads":
        raise InvalidPayload.at("conflict", "mode", "only a file of leads is compared with what is stored")
    if request.archive_missing and (request.mode, request.kind) != ("commit", "leads"):
        raise InvalidPayload.at(
            "conflict", "archive_missing", "this is possible only with mode commit and a file of leads"
        )


def _plan(request: BackfillCsv, context: TaskContext) -> BackfillPlan:
    path = workspace.importable(request.uri, request.tenant_id)
    declared = mapping_file.parse_mapping(request.mapping).defaults.get("encoding")
    file_source = source.inspect(path, declared)
    column_plan = planning.plan_columns(
        file_source.header,
        profile=request.profile,
        mapping=request.mapping,
        subject=request.kind,
        sample=file_source.sample,
    )
    if _compares(request):
        _require_comparable(file_source, column_plan)
    # the task's id comes from the caller: it may be no file name, and two tenants may use the same one
    name = digest([request.tenant_id, context.task_id, context.args_hash])
    spool = workspace.folder("spool") / f"{name}.csv"
    collected = evidence.collectors(column_plan)
    spooled = source.spool(path, spool, file_source, evidence=collected)
    if request.sha256 not in (None, spooled.sha256):
        spool.unlink()
        raise InvalidPayload.at("unknown_value", "sha256", "the file differs from the announced one; send it again")
    defaults = _defaults(request, context, column_plan, spooled)
    column_plan = evidence.complete(column_plan, collected, defaults)
    layout = _layout(request, file_source, column_plan, defaults)
    trial = request.mode == "reconcile"
    policy = "overwrite" if trial else request.policy
    same_import = [spooled.sha256, layout, request.mode, policy]
    draft = BackfillDraft(
        # The stored leads may have changed since, so a comparison never returns the result of an earlier one.
        key=digest(same_import if request.resume and not trial else [*same_import, context.task_id]),
        sha256=spooled.sha256,
        file_name=path.name,
        spool=str(spool),
        mode=request.mode,
        policy=policy,
        profile=column_plan.profile,
        source={**layout, "written_at": _written_at(path)} if _compares(request) else layout,
    )
    return BackfillPlan(draft=draft, spooled=spooled)


def _compares(request: BackfillCsv) -> bool:
    return request.mode == "reconcile" or request.archive_missing


def _require_comparable(file_source: source.Source, column_plan: ColumnPlan) -> None:
    if column_plan.row_number:
        message = "rows identified by their number cannot be compared with stored leads; map an id or an address"
        raise InvalidPayload.at("conflict", "mapping.identity.row_number", message)
    if error_file.is_error_file(file_source.header):
        raise InvalidPayload.at("conflict", "uri", "these are the rows of an error file; compare the whole export")


def _written_at(path: Path) -> str:
    """Return when the file was written; leads that were created later are not in it."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat()


def _defaults(
    request: BackfillCsv, context: TaskContext, column_plan: ColumnPlan, spooled: source.SpooledFile
) -> mapping_file.FileDefaults:
    zone = request.timezone or str(context.settings().get("timezone", "UTC"))
    return mapping_file.file_defaults(
        request.mapping, profile=column_plan.profile, timezone=zone, sha256=spooled.sha256
    )


def _layout(
    request: BackfillCsv,
    file_source: source.Source,
    column_plan: ColumnPlan,
    defaults: mapping_file.FileDefaults,
) -> JsonObject:
    """Return everything that a chunk needs to read its rows, as `file_layout.load` reads it."""
    archiving = {"archive_missing": True} if request.archive_missing else {}
    return {
        **archiving,
        "kind": request.kind,
        "max_error_rate": request.max_error_rate,
        "source": file_source.dump(),
        "columns": column_plan.dump(),
        "defaults": defaults.dump(),
    }


def _accept(request: BackfillCsv, plan: BackfillPlan, context: TaskContext) -> tuple[BackfillRecord, bool]:
    """Store the import and its chunks, or return the same import that is stored already; True when it is new."""
    with context.transaction(request.tenant_id) as session:
        admission_control.admit_import(session, request.tenant_id)
        record, new = backfills.create(
            session, request.tenant_id, draft=plan.draft, chunks=plan.spooled.chunks, now=context.now
        )
    # after a worker was killed, the redelivered message has written the running import's own copy: keep that one
    if not new and (record.state, record.spool) != ("running", plan.draft.spool):
        workspace.discard(plan.draft.spool)
    return record, new


def _publish(tenant_id: str, record: BackfillRecord) -> None:
    """Publish every pending chunk in a chord. This is the fast path: the sweep sends again what gets lost on it."""
    backfill_id = record.backfill_id
    with transaction(tenant_id) as session:
        pending = backfills.chunks(session, tenant_id, backfill_id=backfill_id, state="pending")
        numbers = [chunk.number for chunk in pending]
        chunk_leases.mark_enqueued(session, tenant_id, backfill_id=backfill_id, numbers=numbers)
    chunks = [import_chunk.si(tenant_id=tenant_id, backfill_id=backfill_id, number=number) for number in numbers]
    ending = finish.si(tenant_id=tenant_id, backfill_id=backfill_id)
    if chunks:
        chord(chunks)(ending)
    else:
        ending.delay()
