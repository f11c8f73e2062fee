"""What comes of a challenger: promoted, kept, asked about, refused; each is told, proved and kept as history."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from db.models import AuditEntry
from db.repositories import tenants
from db.repositories.models import history, models
from db.repositories.outbound import outbound
from db.session import EVERY_TENANT, reading, transaction
from domain.documents import JsonObject
from ml.training.rollback import RollbackRule
from tasks.errors import InvalidPayload
from tasks.leads.score import score
from tasks.leads.upsert import upsert
from tasks.models import decide, model_history, rollback, train_model
from tasks.runtime.context import TaskContext
from tasks.services.models import promotion
from tasks.services.models.promotion import Challenger
from tasks.tenants import configure
from tests.support.training import closed, lead

pytestmark = pytest.mark.usefixtures("database", "workspace_folder")
KIND = "lead_score"


@pytest.fixture
def tenant(database: str) -> str:
    configure(tenant_id="acme", settings={"timezone": "America/New_York"})
    upsert(tenant_id="acme", leads=[closed(number) for number in range(400)])
    return "acme"


def work(tenant: str) -> TaskContext:
    with reading(EVERY_TENANT) as session:
        known = tenants.require(session, tenant)
    return TaskContext(
        task="test",
        task_id="test",
        tenant=known,
        args_hash="",
        now=datetime.now(UTC),
        queue_of=lambda task: "inference",
        publish=lambda tenant_id, rows: None,
    )


def train(tenant: str, **given: object) -> JsonObject:
    answer: JsonObject = train_model(tenant_id=tenant, kind=KIND, **given)["data"]
    return answer


def changes(tenant: str) -> list[tuple[str, str, int | None]]:
    with reading(EVERY_TENANT) as session:
        return [(row.change, row.version, row.look) for row in history.changes(session, tenant, kind=KIND)]


def told(tenant: str) -> list[tuple[str, JsonObject]]:
    with reading(EVERY_TENANT) as session:
        events = outbound.pull(session, tenant, cursor=0, limit=1000)
    return [(event.type, dict(event.body)) for event in events if event.type.startswith("model.")]


def state(tenant: str, version: str) -> str:
    with reading(EVERY_TENANT) as session:
        found = models.get(session, tenant, version=version)
    assert found is not None
    return found.state


def test_a_promotion_is_kept_with_its_comparison_and_the_rule_that_takes_it_back(tenant: str) -> None:
    opened = upsert(tenant_id=tenant, leads=[lead(1000 + n, showings=3 * (n % 2)) for n in range(30)])["data"][
        "lead_ids"
    ]
    score(tenant_id=tenant, lead_ids=opened)
    trained = train(tenant)
    assert (trained["verdict"], trained["promoted"]) == ("promote", True)
    assert trained["bands_changed"]["leads"] == 30
    with reading(EVERY_TENANT) as session:
        change = history.at(session, tenant, kind=KIND, at=datetime.now(UTC))
        proofs = session.scalars(select(AuditEntry.kind).where(AuditEntry.tenant_id == tenant)).all()
    assert change is not None
    assert (change.to_version, change.from_version, change.actor) == (trained["version"], None, "hearth")
    assert (change.look, change.reason) == (1, trained["reason"])
    assert change.detail["decision"]["verdict"] == "promote"
    assert change.detail["bands"] == trained["bands_changed"]
    rule = RollbackRule.from_json(change.detail["rule"])
    assert (rule.promoted.rows, rule.former.rows if rule.former else 0) == (30, 30)
    assert "promotion" in proofs
    ((kind, body),) = told(tenant)
    assert (kind, body["bands_changed"]) == ("model.promoted", trained["bands_changed"])


def test_who_asks_for_a_yes_gets_a_model_that_waits(tenant: str) -> None:
    trained = train(tenant, promote="ask")
    assert (trained["verdict"], trained["promoted"], state(tenant, trained["version"])) == ("ask", False, "waiting")
    assert [kind for kind, _ in told(tenant)] == ["model.waiting"]
    with transaction(EVERY_TENANT) as session:
        waiting = models.challenger(session, tenant, kind=KIND, state="waiting")
        assert waiting is not None
        models.promote(session, tenant, model_id=waiting.model_id, now=datetime.now(UTC), actor="ada.quill")
        change = history.at(session, tenant, kind=KIND, at=datetime.now(UTC))
    assert change is not None
    assert (change.actor, "rule" in change.detail) == ("ada.quill", True)


def test_only_comparing_counts_the_look_and_changes_nothing(tenant: str) -> None:
    trained = train(tenant, promote="never")
    assert (trained["verdict"], trained["promoted"], state(tenant, trained["version"])) == (None, False, "candidate")
    assert changes(tenant) == [("comparison", trained["version"], 1)]
    assert told(tenant) == []
    assert train(tenant, promote="never", seed=1)["version"] == "lead_score-0002"
    assert [look for _, _, look in changes(tenant)] == [2, 1]


def test_what_was_only_compared_is_settled_later_and_counted_once(tenant: str) -> None:
    trained = train(tenant, promote="never")
    with (context := work(tenant)).transaction(tenant) as session:
        record = models.get(session, tenant, version=trained["version"])
        assert record is not None
        found = promotion.compared_before(session, context, tenant, record)
        assert promotion.settle(session, context, found, promoting="auto")[0] == "promote"
    assert changes(tenant) == [("promotion", trained["version"], None), ("comparison", trained["version"], 1)]
    assert state(tenant, trained["version"]) == "champion"


def test_a_challenger_of_a_former_champion_is_not_promoted(tenant: str) -> None:
    older, newer = train(tenant, promote="never"), train(tenant, promote="never", seed=1)
    with (context := work(tenant)).transaction(tenant) as session:
        for version, verdict in ((newer["version"], "promote"), (older["version"], "shadow")):
            record = models.get(session, tenant, version=version)
            assert record is not None
            found = promotion.compared_before(session, context, tenant, record)
            assert promotion.settle(session, context, found, promoting="auto")[0] == verdict
    assert state(tenant, older["version"]) == "shadow"


def test_too_few_new_rows_make_a_shadow_without_a_look(tenant: str) -> None:
    train(tenant)
    upsert(tenant_id=tenant, leads=[closed(number) for number in range(400, 410)])
    trained = train(tenant)
    assert (trained["verdict"], state(tenant, trained["version"])) == ("shadow", "shadow")
    assert changes(tenant)[0] == ("shadow", trained["version"], None)
    assert [kind for kind, _ in told(tenant)] == ["model.promoted"]


@pytest.mark.parametrize("most, verdict", [(0.9, "promote"), (0.01, "ask")])
def test_a_challenger_that_moves_many_bands_is_asked_about(tenant: str, most: float, verdict: str) -> None:
    opened = upsert(tenant_id=tenant, leads=[lead(1000 + n, showings=3 * (n % 2)) for n in range(20)])["data"][
        "lead_ids"
    ]
    score(tenant_id=tenant, lead_ids=opened)
    trained = train(tenant)
    configure(tenant_id=tenant, settings={"max_band_changes": most})
    newer = train(tenant, promote="never", seed=1)
    with (context := work(tenant)).transaction(tenant) as session:
        record = models.get(session, tenant, version=newer["version"])
        assert record is not None
        found = promotion.compared_before(session, context, tenant, record)
        assert found.preview is not None
        changed = replace(found.preview.changes, up=3, down=1)
        better = Challenger(
            owner=tenant,
            record=record,
            decision=replace(found.decision, verdict="promote"),
            preview=replace(found.preview, changes=changed),
        )
        settled = promotion.settle(session, context, better, promoting="auto")
    assert settled[0] == verdict
    if verdict == "ask":
        assert "the band of 20% of leads would change, more than 1%" in settled[1]
        assert state(tenant, trained["version"]) == "champion"


def test_comparisons_that_were_made_at_once_take_a_look_each(tenant: str) -> None:
    trained = [train(tenant, promote="never", seed=seed)["version"] for seed in range(2)]
    with (context := work(tenant)).transaction(tenant) as session:
        for version, number in zip(trained, (3, 4), strict=True):
            record = models.get(session, tenant, version=version)
            assert record is not None
            found = promotion.compared_before(session, context, tenant, record)
            # both were made as the third look, and stand at the level of the third alone
            made = replace(found.decision, verdict="promote", look=3, level=0.00104, p_value=0.001)
            settled = promotion.settle(session, context, replace(found, decision=made), promoting="never")
            assert settled[0] is None
            kept = history.comparison_of(session, tenant, version=version)
            assert kept is not None
            assert (kept.look, kept.detail["decision"]["look"]) == (number, number)
            assert kept.detail["decision"]["verdict"] == ("promote" if number == 3 else "shadow")


def test_a_refusal_is_told_with_its_reason(tenant: str) -> None:
    trained = train(tenant, promote="never")
    with (context := work(tenant)).transaction(tenant) as session:
        record = models.get(session, tenant, version=trained["version"])
        assert record is not None
        found = promotion.compared_before(session, context, tenant, record)
        refused = replace(found, decision=replace(found.decision, verdict="refuse", reason="no better"))
        assert promotion.settle(session, context, refused, promoting="auto") == ("refuse", "no better")
    assert [(kind, body["reason"]) for kind, body in told(tenant)] == [("model.refused", "no better")]
    assert changes(tenant)[0][0] == "refusal"


def test_going_back_is_told_proved_and_kept(tenant: str) -> None:
    first, second = train(tenant), train(tenant, promote="never", seed=1)
    with (context := work(tenant)).transaction(tenant) as session:
        record = models.get(session, tenant, version=second["version"])
        assert record is not None
        models.promote(session, tenant, model_id=record.model_id, now=context.now)
        promotion.roll_back(session, context, tenant, kind=KIND, reason="its scores have shifted")
    events = told(tenant)[-2:]
    assert [kind for kind, _ in events] == ["model.rolled_back", "model.promoted"]
    assert (events[0][1]["version"], events[0][1]["left"]) == (first["version"], second["version"])
    assert events[1][1]["reason"] == "rollback"
    assert changes(tenant)[0][:2] == ("rollback", second["version"])
    assert state(tenant, first["version"]) == "champion"


def test_a_person_says_yes_and_goes_back_and_the_history_tells_it(tenant: str) -> None:
    first, second = train(tenant), train(tenant, promote="never", seed=1)
    said = {"tenant_id": tenant, "actor": "ada.quill"}
    yes = decide(**said, version=second["version"], decision="yes", reason="we like it better")["data"]
    assert yes == {"kind": KIND, "champion": second["version"], "retired": first["version"]}
    assert decide(**said, version=second["version"], decision="yes")["data"]["retired"] is None
    back = rollback(**said, kind=KIND)["data"]
    assert back == {"kind": KIND, "champion": first["version"], "retired": second["version"]}
    found = model_history(tenant_id=tenant, kind=KIND)["data"]
    assert found["version"] == first["version"]
    assert [(row["change"], row["actor"]) for row in found["changes"][:2]] == [
        ("rollback", "ada.quill"),
        ("promotion", "ada.quill"),
    ]
    before = model_history(tenant_id=tenant, kind=KIND, at="2026-01-01T00:00:00Z", limit=1)["data"]
    assert (before["version"], before["since"], len(before["changes"])) == (None, None, 1)
    with pytest.raises(InvalidPayload):
        rollback(**said, kind=KIND)
    with pytest.raises(InvalidPayload):
        rollback(**said, kind="churn")


def test_a_person_says_no_to_a_challenger_and_to_nobody_else(tenant: str) -> None:
    trained = train(tenant, promote="ask")
    said = {"tenant_id": tenant, "actor": "ada.quill", "version": trained["version"]}
    assert decide(**said, decision="no", reason="not now")["data"]["champion"] is None
    assert state(tenant, trained["version"]) == "candidate"
    assert [kind for kind, _ in told(tenant)] == ["model.waiting", "model.refused"]
    assert changes(tenant)[0] == ("refusal", trained["version"], None)
    decide(**said, decision="yes")
    for refused in (said, said | {"version": "lead_score-0009"}):
        with pytest.raises(InvalidPayload):
            decide(**refused, decision="no")
