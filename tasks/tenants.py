"""A tenant's settings, and what can be answered for it now."""

from __future__ import annotations

from db.repositories import leads, models, tenants
from db.session import Session
from ml.leads import gate
from tasks.base import Answer, Work, effect, query
from tasks.contracts.tenants import ConfigureTenant, TenantReadiness


@effect("hearth.tenants.configure", ConfigureTenant)
def configure(session: Session, request: ConfigureTenant, work: Work) -> Answer:
    """Create the tenant or change what is given; every change is a new version."""
    before = tenants.get(session, request.tenant_id)
    given = request.settings.model_dump(exclude_none=True, exclude=set(request.settings.model_extra or {}))
    settings = {**(before.settings if before else {}), **given}
    after = tenants.configure(session, request.tenant_id, settings=settings, actor=request.actor, now=work.now)
    changed = before is None or before != after
    if changed:
        work.prove("settings", version=after.version, actor=request.actor, keys=sorted(given))
    return Answer(data={"created": before is None, "version": after.version, "changed": changed})


@query("hearth.tenants.readiness", TenantReadiness)
def readiness(session: Session, request: TenantReadiness, work: Work) -> Answer:
    """Which answers are possible now, by which model, and what data is missing for a better one."""
    counts = leads.label_counts(session, request.tenant_id)
    champion = models.champion(session, request.tenant_id, kind="lead_score")
    ready = gate([True] * counts["won"] + [False] * counts["lost"])
    return Answer(
        data={
            "leads": counts,
            "answers": {
                "lead_score": {
                    "possible": counts["total"] > 0,
                    "scored_by": champion.version if champion else "scorecard",
                    "own_model_possible": ready.ok,
                    "missing": ready.missing,
                },
                "worklist": {"possible": counts["open"] > 0},
            },
        }
    )
