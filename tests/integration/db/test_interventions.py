"""Actions for leads at risk: stored once, moved by one of those that would, found by what they wait for."""

from dataclasses import asdict, replace

import pytest

from db import session as sessions
from db.errors import ReferenceGone, UnstorableValue
from db.records import LeadDraft
from db.repositories.interventions import interventions, pauses
from db.repositories.leads import leads
from db.repositories.privacy import erasure, retention
from db.repositories.privacy.subject_access import collect
from tests.support.rows import DAY, FACTS, HOUR, NOW, planned


@pytest.fixture
def save(write):
    def call(*drafts, **given):
        return write(interventions.save, drafts=drafts, **given)

    return call


@pytest.fixture
def move(write):
    def call(to, *of, action_id="a1", **given):
        return write(interventions.move, action_id=action_id, to=to, of=of, **{"now": NOW, **given})

    return call


def ids(records):
    return [record.action_id for record in records]


def test_an_action_is_stored_once_and_the_first_stays(save, write, lead_ids):
    draft = planned(lead_ids[0])
    later = replace(draft, cost=9.0)
    assert save(planned(lead_ids[1], "b"), draft, later) == [("b", True), ("a1", True), ("a1", False)]
    assert save(later) == [("a1", False)]
    stored, other = write(interventions.get, action_ids=["a1", "none", "b"])
    assert {name: value for name, value in asdict(stored).items() if value is not None} == {
        name: value for name, value in asdict(draft).items() if value is not None
    }
    assert other.lead_id == lead_ids[1]
    assert write(interventions.get, tenant_id="T2", action_ids=["a1"]) == []


def test_plans_made_at_once_are_one_plan(save, lead_ids, at_once):
    drafts = [planned(lead_ids[number % 3], f"a{number}") for number in range(30)]
    told = at_once(*[lambda each=each: save(*each) for each in (drafts, drafts[::-1], drafts[10:], drafts)])
    new = [action_id for answers in told for action_id, fresh in answers if fresh]
    assert sorted(new) == sorted({draft.action_id for draft in drafts})


def test_what_no_lead_bears_or_no_column_holds_is_refused(save, write, lead_ids):
    with pytest.raises(ReferenceGone):
        save(planned(lead_ids[0]), tenant_id="T2")
    with pytest.raises(UnstorableValue):
        save(replace(planned(lead_ids[0]), detail={"expected_uplift": float("nan")}))
    assert write(interventions.counts) == {}


def test_more_actions_than_a_statement_takes_are_stored_and_found(upsert, save, write):
    found = [one.lead_id for one in upsert(*(LeadDraft(external_id=f"many{number}") for number in range(2_000)))]
    assert sum(new for _, new in save(*(planned(lead_id, f"a{lead_id}") for lead_id in found))) == 2_000
    assert len(write(interventions.active, lead_ids=found, now=NOW)) == 2_000
    assert len(write(interventions.get, action_ids=[f"a{lead_id}" for lead_id in found])) == 2_000


def test_of_those_that_move_an_action_at_once_one_gets_it(save, move, at_once, lead_ids):
    save(planned(lead_ids[0]))
    moves = [lambda: move("dispatched", "planned"), lambda: move("withdrawn", "planned", "approval", reason="expired")]
    won = [record for record in at_once(*moves, *moves) if record is not None]
    assert len(won) == 1
    [stored] = won
    assert (stored.dispatched_at is None) == (stored.state == "withdrawn")
    assert (stored.withdrawn_at, stored.withdrawn_reason) in {(None, None), (NOW, "expired")}


def test_a_move_sets_what_belongs_to_it(save, move, lead_ids):
    save(planned(lead_ids[0], state="approval"))
    approved = move("planned", "approval", by="ada", now=NOW + HOUR)
    assert (approved.reviewed_by, approved.reviewed_at, approved.reported_at) == ("ada", NOW + HOUR, None)
    told = {**FACTS, "decision": "allow"}
    deferred = move("planned", "planned", not_before=NOW + 2 * HOUR, decision=told)
    assert (deferred.not_before, deferred.decision, deferred.reviewed_by) == (NOW + 2 * HOUR, told, "ada")
    assert move("dispatched", "planned").dispatched_at == NOW
    assert move("executed", "dispatched", now=NOW + HOUR).reported_at == NOW + HOUR
    assert move("replied", "executed").state == "replied"
    assert move("withdrawn", "planned", "approval") is None


@pytest.mark.parametrize(
    ("by", "noted"), [("ada", {"reviewed_by": "ada", "reviewed_at": NOW}), (None, {"reported_at": NOW})]
)
def test_a_rejection_is_a_persons_or_the_crms(save, move, lead_ids, by, noted):
    save(planned(lead_ids[0], state="approval"))
    rejected = move("rejected", "approval", by=by, reason="wrong_person")
    names = ("reviewed_by", "reviewed_at", "reported_at")
    assert {name: value for name in names if (value := getattr(rejected, name)) is not None} == noted
    assert rejected.withdrawn_reason == "wrong_person"


def test_only_what_was_told_may_be_executed_late(save, move, lead_ids):
    for action_id in ("told", "untold"):
        save(planned(lead_ids[0], action_id))
    move("dispatched", "planned", action_id="told")
    late = {}
    for action_id in ("told", "untold"):
        move("withdrawn", "planned", "dispatched", action_id=action_id, reason="expired")
        late[action_id] = move("executed", "dispatched", "withdrawn", action_id=action_id, dispatched=True)
    assert (late["told"].state, late["untold"]) == ("executed", None)


def test_another_tenants_action_is_not_moved(save, move, lead_ids):
    save(planned(lead_ids[0]))
    assert move("withdrawn", "planned", tenant_id="T2") is None
    assert move("withdrawn", "planned") is not None


def test_those_of_a_lead_are_found_by_what_they_are(save, write, lead_ids):
    one, two, three = lead_ids
    save(
        planned(one, "old", "replied", planned_at=NOW - 9 * DAY),
        planned(one, "over", planned_at=NOW - DAY, expires_at=NOW),
        planned(one, "now"),
        planned(two, "waits", "approval"),
        planned(two, "held", "held_out"),
        planned(three, "told", "dispatched"),
    )
    standing = write(interventions.active, lead_ids=lead_ids, now=NOW)
    assert {lead: ids(found) for lead, found in standing.items()} == {one: ["now"], two: ["waits"], three: ["told"]}
    recent = write(interventions.recent, lead_ids=[one, two], since=NOW - DAY)
    assert {lead: ids(found) for lead, found in recent.items()} == {one: ["over", "now"], two: ["held", "waits"]}
    assert ids(write(interventions.for_lead, lead_id=one)) == ["now", "over", "old"]
    assert ids(write(interventions.for_lead, lead_id=one, limit=1)) == ["now"]
    assert write(interventions.active, tenant_id="T2", lead_ids=lead_ids, now=NOW) == {}


def test_what_waits_for_a_person_or_runs_is_listed_oldest_first(save, write, lead_ids):
    save(
        planned(lead_ids[0], "b", "approval"),
        planned(lead_ids[0], "a", "approval", planned_at=NOW + HOUR),
        planned(lead_ids[1], "c", planned_at=NOW - HOUR),
        planned(lead_ids[1], "d", "executed"),
    )
    assert ids(write(interventions.waiting)) == ["b", "a"]
    assert ids(write(interventions.waiting, limit=1)) == ["b"]
    assert ids(write(interventions.waiting, states=("planned", "approval", "dispatched"))) == ["c", "b", "a"]
    assert write(interventions.waiting, tenant_id="T2") == []


def test_what_is_due_or_over_is_found_earliest_first(save, write_all, lead_ids):
    save(
        planned(lead_ids[0], "later", not_before=NOW + HOUR),
        planned(lead_ids[0], "now", not_before=NOW),
        planned(lead_ids[1], "first", not_before=NOW - HOUR),
        planned(lead_ids[1], "over", not_before=NOW - HOUR, expires_at=NOW),
        planned(lead_ids[2], "unseen", "approval", not_before=NOW - HOUR, expires_at=NOW - HOUR),
        planned(lead_ids[2], "gone", "dispatched", expires_at=NOW - 2 * HOUR),
        planned(lead_ids[2], "done", "executed", expires_at=NOW - 2 * HOUR),
    )
    assert write_all(interventions.due, now=NOW, limit=9) == [("T1", "first"), ("T1", "now")]
    assert write_all(interventions.due, now=NOW, limit=1) == [("T1", "first")]
    assert write_all(interventions.expired, now=NOW, limit=9) == [("T1", "gone"), ("T1", "unseen"), ("T1", "over")]


def test_tenants_share_what_is_done_at_once(save, upsert, write_all, lead_ids):
    [other] = [one.lead_id for one in upsert(LeadDraft(external_id="o"), tenant_id="T2")]
    save(*(planned(lead_ids[0], f"a{number}", not_before=NOW - DAY) for number in range(9)))
    save(*(planned(other, f"b{number}", not_before=NOW) for number in range(3)), tenant_id="T2")
    assert [tenant for tenant, _ in write_all(interventions.due, now=NOW, limit=4)] == ["T1", "T1", "T2", "T2"]
    assert len(write_all(interventions.due, now=NOW, limit=20)) == 12


def test_actions_are_counted_by_type_state_and_agent(save, upsert, write):
    given = [{"assigned_to": "ada"}, {}]
    ada, nobody = [
        one.lead_id
        for one in upsert(*(LeadDraft(external_id=f"x{n}", fields=fields) for n, fields in enumerate(given)))
    ]
    save(planned(ada), planned(ada, "a2", "executed"), planned(nobody, "a3", planned_at=NOW - DAY))
    save(planned(nobody, "a4", intervention="social_proof"))
    assert write(interventions.counts) == {
        ("proactive_outreach", "planned"): 2,
        ("proactive_outreach", "executed"): 1,
        ("social_proof", "planned"): 1,
    }
    assert write(interventions.counts, since=NOW)["proactive_outreach", "planned"] == 1
    assert write(interventions.by_agent, since=NOW) == {
        ("ada", "planned"): 1,
        ("ada", "executed"): 1,
        (None, "planned"): 1,
    }
    assert write(interventions.counts, tenant_id="T2") == {}


def test_planners_of_a_tenant_wait_for_each_other(save, write, lead_ids, at_once):
    """Each looks what stands before it plans: without the lock all of them would find nothing."""

    def plan(name):
        def unless_there(session, tenant_id):
            interventions.lock(session, tenant_id)
            if interventions.active(session, tenant_id, lead_ids=lead_ids, now=NOW):
                return []
            return interventions.save(session, tenant_id, drafts=[planned(lead_ids[0], name)])

        return lambda: write(unless_there)

    assert sum(len(told) for told in at_once(*map(plan, "abcd"))) == 1


def test_actions_go_with_their_lead_and_are_in_the_copy_it_may_have(save, write, upsert, lead_ids):
    save(planned(lead_ids[0]), planned(lead_ids[1], "a2"))
    subject = write(erasure.find, lead_id=lead_ids[0], identities=[])
    copy = write(collect, subject=subject)
    assert [row["action_id"] for row in copy["interventions"]] == ["a1"]
    assert write(erasure.erase, subject=subject, now=NOW).stores["interventions"] == 1
    assert ids(write(interventions.get, action_ids=["a1", "a2"])) == ["a2"]


def test_actions_are_kept_from_their_end_on(save, write, lead_ids):
    save(planned(lead_ids[0], "old", planned_at=NOW - 9 * DAY, expires_at=NOW - 6 * DAY))
    save(planned(lead_ids[0], "long", planned_at=NOW - 9 * DAY, expires_at=NOW - DAY))
    assert write(retention.purge, chosen={"scores": 5}, now=NOW) == {"interventions": 1}
    assert ids(write(interventions.for_lead, lead_id=lead_ids[0])) == ["long"]


def test_a_type_is_paused_once_until_somebody_lifts_it(write, at_once):
    told = {"intervention": "incentive_offer", "reason": "harmful", "evidence": {"high": -0.02}, "now": NOW}
    paused = at_once(*[lambda who=who: write(pauses.pause, by=who, **told) for who in "abcd"])
    assert sorted(paused) == [False, False, False, True]
    [record] = write(pauses.active).values()
    assert (record.intervention, record.evidence, record.lifted_at) == ("incentive_offer", {"high": -0.02}, None)
    lift = {"intervention": "incentive_offer", "by": "ada"}
    assert [write(pauses.lift, now=NOW + HOUR, **lift), write(pauses.lift, now=NOW, **lift)] == [True, False]
    assert write(pauses.active) == {}
    assert write(pauses.pause, by="job", **told)
    assert list(write(pauses.active)) == ["incentive_offer"]
    assert write(pauses.active, tenant_id="T2") == {}


def test_the_newest_lift_of_a_type_is_told_for_a_while(write):
    for hours in (0, 2):
        now = NOW + hours * HOUR
        write(pauses.pause, intervention="*", reason="person", evidence={}, by="ada", now=now)
        write(pauses.lift, intervention="*", by=f"at {hours}", now=now + HOUR)
    assert write(pauses.lifted, since=NOW)["*"].lifted_by == "at 2"
    assert write(pauses.lifted, since=NOW + 4 * HOUR) == {}


def test_rows_of_a_lead_that_is_there_no_more_are_gone(save, write, lead_ids):
    save(planned(lead_ids[0]))
    write(erasure.erase, subject=write(erasure.find, lead_id=lead_ids[0], identities=[]), now=NOW)
    with pytest.raises(ReferenceGone):
        save(planned(lead_ids[0]))
    with sessions.reading(sessions.EVERY_TENANT) as session:
        assert not leads.exists(session, "T1", lead_id=lead_ids[0])
