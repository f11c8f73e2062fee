"""`hearth.models.shadow` and `.watch`: score beside what was served; take promotions back, and judge shadows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import structlog

from db.errors import DatabaseUnavailable
from db.records import ShadowRecord
from domain.documents import JsonObject
from tasks.contracts.system import Upkeep
from tasks.runtime import schedule
from tasks.runtime.context import TaskContext, TaskResult
from tasks.runtime.task import job
from tasks.services.interventions.per_tenant import for_tenant
from tasks.services.models import shadow_scoring, watching
from tasks.services.models.shadow_scoring import AT_ONCE

log = structlog.get_logger(__name__)

#: seconds between two sweeps, and after which one leaves what is left to the next
SHADOW_EVERY, WATCH_EVERY = 60, 3600
LONGEST = 240.0


@job("hearth.models.shadow", Upkeep, queue="batch", internal=True)
def shadow(request: Upkeep, context: TaskContext) -> JsonObject:
    """Score what was served since, by challengers that are kept as shadows and by former champions."""
    if not schedule.is_due("models.shadow", SHADOW_EVERY):
        return context.envelope(request, TaskResult(data={"scored": 0}))
    ends = time.monotonic() + LONGEST
    shadows = shadow_scoring.shadows(context)
    scored = sum(_each(context, shadows, lambda mine, model: _score_all(mine, model, ends), ends))
    return context.envelope(request, TaskResult(data={"scored": scored}))


@job("hearth.models.watch", Upkeep, queue="batch", internal=True)
def watch(request: Upkeep, context: TaskContext) -> JsonObject:
    """Take promotions back whose rule says so, and compare shadows with champions, by the labels that landed."""
    if not schedule.is_due("models.watch", WATCH_EVERY):
        return context.envelope(request, TaskResult(data={"rolled_back": 0, "judged": 0}))
    ends = time.monotonic() + LONGEST
    shadows = shadow_scoring.shadows(context)
    former = [model for model in shadows if model.is_former]
    challengers = [model for model in shadows if not model.is_former]
    rolled_back = sum(_each(context, former, _watch, ends))
    judged = sum(_each(context, challengers, _judge, ends))
    return context.envelope(request, TaskResult(data={"rolled_back": rolled_back, "judged": judged}))


def _each(
    context: TaskContext,
    shadows: Sequence[ShadowRecord],
    work: Callable[[TaskContext, ShadowRecord], int],
    ends: float,
) -> list[int]:
    """Return what came of each model until the time is over; one that fails does not hold up the others."""
    done: list[int] = []
    for model in shadows:
        if time.monotonic() >= ends:
            break
        try:
            done.append(work(for_tenant(context, model.tenant_id), model))
        except DatabaseUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - the other tenants' models go on; the log names the type alone
            log.error("shadow_failed", version=model.version, error=type(error).__name__)
    return done


def _score_all(context: TaskContext, model: ShadowRecord, ends: float) -> int:
    total, scored = 0, AT_ONCE
    while scored == AT_ONCE and time.monotonic() < ends:
        with context.transaction(model.tenant_id) as session:
            scored = shadow_scoring.score_beside(session, context, model)
        total += scored
    return total


def _watch(context: TaskContext, model: ShadowRecord) -> int:
    with context.transaction(model.tenant_id) as session:
        return int(watching.watch_promotion(session, context, model) is not None)


def _judge(context: TaskContext, model: ShadowRecord) -> int:
    with context.transaction(model.tenant_id) as session:
        return int(watching.judge_shadow(session, context, model) is not None)
