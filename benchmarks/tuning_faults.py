"""Whether a search for hyperparameters survives kills: the same search without any, and with kill -9 of the worker.

All run on one tenant with the same seed: one without kills, one with, and one without again, so that a machine that
others use more or less meanwhile weighs on both sides. The worker that does the folds is killed with its children, at
moments that a seed chooses, and the supervisor starts it again. What must hold: each fold was done once, the same
params were tried with the same losses bit for bit, and the time is little longer.
"""

from __future__ import annotations

import os
import random
import signal
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from typing import Any
from uuid import uuid4

from benchmarks import harness, simulated
from benchmarks.faults.processes import send
from benchmarks.figures import Figures, Outcome, Ratio, rounded
from benchmarks.harness import BACKGROUND, SEED, Site
from benchmarks.imports import import_file
from db.records import StudyRecord, TrialRecord
from db.repositories.tuning import studies
from db.session import EVERY_TENANT, reading
from domain.tuning import LIVE
from workers.cluster.supervisor import session_members

psutil: Any = import_module("psutil")

KIND = "lead_score"
#: seconds between two looks at the study's rows, and until a study is given up
LOOK_INTERVAL, PATIENCE = 0.1, 3000.0
#: the most that kills may cost: times the wall of a search without any
GOAL = 1.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is searched, and how often somebody kills."""

    leads: int
    trials: int
    folds: int
    kills: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One search that has ended."""

    study: StudyRecord
    trials: list[TrialRecord]
    seconds: float
    kills: int

    def tried(self) -> list[tuple[dict[str, float], list[float | None]]]:
        """The params and the losses of each trial, by number."""
        return [(dict(trial.params), [fold.loss for fold in trial.folds]) for trial in self.trials]

    def done(self) -> int:
        """Folds with a result."""
        return sum(fold.state == "done" for trial in self.trials for fold in trial.folds)

    def begun(self) -> int:
        """Times that work on a fold began."""
        return sum(fold.attempts for trial in self.trials for fold in trial.folds)

    def best(self) -> dict[str, float] | None:
        """The params of the trial that won."""
        return None if self.study.best_trial is None else dict(self.trials[self.study.best_trial].params)

    def shown(self) -> Figures:
        """As JSON."""
        seconds = [fold.seconds or 0.0 for trial in self.trials for fold in trial.folds]
        return {
            "seconds": rounded(self.seconds),
            "fold_seconds": rounded(sum(seconds) / max(1, len(seconds))),
            "kills": self.kills,
            "trials": len(self.trials),
            "folds_done": self.done(),
            "folds_begun": self.begun(),
            "state": self.study.state,
            "best_trial": self.study.best_trial,
            "best_params": self.best(),
        }


def measure(quick: bool) -> Outcome:
    """One search without kills, then the same with kills, then without again."""
    plan = Plan(leads=1500, trials=8, folds=2, kills=1) if quick else Plan(leads=3500, trials=20, folds=3, kills=3)
    with harness.site("postgresql", beat=True) as site:
        tenant_id = f"bench-{uuid4().hex[:12]}"
        site.call("hearth.tenants.configure", tenant_id=tenant_id, settings={})
        import_file(site, tenant_id, simulated.write(site.files, plan.leads).path)
        as_of = datetime.now(UTC).isoformat()
        before = search(site, tenant_id, plan, as_of, kills=0)
        killed = search(site, tenant_id, plan, as_of, kills=plan.kills)
        after = search(site, tenant_id, plan, as_of, kills=0)
    return outcome(plan, (before, after), killed)


def outcome(plan: Plan, straight: tuple[Run, Run], killed: Run) -> Outcome:
    """What the searches say."""
    folds = plan.trials * plan.folds
    same = all(run.tried() == killed.tried() for run in straight)
    best = same and all(run.study.best_trial == killed.study.best_trial for run in straight)
    without = sum(run.seconds for run in straight) / len(straight)
    return Outcome(
        data=f"{plan.leads} simulated leads on PostgreSQL, {plan.trials} trials of {plan.folds} folds",
        rows=killed.study.rows,
        seed=SEED,
        figures={"straight": [run.shown() for run in straight], "killed": killed.shown(), "same_losses": same},
        ratios={
            "folds_done": Ratio(value=killed.done() / folds, goal=1.0, better="higher", of="folds with a result / all"),
            "same_best": Ratio(value=float(best), goal=1.0, better="higher", of="1: the same best params and losses"),
            "wall": Ratio(
                value=killed.seconds / without, goal=GOAL, better="lower", of="seconds with kills / mean without"
            ),
        },
    )


def search(site: Site, tenant_id: str, plan: Plan, as_of: str, *, kills: int) -> Run:
    """Run one search until it has ended, and kill its worker that often on the way."""
    asked: dict[str, Any] = {
        "kind": KIND,
        "trials": plan.trials,
        "folds": plan.folds,
        "seed": SEED,
        "budget": PATIENCE / 60,
    }
    started = site.call("hearth.models.tune", tenant_id=tenant_id, promote="never", as_of=as_of, **asked)
    folds, struck = plan.trials * plan.folds, 0
    # spread over the search, none in its last tenth
    moments = [round(folds * 0.9 * (turn + 1) / (kills + 1)) for turn in range(kills)]
    rng, began = random.Random(SEED), time.monotonic()
    while True:
        run = _run(tenant_id, started["study_id"], struck)
        if run.study.state not in LIVE:
            return run
        if time.monotonic() > began + PATIENCE:
            raise RuntimeError("the search takes too long")
        if struck < kills and run.done() >= moments[struck]:
            time.sleep(rng.random() * 2)  # somewhere within a fold
            send(_session_of(BACKGROUND), signal.SIGKILL)
            struck += 1
        time.sleep(LOOK_INTERVAL)


def _run(tenant_id: str, study_id: str, kills: int) -> Run:
    with reading(EVERY_TENANT) as session:
        study = studies.require(session, tenant_id, study_id=study_id)
        trials = studies.trials(session, tenant_id, study_id=study_id)
    ended = study.ended_at or datetime.now(UTC)
    return Run(study=study, trials=trials, seconds=(ended - study.created_at).total_seconds(), kills=kills)


def _session_of(worker: str) -> list[int]:
    """The processes of a worker of this site: its main process and the children of its pool."""
    for process in psutil.Process(os.getpid()).children(recursive=True):
        if any(word.startswith(f"{worker}@") for word in process.cmdline()):
            return list(session_members(os.getsid(process.pid)))
    raise RuntimeError(f"no {worker} worker runs")


if __name__ == "__main__":
    harness.run("tuning_faults", measure)
