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
from tasks.runtime.task import Answer, Json, Work, job
from tasks.services.models import churn_training, lead_training, model_registry
from tasks.services.models.dataset import Lesson


@job("hearth.models.train", TrainModel)
def train_model(request: TrainModel, work: Work) -> Json:
    """Train on every labelled lead as of the moment it was observed; the same data trains once."""
    if request.scope == "pooled" and work.settings().get("pool") != "share":
        return work.envelope(request, _refused(request, work))
    with reading(EVERY_TENANT if request.scope == "pooled" else request.tenant_id) as session:
        lesson = _lesson(session, request, work)
    if lesson.missing:
        return work.envelope(request, _not_yet(request, lesson, work))
    known = _known(request, lesson)
    if known is not None:
        return work.envelope(request, _answer(request, lesson, known, _again(known), work))
    training = lesson.learn(request.seed)
    return _register(request, lesson, training, lesson.decide(training, request.seed), work)


def _lesson(session: Session, request: TrainModel, work: Work) -> Lesson:
    if request.kind == model_registry.CHURN:
        return churn_training.own(session, request, work)
    return (
        lead_training.pooled(session, request, work)
        if request.scope == "pooled"
        else lead_training.own(session, request, work)
    )


def _known(request: TrainModel, lesson: Lesson) -> ModelRecord | None:
    with reading(request.tenant_id) as session:
        return models.by_fingerprint(
            session, lesson.owner, kind=request.kind, scope=request.scope, fingerprint=lesson.fingerprint
        )


def _again(known: ModelRecord) -> str:
    """The first result's reason, said to be that."""
    first = (known.report.get("decision") or {}).get("reason")
    return "the same data was trained before" + (f": {first}" if first else "")


def _register(request: TrainModel, lesson: Lesson, training: Training, decision: Decision, work: Work) -> Json:
    draft = ModelDraft(
        kind=request.kind,
        scope=request.scope,
        artifact=artifacts.dump(training.scorer),
        feature_schema=SCHEMA_VERSION,
        metrics=to_wire(training.metrics),
        report={**_report(lesson, training), "decision": asdict(decision), "seed": request.seed},
        rows=training.rows,
        fingerprint=lesson.fingerprint,
        trained_at=work.now,
    )
    pooled = request.scope == "pooled"
    with (
        work.effect(request.tenant_id, dry_run=request.dry_run) as session,
        across_tenants(session) if pooled else nullcontext(),
    ):
        if pooled:
            pooled_models.ensure(session, pooled_models.vertical_of(work.settings()), now=work.now)
        record = models.add(session, lesson.owner, draft=draft)
        _keep_lineage(session, request, lesson, record, work)
        if decision.promoted and request.promote == "auto":
            record = _promote(session, lesson, record, decision.reason, work)
        answer = _answer(request, lesson, record, decision.reason, work)
        return work.keep(session, request, f"{request.kind}:{request.scope}:{lesson.fingerprint}", answer)


def _keep_lineage(session: Session, request: TrainModel, lesson: Lesson, record: ModelRecord, work: Work) -> None:
    facts: dict[str, Any] = {"model_id": record.model_id, "now": work.now}
    if request.scope == "pooled":
        lineage.keep_pooled(session, lesson.owner, members=lesson.lead_ids, **facts)
    else:
        lineage.keep(session, lesson.owner, lead_ids=lesson.lead_ids[lesson.owner], **facts)


def _promote(session: Session, lesson: Lesson, record: ModelRecord, reason: str, work: Work) -> ModelRecord:
    models.promote(session, lesson.owner, model_id=record.model_id, now=work.now)
    version = model_registry.version_of(lesson.owner, record)
    told = {"kind": record.kind, "version": version, "scope": record.scope, "reason": reason}
    proof = {**told, "fingerprint": record.fingerprint}
    if record.scope == "pooled":
        audit.append(session, lesson.owner, entries=[AuditDraft(kind="promotion", body=proof)], now=work.now)
    work.tell("model.promoted", **told)
    work.prove("promotion", **proof)
    return models.get(session, lesson.owner, version=record.version) or record


def _report(lesson: Lesson, training: Training) -> dict[str, Any]:
    told = {field.name: getattr(training, field.name) for field in fields(training)}
    left_out = {"scorer", "metrics", "out_of_fold"}
    report: dict[str, Any] = to_wire({name: value for name, value in told.items() if name not in left_out})
    bands: list[Any] = to_wire(by_score(lesson.truth, training.out_of_fold))
    facts: dict[str, Any] = to_wire(lesson.facts)
    return {**report, "bands_by_score": bands, "libraries": artifacts.libraries(), **facts}


def _answer(request: TrainModel, lesson: Lesson, record: ModelRecord, reason: str, work: Work) -> Answer:
    return Answer(
        data={
            "run_id": work.task_id,
            "kind": request.kind,
            "rows": record.rows,
            "metrics": record.metrics,
            "promoted": record.state == "champion",
            "reason": reason,
            "version": model_registry.version_of(lesson.owner, record),
        }
    )


def _not_yet(request: TrainModel, lesson: Lesson, work: Work) -> Answer:
    missing = dict(lesson.missing)
    gaps = [f"{gap} more {name.replace('_', ' ')}" for name, gap in sorted(missing.items())]
    return _without_model(request, "not enough labelled leads: " + ", ".join(gaps), len(lesson.truth), work, missing)


def _refused(request: TrainModel, work: Work) -> Answer:
    reason = 'a pooled model learns only from tenants that agreed: set pool = "share" in the tenant\'s settings'
    return _without_model(request, reason, 0, work, {"agreement": 1})


def _without_model(request: TrainModel, reason: str, rows: int, work: Work, missing: dict[str, int]) -> Answer:
    data = {"run_id": work.task_id, "kind": request.kind, "rows": rows, "metrics": {}, "promoted": False}
    return Answer(data={**data, "reason": reason, "version": None, "missing": missing}, status="insufficient_data")
