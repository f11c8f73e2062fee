"""Live scores: leads that something happened to, or that have been silent too long, are scored again by themselves.

Who is due when is a row in the database. A sweep asks for workers every two seconds; each takes some of the leads that
are due, scores them, and says when their silence will be too long. A worker that dies gives them back after a while.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from math import ceil
from typing import Any

import structlog

from db.records import Taken
from db.repositories import leads, rescores, risk_checks
from db.session import Session, reading, transaction
from tasks import schedule, scorers
from tasks.base import Answer, Work, job
from tasks.contracts.events import RescoreLeads
from tasks.contracts.system import Upkeep
from tasks.halving import halved
from tasks.leads.score import store_scores
from tasks.leads.urgency import keep_urgency
from tasks.snapshots import interval_of, may_score, take_snapshots

log = structlog.get_logger(__name__)

#: leads that one message scores, and messages that one sweep sends for a tenant
CHUNK, MESSAGES = 200, 8
#: seconds between sweeps, and after which a message that asks for a worker is of no use any more
EVERY, STALE = 2, 20


@job("hearth.leads.sweep", Upkeep)
def sweep(request: Upkeep, work: Work) -> dict[str, Any]:
    """Ask for workers where leads are due."""
    if not schedule.mine("leads.live", EVERY):
        return work.envelope(request, Answer(data={"due": 0}))
    with reading() as session:
        due = rescores.due(session)
    for tenant_id, count in due.items():
        for _ in range(min(ceil(count / CHUNK), MESSAGES)):
            rescore.apply_async(kwargs={"tenant_id": tenant_id}, expires=STALE, ignore_result=True)
    return work.envelope(request, Answer(data={"due": sum(due.values())}))


@job("hearth.leads.rescore", RescoreLeads)
def rescore(request: RescoreLeads, work: Work) -> dict[str, Any]:
    """Score leads of a tenant that are due; an unchanged score within a scoring interval writes nothing.

    A lead that cannot be scored waits a scoring interval for its next turn, and holds up nobody.
    """
    tenant_id = request.tenant_id
    with transaction() as session:
        taken = rescores.take(session, tenant_id, limit=CHUNK)
    scored: list[str] = []

    def run(lead_ids: Sequence[str]) -> None:
        own = work.anew()
        with own.effect(tenant_id) as session:
            done = _score(session, own, replace(taken, lead_ids=tuple(lead_ids)))
        scored.extend(done)

    def failed(lead_id: str, error: str) -> None:
        log.error("lead_not_scored", lead_id=lead_id, error=error)
        later = {lead_id: work.now + interval_of(work)}
        with transaction() as session:
            rescores.settle(session, tenant_id, taken=replace(taken, lead_ids=(lead_id,)), due=later)

    if taken.lead_ids:
        halved(taken.lead_ids, run, failed)
    return work.envelope(request, Answer(data={"due": len(taken.lead_ids), "scored": len(scored)}))


def _score(session: Session, work: Work, taken: Taken) -> list[str]:
    records = leads.get(session, work.tenant_id, lead_ids=taken.lead_ids)
    lead_ids = [each.lead_id for each in records if each.status == "open" and each.lead_type not in leads.UNSCORED]
    lead_ids, _ = may_score(session, work, lead_ids)
    due: dict[str, datetime | None] = {}
    if lead_ids:
        snapshots = take_snapshots(session, work, lead_ids, work.now)
        store_scores(session, work, snapshots, scorers.champion(session, work.tenant_id, work.settings()))
        due = keep_urgency(session, work, lead_ids, [snapshot.snapshot_id for snapshot in snapshots], work.now)
    rescores.settle(session, work.tenant_id, taken=taken, due=due)
    # also of those that have ended: who wants to hear no more is to be left alone
    risk_checks.touch(session, work.tenant_id, lead_ids=taken.lead_ids)
    return lead_ids
