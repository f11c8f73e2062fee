"""A message is read once, when it comes in: what was read is stored sealed, and no snapshot opens the text again."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from db.errors import SealBroken
from db.models import AuditEntry, Event, Lead, MessageAnalysis, RescoreDue, Snapshot
from db.records import EventDraft
from db.repositories.due_queues.queues import rescore_queue, risk_queue
from db.repositories.events import events, message_analyses
from db.repositories.predictions import snapshots
from db.session import EVERY_TENANT, reading, transaction
from ml.errors import ArtifactCorruptedError
from ml.language import analysis
from tasks.churn import check
from tasks.leads.rescoring import rescore
from tasks.leads.score import score
from tasks.leads.upsert import upsert
from tasks.privacy.rights import restrict
from tasks.services.conversations import analyses, stored_results
from tasks.services.leads import profiles
from tasks.tenants import configure

pytestmark = pytest.mark.usefixtures("database", "workspace_folder")

T = "acme"
NOW = datetime.now(UTC)
TEXT = "Could we see the blue house on Saturday? I am excited."


def message(number: int, *, days: float = 1.0, kind: str = "sms", text: str = TEXT, direction: str = "inbound"):
    at = NOW - timedelta(days=days, minutes=number)
    source_id = f"{direction}-{kind}-{days}-{number}"
    return EventDraft(
        kind=kind, occurred_at=at, recorded_at=at, direction=direction, channel="sms", text=text, source_id=source_id
    )


def say(lead_id: str, drafts: Sequence[EventDraft]) -> None:
    with transaction(T) as session:
        events.add(session, T, lead_id=lead_id, drafts=drafts)
        rescore_queue.reschedule(session, T, due={lead_id: NOW - timedelta(minutes=1)})


@pytest.fixture
def lead_ids() -> list[str]:
    configure(tenant_id=T)
    leads = [{"external_id": f"L{number}", "lead_type": "buyer", "stage": "new"} for number in range(2)]
    ids: list[str] = upsert(tenant_id=T, leads=leads)["data"]["lead_ids"]
    return ids


def rows(model, *columns):
    with reading(EVERY_TENANT) as session:
        return session.execute(select(*(columns or (model,)))).all()


def stored() -> list[str]:
    return [event_id for (event_id,) in rows(MessageAnalysis, MessageAnalysis.event_id)]


def audited() -> list[dict]:
    with reading(EVERY_TENANT) as session:
        bodies = session.scalars(select(AuditEntry.body).where(AuditEntry.kind == "message_analysis"))
        return [json.loads(body) for body in bodies]


def versions() -> dict[str, int]:
    return dict(rows(Lead, Lead.lead_id, Lead.version))


def newest_features(lead_id: str) -> dict:
    with reading(T) as session:
        query = select(Snapshot.snapshot_id).where(Snapshot.lead_id == lead_id).order_by(Snapshot.lead_version.desc())
        [taken] = snapshots.get(session, T, snapshot_ids=[session.scalars(query).first()])
    return dict(taken.features)


def test_a_message_is_read_in_the_window_in_which_it_came_and_never_again(lead_ids):
    first = lead_ids[0]
    say(first, [message(1), message(2)])
    before = versions()
    assert rescore(tenant_id=T)["data"]["scored"] == 2
    assert len(stored()) == 2
    assert versions() == {**before, first: before[first] + 1}
    [row] = audited()
    assert (row["lead_id"], row["version"], row["messages"]) == (first, analysis.version(), 2)
    assert sorted(row["event_ids"]) == sorted(stored())
    assert newest_features(first)["messages_read"] == 2

    say(first, [message(3)])
    assert rescore(tenant_id=T)["data"]["scored"] == 1
    assert [row["messages"] for row in audited()] == [2, 1]
    assert newest_features(first)["messages_read"] == 3


def test_a_snapshot_is_made_of_what_was_read_though_the_texts_can_no_longer_be_opened(lead_ids):
    first = lead_ids[0]
    say(first, [message(1), message(2)])
    rescore(tenant_id=T)
    read = newest_features(first)
    with transaction(EVERY_TENANT) as session:
        session.execute(update(Event).values(text=b"\x02 broken"))
    upsert(tenant_id=T, leads=[{"external_id": "L0", "tags": ["garden"]}])
    score(tenant_id=T, lead_ids=lead_ids)
    again = newest_features(first)
    assert {name: again[name] for name in ("messages_read", "polarity")} == {
        name: read[name] for name in ("messages_read", "polarity")
    }


@pytest.mark.parametrize("ask", [score, check])
def test_whoever_takes_a_snapshot_reads_first(lead_ids, ask):
    say(lead_ids[0], [message(1)])
    if ask is score:
        score(tenant_id=T, lead_ids=lead_ids)
    else:
        with transaction(T) as session:
            risk_queue.reschedule(session, T, due={lead_ids[0]: NOW - timedelta(minutes=1)})
        check(tenant_id=T)
    assert len(stored()) == 1
    assert newest_features(lead_ids[0])["messages_read"] == 1


def test_only_what_the_lead_wrote_is_read(lead_ids):
    say(
        lead_ids[0],
        [message(1, direction="outbound"), message(2, kind="note"), message(3, kind="call"), message(4, text="")],
    )
    rescore(tenant_id=T)
    assert len(stored()) == 1, "an empty text alone, in which nothing is found"


def test_two_workers_that_read_the_same_message_store_it_once(lead_ids):
    for lead_id in lead_ids:
        say(lead_id, [message(number) for number in range(20)])
    before = versions()
    barrier = threading.Barrier(4)

    def work(number: int) -> None:
        barrier.wait(timeout=10)
        if number % 2:
            score(tenant_id=T, lead_ids=lead_ids[:: 1 if number == 1 else -1])
        else:
            rescore(tenant_id=T)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert len(stored()) == 40
    assert sum(row["messages"] for row in audited()) == 40
    assert sum(versions().values()) - sum(before.values()) == len(audited())


@pytest.mark.parametrize("way", ["restricted", "objected"])
def test_who_may_not_be_assessed_is_not_read(lead_ids, way):
    first, second = lead_ids
    for lead_id in lead_ids:
        say(lead_id, [message(1)])
    restrict(tenant_id=T, lead_id=first, **{way: True})
    rescore(tenant_id=T)
    assert rows(MessageAnalysis, MessageAnalysis.lead_id) == [(second,)]
    restrict(tenant_id=T, lead_id=first, **{way: False}, actor="ada.quill")
    score(tenant_id=T, lead_ids=[first])
    assert len(stored()) == 2


def test_a_snapshot_from_before_the_reading_is_not_the_one_after_it(lead_ids):
    first = lead_ids[0]
    say(first, [message(1)])
    with transaction(T) as session:
        [lead] = profiles.load(session, T, [first], NOW)
    assert lead.profile.messages == ()
    score(tenant_id=T, lead_ids=[first])
    with transaction(T) as session:
        [after] = profiles.load(session, T, [first], NOW)
    assert (len(after.profile.messages), after.version) == (1, lead.version + 1)
    taken = [version for (version,) in rows(Snapshot, Snapshot.lead_version)]
    assert taken == [after.version]


def test_a_long_history_is_read_in_turns_the_newest_of_each_lead_first(lead_ids, monkeypatch):
    monkeypatch.setattr(analyses, "MESSAGES", 3)
    first, second = lead_ids
    say(first, [message(number) for number in range(4)])
    say(second, [message(number, days=30) for number in range(2)])
    rescore(tenant_id=T)
    assert sorted(row["messages"] for row in audited()) == [1, 2]
    due = dict(rows(RescoreDue, RescoreDue.lead_id, RescoreDue.due_at))
    soon = datetime.now(UTC) + timedelta(seconds=rescore_queue.window + 5)
    assert all(at is not None and at <= soon for at in due.values()), "both have more to be read"
    score(tenant_id=T, lead_ids=lead_ids)
    assert len(stored()) == 6
    assert newest_features(first)["messages_read"] == 4


def test_a_lead_that_came_by_a_file_is_still_as_loaded_when_its_messages_are_read(lead_ids):
    first, second = lead_ids
    with transaction(T) as session:
        session.execute(update(Lead).where(Lead.lead_id == first).values(loaded_version=Lead.version + 1))
    for lead_id in lead_ids:
        say(lead_id, [message(1)])
    score(tenant_id=T, lead_ids=lead_ids)
    loaded = {
        lead_id: (version, at) for lead_id, version, at in rows(Lead, Lead.lead_id, Lead.version, Lead.loaded_version)
    }
    assert loaded[first][0] == loaded[first][1]
    assert loaded[second][1] is None


def test_what_a_newer_version_stored_is_left_out_and_not_read_again(lead_ids):
    first = lead_ids[0]
    say(first, [message(1), message(2)])
    score(tenant_id=T, lead_ids=[first])
    with transaction(EVERY_TENANT) as session:
        one = session.scalars(select(MessageAnalysis.event_id)).first()
        later = update(MessageAnalysis).where(MessageAnalysis.event_id == one)
        session.execute(later.values(format=message_analyses.FORMAT + 1))
    with transaction(T) as session:
        said = profiles.load_messages(session, T, [first])
    assert len(said[first]) == 1
    score(tenant_id=T, lead_ids=[first])
    assert len(audited()) == 1


def test_no_more_than_the_newest_are_kept_in_view(lead_ids, monkeypatch):
    first = lead_ids[0]
    say(first, [message(number, text="ok") for number in range(message_analyses.NEWEST + 5)])
    score(tenant_id=T, lead_ids=[first])
    with transaction(T) as session:
        [signals] = profiles.load_messages(session, T, [first]).values()
    assert len(signals) == message_analyses.NEWEST
    assert [signal.occurred_at for signal in signals] == sorted(signal.occurred_at for signal in signals)
    assert signals[-1].occurred_at == max(at for (at,) in rows(Event, Event.occurred_at))
    with reading(EVERY_TENANT) as session:
        assert session.scalar(select(func.count()).select_from(MessageAnalysis)) == message_analyses.NEWEST


def test_a_message_that_no_reader_copes_with_stops_neither_the_others_nor_the_score(lead_ids, monkeypatch):
    first = lead_ids[0]
    say(first, [message(1), message(2, text="unreadable"), message(3)])
    whole = analysis.analyse

    def analyse(texts, **about):
        if "unreadable" in texts:
            raise ValueError(texts)
        return whole(texts, **about)

    monkeypatch.setattr(analysis, "analyse", analyse)
    assert rescore(tenant_id=T)["data"]["scored"] == 2
    assert len(stored()) == 2
    monkeypatch.undo()
    score(tenant_id=T, lead_ids=[first])
    assert len(stored()) == 3


def test_without_a_model_leads_are_scored_and_their_messages_read_later(lead_ids, monkeypatch):
    say(lead_ids[0], [message(1)])

    def analyse(texts, **about):
        raise ArtifactCorruptedError

    monkeypatch.setattr(analysis, "analyse", analyse)
    assert rescore(tenant_id=T)["data"]["scored"] == 2
    monkeypatch.undo()
    score(tenant_id=T, lead_ids=lead_ids)
    assert len(stored()) == 1


def test_a_result_is_sealed_and_bound_to_its_event(lead_ids):
    first = lead_ids[0]
    say(first, [message(1), message(2)])
    score(tenant_id=T, lead_ids=[first])
    results = dict(rows(MessageAnalysis, MessageAnalysis.event_id, MessageAnalysis.result))
    assert not any(b"tone" in sealed for sealed in results.values())
    one, other = results
    with transaction(EVERY_TENANT) as session:
        swapped = update(MessageAnalysis).where(MessageAnalysis.event_id == one)
        session.execute(swapped.values(result=results[other]))
    with transaction(T) as session, pytest.raises(SealBroken, match=one):
        profiles.load_messages(session, T, [first])


def test_what_is_stored_comes_back_as_it_was_read():
    [read] = analysis.analyse([TEXT], at=[NOW], zones=[analyses.zone_of("America/Denver", None, {})])
    assert TEXT.rsplit(maxsplit=1)[-1] not in json.dumps(stored_results.encode(read))
