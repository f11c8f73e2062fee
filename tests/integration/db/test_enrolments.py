"""Leads of an experiment: enrolled once, settled once, counted by arm."""

import pytest

from db.errors import ReferenceGone
from db.records import EnrolmentTally, LeadDraft
from db.repositories.interventions import enrolments
from db.repositories.privacy import erasure, retention
from tests.support.rows import DAY, HOLDOUT, NOW, enrolled


@pytest.fixture
def enrol(write):
    def call(*drafts, **given):
        return write(enrolments.enrol, drafts=drafts, **given)

    return call


@pytest.fixture
def settle(write):
    def call(outcomes, **given):
        return write(enrolments.close, experiment=HOLDOUT, outcomes=outcomes, **{"now": NOW + 31 * DAY, **given})

    return call


def test_the_first_plan_of_a_lead_stays(enrol, write, lead_ids):
    one, two, three = lead_ids
    first = enrol(enrolled(one, action_id="first"), enrolled(one, action_id="twin"), enrolled(two, held_out=True))
    assert (first[one].action_id, first[two].held_out, first[two].outcome) == ("first", True, None)
    again = enrol(enrolled(one, action_id="later", days=3, held_out=True), enrolled(three))
    assert again[one] == first[one]
    assert set(again) == {one, three}
    standing = write(enrolments.for_leads, experiment=HOLDOUT, lead_ids=[one, two, "nobody"])
    assert standing == first
    assert write(enrolments.for_leads, experiment="other", lead_ids=lead_ids) == {}
    assert write(enrolments.for_leads, tenant_id="T2", experiment=HOLDOUT, lead_ids=lead_ids) == {}


def test_experiments_are_apart(enrol, write, lead_ids):
    enrol(enrolled(lead_ids[0]))
    enrol(enrolled(lead_ids[0], experiment="other", held_out=True))
    standing = write(enrolments.for_leads, experiment="other", lead_ids=lead_ids)
    assert [record.held_out for record in standing.values()] == [True]
    with pytest.raises(ReferenceGone):
        enrol(enrolled(lead_ids[0]), tenant_id="T2")


def test_leads_enrolled_at_once_are_enrolled_once(enrol, at_once, lead_ids):
    calls = [
        lambda name=name, order=order: enrol(*(enrolled(lead, action_id=name) for lead in order))
        for name, order in (("a", lead_ids), ("b", lead_ids[::-1]), ("c", lead_ids[1:]), ("d", lead_ids))
    ]
    told = at_once(*calls)
    assert {lead: told[0][lead] for lead in lead_ids} == told[1] == told[3]


def test_leads_are_due_when_their_time_is_over_until_they_are_settled(enrol, settle, write_all, lead_ids):
    one, two, three = lead_ids
    enrol(enrolled(one, days=1), enrolled(two), enrolled(three, days=5))
    over = NOW + 31 * DAY
    assert write_all(enrolments.due, now=over, limit=9) == {"T1": [two, one]}
    assert write_all(enrolments.due, now=over, limit=1) == {"T1": [two]}
    assert settle({two: ("kept", "reply"), one: ("churned", "silence"), "nobody": ("kept", None)}) == 2
    assert settle({two: ("churned", "silence")}) == 0
    assert write_all(enrolments.due, now=over, limit=9) == {}


def test_tenants_share_what_is_settled_at_once(enrol, upsert, write_all, lead_ids):
    [other] = [one.lead_id for one in upsert(LeadDraft(external_id="o"), tenant_id="T2")]
    enrol(*map(enrolled, lead_ids))
    enrol(enrolled(other), tenant_id="T2")
    found = write_all(enrolments.due, now=NOW + 30 * DAY, limit=2)
    assert found == {"T1": [min(lead_ids)], "T2": [other]}


def test_settled_at_once_each_counts_once(enrol, settle, write, at_once, lead_ids):
    enrol(*map(enrolled, lead_ids))
    outcomes = [dict.fromkeys(lead_ids, (name, None)) for name in ("kept", "churned", "won")]
    counts = at_once(*[lambda each=each: settle(each) for each in outcomes])
    assert sum(counts) == 3
    assert sum(tally.count for tally in write(enrolments.tally, experiment=HOLDOUT)) == 3


def test_a_tally_tells_arms_chances_and_outcomes(enrol, settle, write, lead_ids):
    one, two, three = lead_ids
    enrol(enrolled(one), enrolled(two), enrolled(three, held_out=True, intervention="social_proof"))
    settle({one: ("kept", "reply")})
    sent = {"intervention": "proactive_outreach", "held_out": False, "propensity": 0.9, "count": 1}
    told = write(enrolments.tally, experiment=HOLDOUT)
    assert sorted(told, key=str) == sorted(
        [
            EnrolmentTally(**sent, outcome=None),
            EnrolmentTally(**sent, outcome="kept"),
            EnrolmentTally(intervention="social_proof", held_out=True, propensity=0.1, outcome=None, count=1),
        ],
        key=str,
    )
    assert write(enrolments.tally, tenant_id="T2", experiment=HOLDOUT) == []


def test_leads_enrolled_lately_are_counted(enrol, write, lead_ids):
    enrol(enrolled(lead_ids[0], days=-8), enrolled(lead_ids[1]), enrolled(lead_ids[2], days=1))
    assert [write(enrolments.count_since, experiment=HOLDOUT, moment=NOW - days * DAY) for days in (9, 1, -1)] == [
        3,
        2,
        1,
    ]


def test_many_leads_are_enrolled_and_settled_in_runs(enrol, settle, upsert, write):
    found = [one.lead_id for one in upsert(*(LeadDraft(external_id=f"m{number}") for number in range(4_000)))]
    assert len(enrol(*map(enrolled, found))) == 4_000
    assert settle(dict.fromkeys(found, ("kept", None))) == 4_000
    assert [tally.count for tally in write(enrolments.tally, experiment=HOLDOUT)] == [4_000]


def test_who_is_forgotten_counts_no_more_and_who_is_not_settled_stays(enrol, settle, write, lead_ids):
    enrol(*(enrolled(lead_id, days=-900) for lead_id in lead_ids))
    settle({lead_ids[0]: ("kept", None)}, now=NOW - 9 * DAY)
    write(erasure.erase, subject=write(erasure.find, lead_id=lead_ids[1], identities=[]), now=NOW)
    assert write(retention.purge, chosen={"scores": 5}, now=NOW) == {"enrolments": 1}
    assert list(write(enrolments.for_leads, experiment=HOLDOUT, lead_ids=lead_ids)) == [lead_ids[2]]
