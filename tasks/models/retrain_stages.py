"""The stages of a run of retraining: read the data, train challengers, compare them, promote what earned it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, cast

from db.records import ChallengerRecord, ModelRecord, RetrainingRecord
from db.repositories.models import history, models, retrainings
from db.session import Session, reading, transaction
from domain.documents import JsonObject
from domain.promotions import Verdict
from domain.retraining import RetrainingState
from ml.training.newest import common_losses
from tasks.contracts.models import TrainModel
from tasks.contracts.retraining import ChallengerCall, RetrainingCall
from tasks.models.train import train_model
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.leases import leased
from tasks.runtime.task import job, step
from tasks.services.models import model_registry, promotion
from tasks.services.models.model_kinds import MODEL_KINDS

_ENDS: Final[dict[Verdict, RetrainingState]] = {
    "promote": "promoted",
    "shadow": "shadow",
    "ask": "asked",
    "refuse": "refused",
}


def _end(request: RetrainingCall, state: RetrainingState, reason: str) -> None:
    with transaction(request.tenant_id) as session:
        retrainings.end(
            session,
            request.tenant_id,
            retraining_id=request.retraining_id,
            state=state,
            reason=reason,
            now=datetime.now(UTC),
        )


def _run_failed(request: RetrainingCall, error: str) -> None:
    """End the run of a stage that failed for good."""
    _end(request, "failed", f"a stage failed: {error}; the champion stays")


def _challenger_failed(request: ChallengerCall, error: str) -> None:
    """Land a challenger that failed for good; the others are compared without it."""
    _land(request, ChallengerRecord(state="failed"))


def _land(request: ChallengerCall, record: ChallengerRecord) -> None:
    with transaction(request.tenant_id) as session:
        retrainings.land(
            session,
            request.tenant_id,
            retraining_id=request.retraining_id,
            challenger=request.challenger,
            record=record,
        )


@job("hearth.models.retrain_data", RetrainingCall, queue="training", internal=True, on_fault=_run_failed)
def data_stage(request: RetrainingCall, context: TaskContext) -> JsonObject:
    """Read what there is to learn from; end the run where it is too little."""
    run = _run(request)
    kind = MODEL_KINDS[run.kind]
    with reading(request.tenant_id) as session:
        champion = model_registry.rival(session, request.tenant_id, context.settings(), kind, "tenant")
        dataset = kind.datasets["tenant"](session, _training(request, run), context, champion)
    if dataset.missing:
        gaps = ", ".join(f"{gap} more {name.replace('_', ' ')}" for name, gap in dataset.missing.items())
        _end(request, "too_few_labels", f"not enough labelled leads: {gaps}")
    data = {"rows": len(dataset.truth), "positives": sum(dataset.truth), "missing": dict(dataset.missing)}
    return context.envelope(request, TaskResult(data=data))


@job("hearth.models.retrain_challenger", ChallengerCall, queue="training", internal=True, on_fault=_challenger_failed)
def challenger_stage(request: ChallengerCall, context: TaskContext) -> JsonObject:
    """Train one challenger and store it as a candidate with its comparison; nobody is promoted yet."""
    run = _run(request)
    if run.state != "running":
        return context.envelope(request, TaskResult(data={"state": "ended"}))
    # the lease of `hearth.models.train`: a kind is trained by one worker at a time, whoever asked
    with leased(request.tenant_id, f"{train_model.name}:{run.kind}:tenant", context.task_id) as context.lease:
        envelope = cast("JsonObject", train_model.body(_training(request, run), context))
    context.lease = None
    record = _landed(request, envelope["data"]["version"])
    _land(request, record)
    return context.envelope(request, TaskResult(data={"state": record.state, "version": record.version}))


@step("hearth.models.retrain_compare", RetrainingCall, queue="training", on_fault=_run_failed)
def compare_stage(session: Session, request: RetrainingCall, context: TaskContext) -> TaskResult:
    """Choose the challenger that is best, out of fold, on the newest rows that all of them learnt from."""
    run = retrainings.require(session, request.tenant_id, retraining_id=request.retraining_id, lock=True)
    trained = [(name, each) for name, each in run.challengers.items() if each.version is not None and each.newest]
    if run.state != "running":
        return TaskResult(data={"version": None, "challengers": len(trained)})
    if not trained:
        _close(session, request, context, "failed", "no challenger could be trained; the champion stays")
        return TaskResult(data={"version": None, "challengers": 0})
    losses = common_losses([dict(each.newest) for _, each in trained])
    least, (name, best) = min(zip(losses, trained, strict=True), key=lambda pair: pair[0])
    reason = f"{name}: log loss {least:.4f} on the newest rows, the least of {len(trained)}"
    retrainings.choose(
        session, request.tenant_id, retraining_id=request.retraining_id, version=best.version, reason=reason
    )
    return TaskResult(data={"version": best.version, "challengers": len(trained)})


@step("hearth.models.retrain_promote", RetrainingCall, queue="training", on_fault=_run_failed)
def promote_stage(session: Session, request: RetrainingCall, context: TaskContext) -> TaskResult:
    """Carry out the verdict on the chosen challenger, and end the run: in one transaction."""
    run = retrainings.require(session, request.tenant_id, retraining_id=request.retraining_id, lock=True)
    if run.state != "running" or run.version is None:
        return TaskResult(data={"state": run.state, "version": run.version})
    record = models.get(session, request.tenant_id, version=run.version)
    if record is None or _is_settled(session, request.tenant_id, record):
        state: RetrainingState = "refused"
        reason = "nothing new to learn: the same data was trained and judged before"
    else:
        challenger = promotion.compared_before(session, context, request.tenant_id, record)
        verdict, reason = promotion.settle(session, context, challenger, promoting=run.promote)
        # with `never` nothing comes of what earned it
        state = _ENDS[verdict] if verdict else "refused"
    _close(session, request, context, state, reason)
    return TaskResult(data={"state": state, "version": run.version})


def _is_settled(session: Session, tenant_id: str, record: ModelRecord) -> bool:
    """Return whether a verdict on a model was carried out before; one whose run was lost has only been compared."""
    if record.state != "candidate":
        return True
    changes = history.changes(session, tenant_id, kind=record.kind)
    return any(change.version == record.version and change.change != "comparison" for change in changes)


def _close(
    session: Session, request: RetrainingCall, context: TaskContext, state: RetrainingState, reason: str
) -> None:
    retrainings.end(
        session,
        request.tenant_id,
        retraining_id=request.retraining_id,
        state=state,
        reason=reason,
        now=context.now,
    )


def _landed(request: ChallengerCall, version: str | None) -> ChallengerRecord:
    """Return how a challenger ended: as a model, or without one where its rows were too few."""
    if version is None:
        return ChallengerRecord(state="skipped")
    with reading(request.tenant_id) as session:
        record = models.get(session, request.tenant_id, version=version)
    newest = record.report.get("newest") if record else None
    return ChallengerRecord(state="trained", version=version, newest=newest or {})


def _run(request: RetrainingCall) -> RetrainingRecord:
    with reading(request.tenant_id) as session:
        return retrainings.require(session, request.tenant_id, retraining_id=request.retraining_id)


def _training(request: RetrainingCall, run: RetrainingRecord) -> TrainModel:
    """Return the request that trains a challenger: on the labels of when the run began, promoted by nobody."""
    name = request.challenger if isinstance(request, ChallengerCall) else "usual"
    return TrainModel(
        tenant_id=request.tenant_id,
        kind=run.kind,
        as_of=run.as_of,
        promote="never",
        since=run.since if name == "recent" else None,
        options=_of_champion(request.tenant_id, run.kind) if name == "as_champion" else None,
    )


def _of_champion(tenant_id: str, kind: str) -> dict[str, float] | None:
    """Return the hyperparameters that a search found for the champion, or None."""
    with reading(tenant_id) as session:
        champion = models.champion(session, tenant_id, kind=kind)
    return dict(champion.report.get("hyperparameters") or {}) or None if champion else None
