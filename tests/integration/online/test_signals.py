"""What happens to scored leads becomes signals: at once, when a horizon passes, and late."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from db.models import OutboxEntry, Prediction, SignalCounter, Snapshot
from db.records import EventDraft, SignalRecord
from db.repositories.events import events
from db.repositories.online import signals
from db.session import EVERY_TENANT, reading, transaction
from domain.targets import MEANINGS, TARGETS, Target
from ml.churn.labels import HORIZON
from tasks import churn
from tasks.backfill import import_chunk, start
from tasks.events.ingest import ingest
from tasks.leads.score import score
from tasks.leads.upsert import upsert
from tasks.online.mature import mature
from tasks.outcomes import record
from tasks.privacy.rights import export, forget, restrict
from tasks.tenants import configure
from tests.support.statements import counted

pytestmark = pytest.mark.usefixtures("workspace_folder")

T = "acme"
NOW = datetime.now(UTC)
DAY = timedelta(days=1)


def ago(days: float) -> str:
    return (NOW - days * DAY).isoformat()


@pytest.fixture
def lead_ids(database: str) -> list[str]:
    configure(tenant_id=T, settings={})
    leads = [{"external_id": f"L{number}", "lead_type": "buyer", "created_at": ago(300)} for number in range(3)]
    found: list[str] = upsert(tenant_id=T, leads=leads)["data"]["lead_ids"]
    return found


def scored(lead_id: str, *days: float) -> None:
    """Score a lead as of some days ago."""
    for day in days:
        assert score(tenant_id=T, lead_id=lead_id, as_of=ago(day))["status"] == "ok"


def tell(lead_id: str, kind: str, days: float, recorded: float | None = None, direction: str | None = None) -> None:
    """Store an event as a file does that is not joined: nothing is made of it at once."""
    at = NOW - days * DAY
    known = at if recorded is None else NOW - recorded * DAY
    draft = EventDraft(kind=kind, occurred_at=at, recorded_at=known, direction=direction, source_id=f"{kind}:{days}")
    with transaction(T) as session:
        events.add(session, T, lead_id=lead_id, drafts=[draft])


def outcome(lead_id: str, kind: str, days: float) -> int:
    told = {"subject": {"lead_id": lead_id}, "type": kind, "at": ago(days)}
    updates: int = record(tenant_id=T, outcomes=[told])["data"]["online_updates"]
    return updates


def stored(target: Target) -> list[SignalRecord]:
    with reading(T) as session:
        return signals.after(session, T, target=target, cursor=0, limit=1_000)


def labels(target: Target) -> list[tuple[str, float, bool]]:
    """The lead, the days ago of the snapshot and the label of each signal, in order."""
    return [(each.lead_id, round((NOW - each.as_of) / DAY, 1), each.label) for each in stored(target)]


def enqueued() -> list[dict[str, Any]]:
    with reading(EVERY_TENANT) as session:
        asked = select(OutboxEntry.kwargs).where(OutboxEntry.task == "hearth.online.learn")
        return list(session.scalars(asked.order_by(OutboxEntry.outbox_id)))


def begin(days: float, targets: Sequence[Target] = TARGETS) -> None:
    """Have horizons looked at from snapshots of some days ago on."""
    with transaction(T) as session:
        for target in targets:
            session.add(SignalCounter(tenant_id=T, target=target, seq=0, matured_at=NOW - days * DAY, matured_id=""))


def ripe() -> int:
    number: int = mature(tenant_id=T)["data"]["signals"]
    return number


def test_an_outcome_joins_the_newest_snapshot_scored_before_it(lead_ids: list[str]) -> None:
    scored(lead_ids[0], 5, 3, 1)
    assert outcome(lead_ids[0], "replied", 2) == 1
    [signal] = stored("reply")
    assert (signal.as_of, signal.label, signal.origin, signal.revision) == (NOW - 3 * DAY, True, "outcome", 0)
    with reading(T) as session:
        batch = select(Prediction.probability, Prediction.model_version).where(
            Prediction.snapshot_id == signal.snapshot_id, Prediction.kind == "lead_score"
        )
        assert session.execute(batch).one() == (signal.served_probability, signal.served_version)
    assert signal.features["lead_type"] == "buyer"
    assert enqueued() == [{"tenant_id": T, "target": "reply"}]


def test_each_outcome_decides_its_targets(lead_ids: list[str]) -> None:
    for lead_id in lead_ids:
        scored(lead_id, 3)
    assert outcome(lead_ids[0], "appointment_set", 2) == 1
    assert outcome(lead_ids[0], "won", 1) == 1
    assert outcome(lead_ids[1], "lost", 1) == 1
    assert outcome(lead_ids[2], "contacted", 1) == 0
    assert labels("booking") == [(lead_ids[0], 3.0, True)]
    assert labels("won") == [(lead_ids[0], 3.0, True), (lead_ids[1], 3.0, False)]
    assert labels("reply") == labels("churned") == [], "churn is not known before its 30 days have passed"


def test_the_same_outcome_again_makes_no_signal(lead_ids: list[str]) -> None:
    scored(lead_ids[0], 3)
    told = {"subject": {"lead_id": lead_ids[0]}, "type": "replied", "at": ago(2), "outcome_id": "r1"}
    assert record(tenant_id=T, outcomes=[told, told])["data"]["online_updates"] == 1
    assert record(tenant_id=T, outcomes=[told], idempotency_key="again")["data"]["online_updates"] == 0
    assert outcome(lead_ids[0], "replied", 1) == 0, "the snapshot has its label"
    assert len(stored("reply")) == 1
    assert len(enqueued()) == 1


@pytest.mark.parametrize("days", [None, 1, 20], ids=["never scored", "scored after it", "scored long before it"])
def test_an_outcome_without_a_snapshot_within_the_horizon_makes_none(lead_ids: list[str], days: float | None) -> None:
    if days is not None:
        scored(lead_ids[0], days)
    assert outcome(lead_ids[0], "replied", 2) == 0


def test_nothing_is_made_of_a_lead_that_objects(lead_ids: list[str]) -> None:
    scored(lead_ids[0], 3)
    restrict(tenant_id=T, lead_id=lead_ids[0], objected=True)
    assert outcome(lead_ids[0], "replied", 2) == 0


def told_by_crm(number: int, kind: str, days: float, **more: Any) -> dict[str, Any]:
    return {
        "id": f"e{number}:{kind}:{days}",
        "lead": {"external_id": f"L{number}"},
        "kind": kind,
        "at": ago(days),
        **more,
    }


def test_an_event_of_the_crm_that_means_it_is_a_signal(lead_ids: list[str]) -> None:
    for lead_id in lead_ids:
        scored(lead_id, 3)
    told = [
        told_by_crm(0, "sms", 2, direction="inbound"),
        told_by_crm(1, "sms", 2, direction="outbound"),
        told_by_crm(1, "appointment", 1),
        told_by_crm(2, "listing_view", 1),
    ]
    assert ingest(tenant_id=T, provider="generic", events=told)["data"]["accepted"] == 4
    assert labels("reply") == [(lead_ids[0], 3.0, True)]
    assert labels("booking") == [(lead_ids[1], 3.0, True)]
    ingest(tenant_id=T, provider="generic", events=told, idempotency_key="again")
    assert len(stored("reply")) == len(stored("booking")) == 1


def test_a_reply_that_refuses_is_none(lead_ids: list[str]) -> None:
    scored(lead_ids[0], 3)
    ingest(tenant_id=T, provider="generic", events=[told_by_crm(0, "sms", 2, direction="inbound", text="STOP")])
    assert stored("reply") == []


def test_a_label_that_the_crm_sends_with_the_lead_is_a_signal_once(lead_ids: list[str]) -> None:
    scored(lead_ids[0], 3)
    won = {"external_id": "L0", "label": True, "label_at": ago(1)}
    upsert(tenant_id=T, leads=[won])
    upsert(tenant_id=T, leads=[{**won, "city": "Tampa"}])
    assert labels("won") == [(lead_ids[0], 3.0, True)]


def test_events_that_mean_nothing_cost_no_statement_and_many_replies_few(lead_ids: list[str]) -> None:
    def sent(kind: str, since: float, **more: Any) -> list[str]:
        told = [told_by_crm(number % 3, kind, since - number / 100_000, **more) for number in range(60)]
        with counted() as statements:
            ingest(tenant_id=T, provider="generic", events=told)
        return [each for each in statements if "signal" in each]

    for lead_id in lead_ids:
        scored(lead_id, 3)
    assert sent("listing_view", 0.02) == []
    assert len(sent("listing_view", 2)) == 1, "what is told late is compared with labels that stand"
    assert len(sent("sms", 0.02, direction="inbound")) == 3
    assert len(stored("reply")) == 3


def test_what_did_not_happen_is_a_signal_when_the_horizon_has_passed(lead_ids: list[str]) -> None:
    begin(20)
    scored(lead_ids[0], 9)
    scored(lead_ids[1], 9)
    scored(lead_ids[2], 6)
    assert outcome(lead_ids[1], "replied", 4) == 1
    assert ripe() == 1
    assert labels("reply") == [(lead_ids[1], 9.0, True), (lead_ids[0], 9.0, False)]
    negative = stored("reply")[1]
    assert (negative.origin, negative.occurred_at) == ("matured", negative.as_of + MEANINGS["reply"].horizon)
    assert negative.served_probability is not None
    assert enqueued()[1:] == [{"tenant_id": T, "target": "reply"}]
    assert ripe() == 0


def test_one_snapshot_a_lead_and_horizon_is_looked_at(lead_ids: list[str]) -> None:
    begin(80, ["reply"])
    scored(lead_ids[0], *range(76, 8, -2))
    ripe()
    taken = [days for _, days, label in labels("reply") if not label]
    assert 8 <= len(taken) <= 11
    gaps = [before - after for before, after in itertools.pairwise(taken[:-1])]
    assert all(5 <= gap <= 9 for gap in gaps)


def test_what_a_file_told_is_joined_when_the_horizon_passes(lead_ids: list[str]) -> None:
    begin(20, ["reply"])
    scored(lead_ids[0], 9)
    tell(lead_ids[0], "sms", 8, recorded=0, direction="inbound")
    assert ripe() == 1
    assert labels("reply") == [(lead_ids[0], 9.0, True)]


def test_what_comes_late_is_a_revision(lead_ids: list[str]) -> None:
    begin(20, ["reply"])
    scored(lead_ids[0], 9)
    assert ripe() == 1
    assert outcome(lead_ids[0], "replied", 5) == 1
    assert [(each.label, each.revision, each.origin) for each in stored("reply")] == [
        (False, 0, "matured"),
        (True, 1, "outcome"),
    ]
    assert ripe() == 0
    assert len(stored("reply")) == 2


def test_what_comes_late_contradicts_an_older_snapshot_too(lead_ids: list[str]) -> None:
    begin(20, ["reply"])
    scored(lead_ids[0], 9)
    assert ripe() == 1
    scored(lead_ids[0], 6)
    assert outcome(lead_ids[0], "replied", 5) == 2
    assert [(each.label, each.revision) for each in stored("reply")] == [(False, 0), (True, 0), (True, 1)]
    assert labels("reply")[1:] == [(lead_ids[0], 6.0, True), (lead_ids[0], 9.0, True)]


def test_what_comes_out_of_order_joins_the_snapshot_of_its_own_time(lead_ids: list[str]) -> None:
    scored(lead_ids[0], 5, 3)
    assert outcome(lead_ids[0], "replied", 2) == 1
    assert outcome(lead_ids[0], "replied", 4) == 1
    assert labels("reply") == [(lead_ids[0], 3.0, True), (lead_ids[0], 5.0, True)]


def test_churn_is_known_when_its_30_days_have_passed_by_the_definition_of_the_churn_model(lead_ids: list[str]) -> None:
    begin(60, ["churned"])
    silent, active, untouched = lead_ids
    for lead_id in (silent, active):
        tell(lead_id, "call", 50, direction="outbound")
    tell(active, "sms", 20, direction="inbound")
    for lead_id in lead_ids:
        churn.predict(tenant_id=T, lead_id=lead_id, as_of=ago(35))
    assert ripe() == 2
    assert sorted(labels("churned")) == sorted([(silent, 35.0, True), (active, 35.0, False)])
    assert {each.served_version for each in stored("churned")} != {None}
    assert untouched not in {each.lead_id for each in stored("churned")}, "nobody contacted it: the fix is on the agent"


def test_a_sign_that_was_told_late_takes_churn_back(lead_ids: list[str]) -> None:
    begin(60, ["churned"])
    tell(lead_ids[0], "call", 50, direction="outbound")
    churn.predict(tenant_id=T, lead_id=lead_ids[0], as_of=ago(35))
    assert ripe() == 1
    assert [each.label for each in stored("churned")] == [True]
    ingest(tenant_id=T, provider="generic", events=[told_by_crm(0, "listing_view", 20)])
    with reading(T) as session:
        [asked] = session.scalars(select(OutboxEntry.kwargs).where(OutboxEntry.task == "hearth.online.mature"))
    assert mature(**asked)["data"] == {"signals": 1}
    assert [(each.label, each.revision) for each in stored("churned")] == [(True, 0), (False, 1)]
    assert mature(**asked)["data"] == {"signals": 0}


def test_a_run_that_is_cut_goes_on_where_it_was(lead_ids: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.services.online.maturing.CHUNK", 2)
    begin(80, ["reply"])
    for lead_id in lead_ids:
        scored(lead_id, 60, 40, 20)
    ripe()
    assert len({each.snapshot_id for each in stored("reply")}) == 9


def test_every_tenant_is_looked_at_once_an_hour(lead_ids: list[str]) -> None:
    begin(20, ["reply"])
    scored(lead_ids[0], 9)
    assert mature()["data"] == {"signals": 1}
    scored(lead_ids[1], 8.5)
    assert mature()["data"] == {"signals": 0}


def test_the_horizon_of_churn_is_that_of_the_churn_model() -> None:
    assert MEANINGS["churned"].horizon == HORIZON


def test_the_delay_of_labels_is_that_from_the_snapshot_to_the_day_it_was_known(lead_ids: list[str]) -> None:
    scored(lead_ids[0], 3)
    outcome(lead_ids[0], "replied", 2)
    with reading(T) as session:
        [delay] = signals.delays(session, T, targets=TARGETS).values()
    assert delay.signals == 1
    assert 3 * DAY <= delay.p50 == delay.p90 < 3.1 * DAY


def test_signals_are_in_a_persons_copy_and_go_with_the_person(lead_ids: list[str]) -> None:
    for lead_id in lead_ids[:2]:
        scored(lead_id, 3)
        outcome(lead_id, "replied", 2)
    file = Path(export(tenant_id=T, lead_id=lead_ids[0])["data"]["file"])
    [told] = json.loads(file.read_text())["stores"]["online_signals"]
    assert (told["target"], told["label"], told["lead_id"]) == ("reply", True, lead_ids[0])
    forget(tenant_id=T, lead_id=lead_ids[0])
    assert [(each.seq, each.lead_id) for each in stored("reply")] == [(2, lead_ids[1])]
    scored(lead_ids[2], 3)
    outcome(lead_ids[2], "replied", 2)
    assert [each.seq for each in stored("reply")] == [2, 3], "a place is never given twice"


@pytest.mark.usefixtures("live_broker")
def test_a_file_that_closes_leads_joins_what_was_scored_before(lead_ids: list[str], tmp_path: Path) -> None:
    scored(lead_ids[0], 3)
    with (tmp_path / "leads.csv").open("w", newline="") as out:
        told = [["external_id", "source_system", "opportunity_status", "closed_at"]]
        told += [[name, "crm", "won", ago(1)] for name in ("L0", "L1")]
        csv.writer(out).writerows(told)
    uri = str(tmp_path / "leads.csv")
    job_id = start(tenant_id=T, uri=uri, profile="canonical")["data"]["job_id"]
    import_chunk(tenant_id=T, backfill_id=job_id, number=0)
    assert labels("won") == [(lead_ids[0], 3.0, True)], "the other was never scored"


def test_a_snapshot_that_cannot_be_read_holds_up_no_other(lead_ids: list[str]) -> None:
    begin(60, ["churned"])
    for number, lead_id in enumerate(lead_ids):
        tell(lead_id, "call", 50, direction="outbound")
        churn.predict(tenant_id=T, lead_id=lead_id, as_of=ago(36 - number))
    with transaction(T) as session:
        broken = update(Snapshot).where(Snapshot.lead_id == lead_ids[1]).values(features=b"not sealed by us")
        session.execute(broken)
    assert ripe() == 2
    assert [lead_id for lead_id, _, _ in labels("churned")] == [lead_ids[0], lead_ids[2]]
    assert ripe() == 0
