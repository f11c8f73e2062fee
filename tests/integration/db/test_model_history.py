"""Who answered when: each change is a row, and what was compared is counted."""

from datetime import UTC, datetime, timedelta

import pytest

from db import session as sessions
from db.errors import UnknownModel
from db.records import ModelChangeDraft, ModelDraft
from db.repositories.models import history, models

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
KIND = "lead_score"


@pytest.fixture
def write(tenant):
    """Run one repository call in a transaction of its own."""

    def call(function, *, tenant_id=tenant, **given):
        with sessions.transaction(sessions.EVERY_TENANT) as session:
            return function(session, tenant_id, **given)

    return call


def registered(write, number, **given):
    draft = ModelDraft(
        kind=given.get("kind", KIND),
        scope="tenant",
        artifact=b"model",
        feature_schema="1",
        metrics={},
        report={},
        rows=1,
        fingerprint=f"f{number}",
        trained_at=NOW,
    )
    return write(models.add, draft=draft)


def change(version, **given):
    values = {
        "kind": KIND,
        "change": "refusal",
        "from_version": None,
        "to_version": None,
        "actor": "hearth",
        "reason": "no better than the scorecard",
    }
    return ModelChangeDraft(version=version, **values | given)


def test_at_any_time_one_knows_who_answered_and_why(write):
    first, second = (registered(write, number) for number in range(2))
    write(models.promote, model_id=first.model_id, now=NOW, reason="better than the scorecard", look=1)
    write(models.promote, model_id=second.model_id, now=NOW + 2 * HOUR, actor="ada.quill", reason="promotion")
    write(models.rollback, kind=KIND, now=NOW + 4 * HOUR, actor="ada.quill", reason="odd scores")
    assert write(history.at, kind=KIND, at=NOW - HOUR) is None
    answered = [write(history.at, kind=KIND, at=NOW + hours * HOUR).to_version for hours in (0, 1, 2, 3, 4, 9)]
    assert answered == [first.version] * 2 + [second.version] * 2 + [first.version] * 2
    told = [(row.change, row.from_version, row.to_version, row.actor) for row in write(history.changes, kind=KIND)]
    assert told == [
        ("rollback", second.version, first.version, "ada.quill"),
        ("promotion", first.version, second.version, "ada.quill"),
        ("promotion", None, first.version, "hearth"),
    ]
    assert write(history.at, kind="churn", at=NOW + HOUR) is None
    assert write(history.changes, tenant_id="T2") == []
    assert len(write(history.changes, limit=1)) == 1


def test_promoting_the_champion_again_changes_nothing(write):
    model = registered(write, 0)
    for _ in range(2):
        write(models.promote, model_id=model.model_id, now=NOW)
    assert len(write(history.changes)) == 1


def test_comparisons_are_counted_from_the_newest_promotion_on(write):
    first, second, third = (registered(write, number) for number in range(3))
    assert write(history.looks, kind=KIND) == 0
    write(history.record, draft=change(first.version, look=1), now=NOW)
    write(history.record, draft=change(first.version), now=NOW)  # nothing was compared
    write(history.record, draft=change(first.version, kind="churn", look=1), now=NOW)
    assert write(history.looks, kind=KIND) == 1
    write(models.promote, model_id=first.model_id, now=NOW, look=2)
    assert write(history.looks, kind=KIND) == 0
    write(history.record, draft=change(third.version, look=1), now=NOW)
    write(models.promote, model_id=second.model_id, now=NOW)
    write(history.record, draft=change(third.version, look=1), now=NOW)
    write(models.rollback, kind=KIND, now=NOW)
    assert write(history.looks, kind=KIND) == 1
    found = write(history.comparison_of, version=third.version)
    assert (found.version, found.look) == (third.version, 1)
    assert write(history.comparison_of, version=second.version) is None


def test_the_rule_written_before_a_yes_is_that_of_the_promotion(write):
    model = registered(write, 0)
    write(history.record, draft=change(model.version, change="waiting", detail={"rule": {"score_days": 28}}), now=NOW)
    write(models.promote, model_id=model.model_id, now=NOW + HOUR, actor="ada.quill")
    assert write(history.at, kind=KIND, at=NOW + HOUR).detail == {"rule": {"score_days": 28}}


def test_three_versions_are_kept_to_go_back_to(write):
    versions = [registered(write, number) for number in range(4)]
    for hours, model in enumerate(versions):
        write(models.promote, model_id=model.model_id, now=NOW + hours * HOUR)
    for hours, (left, back) in enumerate([(3, 2), (2, 1), (1, 0)]):
        assert write(models.former, kind=KIND) == write(models.get, version=versions[back].version)
        found = write(models.rollback, kind=KIND, now=NOW + (10 + hours) * HOUR)
        assert [model.version for model in found] == [versions[left].version, versions[back].version]
    with pytest.raises(UnknownModel):
        write(models.rollback, kind=KIND, now=NOW + 20 * HOUR)


class TestChallengers:
    def test_one_is_the_shadow_and_one_waits(self, write):
        first, second, third = (registered(write, number) for number in range(3))
        for model in (first, second):
            write(models.set_aside, model_id=model.model_id, state="shadow")
        write(models.set_aside, model_id=third.model_id, state="waiting")
        assert write(models.challenger, kind=KIND, state="shadow").version == second.version
        assert write(models.challenger, kind=KIND, state="waiting").version == third.version
        assert write(models.get, version=first.version).state == "candidate"

    def test_a_promotion_ends_what_was_compared_with_the_former_champion(self, write):
        first, second, third = (registered(write, number) for number in range(3))
        write(models.promote, model_id=first.model_id, now=NOW)
        write(models.set_aside, model_id=second.model_id, state="shadow")
        write(models.set_aside, model_id=third.model_id, state="waiting")
        write(models.promote, model_id=third.model_id, now=NOW)
        states = [write(models.get, version=model.version).state for model in (first, second, third)]
        assert states == ["retired", "candidate", "champion"]

    def test_who_answered_once_is_no_challenger_again(self, write):
        first, second = (registered(write, number) for number in range(2))
        for model in (first, second):
            write(models.promote, model_id=model.model_id, now=NOW)
            write(models.set_aside, model_id=first.model_id, state="shadow")
        assert write(models.get, version=first.version).state == "retired"
        with pytest.raises(UnknownModel):
            write(models.set_aside, tenant_id="T2", model_id=first.model_id, state="shadow")
