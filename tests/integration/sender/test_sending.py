"""Actions go to the CRM once each, after the gates judged them at the moment of sending, on both databases."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import update

from db.models import CrmSender, Lead
from db.repositories.events import events
from db.repositories.outbound import crm_sends
from db.session import EVERY_TENANT, reading, transaction
from tasks.events import ingest
from tasks.interventions.pauses import pause
from tasks.privacy.rights import forget, restrict
from tests.support.highlevel import HighLevel, Reaction
from tests.support.interventions import NOON, T, at_risk, happened, states
from tests.support.sender import Desk, entry, reports, run_reports, state, trouble
from workers.delivery.sender.tenant_sender import TenantSender

pytestmark = pytest.mark.usefixtures("database")
CALL, TAG, SMS = "call_task", "pause_automation", "sms"


def test_an_action_is_sent_once_and_reported_as_executed(desk: Desk, highlevel: HighLevel) -> None:
    lead_id = at_risk()
    action = desk.handed_over(lead_id, CALL)
    assert desk.serve() == 1
    assert desk.serve() == 0
    [taken] = highlevel.taken
    assert (taken.method, taken.path) == ("POST", "/contacts/ct1/tasks")
    assert state(action) == ("sent", None)
    assert reports() == [("executed", action.action_id)]
    run_reports()
    run_reports()
    assert states(lead_id) == ["executed"]
    assert not highlevel.faults


@pytest.mark.parametrize("said", ["STOP", "please do not text me anymore"])
def test_a_person_who_said_no_between_planning_and_sending_is_not_contacted(
    desk: Desk, highlevel: HighLevel, said: str
) -> None:
    action = desk.handed_over(lead_id := at_risk(), SMS)
    happened(1, "sms", desk.now, "inbound", said)
    desk.later(1)
    assert desk.serve() == 0
    assert not highlevel.seen
    assert entry(action).state in {"blocked", "withdrawn"}
    assert states(lead_id)[0] == "withdrawn"
    assert not reports()


def test_a_no_that_comes_after_the_ledger_was_filled_counts_too(desk: Desk, highlevel: HighLevel) -> None:
    action = desk.handed_over(at_risk(), SMS)
    highlevel.react = lambda *_: Reaction(status=429, headers={"Retry-After": "30"})
    desk.serve()
    assert state(action) == ("pending", "http.429")
    happened(1, "sms", desk.now, "inbound", "STOP")
    highlevel.react = lambda *_: None
    desk.later(31)
    desk.serve()
    assert entry(action).state in {"blocked", "withdrawn"}
    assert not highlevel.taken


def test_what_a_gate_closes_is_not_sent(desk: Desk, highlevel: HighLevel) -> None:
    action = desk.handed_over(lead_id := at_risk(), SMS)
    desk.configure(interventions={"approval": ["sms"]})
    desk.serve()
    assert entry(action).state == "blocked"
    assert states(lead_id) == ["withdrawn"]
    assert not highlevel.seen


def test_a_restricted_person_is_left_alone(desk: Desk, highlevel: HighLevel) -> None:
    action = desk.handed_over(lead_id := at_risk(), CALL)
    restrict(tenant_id=T, lead_id=lead_id, restricted=True, actor="ada.quill")
    desk.serve()
    assert entry(action).state in {"blocked", "withdrawn"}
    assert not highlevel.seen


def test_the_kill_switch_and_a_pause_stop_what_was_handed_over(desk: Desk, highlevel: HighLevel) -> None:
    first = desk.handed_over(at_risk(1), CALL)
    second = desk.handed_over(at_risk(2), CALL)
    pause(tenant_id=T, intervention=first.intervention, actor="ada.quill")
    desk.configure(interventions={"kill_switch": True})
    desk.serve()
    assert {entry(first).state, entry(second).state} <= {"blocked", "withdrawn"}
    assert not highlevel.seen


def test_quiet_hours_make_it_wait(desk: Desk, highlevel: HighLevel) -> None:
    evening = NOON + timedelta(hours=7, minutes=59)
    action = desk.handed_over(at_risk(), CALL, at=evening)
    desk.later(120)
    assert desk.serve() == 0
    waiting = entry(action)
    assert (waiting.state, waiting.attempts) == ("pending", 0)
    assert waiting.next_at > desk.now + timedelta(hours=10)
    assert not highlevel.seen
    desk.at(waiting.next_at)
    assert desk.serve() == 1
    assert state(action) == ("sent", None)


def test_what_has_expired_or_was_withdrawn_is_not_sent(desk: Desk, highlevel: HighLevel) -> None:
    expired = desk.handed_over(at_risk(1), CALL)
    desk.at(expired.expires_at)
    desk.serve()
    assert state(expired) == ("withdrawn", "expired")
    assert not highlevel.seen


def test_429_is_waited_out_and_counts_against_nothing(desk: Desk, highlevel: HighLevel) -> None:
    first, second = desk.handed_over(at_risk(1), CALL), desk.handed_over(at_risk(2), CALL)
    highlevel.react = lambda *_: Reaction(status=429, headers={"Retry-After": "7"})
    assert desk.serve() == 1
    assert trouble() == "http.429"
    assert (entry(first).attempts, entry(second).attempts) == (0, 0)
    highlevel.react = lambda *_: None
    desk.later(6)
    assert desk.serve() == 0
    desk.later(2)
    assert desk.serve() == 2
    assert (state(first), state(second), trouble()) == (("sent", None), ("sent", None), None)


@pytest.mark.parametrize("status", [400, 404, 422])
def test_what_the_crm_refuses_for_good_is_refused(desk: Desk, highlevel: HighLevel, status: int) -> None:
    action = desk.handed_over(lead_id := at_risk(), CALL)
    highlevel.react = lambda *_: Reaction(status=status)
    desk.serve()
    assert state(action) == ("refused", f"http.{status}")
    assert reports() == [("rejected", action.action_id)]
    run_reports()
    assert states(lead_id) == ["rejected"]
    assert desk.serve() == 0


def test_a_wrong_answer_to_a_request_that_was_taken_counts_as_sent(desk: Desk, highlevel: HighLevel) -> None:
    action = desk.handed_over(at_risk(), CALL)
    highlevel.react = lambda *_: Reaction(status=201, body=b"<html>all is well</html>")
    desk.serve()
    assert state(action) == ("sent", "unread")
    assert reports() == [("executed", action.action_id)]


@pytest.mark.parametrize(
    "reaction",
    [
        Reaction(status=500),
        Reaction(status=502, effect=True),
        Reaction(status=504),
        Reaction(hang=8.0, effect=True),
        Reaction(drop=True, effect=True),
    ],
    ids=["500", "502", "504", "slow", "dropped"],
)
def test_what_may_have_arrived_is_not_sent_twice(desk: Desk, highlevel: HighLevel, reaction: Reaction) -> None:
    action = desk.handed_over(at_risk(), CALL)
    highlevel.react = lambda *_: reaction
    if reaction.hang:
        desk.be_impatient()
    desk.serve()
    highlevel.react = lambda *_: None
    desk.later(7200)
    assert desk.serve() == 0
    assert entry(action).state == "unsure"
    assert len(highlevel.seen) == 1
    assert not reports()


@pytest.mark.parametrize(
    "reaction", [Reaction(status=500), Reaction(hang=8.0), Reaction(drop=True)], ids=["500", "slow", "dropped"]
)
def test_what_does_no_harm_twice_is_sent_again(desk: Desk, highlevel: HighLevel, reaction: Reaction) -> None:
    action = desk.handed_over(at_risk(), TAG)
    answers = iter([reaction])
    highlevel.react = lambda *_: next(answers, None)
    if reaction.hang:
        desk.be_impatient()
    desk.serve()
    desk.be_patient()
    desk.later(60)
    desk.serve()
    assert state(action) == ("sent", None)
    assert [path for _, path, _ in highlevel.seen] == ["/contacts/ct1/tags"] * 2


def test_503_says_that_nothing_began(desk: Desk, highlevel: HighLevel) -> None:
    action = desk.handed_over(at_risk(), SMS)
    answers = iter([Reaction(status=503)])
    highlevel.react = lambda *_: next(answers, None)
    desk.serve()
    desk.later(60)
    desk.serve()
    assert state(action) == ("sent", None)
    assert entry(action).attempts == 1


def test_a_crm_that_fails_again_and_again_is_left_alone(desk: Desk, highlevel: HighLevel) -> None:
    actions = [desk.handed_over(at_risk(number), TAG) for number in range(1, 9)]
    highlevel.react = lambda *_: Reaction(status=500)
    desk.serve()
    assert len(highlevel.seen) == 5
    assert trouble() == "breaker:http.500"
    assert desk.serve() == 0
    assert len(highlevel.seen) == 5
    assert {entry(action).state for action in actions} == {"pending"}


def test_a_refused_token_loses_nothing_and_another_one_ends_the_wait(
    desk: Desk, highlevel: HighLevel, token_file: Path
) -> None:
    action = desk.handed_over(at_risk(), CALL)
    right = token_file.read_text()
    token_file.write_text("pit-of-last-year")
    desk.serve()
    assert (state(action), trouble()) == (("pending", "http.401"), "http.401")
    assert entry(action).attempts == 0
    desk.later(1)
    assert desk.serve() == 0
    assert len(highlevel.seen) == 1
    token_file.write_text(right)
    desk.serve()
    assert (state(action), trouble()) == (("sent", None), None)


@pytest.mark.parametrize(("mode", "code"), [(0o644, "token.mode"), (None, "token.missing")])
def test_without_a_token_nothing_is_sent_and_nothing_lost(
    desk: Desk, highlevel: HighLevel, token_file: Path, mode: int | None, code: str
) -> None:
    action = desk.handed_over(at_risk(), CALL)
    content = token_file.read_text()
    token_file.unlink() if mode is None else token_file.chmod(mode)
    assert desk.serve() == 0
    assert (state(action), trouble()) == (("pending", None), code)
    token_file.unlink(missing_ok=True)
    token_file.touch(mode=0o600)
    token_file.write_text(content)
    assert desk.serve() == 1
    assert state(action) == ("sent", None)
    assert not highlevel.faults


def test_a_tenant_belongs_to_one_sender_until_its_lease_is_over(desk: Desk, highlevel: HighLevel) -> None:
    desk.at(NOON)
    desk.serve()
    action = desk.handed_over(at_risk(), CALL)
    other = desk.another(holder="two")
    assert other.serve() == 0
    desk.later(61)
    assert other.serve() == 1
    assert desk.serve() == 0
    assert state(action) == ("sent", None)
    assert len(highlevel.taken) == 1


def test_two_senders_at_once_send_once(desk: Desk, highlevel: HighLevel) -> None:
    """As if leases were no use: both hold the tenant, and the ledger alone keeps them apart."""
    actions = [desk.handed_over(at_risk(number), CALL) for number in range(1, 5)]
    senders = [desk.another(holder="one", lease=0.0) for _ in range(2)]
    together = Barrier(len(senders))

    def serve(sender: TenantSender) -> int:
        together.wait()
        return sender.serve()

    with ThreadPoolExecutor(len(senders)) as pool:
        assert sum(pool.map(serve, senders)) == len(actions)
    assert len(highlevel.taken) == len(actions)
    assert {state(action) for action in actions} == {("sent", None)}


def test_requests_keep_within_the_limit_of_the_crm(desk: Desk, highlevel: HighLevel) -> None:
    for number in range(1, 4):
        desk.handed_over(at_risk(number), TAG)
    highlevel.react = lambda *_: Reaction(status=200, headers={"X-RateLimit-Remaining": "0"})
    assert desk.serve() == 1
    assert not highlevel.faults


def test_the_sender_is_off_by_default(desk: Desk, highlevel: HighLevel) -> None:
    desk.configure(sender={"enabled": False})
    desk.handed_over(at_risk(), CALL)
    assert desk.serve() == 0
    assert not highlevel.seen
    desk.configure()
    assert desk.serve() == 1


def test_our_own_message_coming_back_is_known_as_the_action_s(desk: Desk, highlevel: HighLevel) -> None:
    action = desk.handed_over(lead_id := at_risk(), SMS)
    desk.serve()
    assert highlevel.taken[0].body["type"] == "SMS"
    at = desk.now.isoformat()
    echo = {"type": "OutboundMessage", "locationId": T, "contactId": "ct1", "messageType": "SMS", "body": "Hello"}
    for number, message_id in enumerate(("msg-1", "msg-of-an-agent")):
        event = {**echo, "messageId": message_id, "dateAdded": at, "webhookId": f"w{number}"}
        answer = ingest(tenant_id=T, provider="ghl", events=[event], signature_verified=True, received_at=at)["data"]
        assert answer["accepted"] == 1
    with reading(T) as session:
        stored = events.for_leads(session, T, lead_ids=[lead_id])[lead_id]
    actions = [event.facts.get("action_id") for event in stored if event.occurred_at == desk.now]
    assert Counter(actions) == Counter([action.action_id, None])


def test_erasure_takes_the_ledger_with_it(desk: Desk, highlevel: HighLevel) -> None:
    desk.handed_over(lead_id := at_risk(), SMS)
    desk.serve()
    waiting = desk.handed_over(other := at_risk(2), CALL)
    for forgotten in (lead_id, other):
        forget(tenant_id=T, lead_id=forgotten, reason="asked")
    assert desk.serve() == 0
    assert len(highlevel.taken) == 1
    with reading(EVERY_TENANT) as session:
        assert not crm_sends.listing(session, T)
        assert not crm_sends.own_messages(session, T, message_ids=["msg-1"])
        assert crm_sends.get(session, T, key=crm_sends.action_key(waiting.action_id)) is None


def test_a_lead_that_cannot_be_read_holds_up_no_other(desk: Desk, highlevel: HighLevel) -> None:
    broken, whole = desk.handed_over(at_risk(1), CALL), desk.handed_over(at_risk(2), CALL)
    with transaction(EVERY_TENANT) as session:
        session.execute(update(Lead).where(Lead.lead_id == broken.lead_id).values(contact=b"no seal"))
    assert desk.serve() == 1
    assert state(whole) == ("sent", None)
    assert (entry(broken).state, entry(broken).code, entry(broken).attempts) == ("pending", "unexpected", 1)


def test_what_a_day_allows_is_not_exceeded(desk: Desk, highlevel: HighLevel) -> None:
    action = desk.handed_over(at_risk(), CALL)
    with transaction(EVERY_TENANT) as session:
        session.execute(update(CrmSender).values(day=desk.now.date().isoformat(), requests=200_000))
    assert desk.serve() == 0
    desk.later(24 * 3600)
    assert desk.serve() == 1
    assert state(action) == ("sent", None)


def test_the_stream_is_read_once_and_from_where_the_sender_was_switched_on(desk: Desk, highlevel: HighLevel) -> None:
    for number in (1, 2):
        desk.handed_over(at_risk(number), TAG)
        assert desk.serve() == 1
        desk.be_patient()  # another process of the same holder reads on from the cursor
    assert [taken.path for taken in highlevel.taken] == ["/contacts/ct1/tags", "/contacts/ct2/tags"]
