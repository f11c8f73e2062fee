"""How much memory a worker's child takes that learns for 100 tenants and two targets each, in turn.

One state is learnt for real; each target then has it as its checkpoint, is opened from there, scores a lead and is
closed again when others need its place, twice around.
"""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import psutil  # type: ignore[import-untyped]  # it has no types

from benchmarks import harness
from benchmarks.figures import Figures, Outcome, Ratio, rounded, spread
from benchmarks.harness import SEED
from db import session as sessions
from db.encryption import KeyRing
from db.records import CheckpointDraft
from db.repositories import tenants
from db.repositories.online import checkpoints, heads
from db.session import EVERY_TENANT, reading, transaction
from domain.targets import TARGETS, Target
from migrations.commands import upgrade
from ml.online import OnlineModel, checkpoint
from tasks.services.online import applying, open_learners, saving

#: tenants and targets of each, states that are open at once (the default of HEARTH_ONLINE_STATES)
TENANTS, TARGETS_EACH, OPEN = 100, 2, open_learners.LIMIT
#: numeric and categorical columns of a signal, and the most bytes of the child
NUMBERS, CATEGORIES, GOAL = 34, 6, 1_000_000_000


def measure(quick: bool) -> Outcome:
    """Learn one state and hold it for every target; `quick`: from fewer signals."""
    signals = 1_000 if quick else 5_000
    process = psutil.Process()
    with tempfile.TemporaryDirectory(prefix="hearth-bench-") as folder:
        url = f"sqlite:///{Path(folder) / 'hearth.db'}"
        upgrade(url)
        sessions.configure(url, KeyRing.generate())
        state = checkpoint.dump(_learnt(signals))
        names = _prepare(state, signals)
        before = process.memory_info().rss
        open_learners.bind(limit=OPEN)
        times, highest = [], before
        for tenant_id, target in names * 2:
            started = time.perf_counter()
            _score(tenant_id, target)
            times.append(time.perf_counter() - started)
            highest = max(highest, process.memory_info().rss)
        sessions.dispose()
    figures: Figures = {
        "unit": "bytes",
        "targets": len(names),
        "open": OPEN,
        "state": len(state),
        "before": before,
        "highest": highest,
        "each_open": rounded((highest - before) / OPEN),
        "seconds_to_open_and_score": spread(times),
    }
    ratio = Ratio(value=highest, goal=GOAL, better="lower", of="bytes of a process that has served every target twice")
    return Outcome(
        data="random signals of 40 columns", rows=signals, seed=SEED, figures=figures, ratios={"child_bytes": ratio}
    )


def _learnt(signals: int) -> OnlineModel:
    model, draw = OnlineModel(seed=0), Random(SEED)
    for _ in range(signals):
        features = _features(draw)
        model.learn(features, draw.random() < 0.2 + 0.6 * float(features["number_0"] or 0.0))
    return model


def _features(draw: Random) -> dict[str, float | str | None]:
    numbers = {f"number_{place}": draw.random() for place in range(NUMBERS)}
    return numbers | {f"category_{place}": f"level_{draw.randrange(5)}" for place in range(CATEGORIES)}


def _prepare(state: bytes, signals: int) -> list[tuple[str, Target]]:
    """Give every target the state as its checkpoint; returns tenants and targets."""
    now = datetime.now(UTC)
    names = [(f"tenant{number}", target) for number in range(TENANTS) for target in TARGETS[:TARGETS_EACH]]
    with transaction(EVERY_TENANT) as session:
        for tenant_id in dict.fromkeys(tenant_id for tenant_id, _ in names):
            tenants.configure(session, tenant_id, settings={}, actor="benchmark", now=now)
        for tenant_id, target in names:
            heads.open_head(session, tenant_id, target=target, now=now)
            heads.advance(session, tenant_id, target=target, cursor=signals, now=now)
            draft = CheckpointDraft(target=target, generation=1, cursor=signals, state=state, report={})
            checkpoints.add(session, tenant_id, draft=draft, now=now)
    return names


def _score(tenant_id: str, target: Target) -> None:
    with reading(tenant_id) as session:
        head = heads.get(session, tenant_id, target=target)
        assert head is not None
        learner = applying.opened(session, tenant_id, head)
    assert learner is not None
    saving.close(open_learners.bound().keep(learner))
    learner.model.score(_features(Random(SEED)))


if __name__ == "__main__":
    harness.run("online_states", measure)
