"""`hearth.models.train`: train a model on what became of leads, store it with its report, promote it if it wins."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import asdict, fields, replace

from db.records import ModelDraft, ModelRecord
from db.repositories.models import history, lineage, models, pooled_models
from db.session import EVERY_TENANT, Session, across_tenants, reading
from domain.closed_leads import in_words
from domain.documents import JsonObject
from domain.promotions import Verdict
from ml import artifacts
from ml.features import SCHEMA_VERSION
from ml.leads import Training
from ml.monitoring.reference import reference_of
from ml.training.looks import Look
from ml.training.newest import newest_losses
from ml.training.promotion import Decision
from ml.training.score_bands import by_score
from tasks.contracts.base.wire import to_wire
from tasks.contracts.models import TrainModel
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import job
from tasks.services.models import model_registry, promotion, score_preview
from tasks.services.models.dataset import Dataset
from tasks.services.models.model_kinds import MODEL_KINDS
from tasks.services.models.promotion import Challenger
from tasks.services.models.score_preview import ScorePreview


@job("hearth.models.train", TrainModel, queue="training")
def train_model(request: TrainModel, context: TaskContext) -> JsonObject:
    """Train on every labelled lead as of the moment it was observed; the same data trains once."""
    if request.scope == "pooled" and context.settings().get("pool") != "share":
        return context.envelope(request, _refused(request, context))
    with reading(EVERY_TENANT if request.scope == "pooled" else request.tenant_id) as session:
        dataset = _dataset(session, request, context)
    if dataset.missing:
        return context.envelope(request, _too_few_labels(request, dataset, context))
    trained = _trained_before(request, dataset)
    if trained is not None:
        return context.envelope(request, _result(request, dataset, trained, _reason_before(trained), context))
    training = dataset.learn(request.seed, request.hyperparameters())
    look = _look(dataset, request.kind)
    return _register(request, dataset, training, dataset.decide(training, request.seed, look), context)


def _look(dataset: Dataset, kind: str) -> Look:
    """Return which comparison with the present champion this is."""
    with reading(EVERY_TENANT) as session:
        return Look(number=history.looks(session, dataset.owner, kind=kind) + 1)


def _dataset(session: Session, request: TrainModel, context: TaskContext) -> Dataset:
    """Read what the kind learns from, with the champion that a new model has to beat."""
    kind = MODEL_KINDS[request.kind]
    champion = model_registry.rival(session, request.tenant_id, context.settings(), kind, request.scope)
    return kind.datasets[request.scope](session, request, context, champion)


def _trained_before(request: TrainModel, dataset: Dataset) -> ModelRecord | None:
    """Return the model that the same data gave before."""
    with reading(request.tenant_id) as session:
        return models.by_fingerprint(
            session, dataset.owner, kind=request.kind, scope=request.scope, fingerprint=dataset.fingerprint
        )


def _reason_before(model: ModelRecord) -> str:
    """Return the reason of the first result, marked as such."""
    first = (model.report.get("decision") or {}).get("reason")
    return "the same data was trained before" + (f": {first}" if first else "")


def _register(
    request: TrainModel, dataset: Dataset, training: Training, decision: Decision, context: TaskContext
) -> JsonObject:
    draft = ModelDraft(
        kind=request.kind,
        scope=request.scope,
        artifact=artifacts.dump(training.scorer),
        feature_schema=SCHEMA_VERSION,
        metrics=to_wire(training.metrics),
        report={
            **_report(dataset, training),
            "decision": asdict(decision) | {"promoted": decision.promoted},
            "seed": request.seed,
            "hyperparameters": request.hyperparameters().fixed(),
        },
        rows=training.rows,
        fingerprint=dataset.fingerprint,
        trained_at=context.now,
    )
    pooled = request.scope == "pooled"
    with (
        context.transaction(request.tenant_id, dry_run=request.dry_run) as session,
        across_tenants(session) if pooled else nullcontext(),
    ):
        if pooled:
            pooled_models.ensure(session, pooled_models.vertical_of(context.settings()), now=context.now)
        record = models.add(session, dataset.owner, draft=draft)
        _store_lineage(session, request, dataset, record, context)
        challenger = Challenger(
            owner=dataset.owner,
            record=record,
            decision=decision,
            preview=None if pooled else _preview(session, request, training, context),
        )
        verdict, reason = promotion.settle(session, context, challenger, promoting=request.promote)
        answer = _with_verdict(_result(request, dataset, record, reason, context), verdict, challenger)
        return context.store_result(session, request, f"{request.kind}:{request.scope}:{dataset.fingerprint}", answer)


def _store_lineage(
    session: Session, request: TrainModel, dataset: Dataset, record: ModelRecord, context: TaskContext
) -> None:
    """Store which leads the model learnt from, so that it is trained again once one of them is forgotten."""
    owner, leads, model_id = dataset.owner, dataset.lead_ids, record.model_id
    if request.scope == "pooled":
        lineage.save_pooled(session, owner, members=leads, model_id=model_id, now=context.now)
    else:
        lineage.save(session, owner, lead_ids=leads[owner], model_id=model_id, now=context.now)


def _preview(session: Session, request: TrainModel, training: Training, context: TaskContext) -> ScorePreview:
    kind = MODEL_KINDS[request.kind]
    return score_preview.preview(session, request.tenant_id, context.settings(), kind, training.scorer)


def _with_verdict(answer: TaskResult, verdict: Verdict | None, challenger: Challenger) -> TaskResult:
    """Return the answer with what came of the new model, and whose bands it changes."""
    shown = challenger.preview.view() if challenger.preview else None
    came = {"promoted": verdict == "promote", "verdict": verdict, "bands_changed": shown}
    return replace(answer, data={**answer.data, **came})


def _report(dataset: Dataset, training: Training) -> JsonObject:
    """Return what the registry stores beside the metrics: all of the training but scorer and predictions."""
    names = [field.name for field in fields(training) if field.name not in {"scorer", "metrics", "out_of_fold"}]
    report: JsonObject = to_wire({name: getattr(training, name) for name in names})
    bands: list[object] = to_wire(by_score(dataset.truth, training.out_of_fold))
    facts: JsonObject = to_wire(dataset.facts)
    reference = _reference(dataset, training)
    newest = newest_losses(dataset.truth, training.out_of_fold, dataset.when_known())
    return {
        **report,
        "newest": newest,
        "bands_by_score": bands,
        "reference": reference,
        "libraries": artifacts.libraries(),
        **facts,
    }


def _reference(dataset: Dataset, training: Training) -> JsonObject:
    """Return what later leads are compared with, of the columns that were learnt from; of other tenants no texts."""
    matrix = dataset.known.select(training.features)
    if len(dataset.lead_ids) > 1:
        matrix = matrix.select([name for name in matrix.columns if name not in matrix.levels])
    return reference_of(matrix, dataset.truth, training.out_of_fold).to_json()


def _result(
    request: TrainModel, dataset: Dataset, record: ModelRecord, reason: str, context: TaskContext
) -> TaskResult:
    return TaskResult(
        data={
            "run_id": context.task_id,
            "kind": request.kind,
            "rows": record.rows,
            "metrics": record.metrics,
            "promoted": record.state == "champion",
            "verdict": None,
            "reason": reason,
            "version": model_registry.version_of(dataset.owner, record),
            **_closed(dataset),
            "missing": {},
        }
    )


def _too_few_labels(request: TrainModel, dataset: Dataset, context: TaskContext) -> TaskResult:
    missing = dict(dataset.missing)
    gaps = [f"{gap} more {name.replace('_', ' ')}" for name, gap in missing.items()]
    reason = "not enough labelled leads: " + ", ".join(gaps)
    if dataset.usable is not None and dataset.usable.left_out:
        reason += f"; {in_words(dataset.usable.short())}"
    data = _without_model(request, reason, len(dataset.truth), context, missing)
    return replace(data, data={**data.data, **_closed(dataset)})


def _closed(dataset: Dataset) -> JsonObject:
    """Return which closed leads are learnt from, and why not the others, as an import and readiness say it."""
    if dataset.usable is None:
        return {"usable": None, "left_out": {}}
    return {"usable": dataset.usable.short(), "left_out": dict(dataset.usable.left_out)}


def _refused(request: TrainModel, context: TaskContext) -> TaskResult:
    reason = 'a pooled model learns only from tenants that agreed: set pool = "share" in the tenant\'s settings'
    return _without_model(request, reason, 0, context, {"agreement": 1})


def _without_model(
    request: TrainModel, reason: str, rows: int, context: TaskContext, missing: dict[str, int]
) -> TaskResult:
    data = {"run_id": context.task_id, "kind": request.kind, "rows": rows, "metrics": {}, "promoted": False}
    return TaskResult(
        data={**data, "reason": reason, "version": None, "usable": None, "left_out": {}, "missing": missing},
        status="insufficient_data",
    )
