"""A tenant's settings, and what can be answered for it now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from db.repositories import tenants
from db.repositories.leads import leads
from db.repositories.models import pooled_models
from db.session import Session
from ml.leads import Gate, gate
from tasks.contracts.tenants import ConfigureTenant, TenantReadiness
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import effect, query
from tasks.services.interventions import intervention_settings
from tasks.services.models import churn_training_data, model_registry


@effect("hearth.tenants.configure", ConfigureTenant)
def configure(session: Session, request: ConfigureTenant, context: TaskContext) -> TaskResult:
    """Create the tenant or change what is given; every change is a new version."""
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


@query("hearth.tenants.readiness", TenantReadiness)
def readiness(session: Session, request: TenantReadiness, context: TaskContext) -> TaskResult:
    """Which answers are possible now, by which model, and what data is missing for a better one."""
    counts = leads.label_counts(session, request.tenant_id)
    serving = model_registry.champion(session, request.tenant_id, context.settings())
    ready = gate([True] * counts["won"] + [False] * counts["lost"])
    return TaskResult(
        data={
            "leads": counts,
            "answers": {
                "lead_score": {
                    "possible": counts["total"] > 0,
                    "scored_by": serving.version,
                    "rung": serving.scope,
                    "own_model_possible": ready.ok,
                    "missing": ready.missing,
                    "ladder": _ladder(session, serving.scope, ready, context),
                },
                "churn": _churn(session, counts, context),
                "worklist": {"possible": counts["open"] > 0},
            },
        }
    )


def _churn(session: Session, counts: Mapping[str, int], context: TaskContext) -> dict[str, Any]:
    """Which risk of going cold can be told, and what histories lack for an own model."""
    serving = model_registry.churn_champion(session, context.tenant_id)
    thresholds = context.settings().get("silence_days") or {}
    ready = churn_training_data.ready(session, context.tenant_id, as_of=context.now, thresholds=thresholds)
    own = [] if serving.scope == "tenant" else _lacking(ready, "churn")
    return {
        "possible": counts["open"] > 0,
        "scored_by": serving.version,
        "rung": serving.scope,
        "own_model_possible": ready.ok,
        "missing": ready.missing,
        "ladder": [
            {"rung": rung, "serves": rung == serving.scope, "missing": missing}
            for rung, missing in (("tenant", own), ("scorecard", []))
        ],
    }


def _ladder(session: Session, serving: str, ready: Gate, context: TaskContext) -> list[dict[str, Any]]:
    """The rungs from the best to the one that always holds: which serves, and what the others lack."""
    settings = context.settings()
    pooled = model_registry.pooled_champion(session, pooled_models.vertical_of(settings))
    lacking = {"tenant": _own(ready, serving), "pooled": _pooled(pooled, settings), "scorecard": []}
    return [{"rung": rung, "serves": rung == serving, "missing": missing} for rung, missing in lacking.items()]


def _own(ready: Gate, serving: str) -> list[str]:
    if serving == "tenant":
        return []
    return _lacking(ready, "lead_score")


def _lacking(ready: Gate, kind: str) -> list[str]:
    missing = [f"{count} more {name.replace('_', ' ')}" for name, count in ready.missing.items()]
    return missing or [f"a training that wins: hearth train {kind}"]


def _pooled(pooled: model_registry.Champion | None, settings: Mapping[str, Any]) -> list[str]:
    if settings.get("pool") == "off":
        return ['the tenant\'s wish to use it: pool = "use"']
    if pooled is None:
        return ['a model of this vertical, learnt from three or more tenants with pool = "share"']
    return []
