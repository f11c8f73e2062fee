"""Carry out what a person says of a model: yes, or no."""

from __future__ import annotations

from db.records import ModelChangeDraft, ModelRecord
from db.repositories.models import history, models
from db.session import Session
from tasks.runtime.context import TaskContext
from tasks.services.models.promotion import audit_change


def accept(session: Session, context: TaskContext, record: ModelRecord, *, actor: str, reason: str) -> str | None:
    """Make a version of the tenant the one that answers; return the version that is retired, None where none is."""
    tenant_id = context.tenant_id
    retired = models.champion_version(session, tenant_id, kind=record.kind)
    if retired == record.version:
        return None
    models.promote(session, tenant_id, model_id=record.model_id, now=context.now, actor=actor, reason=reason)
    _tell(session, context, record, "model.promoted", "promotion", actor=actor, retired=retired, reason=reason)
    return retired


def reject(session: Session, context: TaskContext, record: ModelRecord, *, actor: str, reason: str) -> None:
    """Say no to a challenger that waits, or end a shadow; it stays in the registry and answers nothing."""
    tenant_id = context.tenant_id
    champion = models.champion_version(session, tenant_id, kind=record.kind)
    models.set_aside(session, tenant_id, model_id=record.model_id, state="candidate")
    draft = ModelChangeDraft(
        kind=record.kind,
        change="refusal",
        version=record.version,
        from_version=champion,
        to_version=champion,
        actor=actor,
        reason=reason,
    )
    history.record(session, tenant_id, draft=draft, now=context.now)
    _tell(session, context, record, "model.refused", "promotion.refused", actor=actor, retired=None, reason=reason)


def _tell(
    session: Session,
    context: TaskContext,
    record: ModelRecord,
    event: str,
    proof: str,
    *,
    actor: str,
    retired: str | None,
    reason: str,
) -> None:
    facts = {
        "kind": record.kind,
        "version": record.version,
        "scope": record.scope,
        "actor": actor,
        "retired": retired,
        "reason": reason,
    }
    audit_change(session, context, context.tenant_id, proof, facts | {"fingerprint": record.fingerprint})
    context.emit_event(event, **facts)
