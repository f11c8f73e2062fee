"""`hearth.drift.*`: look whether models are still as good as they were, and act where they are not.

A check of several models is a chord: they are checked in parallel, and then what has surely become worse is trained
again, the worst first. Each check is a row: where a chord gets lost, the next check asks again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from celery import chord

from db.records import FindingRecord, WindowRecord
from db.repositories.monitoring import scores, windows
from db.session import EVERY_TENANT, Session, reading
from domain.documents import JsonObject
from domain.drift import ONLINE, WEEK
from tasks.contracts.drift import CheckDrift, CheckModel, CloseCheck, ReadDrift
from tasks.contracts.system import Upkeep
from tasks.runtime import schedule
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import job, query, step
from tasks.services.drift import checking

#: seconds of the slot of a sweep, and after which its message is of no use any more
DAY, STALE = 86_400, 3_600
#: findings of an answer, the newest
MOST_FOUND = 100
#: a day or two without a check do not hide a model
SHOWN = timedelta(days=3 * WEEK)


@job("hearth.drift.check", CheckDrift, queue="batch")
def check(request: CheckDrift, context: TaskContext) -> JsonObject:
    """Check models over a window: one kind at once, several in parallel."""
    until = request.as_of or context.now
    if len(request.kinds) > 1 and not request.dry_run:
        _start(request, context)
        return context.envelope(request, TaskResult(data={"checks": [], "started": request.kinds}, as_of=until))
    with context.transaction(request.tenant_id, dry_run=request.dry_run) as session:
        made = [_checked(session, context, kind, days=request.window, until=until) for kind in request.kinds]
        records = [record for record in made if record is not None]
        _retrain(context, records)
    data = {"checks": [checking.view(record) for record in records], "started": []}
    return context.envelope(request, TaskResult(data=data, status="ok" if records else "no_model", as_of=until))


def _start(request: CheckDrift, context: TaskContext) -> None:
    """Publish a check of each kind, and what ends them."""
    end = {"tenant_id": request.tenant_id, "begun_at": context.now.isoformat()}
    window = {"window": request.window, "until": (request.as_of or context.now).isoformat()}
    each = [check_model.si(tenant_id=request.tenant_id, kind=kind, **window) for kind in request.kinds]
    chord(each)(close.si(**end))


@step("hearth.drift.check_model", CheckModel, queue="batch")
def check_model(session: Session, request: CheckModel, context: TaskContext) -> TaskResult:
    """Check one model and store what was found."""
    record = _checked(session, context, request.kind, days=request.window, until=request.until)
    return TaskResult(data={"kind": request.kind, "action": None if record is None else record.action})


@step("hearth.drift.close", CloseCheck, queue="batch")
def close(session: Session, request: CloseCheck, context: TaskContext) -> TaskResult:
    """Have those models trained again that surely became worse, the worst first."""
    records = windows.history(session, request.tenant_id, since=request.begun_at)
    return TaskResult(data={"checked": len(records), "retrain": _retrain(context, records)})


@query("hearth.drift.report", ReadDrift, queue="inference", scope="read")
def report(session: Session, request: ReadDrift, context: TaskContext) -> TaskResult:
    """Return the newest check of each model, and the drift that was found."""
    newest = {record.kind: record for record in windows.history(session, request.tenant_id, since=context.now - SHOWN)}
    found = windows.findings(session, request.tenant_id, since=context.now - timedelta(days=request.days))
    data = {
        "checks": [checking.view(record) for record in newest.values()],
        "findings": [checking.finding_view(finding) for finding in reversed(found[-MOST_FOUND:])],
    }
    return TaskResult(data=data, as_of=context.now)


@job("hearth.drift.sweep", Upkeep, queue="batch", internal=True)
def sweep(request: Upkeep, context: TaskContext) -> JsonObject:
    """Ask once a day for a check of every tenant that scores leads."""
    if not schedule.is_due("drift.sweep", DAY):
        return context.envelope(request, TaskResult(data={"tenants": 0}))
    with reading(EVERY_TENANT) as session:
        tenant_ids = scores.tenants(session)
    for tenant_id in tenant_ids:
        check.apply_async(kwargs={"tenant_id": tenant_id}, expires=STALE, ignore_result=True)
    return context.envelope(request, TaskResult(data={"tenants": len(tenant_ids)}))


def _checked(session: Session, context: TaskContext, kind: str, *, days: int, until: datetime) -> WindowRecord | None:
    """Check the model of a kind, store what was found and tell what is news and needs somebody."""
    outcome = checking.check_kind(session, context, kind, days=days, until=until)
    if outcome is None:
        return None
    news = checking.store(session, context, outcome)
    if worst := checking.worst_of(news):
        _tell(context, outcome.record, worst)
    return outcome.record


def _tell(context: TaskContext, record: WindowRecord, worst: FindingRecord) -> None:
    context.emit_event(
        "model.drifted",
        kind=record.kind,
        version=record.version,
        action=record.action,
        series=worst.series,
        level=worst.level,
        since=worst.since,
        effect=worst.effect,
        reason=worst.reason,
    )


def _retrain(context: TaskContext, records: list[WindowRecord]) -> list[str]:
    """Have the kinds trained again whose check asks for it; an online learner learns by itself."""
    asked = [record for record in records if record.action == "retrain" and not record.kind.startswith(ONLINE)]
    worst_first = sorted(asked, key=checking.harm_of, reverse=True)
    for record in worst_first:
        since = record.body["worse_since"]
        context.enqueue(
            "hearth.models.retrain", tenant_id=context.tenant_id, kinds=[record.kind], cause="drift", since=since
        )
    return [record.kind for record in worst_first]
