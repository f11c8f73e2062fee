"""Train a model on labelled leads, keep it with its report, promote it if it earns it.

Of one tenant's own leads, or of those of several tenants that agreed to it (`scope="pooled"`): such a model belongs to
the reserved owner of their vertical, and nothing in it or in its report tells of one tenant to another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from db.records import AuditDraft, ModelDraft, ModelRecord
from db.repositories import audit, lineage, models, pools
from db.session import Session, reading
from ml import artifacts
from ml.features import SCHEMA_VERSION
from ml.leads import Training, gate, train
from ml.profiles import FeatureMatrix
from ml.training import pooling
from ml.training.bands import by_score
from ml.training.promotion import Decision, decide
from tasks import lessons, scorers
from tasks.base import Answer, Json, Work, job
from tasks.contracts.training import TrainModel
from tasks.contracts.wire import to_wire

#: rows, and of each outcome, that a champion must not have seen before a newcomer can be compared with it
FRESH, FRESH_RARER = 100, 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What there is to learn from, one row a lead, and the scorer that a new model has to beat."""

    #: in whose registry the model belongs
    owner: str
    matrix: FeatureMatrix
    labels: tuple[bool, ...]
    #: when each label became known to us
    known_at: tuple[datetime, ...]
    #: whose rows they are: each row's tenant, and each tenant's leads
    tenants: tuple[str, ...]
    lead_ids: Mapping[str, tuple[str, ...]]
    fingerprint: str
    champion: scorers.Champion
    missing: Mapping[str, int]
    #: what the report says of the rows
    facts: Mapping[str, Any]


@job("hearth.models.train", TrainModel)
def train_model(request: TrainModel, work: Work) -> Json:
    """Train on every labelled lead as of the moment it was observed; the same data trains once."""
    if request.scope == "pooled" and work.settings().get("pool") != "share":
        return work.envelope(request, _refused(request, work))
    with reading() as session:
        lesson = _pooled_lesson(session, request, work) if request.scope == "pooled" else _own(session, request, work)
    if lesson.missing:
        return work.envelope(request, _not_yet(request, lesson, work))
    known = _known(request, lesson)
    if known is not None:
        return work.envelope(request, _answer(request, lesson, known, _again(known), work))
    training = train(lesson.matrix, lesson.labels, seed=request.seed)
    said = _out_of_sample(request, lesson, training)
    return _register(request, lesson, training, _decide(request, lesson, said), work)


def _own(session: Session, request: TrainModel, work: Work) -> Lesson:
    found = lessons.rows_of(session, request.tenant_id, request.as_of)
    rows = list(found.by_lead.values())
    matrix, labels = lessons.matrix_of(rows), tuple(row.label for row in rows)
    return Lesson(
        owner=request.tenant_id,
        matrix=matrix,
        labels=labels,
        known_at=tuple(row.known_at for row in rows),
        tenants=(request.tenant_id,) * len(rows),
        lead_ids={request.tenant_id: tuple(found.by_lead)},
        fingerprint=lessons.fingerprint(matrix, labels, request.kind, request.scope, request.seed),
        champion=scorers.champion(session, request.tenant_id, work.settings()),
        missing=gate(labels).missing,
        facts=lessons.facts(rows, found.blocked),
    )


def _pooled_lesson(session: Session, request: TrainModel, work: Work) -> Lesson:
    """The rows of every tenant that agreed, the newest first where one has more than all the others together."""
    vertical = pools.vertical_of(work.settings())
    found = {
        member.tenant_id: lessons.rows_of(session, member.tenant_id, request.as_of)
        for member in pools.members(session, vertical)
    }
    share = pooling.fair_share({tenant_id: len(rows.by_lead) for tenant_id, rows in found.items()})
    chosen = {tenant_id: _newest(rows, share[tenant_id]) for tenant_id, rows in found.items() if share[tenant_id]}
    rows = [row for part in chosen.values() for row in part.values()]
    matrix, labels = pooling.shared(lessons.matrix_of(rows)), tuple(row.label for row in rows)
    return Lesson(
        owner=pools.owner(vertical),
        matrix=matrix,
        labels=labels,
        known_at=tuple(row.known_at for row in rows),
        tenants=tuple(tenant_id for tenant_id, part in chosen.items() for _ in part),
        lead_ids={tenant_id: tuple(part) for tenant_id, part in chosen.items()},
        fingerprint=lessons.fingerprint(matrix, labels, request.kind, vertical, request.seed),
        champion=scorers.pooled_champion(session, vertical) or scorers.SCORECARD,
        missing=pooling.wanting(labels, len(chosen)),
        facts=lessons.facts(rows, sum(part.blocked for part in found.values())) | {"tenants": len(chosen)},
    )


def _newest(rows: lessons.Rows, most: int) -> dict[str, lessons.Row]:
    newest = sorted(rows.by_lead, key=lambda lead_id: rows.by_lead[lead_id].known_at, reverse=True)[:most]
    return {lead_id: rows.by_lead[lead_id] for lead_id in sorted(newest)}


def _known(request: TrainModel, lesson: Lesson) -> ModelRecord | None:
    with reading() as session:
        return models.by_fingerprint(
            session, lesson.owner, kind=request.kind, scope=request.scope, fingerprint=lesson.fingerprint
        )


def _again(known: ModelRecord) -> str:
    """The first result's reason, said to be that."""
    first = (known.report.get("decision") or {}).get("reason")
    return "the same data was trained before" + (f": {first}" if first else "")


def _out_of_sample(request: TrainModel, lesson: Lesson, training: Training) -> tuple[float, ...]:
    """What the newcomer says of rows it has not seen; a shared model must hold for tenants it has not seen."""
    if request.scope == "tenant":
        return training.out_of_fold
    return pooling.across(lesson.matrix, lesson.labels, lesson.tenants, seed=request.seed)


def _decide(request: TrainModel, lesson: Lesson, said: Sequence[float]) -> Decision:
    """Against the base rate, and against what scores now on rows that neither has seen: of a champion those that it
    did not learn from, of the scorecard all. A champion that learnt from somebody who was forgotten since is replaced
    by whatever beats the base rate.
    """
    champion = lesson.champion
    if champion.retrain:
        return decide(lesson.labels, said, None, seed=request.seed)
    fresh = _unseen(lesson)
    labels = [lesson.labels[index] for index in fresh]
    if champion.scope != "scorecard" and (
        len(fresh) < FRESH or min(sum(labels), len(labels) - sum(labels)) < FRESH_RARER
    ):
        return _too_few(request, lesson, said, labels)
    rival = [item.probability for item in champion.scorer.score(lesson.matrix.take(fresh), explain=0)]
    name = {"scorecard": "the scorecard", request.scope: "the present champion"}.get(champion.scope, "the pooled model")
    return decide(labels, [said[index] for index in fresh], rival, seed=request.seed, rival=name)


def _unseen(lesson: Lesson) -> list[int]:
    """The rows whose label what scores now cannot have known."""
    before = lesson.champion.trained_at
    return [index for index, known_at in enumerate(lesson.known_at) if before is None or known_at > before]


def _too_few(request: TrainModel, lesson: Lesson, said: Sequence[float], labels: Sequence[bool]) -> Decision:
    if lesson.champion.scope != request.scope:
        # An own model need not wait until it has outgrown the shared one that it helped to make.
        return decide(lesson.labels, said, None, seed=request.seed)
    reason = f"only {len(labels)} leads with {sum(labels)} won are new to the champion: too few to compare by"
    return Decision(promoted=False, reason=reason, rows=len(labels), against="the present champion")


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
    with work.effect(request.tenant_id, dry_run=request.dry_run) as session:
        if request.scope == "pooled":
            pools.ensure(session, pools.vertical_of(work.settings()), now=work.now)
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
    version = scorers.version_of(lesson.owner, record)
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
    bands: list[Any] = to_wire(by_score(lesson.labels, training.out_of_fold))
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
            "version": scorers.version_of(lesson.owner, record),
        }
    )


def _not_yet(request: TrainModel, lesson: Lesson, work: Work) -> Answer:
    missing = dict(lesson.missing)
    reason = "not enough labelled leads: " + ", ".join(f"{gap} more {name}" for name, gap in sorted(missing.items()))
    return _without_model(request, reason, len(lesson.labels), work, missing)


def _refused(request: TrainModel, work: Work) -> Answer:
    reason = 'a pooled model learns only from tenants that agreed: set pool = "share" in the tenant\'s settings'
    return _without_model(request, reason, 0, work, {"agreement": 1})


def _without_model(request: TrainModel, reason: str, rows: int, work: Work, missing: dict[str, int]) -> Answer:
    data = {"run_id": work.task_id, "kind": request.kind, "rows": rows, "metrics": {}, "promoted": False}
    return Answer(data={**data, "reason": reason, "version": None, "missing": missing}, status="insufficient_data")
