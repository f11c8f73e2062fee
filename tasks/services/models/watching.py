"""Watch what was promoted, by the rule that was written down then, and judge shadows as labels land.

Both stand on shadow scores: what two models said of the same snapshots before anybody knew the label.
"""

from __future__ import annotations

from datetime import timedelta

from db.records import ModelChangeRecord, ModelRecord, ShadowRecord
from db.repositories.models import history, models, retrainings, shadow_scores
from db.session import Session
from domain.promotions import Promoting, Verdict
from domain.targets import MEANINGS, Target
from ml import artifacts
from ml.ensemble.scorer import EnsembleScorer
from ml.training.looks import Look
from ml.training.promotion import decide
from ml.training.rollback import RollbackRule, Watched, should_roll_back
from tasks.runtime.context import TaskContext
from tasks.services.models import promotion, score_preview
from tasks.services.models.dataset import too_few
from tasks.services.models.model_kinds import MODEL_KINDS
from tasks.services.models.promotion import Challenger

#: newest scores that are compared with those at promotion
MOST = 5_000
#: between two comparisons of one shadow: each spends a part of the risk of a false promotion
PAUSE = timedelta(days=7)
#: target of online signals that says what a kind predicted
_TARGETS: dict[str, Target] = {"lead_score": "won", "churn": "churned"}


def watch_promotion(session: Session, context: TaskContext, former: ShadowRecord) -> str | None:
    """Take a promotion back where its rule says so; return the reason, or None where it stands."""
    tenant_id, kind = former.tenant_id, former.kind
    change = history.at(session, tenant_id, kind=kind, at=context.now)
    champion = models.champion_version(session, tenant_id, kind=kind)
    # after a rollback nobody is watched: the one who answers has been watched before
    if change is None or change.change != "promotion" or change.to_version != champion:
        return None
    stored = change.detail.get("rule")
    if not stored:
        return None
    watched = _watched(session, former, change)
    days = (context.now - change.at) / timedelta(days=1)
    found = should_roll_back(RollbackRule.from_json(stored), watched, days=days)
    if found is None:
        return None
    promotion.roll_back(session, context, tenant_id, kind=kind, reason=found.reason)
    return found.reason


def judge_shadow(session: Session, context: TaskContext, shadow: ShadowRecord) -> Verdict | None:
    """Compare a shadow with the champion by the labels that landed; None where it is too early.

    Who is worse, or no better, is a shadow no more.
    """
    tenant_id, kind = shadow.tenant_id, shadow.kind
    record = models.get(session, tenant_id, version=shadow.version)
    champion = models.champion_version(session, tenant_id, kind=kind)
    compared = history.comparison_of(session, tenant_id, version=shadow.version)
    if record is None or champion is None or (compared is not None and context.now - compared.at < PAUSE):
        return None
    pairs = shadow_scores.judged(
        session, tenant_id, version=shadow.version, served_by=champion, target=_target(kind), since=shadow.since
    )
    labels = [pair.label for pair in pairs]
    if too_few(len(pairs), labels):
        return None
    look = Look(number=history.looks(session, tenant_id, kind=kind) + 1)
    ours, served = [pair.shadow for pair in pairs], [pair.served for pair in pairs]
    decision = decide(labels, ours, served, look=look)
    preview = score_preview.preview(session, tenant_id, context.settings(), MODEL_KINDS[kind], _scorer(record))
    challenger = Challenger(owner=tenant_id, record=record, decision=decision, preview=preview)
    verdict, _ = promotion.settle(session, context, challenger, promoting=_promoting(session, shadow))
    if verdict == "refuse":
        models.set_aside(session, tenant_id, model_id=record.model_id, state="candidate")
    return verdict


def _watched(session: Session, former: ShadowRecord, change: ModelChangeRecord) -> Watched:
    """Return what both models said since a promotion, and the labels that landed since."""
    promoted = change.to_version or ""
    newest = shadow_scores.newest(
        session, former.tenant_id, version=former.version, served_by=promoted, since=change.at, limit=MOST
    )
    pairs = shadow_scores.judged(
        session,
        former.tenant_id,
        version=former.version,
        served_by=promoted,
        target=_target(former.kind),
        since=change.at,
    )
    return Watched(
        scores=[score.served_probability for score in newest],
        former_scores=[score.probability for score in newest],
        labels=[pair.label for pair in pairs],
        labelled=[pair.served for pair in pairs],
        labelled_former=[pair.shadow for pair in pairs],
    )


def _target(kind: str) -> Target:
    target = _TARGETS[kind]
    assert MEANINGS[target].scored_by == kind
    return target


def _promoting(session: Session, shadow: ShadowRecord) -> Promoting:
    """Return what whoever asked for its training wanted; a person is asked where that is not known."""
    runs = retrainings.newest(session, shadow.tenant_id, kind=shadow.kind, limit=100)
    return next((run.promote for run in runs if run.version == shadow.version), "ask")


def _scorer(record: ModelRecord) -> EnsembleScorer:
    kind = MODEL_KINDS[record.kind]
    scorer = artifacts.load(record.artifact, {scorer.kind: scorer for scorer in kind.scorers})
    assert isinstance(scorer, EnsembleScorer)
    return scorer
