"""`hearth audit`: verify the audit chains."""

from __future__ import annotations

import click

from db.records import AuditReport
from db.repositories import audit as chains
from db.session import EVERY_TENANT, reading
from domain.documents import JsonObject
from workers.base.settings import Settings, settings
from workers.cli.base.command import Command, example, json_option
from workers.cli.base.database import database
from workers.cli.base.output import emit, table
from workers.telemetry import audit_checkpoints


@click.group(epilog=example("hearth audit verify"))
def audit() -> None:
    """The audit chains: verify that nothing was changed or cut off."""


@audit.command(cls=Command, epilog=example("hearth audit verify", "hearth audit verify --tenant demo --json"))
@click.option("--tenant", metavar="T", help="Only this tenant's chain.")
@json_option
@click.pass_context
def verify(context: click.Context, tenant: str | None, as_json: bool) -> None:
    """Read every chain from its start, against all its anchors outside the database; 1 when one is not whole."""
    reports = verified(settings(), tenant)
    if as_json:
        emit(
            {"ok": all(report.ok for report in reports.values()), "chains": [_brief(*pair) for pair in reports.items()]}
        )
    else:
        rows = [(name, r.rows, "whole" if r.ok else r.reason, r.first_bad, _anchor(r)) for name, r in reports.items()]
        table("audit chains", ("tenant", "rows", "state", "first bad row", "anchor that disagrees"), rows)
    if not all(report.ok for report in reports.values()):
        context.exit(1)


def verified(chosen: Settings, tenant: str | None) -> dict[str, AuditReport]:
    """Return the report of each chain in the database or the checkpoints, or of one tenant's."""
    with database(chosen):
        with reading(EVERY_TENANT) as session:
            tenants = {*chains.tenants(session), *audit_checkpoints.tenants(chosen.home)}
        return {name: _verified(chosen, name) for name in ([tenant] if tenant else sorted(tenants))}


def _verified(chosen: Settings, tenant: str) -> AuditReport:
    # before the chain is read: it may grow meanwhile, and an anchor of later is not in it
    written_down = audit_checkpoints.every(chosen.home, tenant)
    with reading(tenant) as session:
        return chains.verify(session, tenant, anchors=written_down)


def _brief(tenant: str, report: AuditReport) -> JsonObject:
    return {
        "tenant_id": tenant,
        "ok": report.ok,
        "rows": report.rows,
        "first_bad": report.first_bad,
        "reason": report.reason,
        "anchor": _anchor(report),
    }


def _anchor(report: AuditReport) -> str | None:
    """Return the checkpoint that disagrees, as it stands in its file."""
    return f"{report.anchor.sequence}:{report.anchor.hash.hex()[:16]}" if report.anchor else None
