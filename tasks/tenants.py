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
from tasks.runtime.task import Answer, Work, effect, query
from tasks.services.interventions import intervention_settings
from tasks.services.models import churn_training_data, model_registry


@effect("hearth.tenants.configure", ConfigureTenant)
def configure(session: Session, request: ConfigureTenant, work: Work) -> Answer:
    """Create the tenant or change what is given; every change is a new version."""
    before = tenants.get(session, request.tenant_id)
    given = request.settings.model_dump(exclude_none=True, exclude=set(request.settings.model_extra or {}))
    settings = {**(before.settings if before else {}), **given}
    if request.settings.interventions is not None:
        settings["interventions"] = intervention_settings.merged(
            before.settings if before else {}, request.settings.interventions
        )
    after = tenants.configure(session, request.tenant_id, settings=settings, actor=request.actor, now=work.now)
    changed = before is None or before != after
    if changed:
        work.prove("settings", version=after.version, actor=request.actor, keys=sorted(given))
    if changed and intervention_settings.choices_of(settings).kill_switch:
        work.then("hearth.interventions.expire", tenant_id=request.tenant_id)
    return Answer(data={"created": before is None, "version": after.version, "changed": changed})


@query("hearth.tenants.readiness", TenantReadiness)
def readiness(session: Session, request: TenantReadiness, work: Work) -> Answer:
    """Which answers are possible now, by which model, and what data is missing for a better one."""
    counts = leads.label_counts(session, request.tenant_id)
    serving = model_registry.champion(session, request.tenant_id, work.settings())
    ready = gate([True] * counts["won"] + [False] * counts["lost"])
    return Answer(
        data={
            "leads": counts,
            "answers": {
                "lead_score": {
                    "possible": counts["total"] > 0,
                    "scored_by": serving.version,
                    "rung": serving.scope,
                    "own_model_possible": ready.ok,
                    "missing": ready.missing,
                    "ladder": _ladder(session, serving.scope, ready, work),
                },
                "churn": _churn(session, counts, work),
                "worklist": {"possible": counts["open"] > 0},
            },
        }
    )


def _churn(session: Session, counts: Mapping[str, int], work: Work) -> dict[str, Any]:
    """Which risk of going cold can be told, and what histories lack for an own model."""
    serving = model_registry.churn_champion(session, work.tenant_id)
    thresholds = work.settings().get("silence_days") or {}
    ready = churn_training_data.ready(session, work.tenant_id, as_of=work.now, thresholds=thresholds)
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


def _ladder(session: Session, serving: str, ready: Gate, work: Work) -> list[dict[str, Any]]:
    """The rungs from the best to the one that always holds: which serves, and what the others lack."""
    settings = work.settings()
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
