"""Train a model on the tenant's own labelled leads, keep it with its report, promote it if it earns it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from db.records import LeadRecord, ModelDraft, ModelRecord
from db.repositories import leads, lineage, models, restrictions, snapshots
from db.session import Session, reading
from ml import artifacts
from ml.features import SCHEMA_VERSION, extract
from ml.leads import Training, gate, train
from ml.profiles import FeatureMatrix
from ml.training.promotion import Decision, decide
from tasks import profiles, scorers
from tasks.base import Answer, Json, Work, job
from tasks.contracts.training import TrainModel
from tasks.contracts.wire import canonical, to_wire

#: rows, and of each outcome, that a champion must not have seen before a newcomer can be compared with it
FRESH, FRESH_RARER = 100, 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One lead before its label, and the label."""

    features: Mapping[str, float | str | None]
    label: bool
    #: when we learnt it
    known_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What there is to learn from, one row a lead, and the scorer that a new model has to beat."""

    matrix: FeatureMatrix
    labels: tuple[bool, ...]
    #: when each label became known to us
    known_at: tuple[datetime, ...]
    fingerprint: str
    champion: scorers.Champion
    #: whose rows they are
    lead_ids: tuple[str, ...]


@job("hearth.models.train", TrainModel)
def train_model(request: TrainModel, work: Work) -> Json:
    """Train on every labelled lead as of the moment it was observed; the same data trains once."""
    lesson = _lesson(request)
    ready = gate(lesson.labels)
    if not ready.ok:
        return work.envelope(request, _not_yet(request, lesson, dict(ready.missing), work))
    known = _known(request, lesson)
    if known is not None:
        return work.envelope(request, _answer(request, known, "the same data was trained before", work))
    training = train(lesson.matrix, lesson.labels, seed=request.seed)
    return _register(request, lesson, training, _decide(request, lesson, training), work)


def _lesson(request: TrainModel) -> Lesson:
    with reading() as session:
        rows = {**_from_leads(session, request), **_from_snapshots(session, request)}
        champion = scorers.champion(session, request.tenant_id)
        for lead_id in restrictions.blocked(session, request.tenant_id):
            rows.pop(lead_id, None)
    # By lead, so that the same data is the same lesson whatever order the database gives it in.
    ordered = [rows[lead_id] for lead_id in sorted(rows)]
    matrix, labels = FeatureMatrix.from_rows([row.features for row in ordered]), tuple(row.label for row in ordered)
    return Lesson(
        matrix=matrix,
        labels=labels,
        known_at=tuple(row.known_at for row in ordered),
        fingerprint=_fingerprint(matrix, labels, request),
        champion=champion,
        lead_ids=tuple(sorted(rows)),
    )


def _from_leads(session: Session, request: TrainModel) -> dict[str, Row]:
    """Closed leads whose fields were observed before their label, as of that moment: what an import brings."""
    labelled = [record for record in leads.labelled(session, request.tenant_id) if _usable(record, request.as_of)]
    as_of = {record.lead_id: record.observed_at for record in labelled}
    features = extract(profiles.of_records(session, request.tenant_id, labelled, as_of)).to_rows()
    return {
        record.lead_id: Row(features=row, label=bool(record.label), known_at=record.changed_at)
        for record, row in zip(labelled, features, strict=True)
    }


def _from_snapshots(session: Session, request: TrainModel) -> dict[str, Row]:
    """The newest snapshot of each lead from before its label: what live scoring leaves behind."""
    labelled = snapshots.labelled(session, request.tenant_id)
    return {
        snapshot.lead_id: Row(
            features=snapshot.features, label=bool(snapshot.label), known_at=snapshot.label_at or snapshot.as_of
        )
        for snapshot in sorted(labelled, key=lambda snapshot: snapshot.as_of)
        if snapshot.feature_schema == SCHEMA_VERSION and _in_time(snapshot.label_at, request.as_of)
    }


def _usable(record: LeadRecord, as_of: datetime | None) -> bool:
    seen_before = record.label_at is None or record.observed_at <= record.label_at
    return seen_before and _in_time(record.label_at, as_of)


def _in_time(label_at: datetime | None, as_of: datetime | None) -> bool:
    return as_of is None or label_at is None or label_at <= as_of


def _fingerprint(matrix: FeatureMatrix, labels: Sequence[bool], request: TrainModel) -> str:
    told = hashlib.sha256(f"{request.kind}|{request.scope}|{request.seed}|{SCHEMA_VERSION}|".encode())
    told.update(canonical(matrix.to_rows()))
    told.update(bytes(labels))
    return told.hexdigest()


def _known(request: TrainModel, lesson: Lesson) -> ModelRecord | None:
    with reading() as session:
        return models.by_fingerprint(
            session, request.tenant_id, kind=request.kind, scope=request.scope, fingerprint=lesson.fingerprint
        )


def _decide(request: TrainModel, lesson: Lesson, training: Training) -> Decision:
    """Against the base rate, and against a champion on rows that neither has seen; one that learnt from somebody who
    was forgotten since is replaced by whatever beats the base rate.
    """
    trained_at = lesson.champion.trained_at
    if trained_at is None or lesson.champion.retrain:
        return decide(lesson.labels, training.out_of_fold, None, seed=request.seed)
    fresh = [index for index, known_at in enumerate(lesson.known_at) if known_at > trained_at]
    labels = [lesson.labels[index] for index in fresh]
    if len(fresh) < FRESH or min(sum(labels), len(labels) - sum(labels)) < FRESH_RARER:
        reason = f"only {len(fresh)} leads with {sum(labels)} won are new to the champion: too few to compare by"
        return Decision(promoted=False, reason=reason)
    rival = [item.probability for item in lesson.champion.scorer.score(lesson.matrix.take(fresh), explain=0)]
    return decide(labels, [training.out_of_fold[index] for index in fresh], rival, seed=request.seed)


def _register(request: TrainModel, lesson: Lesson, training: Training, decision: Decision, work: Work) -> Json:
    draft = ModelDraft(
        kind=request.kind,
        scope=request.scope,
        artifact=artifacts.dump(training.scorer),
        feature_schema=SCHEMA_VERSION,
        metrics=to_wire(training.metrics),
        report={**_report(training), "decision": asdict(decision), "seed": request.seed},
        rows=training.rows,
        fingerprint=lesson.fingerprint,
        trained_at=work.now,
    )
    with work.effect(request.tenant_id, dry_run=request.dry_run) as session:
        record = models.add(session, request.tenant_id, draft=draft)
        lineage.keep(session, request.tenant_id, model_id=record.model_id, lead_ids=lesson.lead_ids, now=work.now)
        if decision.promoted and request.promote == "auto":
            models.promote(session, request.tenant_id, model_id=record.model_id, now=work.now)
            record = models.get(session, request.tenant_id, version=record.version) or record
            told = {"kind": record.kind, "version": record.version, "reason": decision.reason}
            work.tell("model.promoted", **told)
            work.prove("promotion", **told, fingerprint=record.fingerprint)
        answer = _answer(request, record, decision.reason, work)
        return work.keep(session, request, f"{request.kind}:{request.scope}:{lesson.fingerprint}", answer)


def _report(training: Training) -> dict[str, Any]:
    told = {field.name: getattr(training, field.name) for field in fields(training)}
    left_out = {"scorer", "metrics", "out_of_fold"}
    report: dict[str, Any] = to_wire({name: value for name, value in told.items() if name not in left_out})
    return report | {"libraries": artifacts.libraries()}


def _answer(request: TrainModel, record: ModelRecord, reason: str, work: Work) -> Answer:
    return Answer(
        data={
            "run_id": work.task_id,
            "kind": request.kind,
            "rows": record.rows,
            "metrics": record.metrics,
            "promoted": record.state == "champion",
            "reason": reason,
            "version": record.version,
        }
    )


def _not_yet(request: TrainModel, lesson: Lesson, missing: dict[str, Any], work: Work) -> Answer:
    reason = "not enough labelled leads: " + ", ".join(f"{gap} more {name}" for name, gap in sorted(missing.items()))
    data = {"run_id": work.task_id, "kind": request.kind, "rows": len(lesson.labels), "metrics": {}}
    return Answer(
        data={**data, "promoted": False, "reason": reason, "version": None, "missing": missing},
        status="insufficient_data",
    )
