"""What people say of scores, thresholds that are crossed once, and the way back to a former champion."""

from datetime import timedelta

import pytest

from db import session as sessions
from db.errors import UnknownLead, UnknownModel
from db.records import ModelDraft, OverrideDraft, ThresholdCrossing
from db.repositories.models import models
from db.repositories.overrides import overrides, threshold_state
from tests.support.rows import NOW

HOUR = timedelta(hours=1)
KIND = "lead_score"


def said(lead_id, band="hot", actor="ada"):
    return OverrideDraft(lead_id=lead_id, kind=KIND, band=band, probability=None, reason="other", actor=actor)


def registered(write, number):
    draft = ModelDraft(
        kind=KIND,
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


def champion(tenant):
    with sessions.reading(sessions.EVERY_TENANT) as session:
        found = models.champion(session, tenant, kind=KIND)
    return found and found.version


def test_going_back_passes_over_what_was_gone_back_from_until_it_is_promoted_again(write, tenant):
    first, second, third = [registered(write, number) for number in range(3)]
    for hours, model in enumerate((first, second, third)):
        write(models.promote, model_id=model.model_id, now=NOW + hours * HOUR)
    left, now = write(models.rollback, kind=KIND, now=NOW + 3 * HOUR)
    assert (left.version, now.version, champion(tenant)) == (third.version, second.version, second.version)
    assert write(models.rollback, kind=KIND, now=NOW + 4 * HOUR)[1].version == first.version
    with pytest.raises(UnknownModel, match="no former champion"):
        write(models.rollback, kind=KIND, now=NOW + 5 * HOUR)
    write(models.promote, model_id=third.model_id, now=NOW + 6 * HOUR)
    assert write(models.rollback, kind=KIND, now=NOW + 7 * HOUR)[1].version == first.version


def test_without_a_champion_there_is_no_way_back_and_tenants_do_not_mix(write, tenant):
    with pytest.raises(UnknownModel):
        write(models.rollback, kind=KIND, now=NOW)
    for number in range(2):
        write(models.promote, model_id=registered(write, number).model_id, now=NOW + number * HOUR)
    with pytest.raises(UnknownModel):
        write(models.rollback, tenant_id="T2", kind=KIND, now=NOW)
    assert champion(tenant) == "lead_score-0002"


def test_one_judgement_stands_however_many_are_given_at_once(write, lead_ids, at_once, tenant):
    give = [lambda who=who: write(overrides.save, draft=said(lead_ids[0], actor=who), now=NOW) for who in "abcd"]
    at_once(*give)
    standing = write(overrides.active, kind=KIND)
    every = write(overrides.for_lead, lead_id=lead_ids[0], kind=KIND)
    assert list(standing) == [lead_ids[0]]
    assert len(every) == 4
    assert sum(each.withdrawn_at is None for each in every) == 1
    assert write(overrides.withdraw, lead_id=lead_ids[0], kind=KIND, actor="e", now=NOW)
    assert not write(overrides.withdraw, lead_id=lead_ids[0], kind=KIND, actor="e", now=NOW)


def test_of_anothers_lead_nothing_is_said(write, lead_ids):
    with pytest.raises(UnknownLead):
        write(overrides.save, tenant_id="T2", draft=said(lead_ids[0]), now=NOW)
    write(overrides.save, draft=said(lead_ids[0]), now=NOW)
    assert write(overrides.active, tenant_id="T2", kind=KIND) == {}


def moves(above, *lead_ids):
    return [ThresholdCrossing(lead_id=lead_id, threshold="hot", above=above) for lead_id in lead_ids]


def test_a_crossing_is_told_once_by_whoever_comes_first(write, lead_ids, at_once):
    asked = {"moves": moves(True, *lead_ids), "now": NOW, "quiet_since": NOW - HOUR}
    told = at_once(*[lambda: write(threshold_state.record_crossings, **asked)] * 4)
    assert sorted(len(found) for found in told) == [0, 0, 0, 3]


def test_entering_again_is_quiet_for_a_while_and_so_is_leaving_then(write, lead_ids):
    def cross(above, hours):
        now = NOW + hours * HOUR
        return len(
            write(
                threshold_state.record_crossings, moves=moves(above, lead_ids[0]), now=now, quiet_since=now - 3 * HOUR
            )
        )

    assert [cross(True, 0), cross(True, 1), cross(False, 1), cross(False, 1)] == [1, 0, 1, 0]
    assert [cross(True, 2), cross(False, 2)] == [0, 0]
    assert [cross(True, 3), cross(False, 4)] == [1, 1]
    assert write(threshold_state.above, lead_id=lead_ids[0]) == {}


def test_those_above_a_threshold_are_told_with_since_when(write, lead_ids):
    one, two, three = lead_ids
    for lead_id, hours in ((one, 0), (two, 1), (three, 2)):
        now = NOW + hours * HOUR
        write(threshold_state.record_crossings, moves=moves(True, lead_id), now=now, quiet_since=NOW)
    write(threshold_state.record_crossings, moves=moves(False, two), now=NOW + HOUR, quiet_since=NOW)
    assert write(threshold_state.above_each, threshold="hot", lead_ids=lead_ids) == {one: NOW, three: NOW + 2 * HOUR}
    assert write(threshold_state.above_each, threshold="hot", lead_ids=[two]) == {}
    assert write(threshold_state.above_each, threshold="churn", lead_ids=lead_ids) == {}
    assert write(threshold_state.above_each, tenant_id="T2", threshold="hot", lead_ids=lead_ids) == {}
