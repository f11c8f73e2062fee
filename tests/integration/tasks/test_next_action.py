"""List, card and plan name one action, decided after the gates: on both databases, over leads of every consent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from db.models import Lead
from db.records import InterventionDraft
from db.repositories.interventions import interventions
from db.session import EVERY_TENANT, reading, transaction
from domain.action_states import ActionState
from ml.interventions.compliance.gates import ActionCandidate
from tasks.events import ingest
from tasks.interventions.pauses import pause
from tasks.interventions.plan import plan
from tasks.leads.card import card
from tasks.leads.overrides import override
from tasks.leads.rescoring import rescore
from tasks.leads.upsert import upsert
from tasks.leads.worklist import worklist
from tasks.outcomes import record
from tasks.privacy.rights import restrict
from tasks.services.interventions import experiment, gate_context, next_action
from tasks.services.interventions.next_action import NextAction
from tasks.services.leads.call_details import due_by
from tasks.tenants import configure
from tests.support.interventions import DAY, NOON, T, at_risk, brokerage, only, planned, states, work_at
from tests.support.statements import counted

pytestmark = pytest.mark.usefixtures("database", "workspace_folder")

NOW = datetime.now(UTC)
#: what leads have said of being contacted, each of some of them
CONSENTS: Sequence[Mapping[str, Any]] = (
    {"opt_in_sms": True, "opt_in_email": True},
    {"opt_in_email": True, "dnd_call": True},
    {"opt_in_call": True, "opt_in_sms": False},
    {"source": "cold list"},
    {"dnd_all": True},
    {"opt_in_sms": True, "tags": ["DNC"]},
    {"source": "Website"},
    {"opt_in_sms": True, "dnd_call": True, "dnd_email": True},
    {"unsubscribed_at": (NOW - 3 * DAY).isoformat(), "opt_in_email": True},
    {"opt_in_email": True, "dnd_email": True, "dnd_call": True},
    {"opt_in_email": True, "dnd_call": True, "lead_type": "seller", "stage": "nurture", "timeline": "0-3"},
)
#: of these nobody may be contacted over any channel
CLOSED = {3, 4, 5, 8, 9}
MANY = 77


@pytest.fixture(autouse=True)
def tenant(database: str) -> None:
    brokerage()


def lead_of(number: int, **fields: Any) -> dict[str, Any]:
    """A lead that has been silent for long, some of them in late stages."""
    return {
        "external_id": f"ct{number}",
        "source_system": "ghl",
        "email": f"l{number}@example.com",
        "lead_type": "buyer",
        "stage": ("engaged", "showing", "unresponsive", "offer")[number % 4],
        "state": "NY",
        "assigned_to": f"user-{number % 3}",
        "created_at": (NOW - (30 + number % 40) * DAY).isoformat(),
        "last_activity_at": (NOW - 25 * DAY).isoformat(),
        "last_contacted_at": (NOW - 20 * DAY).isoformat(),
        "as_of": (NOW - timedelta(hours=1)).isoformat(),
        **fields,
    }


def stored(*leads: Mapping[str, Any]) -> list[str]:
    """Store leads and have them scored."""
    lead_ids: list[str] = upsert(tenant_id=T, leads=list(leads))["data"]["lead_ids"]
    while rescore(tenant_id=T)["data"]["due"]:
        pass
    return lead_ids


def many() -> list[str]:
    return stored(*(lead_of(number, **CONSENTS[number % len(CONSENTS)]) for number in range(MANY)))


def listed(**asked: Any) -> dict[str, dict[str, Any]]:
    """The rows by lead, in order."""
    return {row["lead_id"]: row for row in worklist(tenant_id=T, **{"capacity": 200, **asked})["data"]["leads"]}


def shown(lead_id: str) -> dict[str, Any]:
    told: dict[str, Any] = card(tenant_id=T, lead_id=lead_id)["data"]
    return told


def next_of(lead_id: str) -> dict[str, Any]:
    told: dict[str, Any] = shown(lead_id)["next"]
    return told


def blocked(lead_id: str) -> dict[str, str]:
    """The rule by which each closed channel is closed, asked of the gates themselves."""
    context = work_at(datetime.now(UTC))
    with reading(EVERY_TENANT) as session:
        holds = next_action.conditions(session, context)
        subject = gate_context.load(session, context, [lead_id], holds.settings)[lead_id]
    asked = {name: ActionCandidate(action=name, channel=name) for name in ("call", "email", "sms")}
    found = {name: gate_context.judge_action(one, subject, context.now, holds.settings) for name, one in asked.items()}
    return {name: one.rules[-1].rule for name, one in found.items() if one.decision == "block"}


def compared(lead_ids: Sequence[str]) -> list[str]:
    """Hold list, card and plan of each lead against each other and the gates; gives the leads with a plan."""
    rows, with_plan = listed(), []
    for lead_id in lead_ids:
        told, row, closed = shown(lead_id), rows.get(lead_id), blocked(lead_id)
        following, running = told["next"], told["actions"]["running"]
        on_list = following["action"] is not None and not following["why_not"]
        assert (row is not None) == on_list, following
        if row is not None:
            assert [row[key] for key in ("action", "channel", "not_before", "due_by", "action_id")] == [
                following[key] for key in ("action", "channel", "not_before", "due_by", "action_id")
            ]
            assert row["channel"] not in closed, (row, closed)
            assert row["not_before"] is None or row["due_by"] is None or row["due_by"] >= row["not_before"]
        if len(closed) == 3:
            assert {one["channel"]: one["rule"] for one in following["why_not"]} == closed
            assert all(one["text"] for one in following["why_not"])
            assert following["channel"] in {None, "internal"}
        if running:
            with_plan.append(lead_id)
            assert (following["action"], following["action_id"]) == (running[-1]["action"], running[-1]["action_id"])
    assert len(lead_ids) >= 60
    return with_plan


def test_list_card_and_plan_agree_lead_by_lead_before_and_after_planning() -> None:
    lead_ids = many()
    assert compared(lead_ids) == []
    rows = listed()
    open_to = [lead_id for number, lead_id in enumerate(lead_ids) if number % len(CONSENTS) not in CLOSED]
    assert set(rows) == set(open_to)
    assert {row["channel"] for row in rows.values()} == {"call", "email", "sms"}
    plan(tenant_id=T, lead_ids=lead_ids, budget=10_000)
    with_plan = compared(lead_ids)
    assert len(with_plan) > len(lead_ids) / 2
    actions = {next_of(lead_id)["action"] for lead_id in with_plan}
    assert actions & {"manager_escalation", "agent_reassign", "pause_automation"}, "people in house are among them"
    assert actions - {"manager_escalation", "agent_reassign", "pause_automation", "suppress"}
    assert set(listed()) <= set(open_to), "a task for the manager makes nobody callable"


def test_a_lead_without_an_open_channel_leaves_the_list_is_counted_and_its_card_says_why() -> None:
    lead_ids = many()
    answer = worklist(tenant_id=T, capacity=200)["data"]
    closed = [lead_id for number, lead_id in enumerate(lead_ids) if number % len(CONSENTS) in CLOSED]
    # of leads whom every channel is closed to the list does not even ask the gates
    unreachable = [lead_id for lead_id in closed if not shown(lead_id)["contactable"]]
    assert answer["withheld"] == len(closed) - len(unreachable) > 0
    assert not {row["lead_id"] for row in answer["leads"]} & set(closed)
    told = {one["channel"]: one for one in next_of(lead_ids[3])["why_not"]}
    assert {channel: one["rule"] for channel, one in told.items()} == {
        "call": "consent.call_missing",
        "email": "consent.email_missing",
        "sms": "consent.sms_missing",
    }
    assert told["call"]["text"].startswith("A call needs the lead's consent")
    assert (next_of(lead_ids[3])["action"], next_of(lead_ids[3])["due_by"]) == (None, None)


def test_only_those_above_the_cut_are_counted_as_withheld() -> None:
    open_to, closed = {"opt_in_call": True}, {"source": "cold list"}
    lead_ids = stored(*(lead_of(n, **(closed if n in {1, 4} else open_to)) for n in range(6)))
    for place, lead_id in enumerate(lead_ids):
        override(tenant_id=T, lead_id=lead_id, probability=0.9 - place / 10, actor="ada.quill")
    for capacity, places, withheld in ((1, [0], 0), (2, [0, 2], 1), (3, [0, 2, 3], 1), (4, [0, 2, 3, 5], 2)):
        answer = worklist(tenant_id=T, capacity=capacity)["data"]
        assert [row["lead_id"] for row in answer["leads"]] == [lead_ids[place] for place in places]
        assert [row["rank"] for row in answer["leads"]] == list(range(1, capacity + 1))
        assert answer["withheld"] == withheld


def test_who_is_held_out_looks_like_one_that_nothing_was_planned_for() -> None:
    brokerage(holdout=0.5)
    lead_ids = many()
    before, rows = {lead_id: next_of(lead_id) for lead_id in lead_ids}, listed()
    plan(tenant_id=T, lead_ids=lead_ids, budget=10_000)
    held_out = [lead_id for lead_id in lead_ids if "held_out" in states(lead_id)]
    assert len(held_out) > 5
    assert all(experiment.assign_arm(T, lead_id, 0.5).held_out for lead_id in held_out)
    after = listed()
    for lead_id in held_out:
        assert next_of(lead_id) | {"why_now": None} == before[lead_id] | {"why_now": None}
        assert (lead_id in after) == (lead_id in rows)
        if lead_id in rows:
            names = ("action", "channel", "not_before", "due_by", "action_id")
            assert [after[lead_id][name] for name in names] == [rows[lead_id][name] for name in names]
    compared(lead_ids)


def test_an_unanswered_inquiry_keeps_its_place_and_its_call_where_a_call_is_allowed() -> None:
    came = {"created_at": (datetime.now(UTC) - timedelta(minutes=12)).isoformat(), "as_of": NOW.isoformat()}
    fresh = {"stage": "new", "source": "Website", "last_activity_at": None, "last_contacted_at": None, **came}
    lead_ids = stored(
        lead_of(1, **fresh),
        lead_of(2, opt_in_call=True, offers=4, showings=6),
        lead_of(3, **fresh, tags=["do not call"]),
        lead_of(4, **{**fresh, "source": "Bought list"}, opt_in_email=True),
    )
    rows = listed()
    assert set(list(rows)[:2]) == {lead_ids[0], lead_ids[3]}
    assert list(rows)[2:] == [lead_ids[1]]
    first = rows[lead_ids[0]]
    assert (first["action"], first["channel"]) == ("call_task", "call")
    assert first["why_now"].startswith("new inquiry, not contacted for 1")
    assert first["not_before"] is None or first["due_by"] == first["not_before"]
    assert rows[lead_ids[3]]["channel"] == "email", "nobody asked for a call, and e-mail is open"
    assert {one["channel"]: one["rule"] for one in next_of(lead_ids[2])["why_not"]} == blocked(lead_ids[2])


def test_capacity_is_filled_with_those_who_may_be_contacted_and_no_agent_gets_more() -> None:
    brokerage()
    given = [
        lead_of(number, assigned_to="ada" if number % 2 else "bo", showings=12 - number % 12)
        | ({"source": "cold list"} if number < 16 else {"opt_in_call": True})
        for number in range(40)
    ]
    stored(*given)
    configure(tenant_id=T, settings={"capacity": {"default": 4, "agents": {"ada": 2}}})
    agents = [row["assigned_to"] for row in listed().values()]
    assert (agents.count("ada"), agents.count("bo")) == (2, 4)
    assert len(listed(assigned_to="ada", capacity=None)) == 2
    assert len(listed(assigned_to="ada", capacity=9)) == 9
    assert len(listed(capacity=5)) == 5


def test_a_kill_switch_empties_the_list_and_says_so() -> None:
    lead_ids = many()
    on_list = listed()
    brokerage(kill_switch=True)
    answer = worklist(tenant_id=T)
    assert answer["data"]["leads"] == []
    assert answer["data"]["withheld"] >= len(on_list)
    assert {"code": "kill_switch", "path": "settings.interventions.kill_switch"} in answer["warnings"]
    assert {one["rule"] for one in next_of(lead_ids[0])["why_not"]} == {"kill.on"}
    brokerage()
    assert list(listed()) == list(on_list)


def put(lead_id: str, name: str, channel: str, state: ActionState = "planned", **more: Any) -> str:
    """An action of a plan."""
    now = datetime.now(UTC)
    draft = InterventionDraft(
        action_id=f"{name}-{lead_id}"[-32:],
        lead_id=lead_id,
        prediction_id=None,
        intervention="personal_attention",
        action=name,
        channel=channel,
        urgency="urgent",
        state=state,
        held_out=False,
        propensity=0.9,
        cost=1.0,
        policy="1",
        reason_codes=("risk",),
        evidence="rule",
        requires_approval=False,
        decision={"decision": "allow", "rules": []},
        detail={"title": None, "text": None, "crm": None, "expected_uplift": None},
        planned_at=now,
        not_before=now,
        expires_at=now + 3 * DAY,
    )
    with transaction(EVERY_TENANT) as session:
        interventions.save(session, T, drafts=[replace(draft, **more)])
    return draft.action_id


def test_what_people_in_house_are_to_do_is_the_action_as_long_as_the_lead_may_be_contacted() -> None:
    reachable, closed = stored(lead_of(1, opt_in_email=True, dnd_call=True), lead_of(2, source="cold list"))
    for lead_id in (reachable, closed):
        put(lead_id, "manager_escalation", "internal")
    row = only(list(listed().values()))
    assert (row["lead_id"], row["action"], row["channel"]) == (reachable, "manager_escalation", "internal")
    following = next_of(closed)
    assert (following["action"], [one["channel"] for one in following["why_not"]]) == (
        "manager_escalation",
        ["call", "email", "sms"],
    )


@pytest.mark.parametrize("name", ["pause_automation", "suppress"])
def test_what_protects_a_lead_puts_it_on_no_list(name: str) -> None:
    lead_id = only(stored(lead_of(1, opt_in_call=True)))
    assert lead_id in listed()
    put(lead_id, name, "internal")
    assert (listed(), worklist(tenant_id=T)["data"]["withheld"]) == ({}, 0)
    following = next_of(lead_id)
    assert (following["action"], only(following["why_not"])["rule"]) == (name, f"plan.{name}")


def test_a_plan_whose_channel_was_closed_since_is_named_no_more() -> None:
    lead_id = only(stored(lead_of(1, opt_in_sms=True, opt_in_email=True)))
    action_id = put(lead_id, "sms", "sms")
    assert (listed()[lead_id]["action"], listed()[lead_id]["action_id"]) == ("sms", action_id)
    upsert(tenant_id=T, leads=[lead_of(1, dnd_sms=True, as_of=NOW.isoformat())])
    assert (listed()[lead_id]["channel"], listed()[lead_id]["action_id"]) == ("email", None)
    assert next_of(lead_id)["channel"] == "email"


def test_a_type_that_is_paused_or_a_plan_that_is_void_is_none() -> None:
    first, second = stored(lead_of(3, opt_in_sms=True, dnd_call=True), lead_of(2, opt_in_call=True))
    put(first, "price_drop_alert", "sms")
    put(second, "manager_escalation", "internal", expires_at=datetime.now(UTC) - DAY)
    assert listed()[first]["action"] == "price_drop_alert"
    assert listed()[second]["action"] == "call_task"
    pause(tenant_id=T, intervention="personal_attention", actor="ada.quill")
    assert listed()[first]["action"] == "sms"
    assert next_of(first)["action"] == "sms"


def ended_by_outcome(lead_id: str) -> None:
    record(tenant_id=T, outcomes=[{"subject": {"lead_id": lead_id}, "type": "lost", "at": NOW.isoformat()}])


def ended_by_stage(lead_id: str) -> None:
    upsert(tenant_id=T, leads=[lead_of(1, stage="Closed Lost", as_of=NOW.isoformat())])


def objected(lead_id: str) -> None:
    restrict(tenant_id=T, lead_id=lead_id, objected=True)


@pytest.mark.parametrize(
    ("happens", "why"),
    [(ended_by_outcome, "record.ended"), (ended_by_stage, "record.ended"), (objected, "record.objected")],
)
def test_who_has_ended_or_objects_is_neither_listed_nor_planned_for_and_the_card_says_why(
    happens: Callable[[str], None], why: str
) -> None:
    lead_id = only(stored(lead_of(1, opt_in_call=True)))
    put(lead_id, "call_task", "call")
    happens(lead_id)
    assert (listed(), worklist(tenant_id=T)["data"]["withheld"]) == ({}, 0)
    following = next_of(lead_id)
    assert (following["action"], only(following["why_not"])["rule"]) == (None, why)
    plan(tenant_id=T, lead_id=lead_id)
    assert states(lead_id) == ["withdrawn"]


def test_a_record_that_does_not_open_holds_up_no_other() -> None:
    lead_ids = stored(*(lead_of(number, opt_in_call=True) for number in range(6)))
    with transaction(EVERY_TENANT) as session:
        session.execute(update(Lead).where(Lead.lead_id == lead_ids[2]).values(contact=b"broken"))
    assert set(listed()) == {*lead_ids[:2], *lead_ids[3:]}


def test_what_a_brokerage_does_not_use_is_not_named_and_a_call_always_may_be() -> None:
    sms, call, mail = stored(
        lead_of(1, opt_in_sms=True, dnd_call=True),
        lead_of(2, opt_in_call=True),
        lead_of(4, opt_in_email=True, dnd_call=True),
    )
    brokerage(allowed_actions=["market_report"])
    assert {lead_id: row["action"] for lead_id, row in listed().items()} == {
        call: "call_task",
        mail: "market_report",
    }
    assert next_of(sms)["why_not"][-1]["rule"] == "settings.allowed_actions"


def test_a_long_list_takes_as_many_statements_as_a_short_one() -> None:
    stored(*(lead_of(number, opt_in_call=True) for number in range(40)))
    listed(capacity=1)
    with counted() as few:
        assert len(listed(capacity=1)) == 1
    with counted() as all_of_them:
        assert len(listed(capacity=40)) == 40
    assert len(all_of_them) == len(few), all_of_them


def decided(at: datetime, lead_id: str, urged: str | None = None) -> NextAction:
    context = work_at(at)
    with reading(EVERY_TENANT) as session:
        holds = next_action.conditions(session, context)
        return next_action.next_actions(session, context, {lead_id: urged}, holds)[lead_id]


def test_at_night_and_on_the_day_of_a_contact_the_action_names_when_it_may_be_done() -> None:
    lead_id = at_risk()
    night = NOON + timedelta(hours=10)
    morning = NOON + timedelta(hours=21)
    assert decided(NOON, lead_id, "listing_alert").not_before is None
    at_night = decided(night, lead_id, "listing_alert")
    assert (at_night.action, at_night.not_before) == ("listing_alert", morning)
    urgency = {"due_by": (NOON + timedelta(hours=1)).isoformat()}
    assert due_by(urgency, at_night) == morning
    assert due_by(urgency, decided(NOON, lead_id)) == NOON + timedelta(hours=1)
    assert due_by({}, at_night) is None
    event = {"lead": {"source_system": "ghl", "external_id": "ct1"}, "kind": "sms", "direction": "outbound"}
    at = (NOON - timedelta(hours=2)).isoformat()
    ingest(tenant_id=T, provider="generic", events=[event | {"at": at}], received_at=at)
    assert decided(NOON, lead_id).not_before == NOON - timedelta(hours=2) + DAY


def test_an_action_that_was_handed_over_is_the_one_until_it_ends() -> None:
    brokerage(approval=[])
    lead_id = at_risk()
    action = only(only(planned(NOON, lead_id, allowed_actions=["call_task"])).actions)
    found = decided(NOON, lead_id, "listing_alert")
    assert (found.action, found.plan, found.place) == ("call_task", action, "listed")
    assert due_by({}, found) == action.expires_at
    assert decided(action.expires_at, lead_id, "listing_alert").action == "listing_alert"
