"""Whoever refused, in whatever words, tag, stage, column or message: no action over that channel is listed, planned or
handed over, whatever consents stand beside it. Random leads, seeded, on both databases.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tasks.events import ingest
from tasks.interventions.approvals import review
from tasks.leads.card import card
from tasks.leads.rescoring import rescore
from tasks.leads.upsert import upsert
from tasks.leads.worklist import worklist
from tests.support.interventions import DAY, T, actions_of, brokerage, dispatched, planned, told

pytestmark = pytest.mark.usefixtures("database", "workspace_folder")

CHANNELS = ("sms", "email", "call")
EVERY = frozenset(CHANNELS)
#: what a tag, a stage or a column says -> the channels that it closes at least
TAGS = {
    **dict.fromkeys(["do not contact", "DND", "opted out", "no communication", "Asked to be removed"], EVERY),
    **dict.fromkeys(["unsubscribed", "désabonné"], frozenset({"email"})),
    **dict.fromkeys(["DNC", "wrong number"], frozenset({"call", "sms"})),
    "do not call": frozenset({"call"}),
    "sms opt out": frozenset({"sms"}),
    "no emails": frozenset({"email"}),
    **dict.fromkeys(["buyer", "hot", "no show", "sms opt in", "do not rent", "one stop shop"], frozenset()),
}
STAGES = {
    **dict.fromkeys(["Do Not Contact", "Closed - opted out", "DND"], EVERY),
    **dict.fromkeys(["engaged", "showing", "qualified"], frozenset()),
}
COLUMNS = {
    ("Opt Out", "Yes"): EVERY,
    ("Is Blacklisted", "1"): EVERY,
    ("Do Not Text", "true"): frozenset({"sms"}),
    ("DNC List", "x"): frozenset({"call", "sms"}),
    ("Subscription Status", "Unsubscribed"): frozenset({"email"}),
    ("SMS Consent", "perhaps"): frozenset({"sms"}),
    ("Opt Out", "No"): frozenset(),
    ("Pets", "two cats"): frozenset(),
}
MESSAGES = {
    **dict.fromkeys(
        ["STOP", "S.T.O.P.", "unsubcribe", "Please remove me from your list", "no me escriban más", "delete my data"],
        EVERY,
    ),
    "stop txting me": frozenset({"sms"}),
    "não quero mais receber mensagens": frozenset({"sms"}),
    "quit calling us": frozenset({"call"}),
    **dict.fromkeys(["could you stop by on Sunday?", "the bus stop is near, good", "see you at 3"], frozenset()),
}


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A lead, what it writes, and what that closes at least."""

    lead: dict[str, Any]
    message: str | None
    closed: frozenset[str]


def drawn(draw: random.Random, number: int, now: datetime) -> Drawn:
    tags = draw.sample(list(TAGS), draw.randint(0, 2)) if draw.random() < 0.5 else []
    stage = draw.choice(list(STAGES)) if draw.random() < 0.5 else "engaged"
    column = draw.choice(list(COLUMNS)) if draw.random() < 0.4 else None
    message = draw.choice(list(MESSAGES)) if draw.random() < 0.4 else None
    closed = frozenset().union(
        *(TAGS[tag] for tag in tags),
        STAGES[stage],
        COLUMNS.get(column or ("", ""), ()),
        MESSAGES.get(message or "", ()),
    )
    lead: dict[str, Any] = {
        "external_id": f"ct{number}",
        "source_system": "ghl",
        "email": f"l{number}@example.com",
        "lead_type": "buyer",
        "source": draw.choice(["Website", "cold list"]),
        "state": draw.choice(["NY", "TX", "Birmingham, AL"]),
        "created_at": (now - draw.randint(50, 100) * DAY).isoformat(),
        "last_contacted_at": (now - 39 * DAY).isoformat(),
        "tags": tags,
        "stage": stage,
        **{f"opt_in_{channel}": True for channel in CHANNELS if draw.random() < 0.8},
        **({"custom": {column[0]: column[1]}} if column else {}),
    }
    return Drawn(lead=lead, message=message, closed=closed)


def taken_in(people: Sequence[Drawn], now: datetime) -> list[str]:
    lead_ids: list[str] = upsert(tenant_id=T, leads=[one.lead for one in people])["data"]["lead_ids"]
    events = [
        {
            "id": f"m{at}",
            "lead": {"source_system": "ghl", "external_id": one.lead["external_id"]},
            "kind": "sms",
            "direction": "inbound",
            "channel": "sms",
            "at": (now - 40 * DAY).isoformat(),
            "text": one.message,
        }
        for at, one in enumerate(people)
        if one.message
    ]
    assert ingest(tenant_id=T, provider="generic", events=events)["data"]["accepted"] == len(events)
    while rescore(tenant_id=T)["data"]["due"]:
        pass
    return lead_ids


def over_refused(people: Sequence[Drawn], lead_ids: Sequence[str], channels: dict[str, set[str]]) -> list[Any]:
    """Those whose channels an action names although it is refused, with what was drawn."""
    return [
        (sorted(channels[lead_id] & one.closed), one)
        for lead_id, one in zip(lead_ids, people, strict=True)
        if channels.get(lead_id, set()) & one.closed
    ]


@pytest.mark.parametrize("seed", [11, 12])
def test_no_action_over_a_refused_channel_is_listed_planned_or_handed_over(seed: int) -> None:
    brokerage(approval=[], budget=1e6)
    now, draw = datetime.now(UTC), random.Random(seed)
    people = [drawn(draw, number, now) for number in range(120)]
    lead_ids = taken_in(people, now)
    assert sum(bool(one.closed) for one in people) > 40

    listed = {row["lead_id"]: {row["channel"]} for row in worklist(tenant_id=T, capacity=200)["data"]["leads"]}
    assert over_refused(people, lead_ids, listed) == []
    shut = [lead_id for lead_id, one in zip(lead_ids, people, strict=True) if one.closed == EVERY]
    assert not listed.keys() & set(shut)
    assert len(listed) > 20, "who refused nothing is still listed"

    plans = planned(now, *lead_ids)
    outward = {
        plan.lead_id: {one.channel for one in plan.actions if one.channel != "internal"}
        for plan in plans
        if plan.actions
    }
    assert over_refused(people, lead_ids, outward) == []
    assert sum(map(bool, outward.values())) > 8, "who refused nothing is still planned for"
    following = {lead_id: card(tenant_id=T, lead_id=lead_id)["data"]["next"] for lead_id in lead_ids}
    named = {lead_id: {one["channel"]} for lead_id, one in following.items() if one["action"]}
    assert over_refused(people, lead_ids, named) == []

    actions = [one for lead_id in lead_ids for one in actions_of(lead_id)]
    for one in actions:
        if one.state == "approval":
            review(tenant_id=T, action_id=one.action_id, decision="approve", actor="ada")
    for hours in range(4, 52, 4):
        dispatched(now + timedelta(hours=hours), *(one.action_id for one in actions))
    handed: dict[str, set[str]] = {}
    by_id = {one.action_id: one.lead_id for one in actions}
    for event in told("action.planned"):
        handed.setdefault(by_id[event["data"]["action_id"]], set()).add(event["data"]["channel"])
    assert over_refused(people, lead_ids, handed) == []
    assert len(handed) > 3
