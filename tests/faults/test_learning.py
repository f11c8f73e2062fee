"""Two learners at once, killed again and again: no signal is lost or learnt twice, and the state is a clean run's."""

import random
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from db.records import SignalScoreRecord
from db.repositories.online import heads, signal_scores
from db.repositories.predictions import predictions
from db.session import reading
from ml.online import EXPERTS, OnlineModel
from ml.online.fingerprint import fingerprint
from tasks.online.learn import learn
from tasks.services.online import applying, open_learners
from tests.support import signals as told
from tests.support.commands import ROOT

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(300)]

T = "struck"
SEED, KILLS, SIGNALS = 11, 6, 160
#: signals before the processes start, snapshots that are scored before their outcome comes, signals that may wait
FIRST, SERVED, AHEAD = 20, 60, 20
#: seconds that everything may take
PATIENCE = 240.0


class Learner:
    """A process that learns; it may be killed at any moment and is started anew."""

    def __init__(self, url: str, folder: Path, name: str) -> None:
        self.url, self.ready = url, folder / name
        self.kills = 0
        self.start()

    def start(self) -> None:
        self.ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", "tests.support.faults.learner", self.url, T, str(self.ready)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def strike(self) -> bool:
        """Kill it where it is at work, and start it again; gives whether it was."""
        if not self.ready.exists():
            return False
        self.kill()
        self.kills += 1
        self.start()
        return True


def learnt() -> int:
    with reading(T) as session:
        head = heads.get(session, T, target="reply")
    return 0 if head is None else head.cursor


def scored() -> int:
    with reading(T) as session:
        return len(predictions.latest(session, T, kind="online_reply"))


def take(numbers: range) -> list[tuple[str, str, int]]:
    """Store leads with a snapshot each."""
    lead_ids = told.make_leads(T, numbers)
    return list(zip(lead_ids, told.take_snapshots(T, lead_ids, numbers), numbers, strict=True))


@pytest.fixture
def struck(database: str, tmp_path: Path) -> int:
    """Store snapshots, and later what became of them, while two processes learn and are killed; gives the kills."""
    told.make_tenant(T)
    told.tell(T, range(FIRST))
    draw, waiting, stored = random.Random(SEED), take(range(FIRST, SERVED)), FIRST
    with ExitStack() as stack:
        learners = [Learner(database, tmp_path, name) for name in ("one", "two")]
        for learner in learners:
            stack.callback(learner.kill)
        ends, next_kill = time.monotonic() + PATIENCE, 0.0
        while learnt() < SIGNALS or sum(learner.kills for learner in learners) < KILLS:
            assert time.monotonic() < ends, f"{learnt()} learnt, {[learner.kills for learner in learners]} killed"
            time.sleep(draw.uniform(0.05, 0.3))
            if scored() < SERVED - FIRST:  # what was served a score is stored after that
                continue
            if stored < min(SIGNALS, learnt() + AHEAD):
                waiting += take(range(stored + len(waiting), stored + len(waiting) + 5))
                some = [waiting.pop(0) for _ in range(min(draw.randint(1, 12), len(waiting), SIGNALS - stored))]
                told.store(T, [told.draft(*each) for each in some])
                stored += len(some)
            if time.monotonic() > next_kill and draw.choice(learners).strike():
                next_kill = time.monotonic() + draw.uniform(0.05, 1.5)
        return sum(learner.kills for learner in learners)


def clean_run(scores: list[SignalScoreRecord]) -> tuple[OnlineModel, list[float]]:
    """Learn the stored signals in one run, by the scores that were served: the model, and each score before it."""
    model, before = OnlineModel(seed=0), []
    with reading(T) as session:
        found = applying.signals.after(session, T, target="reply", cursor=0, limit=10 * SIGNALS)
    for each, score in zip(found, scores, strict=True):
        served = None if score.served is None else tuple(score.served[name] for name in EXPERTS)
        before.append(model.learn(each.features, each.label, served).probability)
    return model, before


def test_learners_that_are_killed_lose_nothing_and_learn_nothing_twice(struck):
    assert struck >= KILLS
    with reading(T) as session:
        scores = signal_scores.after(session, T, target="reply", seq=0, limit=10 * SIGNALS)
    assert [score.seq for score in scores] == list(range(1, SIGNALS + 1))
    model, before = clean_run(scores)
    assert [score.probability for score in scores] == before, "bit for bit"
    assert any(score.served for score in scores), "some had been served a score"
    open_learners.bind(limit=4)
    learn(tenant_id=T, target="reply")
    learner = open_learners.bound().get(T, "reply")
    assert learner is not None
    assert fingerprint(learner.model) == fingerprint(model)
    assert learner.model.signals == SIGNALS
