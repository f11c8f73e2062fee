"""`hearth.tenants.*`: a tenant's settings, and what can be answered for it now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from db.repositories import tenants
from db.repositories.leads import leads
from db.repositories.models import pooled_models
from db.repositories.privacy import offboarding
from db.session import Session, lock_tenant
from domain.documents import JsonObject
from ml.leads import Gate
from tasks.contracts.tenants import ConfigureTenant, DeleteTenant, TenantReadiness
from tasks.errors import InvalidPayload
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import effect, job, query
from tasks.services.interventions import intervention_settings
from tasks.services.models import closed_leads, lead_training_data, model_registry
from tasks.services.models.closed_leads import Usable
from tasks.services.models.model_kind import Champion, ModelKind
from tasks.services.models.model_kinds import MODEL_KINDS
from tasks.services.privacy import offboarding as deletion


@effect("hearth.tenants.configure", ConfigureTenant, queue="inference", scope="settings")
def configure(session: Session, request: ConfigureTenant, context: TaskContext) -> TaskResult:
    """Create the tenant or change what is given; every change is a new version."""
    lock_tenant(session, request.tenant_id)
    if offboarding.is_deleting(session, request.tenant_id):
        raise InvalidPayload.at("conflict", "tenant_id", "this tenant is being deleted; wait until that has ended")
    before = tenants.get(session, request.tenant_id)
    given = request.settings.model_dump(exclude_none=True, exclude=set(request.settings.model_extra or {}))
    settings = {**(before.settings if before else {}), **given}
    if request.settings.interventions is not None:
        settings["interventions"] = intervention_settings.merged(
            before.settings if before else {}, request.settings.interventions
        )
    after = tenants.configure(session, request.tenant_id, settings=settings, actor=request.actor, now=context.now)
    changed = before is None or before != after
    if changed:
        context.audit("settings", version=after.version, actor=request.actor, keys=sorted(given))
    if changed and intervention_settings.settings_of(settings).kill_switch:
        context.enqueue("hearth.interventions.expire", tenant_id=request.tenant_id)
    return TaskResult(data={"created": before is None, "version": after.version, "changed": changed})


@job("hearth.tenants.delete", DeleteTenant, queue="ingest", internal=True)
def delete(request: DeleteTenant, context: TaskContext) -> JsonObject:
    """Delete a tenant wholly, in steps: `state` is `deleting` until a further call has finished it, then the proof."""
    if request.dry_run:
        data = {"state": "would be deleted", "before": deletion.preview(request.tenant_id)}
    else:
        data = deletion.delete(request.tenant_id, actor=request.actor, task_id=context.task_id, now=context.now)
    return context.envelope(request, TaskResult(data=data))


@query("hearth.tenants.readiness", TenantReadiness, queue="inference", scope="read")
def readiness(session: Session, request: TenantReadiness, context: TaskContext) -> TaskResult:
    """Return the answers that are possible now, the model of each, and the data that is missing for a better one."""
    counts = leads.label_counts(session, request.tenant_id)
    usable = closed_leads.usable(closed_leads.tallied(lead_training_data.closed_of(session, request.tenant_id)))
    answers = {name: _readiness(session, context, counts, usable, kind) for name, kind in MODEL_KINDS.items()}
    return TaskResult(
        data={
            "leads": counts,
            "usable": usable.short(),
            "stages": leads.stage_outcomes(session, request.tenant_id),
            "answers": {**answers, "worklist": {"possible": counts["open"] > 0}},
        },
    )


def _readiness(
    session: Session, context: TaskContext, counts: Mapping[str, int], usable: Usable, kind: ModelKind[Any]
) -> dict[str, Any]:
    """Return who answers for a kind of model, and the rungs from the best to the one that always holds."""
    serving = model_registry.champion(session, context.tenant_id, context.settings(), kind)
    gate = kind.gate(session, context, {"won": usable.won, "lost": usable.lost})
    lacking = {"tenant": [] if serving.scope == "tenant" else _lacking_for_own(gate, kind.name)}
    if "pooled" in kind.label.scopes:
        vertical = pooled_models.vertical_of(context.settings())
        lacking["pooled"] = _lacking_for_pooled(
            model_registry.pooled_champion(session, vertical, kind), context.settings()
        )
    lacking["scorecard"] = []
    return {
        "possible": counts[kind.answers_for] > 0,
        "scored_by": serving.version,
        "rung": serving.scope,
        "own_model_possible": gate.ok,
        "missing": gate.missing,
        "ladder": [
            {"rung": rung, "serves": rung == serving.scope, "missing": missing} for rung, missing in lacking.items()
        ],
    }


def _lacking_for_own(gate: Gate, kind: str) -> list[str]:
    missing = [f"{count} more {name.replace('_', ' ')}" for name, count in gate.missing.items()]
    return missing or [f"a training that wins: hearth train {kind}"]


def _lacking_for_pooled(pooled: Champion[Any] | None, settings: Mapping[str, Any]) -> list[str]:
    if settings.get("pool") == "off":
        return ['the tenant\'s wish to use it: pool = "use"']
    if pooled is None:
        return ['a model of this vertical, learnt from three or more tenants with pool = "share"']
    return []
