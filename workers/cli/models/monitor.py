"""`hearth models monitor`: how models did over time, and what drifted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from db.records import FindingRecord, WindowRecord
from db.repositories import tenants
from db.repositories.monitoring import windows
from db.session import reading
from domain.documents import JsonObject
from domain.drift import CHECKED
from workers.base.settings import settings
from workers.cli.base.client import client
from workers.cli.base.command import Command, example, json_option, tenant_option
from workers.cli.base.database import database
from workers.cli.base.formatting import moment
from workers.cli.base.output import emit, filled, say, table
from workers.pages import load, write

PAGE = click.Path(dir_okay=False, path_type=Path)
#: seconds a check of one model may take
PATIENCE = 300.0
#: columns of the table of findings, each a field of a finding
FOUND = ("at", "kind", "series", "level", "direction", "since", "effect")


@click.command(
    "monitor",
    cls=Command,
    epilog=example(
        "hearth models monitor --tenant demo",
        "hearth models monitor --tenant demo --check --html models.html",
    ),
)
@tenant_option
@click.option("--days", type=click.IntRange(1, 800), default=90, show_default=True, help="How far back it looks.")
@click.option("--check", is_flag=True, help="Check the models now, by the running cluster.")
@click.option("--html", type=PAGE, metavar="FILE", help="Write it as a self-contained HTML page to FILE.")
@json_option
def monitor(tenant: str, days: int, check: bool, html: Path | None, as_json: bool) -> None:
    """How models did over time: labels, estimates before labels, drift, and what it is likely to cost.

    Models are checked once a day; `--check` does it now. What surely became worse is trained again by itself.
    """
    if check:
        with client(tenant) as caller:
            for kind in CHECKED:
                caller.call("hearth.drift.check", patience=PATIENCE, kinds=[kind])
    now = datetime.now(UTC)
    with database(settings()), reading(tenant) as session:
        tenants.require(session, tenant)
        records = windows.history(session, tenant, since=now - timedelta(days=days))
        findings = windows.findings(session, tenant, since=now - timedelta(days=days))
    if html:
        write(load("monitoring").page(records, findings, tenant=tenant, at=now), html)
    if as_json:
        emit({"checks": [_check(record) for record in records], "findings": [_finding(found) for found in findings]})
    elif records:
        show_monitoring(tenant, records, findings)
    else:
        say(f"no model of {tenant} was checked yet; `hearth models monitor --tenant {tenant} --check` does it now")


def show_monitoring(tenant: str, records: Sequence[WindowRecord], findings: Sequence[FindingRecord]) -> None:
    """Print the newest check of each model, its alerts, and the drift that was found."""
    newest = {record.kind: record for record in records}
    columns = ("model", "version", "action", "scored", "labels", "accuracy", "log loss", "ece", "kappa-T", "expected")
    table(f"models of {tenant}, newest check", *filled(columns, [_row(record) for record in newest.values()]))
    for record in newest.values():
        alerts = [
            (alert["series"], alert["level"], alert["direction"], f"{alert['effect']:+.4f}", alert["reason"])
            for alert in record.body["alerts"]
        ]
        if alerts:
            table(f"{record.kind}: by likely effect", ("what", "level", "direction", "effect", "why"), alerts)
    if findings:
        rows = [
            (
                moment(found.at),
                found.kind,
                found.series,
                found.level,
                found.direction,
                moment(found.since),
                found.effect,
            )
            for found in reversed(findings)
        ]
        table("drift that was found, newest first", FOUND, rows)


def _row(record: WindowRecord) -> tuple[object, ...]:
    told, estimate = record.body.get("performance") or {}, record.body.get("estimate") or {}
    figures = [told.get(name) for name in ("accuracy", "log_loss", "ece", "kappa_t")]
    answered = (record.kind, record.version, record.action, record.scored, record.labels)
    return (*answered, *figures, estimate.get("accuracy"))


def _check(record: WindowRecord) -> JsonObject:
    return {
        "kind": record.kind,
        "version": record.version,
        "since": record.begins_at.isoformat(),
        "until": record.ends_at.isoformat(),
        "checked_at": record.computed_at.isoformat(),
        "scored": record.scored,
        "labels": record.labels,
        "action": record.action,
        "direction": record.direction,
        **record.body,
    }


def _finding(found: FindingRecord) -> JsonObject:
    return {
        "kind": found.kind,
        "version": found.version,
        "series": found.series,
        "level": found.level,
        "direction": found.direction,
        "at": found.at.isoformat(),
        "since": found.since.isoformat(),
        "effect": found.effect,
        "reason": found.reason,
        "found_at": found.found_at.isoformat(),
    }
