"""Signals are learnt in their order, each once, whatever happens to the worker, on both databases."""

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from db.errors import DatabaseUnavailable
from db.models import OnlineCheckpoint
from db.records import HeadRecord, ServedScore, SignalScoreRecord
from db.repositories.jobs import leases
from db.repositories.online import checkpoints, heads, signal_scores
from db.repositories.privacy import erasure
from db.session import EVERY_TENANT, reading, transaction
from ml.online import OnlineModel, checkpoint
from ml.online.fingerprint import fingerprint
from tasks.contracts import answers
from tasks.online.learn import learn, sweep
from tasks.services.online import applying, learning, open_learners, saving
from tests.support import signals as told

pytestmark = pytest.mark.usefixtures("database")

T = "online"
PROBES = range(900, 912)
dump = checkpoint.dump


@pytest.fixture(autouse=True)
def tenant(database: str) -> Iterator[str]:
    open_learners.bind(limit=4)
    yield told.make_tenant(T)
    open_learners.bind(limit=4)


def another_process() -> None:
    """What is in memory is gone, as in a process that starts now."""
    open_learners.bind(limit=4)


def ask(tenant_id: str = T, target: str = "reply", **given):
    answer = learn(tenant_id=tenant_id, target=target, **given)
    assert not answers.faults("hearth.online.learn", answer["data"])
    return answer["data"]


def head(target: str = "reply", tenant_id: str = T) -> HeadRecord:
    with reading(tenant_id) as session:
        found = heads.get(session, tenant_id, target=target)
    assert found is not None
    return found


def scores(target: str = "reply", tenant_id: str = T) -> list[SignalScoreRecord]:
    with reading(tenant_id) as session:
        return signal_scores.after(session, tenant_id, target=target, seq=0, limit=10_000)


def state(target: str = "reply", tenant_id: str = T) -> list[object]:
    """What a learner says of leads that it never saw, to the last bit, and its figures."""
    learner = open_learners.bound().get(tenant_id, target)
    assert learner is not None
    return seen(learner.model)


def seen(model: OnlineModel) -> list[object]:
    scores_of_others = (model.score(told.features(number)) for number in PROBES)
    return [fingerprint(model), *scores_of_others, model.report()]


def clean(numbers) -> list[object]:
    """The same of a model that learnt these signals in one run, and nothing happened."""
    model = OnlineModel(seed=0)
    for number in numbers:
        model.learn(told.features(number), told.label(number))
    return seen(model)


def test_signals_are_learnt_in_order_and_once():
    told.tell(T, range(40))
    assert ask()["applied"] == 40
    told.tell(T, range(40, 50))
    answer = ask()
    assert (answer["applied"], answer["cursor"], answer["signals"], answer["state"]) == (10, 50, 50, "learnt")
    assert ask()["applied"] == 0
    assert state() == clean(range(50))
    assert [score.seq for score in scores()] == list(range(1, 51))
    assert head().cursor == 50


def test_the_score_at_label_time_is_from_before_the_label():
    told.tell(T, range(30))
    ask()
    model = OnlineModel(seed=0)
    before = [model.learn(told.features(number), told.label(number)).probability for number in range(30)]
    assert [score.probability for score in scores()] == before
    assert [score.label for score in scores()] == [told.label(number) for number in range(30)]


def test_without_a_signal_nothing_is_written():
    assert ask() == {
        "target": "reply",
        "state": "learnt",
        "applied": 0,
        "generation": 0,
        "cursor": 0,
        "signals": 0,
        "leader": None,
        "log_loss": None,
        "weights": {},
    }
    with reading(T) as session:
        assert heads.of_tenant(session, T) == []


def test_a_dry_run_learns_nothing():
    told.tell(T, range(5))
    assert ask(dry_run=True)["state"] == "unchanged"
    assert scores() == []


def test_a_process_that_lost_its_memory_learns_again_and_writes_nothing_twice():
    told.tell(T, range(30))
    ask()
    before = scores()
    another_process()
    told.tell(T, range(30, 45))
    assert ask()["applied"] == 15
    assert state() == clean(range(45))
    assert scores()[:30] == before


def test_a_checkpoint_spares_the_replay_and_is_the_same_state(monkeypatch):
    told.tell(T, range(30))
    monkeypatch.setattr(saving, "SIGNALS", 25)
    ask()
    assert head().checkpoint_cursor == 30
    another_process()
    told.tell(T, range(30, 40))
    learnt: list[int] = []
    one = applying._apply_one
    monkeypatch.setattr(applying, "_apply_one", lambda *given: learnt.append(given[1].seq) or one(*given))
    ask()
    assert learnt == list(range(31, 41))
    assert state() == clean(range(40))


def test_a_checkpoint_is_due_after_half_a_minute(monkeypatch):
    told.tell(T, range(10))
    ask()
    assert head().checkpoint_cursor is None
    learner = open_learners.bound().get(T, "reply")
    assert learner is not None
    learner.saved_at -= saving.EVERY + 1
    assert ask()["applied"] == 0
    assert head().checkpoint_cursor == 10


@pytest.mark.parametrize("state_of", ["another River", "no checkpoint", "moved bytes"])
def test_a_foreign_or_broken_checkpoint_is_replaced_by_replay(state_of, monkeypatch):
    told.tell(T, range(30))
    monkeypatch.setattr(saving, "SIGNALS", 25)
    written = {"another River": foreign, "no checkpoint": lambda _: b"not a checkpoint"}
    if state_of in written:
        with monkeypatch.context() as patched:
            patched.setattr(checkpoint, "dump", written[state_of])
            ask()
    else:
        ask()
        with transaction(T) as session:
            session.execute(update(OnlineCheckpoint).values(state=b"moved from elsewhere"))
    assert head().checkpoint_cursor == 30
    another_process()
    told.tell(T, range(30, 40))
    assert ask()["applied"] == 10
    assert state() == clean(range(40))
    assert [score.seq for score in scores()] == list(range(1, 41))
    another_process()
    with reading(T) as session:
        stored = checkpoints.newest(session, T, target="reply", generation=1)
    assert stored is not None
    assert checkpoint.load(stored.state or b"").signals >= 30, "it is one of this version now"


def foreign(model: OnlineModel) -> bytes:
    """What another version of River wrote: the same bytes, by another writer."""
    data = dump(model)
    return data.replace(f'"river": "{checkpoint.writer()["river"]}"'.encode(), b'"river": "0.24.2"')


def test_what_cannot_be_written_is_learnt_again(monkeypatch):
    told.tell(T, range(20))
    write = learning._write

    def away(*given):
        raise DatabaseUnavailable("gone")

    monkeypatch.setattr(learning, "_write", away)
    with pytest.raises(Exception, match=r".*"):
        ask()
    assert scores() == []
    monkeypatch.setattr(learning, "_write", write)
    expire_leases()
    assert ask()["applied"] == 20
    assert state() == clean(range(20))


def expire_leases() -> None:
    with transaction(T) as session:
        for target in ("reply", "won"):
            name = learning.LEASE_NAME.format(target=target)
            session.execute(
                update(leases.Lease)
                .where(leases.Lease.name == name)
                .values(expires_at=datetime(2020, 1, 1, tzinfo=UTC))
            )


def test_while_another_owns_the_target_the_work_is_left_to_it():
    told.tell(T, range(5))
    with transaction(T) as session:
        name = learning.LEASE_NAME.format(target="reply")
        assert leases.acquire(session, T, name=name, holder="another", seconds=60)
    assert (ask()["state"], scores()) == ("held", [])
    with transaction(T) as session:
        leases.release(session, T, name=name, holder="another", fence=1)
    assert ask()["applied"] == 5


def test_two_processes_in_turn_have_the_same_state():
    processes = [open_learners.OpenLearners(4), open_learners.OpenLearners(4)]
    told.make_leads(T, [0])
    for turn in range(6):
        told.tell(T, range(turn * 7, turn * 7 + 7))
        open_learners._bound.learners = processes[turn % 2]
        assert ask()["applied"] == 7
    states = []
    for process in processes:
        open_learners._bound.learners = process
        ask()
        states.append(state())
    assert states[0] == states[1] == clean(range(42))
    assert [score.seq for score in scores()] == list(range(1, 43))


@pytest.mark.parametrize("many", [3, 12])
def test_what_another_wrote_since_the_look_is_learnt_as_it_was_written(many, monkeypatch):
    processes = [open_learners.OpenLearners(4), open_learners.OpenLearners(4)]
    told.tell(T, range(20))
    for process in processes:
        open_learners._bound.learners = process
        ask()
    told.tell(T, range(20, 20 + many))
    look = applying.look

    def overtaken(*given):
        found = look(*given)
        monkeypatch.setattr(applying, "look", look)
        open_learners._bound.learners = processes[1]
        assert ask()["applied"] == many
        open_learners._bound.learners = processes[0]
        # … which had looked before this score was committed
        late = ServedScore(probability=0.9, experts={}, computed_at=told.START)
        served = {signal.snapshot_id: late for signal in found.signals}
        return dataclasses.replace(found, served=served)

    monkeypatch.setattr(applying, "look", overtaken)
    applied: list[object] = []
    one = applying._apply_one
    monkeypatch.setattr(applying, "_apply_one", lambda *given: applied.append(given[2]) or one(*given))
    assert ask()["applied"] == 0
    assert applied == [None] * 2 * many, "by what the other had been served"
    assert state() == clean(range(20 + many))


def test_a_learner_forgets_who_is_erased_and_learns_the_others_again(monkeypatch):
    monkeypatch.setattr(saving, "SIGNALS", 10)
    lead_ids = told.tell(T, range(30))
    ask()
    assert head().checkpoint_cursor == 30
    with transaction(T) as session:
        subject = erasure.for_leads(session, T, lead_ids=[lead_ids[11]])
        erased = erasure.erase(session, T, subject=subject, now=datetime.now(UTC))
    assert erased.stores["online_heads"] == 1
    assert erased.stores["signal_scores"] == 1
    with reading(T) as session:
        assert checkpoints.newest(session, T, target="reply", generation=1) is None
    with reading(EVERY_TENANT) as session:
        assert heads.unfinished(session, before=datetime(2020, 1, 1, tzinfo=UTC)) == [(T, "reply")]
    ask()
    assert (head().generation, head().cursor, head().rebuild_at) == (2, 30, None)
    assert state() == clean(number for number in range(30) if number != 11)
    assert [score.seq for score in scores()] == [seq for seq in range(1, 31) if seq != 12]


@pytest.mark.parametrize("many", [5, 12])
def test_what_was_learnt_while_a_lead_was_erased_is_not_written(many, monkeypatch):
    lead_ids = told.tell(T, range(many))
    look = applying.look

    def erased_meanwhile(*given):
        found = look(*given)
        if len(found.signals) == many:
            monkeypatch.setattr(applying, "look", look)
            with transaction(T) as session:
                subject = erasure.for_leads(session, T, lead_ids=[lead_ids[3]])
                erasure.erase(session, T, subject=subject, now=datetime.now(UTC))
        return found

    monkeypatch.setattr(applying, "look", erased_meanwhile)
    ask()
    assert state() == clean(number for number in range(many) if number != 3)
    assert head().generation == 2


def test_the_newest_signal_may_be_erased_and_nobody_is_asked_for_ever():
    lead_ids = told.tell(T, range(6))
    ask()
    with transaction(T) as session:
        subject = erasure.for_leads(session, T, lead_ids=[lead_ids[5]])
        erasure.erase(session, T, subject=subject, now=datetime.now(UTC))
    ask()
    with reading(EVERY_TENANT) as session:
        assert heads.behind(session) == []
        assert heads.unfinished(session, before=datetime(2020, 1, 1, tzinfo=UTC)) == []
    for lead_id in lead_ids[:5]:
        with transaction(T) as session:
            subject = erasure.for_leads(session, T, lead_ids=[lead_id])
            erasure.erase(session, T, subject=subject, now=datetime.now(UTC))
    answer = ask()
    assert (answer["signals"], answer["cursor"], answer["state"]) == (0, 0, "learnt")
    with reading(EVERY_TENANT) as session:
        assert heads.unfinished(session, before=datetime(2020, 1, 1, tzinfo=UTC)) == []


def test_a_rebuild_may_be_asked_for():
    told.tell(T, range(15))
    ask()
    answer = ask(rebuild=True)
    assert (answer["generation"], answer["applied"], answer["cursor"]) == (2, 15, 15)
    assert state() == clean(range(15))
    assert {score.generation for score in scores()} == {1}, "a score at label time is the first one"


def test_targets_are_apart():
    told.tell(T, range(10))
    told.tell(T, range(10, 16), target="won")
    ask()
    ask(target="won")
    assert (len(scores()), len(scores("won"))) == (10, 6)
    assert state("won") == clean(range(10, 16))


def test_a_process_holds_so_many_open_and_closes_the_others_to_their_checkpoint():
    open_learners.bind(limit=2)
    told.tell(T, range(8))
    told.tell(T, range(8, 16), target="won")
    told.tell(T, range(16, 24), target="booking")
    for target in ("reply", "won", "booking"):
        ask(target=target)
    assert len(open_learners.bound()) == 2
    assert open_learners.bound().get(T, "reply") is None
    assert (head("reply").checkpoint_cursor, head("won").checkpoint_cursor) == (8, None)
    told.tell(T, range(24, 30))
    ask()
    assert state() == clean([*range(8), *range(24, 30)])
    assert head("won").checkpoint_cursor == 8


def test_a_long_replay_is_done_in_turns(monkeypatch):
    told.tell(T, range(12))
    monkeypatch.setattr(applying, "CHUNK", 5)
    monkeypatch.setattr(learning, "SLICE", -1.0)
    turns = []
    for _ in range(10):
        learning_in_turns = ask()
        turns.append(learning_in_turns["state"])
        monkeypatch.setattr(learning, "SLICE", 20.0 if len(turns) == 3 else -1.0)
        if learning_in_turns["state"] == "learnt":
            break
    assert turns == ["more", "more", "more", "learnt"]
    assert state() == clean(range(12))


def test_the_sweep_asks_where_nobody_came(monkeypatch):
    told.tell(T, range(4))
    with reading(EVERY_TENANT) as session:
        assert heads.behind(session) == [(T, "reply")]
    sent: list[object] = []
    monkeypatch.setattr(learn, "apply_async", lambda **given: sent.append(given["kwargs"]))
    assert sweep()["data"]["learning"] == 1
    assert sent == [{"tenant_id": T, "target": "reply"}]
    assert sweep()["data"]["learning"] == 0, "once a slot"
    ask()
    with reading(EVERY_TENANT) as session:
        assert heads.behind(session) == []
        soon = datetime.now(UTC) + timedelta(seconds=1)
        assert heads.unfinished(session, before=soon) == [(T, "reply")]


def test_old_checkpoints_are_thinned_out():
    told.tell(T, range(3))
    ask()
    now = datetime(2026, 11, 30, 12, tzinfo=UTC)
    for hours, cursor in ((24 * 100, 1), (24 * 20, 2), (24 * 2 + 1, 3), (24 * 2, 4), (1, 5), (0, 6)):
        draft = checkpoints.CheckpointDraft(
            target="reply", generation=1, cursor=cursor, state=b"state", report={"signals": cursor}
        )
        with transaction(T) as session:
            heads.get(session, T, target="reply", lock=True)
            checkpoints.add(session, T, draft=draft, now=now - timedelta(hours=hours))
    with transaction(T) as session:
        kept = [(each.cursor, each.report["signals"]) for each in checkpoints.reports(session, T, target="reply")]
        newest = checkpoints.newest(session, T, target="reply", generation=1)
        then = checkpoints.at_or_before(session, T, target="reply", generation=1, cursor=5)
        older = checkpoints.at_or_before(session, T, target="reply", generation=1, cursor=3)
    assert kept == [(2, 2), (4, 4), (6, 6)]
    assert newest is not None
    assert (newest.cursor, newest.state, newest.size) == (6, b"state", 5)
    assert then is not None
    assert then.cursor == 4
    assert older is None, "of an old day the report alone is kept"
