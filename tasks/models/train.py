"""Train a model on what became of leads, keep it with its report, promote it if it earns it."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import asdict, fields
from typing import Any

from db.records import AuditDraft, ModelDraft, ModelRecord
from db.repositories import audit
from db.repositories.models import lineage, models, pooled_models
from db.session import EVERY_TENANT, Session, across_tenants, reading
from ml import artifacts
from ml.features import SCHEMA_VERSION
from ml.leads import Training
from ml.training.promotion import Decision
from ml.training.score_bands import by_score
from tasks.contracts.base.wire import to_wire
from tasks.contracts.models import TrainModel
from tasks.runtime.context import Json, TaskContext, TaskResult
from tasks.runtime.task import job
from tasks.services.models import churn_training, lead_training, model_registry
from tasks.services.models.dataset import Dataset


@job("hearth.models.train", TrainModel)
def train_model(request: TrainModel, context: TaskContext) -> Json:
    """Train on every labelled lead as of the moment it was observed; the same data trains once."""
    if request.scope == "pooled" and context.settings().get("pool") != "share":
        return context.envelope(request, _refused(request, context))
    with reading(EVERY_TENANT if request.scope == "pooled" else request.tenant_id) as session:
        lesson = _lesson(session, request, context)
    if lesson.missing:
        return context.envelope(request, _not_yet(request, lesson, context))
    known = _known(request, lesson)
    if known is not None:
        return context.envelope(request, _answer(request, lesson, known, _again(known), context))
    training = lesson.learn(request.seed)
    return _register(request, lesson, training, lesson.decide(training, request.seed), context)


def _lesson(session: Session, request: TrainModel, context: TaskContext) -> Dataset:
    if request.kind == model_registry.CHURN:
        return churn_training.own(session, request, context)
    return (
        lead_training.pooled(session, request, context)
        if request.scope == "pooled"
        else lead_training.own(session, request, context)
    )


def _known(request: TrainModel, lesson: Dataset) -> ModelRecord | None:
    with reading(request.tenant_id) as session:
        return models.by_fingerprint(
            session, lesson.owner, kind=request.kind, scope=request.scope, fingerprint=lesson.fingerprint
        )


def _again(known: ModelRecord) -> str:
    """The first result's reason, said to be that."""
    first = (known.report.get("decision") or {}).get("reason")
    return "the same data was trained before" + (f": {first}" if first else "")


def _register(
    request: TrainModel, lesson: Dataset, training: Training, decision: Decision, context: TaskContext
) -> Json:
    draft = ModelDraft(
        kind=request.kind,
        scope=request.scope,
        artifact=artifacts.dump(training.scorer),
        feature_schema=SCHEMA_VERSION,
        metrics=to_wire(training.metrics),
        report={**_report(lesson, training), "decision": asdict(decision), "seed": request.seed},
        rows=training.rows,
        fingerprint=lesson.fingerprint,
        trained_at=context.now,
    )
    pooled = request.scope == "pooled"
    with (
        context.transaction(request.tenant_id, dry_run=request.dry_run) as session,
        across_tenants(session) if pooled else nullcontext(),
    ):
        if pooled:
            pooled_models.ensure(session, pooled_models.vertical_of(context.settings()), now=context.now)
        record = models.add(session, lesson.owner, draft=draft)
        _keep_lineage(session, request, lesson, record, context)
        if decision.promoted and request.promote == "auto":
            record = _promote(session, lesson, record, decision.reason, context)
        answer = _answer(request, lesson, record, decision.reason, context)
        return context.store_result(session, request, f"{request.kind}:{request.scope}:{lesson.fingerprint}", answer)


def _keep_lineage(
    session: Session, request: TrainModel, lesson: Dataset, record: ModelRecord, context: TaskContext
) -> None:
    facts: dict[str, Any] = {"model_id": record.model_id, "now": context.now}
    if request.scope == "pooled":
        lineage.keep_pooled(session, lesson.owner, members=lesson.lead_ids, **facts)
    else:
        lineage.keep(session, lesson.owner, lead_ids=lesson.lead_ids[lesson.owner], **facts)


def _promote(session: Session, lesson: Dataset, record: ModelRecord, reason: str, context: TaskContext) -> ModelRecord:
    models.promote(session, lesson.owner, model_id=record.model_id, now=context.now)
    version = model_registry.version_of(lesson.owner, record)
    told = {"kind": record.kind, "version": version, "scope": record.scope, "reason": reason}
    proof = {**told, "fingerprint": record.fingerprint}
    if record.scope == "pooled":
        audit.append(session, lesson.owner, entries=[AuditDraft(kind="promotion", body=proof)], now=context.now)
    context.emit_event("model.promoted", **told)
    context.audit("promotion", **proof)
    return models.get(session, lesson.owner, version=record.version) or record


def _report(lesson: Dataset, training: Training) -> dict[str, Any]:
    told = {field.name: getattr(training, field.name) for field in fields(training)}
    left_out = {"scorer", "metrics", "out_of_fold"}
    report: dict[str, Any] = to_wire({name: value for name, value in told.items() if name not in left_out})
    bands: list[Any] = to_wire(by_score(lesson.truth, training.out_of_fold))
    facts: dict[str, Any] = to_wire(lesson.facts)
    return {**report, "bands_by_score": bands, "libraries": artifacts.libraries(), **facts}


def _answer(request: TrainModel, lesson: Dataset, record: ModelRecord, reason: str, context: TaskContext) -> TaskResult:
    return TaskResult(
        data={
            "run_id": context.task_id,
            "kind": request.kind,
            "rows": record.rows,
            "metrics": record.metrics,
            "promoted": record.state == "champion",
            "reason": reason,
            "version": model_registry.version_of(lesson.owner, record),
        }
    )


def _not_yet(request: TrainModel, lesson: Dataset, context: TaskContext) -> TaskResult:
    missing = dict(lesson.missing)
    gaps = [f"{gap} more {name.replace('_', ' ')}" for name, gap in sorted(missing.items())]
    return _without_model(request, "not enough labelled leads: " + ", ".join(gaps), len(lesson.truth), context, missing)


def _refused(request: TrainModel, context: TaskContext) -> TaskResult:
    reason = 'a pooled model learns only from tenants that agreed: set pool = "share" in the tenant\'s settings'
    return _without_model(request, reason, 0, context, {"agreement": 1})


def _without_model(
    request: TrainModel, reason: str, rows: int, context: TaskContext, missing: dict[str, int]
) -> TaskResult:
    data = {"run_id": context.task_id, "kind": request.kind, "rows": rows, "metrics": {}, "promoted": False}
    return TaskResult(data={**data, "reason": reason, "version": None, "missing": missing}, status="insufficient_data")
