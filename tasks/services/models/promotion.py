"""Carry out the verdict on a challenger: promote it, keep it as a shadow, ask a person, or refuse it; and go back.

Each writes the registry, one row of history, an audit row and an event, in the transaction of the caller.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Final

from db.records import AuditDraft, ModelChangeDraft, ModelRecord
from db.repositories import audit, tenants
from db.repositories.models import history, models
from db.session import Session, lock_tenant
from domain.documents import JsonMapping, JsonObject
from domain.promotions import Change, Promoting, Verdict
from ml import artifacts
from ml.ensemble.scorer import EnsembleScorer
from ml.training.looks import Look
from ml.training.promotion import Decision
from ml.training.rollback import RollbackRule
from ml.training.score_profile import ScoreProfile
from tasks.contracts.base.wire import to_wire
from tasks.runtime.context import TaskContext
from tasks.services.models import model_registry
from tasks.services.models.model_kinds import MODEL_KINDS
from tasks.services.models.score_preview import MAX_BAND_CHANGES, ScorePreview, preview

#: who decides where no person does
HEARTH: Final = "hearth"
_CHANGES: Final[dict[Verdict, Change]] = {
    "promote": "promotion",
    "shadow": "shadow",
    "ask": "waiting",
    "refuse": "refusal",
}
#: change -> event, and kind of audit row; a shadow is no news
_EVENTS: Final[dict[Change, tuple[str, str]]] = {
    "promotion": ("model.promoted", "promotion"),
    "waiting": ("model.waiting", "promotion.asked"),
    "refusal": ("model.refused", "promotion.refused"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenger:
    """A registered model that was compared with the champion."""

    #: in whose registry it is
    owner: str
    record: ModelRecord
    decision: Decision
    #: what it would say of open leads; None where that is not known, as of a model of several tenants
    preview: ScorePreview | None = None


def settle(
    session: Session, context: TaskContext, challenger: Challenger, *, promoting: Promoting, actor: str = HEARTH
) -> tuple[Verdict | None, str]:
    """Carry out the verdict on a challenger that was just compared; return it with its reason.

    With `never` there is none: nothing comes of it but the row of history that counts the comparison.
    """
    lock_tenant(session, challenger.owner)
    challenger = _in_its_place(session, challenger)
    kind = challenger.record.kind
    verdict, reason = _final(session, context, challenger, promoting)
    change = "comparison" if promoting == "never" else _CHANGES[verdict]
    champion = models.champion_version(session, challenger.owner, kind=kind)
    draft = ModelChangeDraft(
        kind=kind,
        change=change,
        version=challenger.record.version,
        from_version=champion,
        to_version=challenger.record.version if change == "promotion" else champion,
        actor=actor,
        reason=reason,
        look=_uncounted_look(session, challenger, champion),
        detail=_detail(challenger),
    )
    _write(session, context, challenger, draft)
    if change in _EVENTS:
        _tell(session, context, challenger, change, reason)
    return (None if promoting == "never" else verdict), reason


def compared_before(session: Session, context: TaskContext, owner: str, record: ModelRecord) -> Challenger:
    """Return a model that was trained with `never`, with the decision stored with it, to be settled now.

    Where another model has become the champion since, it was compared with the wrong one and is a shadow at best.
    """
    known = {field.name for field in fields(Decision)}
    compared = history.comparison_of(session, owner, version=record.version)
    kept = record.report["decision"] if compared is None else compared.detail["decision"]
    decision = Decision(**{name: value for name, value in kept.items() if name in known})
    champion = models.champion_version(session, owner, kind=record.kind)
    if compared is not None and compared.from_version != champion and decision.promoted:
        reason = f"{decision.reason}; but another champion was promoted since"
        decision = replace(decision, verdict="shadow", reason=reason)
    kind = MODEL_KINDS[record.kind]
    scorer = artifacts.load(record.artifact, {scorer.kind: scorer for scorer in kind.scorers})
    seen = None
    if isinstance(scorer, EnsembleScorer) and not owner.startswith(tenants.RESERVED):
        seen = preview(session, owner, context.settings(), kind, scorer)
    return Challenger(owner=owner, record=record, decision=decision, preview=seen)


def rule_of(preview: ScorePreview | None) -> RollbackRule:
    """Return the rule by which a promotion is to be taken back; without scores of open leads, by labels alone."""
    after, before = (preview.after, preview.before) if preview else ((), ())
    return RollbackRule(promoted=ScoreProfile.of(after), former=ScoreProfile.of(before) if before else None)


def roll_back(
    session: Session, context: TaskContext, owner: str, *, kind: str, reason: str, actor: str = HEARTH
) -> tuple[ModelRecord, ModelRecord]:
    """Go back to the champion before this one; return the one that was left and the present one. Raises UnknownModel.

    Receivers of an older version know of it by `model.promoted`, of which the reason is then `rollback`.
    """
    left, present = models.rollback(session, owner, kind=kind, now=context.now, actor=actor, reason=reason)
    facts = {
        "kind": kind,
        "version": model_registry.version_of(owner, present),
        "left": model_registry.version_of(owner, left),
        "scope": present.scope,
        "actor": actor,
        "reason": reason,
    }
    audit_change(session, context, owner, "rollback", facts | {"fingerprint": present.fingerprint})
    context.emit_event("model.rolled_back", **facts)
    shown = {name: facts[name] for name in ("kind", "version", "scope", "actor")}
    context.emit_event("model.promoted", **shown, retired=facts["left"], reason="rollback")
    return left, present


def _final(session: Session, context: TaskContext, challenger: Challenger, promoting: Promoting) -> tuple[Verdict, str]:
    """Return what comes of a decision: a person is asked where the caller wants it, or where too many bands move."""
    decision = challenger.decision
    if promoting == "never" or not decision.promoted:
        return decision.verdict, decision.reason
    bound = _bound(session, context.settings(), challenger)
    share = challenger.preview.changes.share if challenger.preview else 0.0
    if share > bound:
        return "ask", f"{decision.reason}; the band of {share:.0%} of leads would change, more than {bound:.0%}"
    return ("ask" if promoting == "ask" else "promote"), decision.reason


def _bound(session: Session, settings: JsonMapping, challenger: Challenger) -> float:
    """Return the share of leads whose band may change unasked.

    Any share where no learnt model is replaced, or one that has to go since it learnt from somebody who was forgotten.
    """
    champion = models.champion_key(session, challenger.owner, kind=challenger.record.kind)
    if champion is None or champion[1] is not None:
        return 1.0
    chosen = settings.get("max_band_changes")
    return MAX_BAND_CHANGES if chosen is None else float(chosen)


def _in_its_place(session: Session, challenger: Challenger) -> Challenger:
    """Return a challenger whose comparison is the next one that is counted; it may have been made beside others.

    Several that are trained at once each take the next look for theirs: all but the first have to stand at a later one.
    """
    decision = challenger.decision
    champion = models.champion_version(session, challenger.owner, kind=challenger.record.kind)
    if _uncounted_look(session, challenger, champion) is None:
        return challenger
    look = Look(number=history.looks(session, challenger.owner, kind=challenger.record.kind) + 1)
    if look.number == decision.look:
        return challenger
    placed = replace(decision, look=look.number, level=look.level, spent=look.spent)
    if placed.promoted and (placed.p_value or 0.0) > look.level:
        reason = f"{decision.reason}; but not by more than noise at look {look.number}"
        placed = replace(placed, verdict="shadow", reason=reason)
    return replace(challenger, decision=placed)


def _uncounted_look(session: Session, challenger: Challenger, champion: str | None) -> int | None:
    """Return the number of the comparison; None where none was made, or it stands in the history already."""
    look = challenger.decision.look
    stored = history.comparison_of(session, challenger.owner, version=challenger.record.version)
    counted = stored is not None and (stored.look, stored.from_version) == (look, champion)
    return None if counted else look or None


def _write(session: Session, context: TaskContext, challenger: Challenger, draft: ModelChangeDraft) -> None:
    """Write the registry, and the row of history where the registry does not write it itself."""
    owner, model_id = challenger.owner, challenger.record.model_id
    if draft.change == "promotion":
        models.promote(
            session,
            owner,
            model_id=model_id,
            now=context.now,
            actor=draft.actor,
            reason=draft.reason,
            look=draft.look,
            detail=draft.detail,
        )
        return
    if draft.change in {"shadow", "waiting"}:
        models.set_aside(session, owner, model_id=model_id, state=draft.change)
    elif draft.change == "refusal":
        models.set_aside(session, owner, model_id=model_id, state="candidate")
    history.record(session, owner, draft=draft, now=context.now)


def _detail(challenger: Challenger) -> JsonObject:
    """Return what history keeps: the comparison, the bands that change, and the rule of its rollback."""
    preview = challenger.preview
    kept: JsonObject = to_wire(
        {
            "decision": asdict(challenger.decision),
            "bands": preview.view() if preview else None,
            "rule": asdict(rule_of(preview)),
        }
    )
    return kept


def _tell(session: Session, context: TaskContext, challenger: Challenger, change: Change, reason: str) -> None:
    event, proof = _EVENTS[change]
    record, owner = challenger.record, challenger.owner
    facts = {
        "kind": record.kind,
        "version": model_registry.version_of(owner, record),
        "scope": record.scope,
        "reason": reason,
    }
    preview = challenger.preview
    shown = {"bands_changed": preview.view()} if preview and preview.changes.rows else {}
    audit_change(session, context, owner, proof, facts | shown | {"fingerprint": record.fingerprint})
    context.emit_event(event, **facts, **shown)


def audit_change(session: Session, context: TaskContext, owner: str, kind: str, body: JsonObject) -> None:
    """Write the audit row of the tenant, and that of the reserved owner of a shared model."""
    if owner.startswith(tenants.RESERVED):
        audit.append(session, owner, entries=[AuditDraft(kind=kind, body=to_wire(body))], now=context.now)
    context.audit(kind, **body)
