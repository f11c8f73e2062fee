"""The ledger of consent folded into what may be sent: pure rules."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from db import consent
from db.records import ConsentStatement, LeadDraft
from domain.channels import ConsentChannel
from domain.consent import ConsentDecision

NOON = datetime(2026, 5, 5, 12, tzinfo=UTC)
BEFORE = NOON - timedelta(1)


def said(channel: ConsentChannel, decision: ConsentDecision, **more: object) -> ConsentStatement:
    return ConsentStatement(channel=channel, decision=decision, **{"basis": "column", "said_at": NOON, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("statements", "view"),
    [
        ([], {}),
        ([said("sms", "granted")], {"opt_in_sms": True}),
        ([said("sms", "withheld")], {"opt_in_sms": False}),
        ([said("sms", "granted"), said("sms", "withheld"), said("sms", "granted")], {"opt_in_sms": False}),
        ([said("sms", "refused"), said("sms", "granted")], {"dnd_sms": True, "opt_in_sms": True}),
        ([said("all", "unsubscribed"), said("all", "unsubscribed", said_at=BEFORE)], {"unsubscribed_at": BEFORE}),
        ([said("all", "doubtful")], {"doubt_all_at": NOON}),
        ([said("all", "doubtful"), said("all", "settled")], {}),
        ([said("all", "doubtful"), said("sms", "refused"), said("all", "settled")], {"dnd_sms": True}),
    ],
)
def test_statements_fold_into_a_view(statements: list[ConsentStatement], view: dict[str, object]) -> None:
    assert consent.view(statements) == view


def test_no_order_of_what_sources_say_opens_a_refused_channel() -> None:
    draw = random.Random(11)
    channels, decisions = get_args(ConsentChannel), ("granted", "withheld", "refused", "doubtful")
    for _ in range(500):
        statements = [said(draw.choice(channels), draw.choice(decisions)) for _ in range(draw.randint(1, 8))]
        refused = {consent.view_item(one)[0] for one in statements if one.decision in {"refused", "doubtful"}}
        view = consent.view(statements)
        assert all(view[name] for name in refused)
        step: dict[str, object] = {}
        for one in statements:
            step = consent.view([one], step)
        assert step == view


def test_what_stands_in_a_view_is_stated_and_read_back() -> None:
    view = {
        "opt_in_sms": True,
        "opt_in_email": False,
        "dnd_call": True,
        "dnd_all": True,
        "unsubscribed_at": NOON,
        "dnd_sms": False,
    }
    told = [consent.statement_for(name, value, basis="stored") for name, value in view.items()]
    assert told[-1] is None, "a flag at rest states nothing"
    assert consent.view([one for one in told if one]) == {k: v for k, v in view.items() if k != "dnd_sms"}
    assert consent.statement_for("dnd", value=True, basis="stored") == ConsentStatement(
        channel="all", decision="refused", basis="stored", reference="dnd"
    )
    assert consent.statement_for("opt_in_sms", "yes", basis="stored") is None


def test_a_draft_states_its_fields_unless_a_statement_speaks_of_them() -> None:
    draft = LeadDraft(
        consent={"opt_in_sms": True, "dnd_email": True, "dnd_call": False},
        statements=(said("email", "refused", basis="tag", reference="no emails"),),
    )
    found = [(one.channel, one.decision, one.basis) for one in consent.statements_of(draft)]
    assert found == [("email", "refused", "tag"), ("sms", "granted", "field")]
    assert consent.draft_view(draft) == {"opt_in_sms": True, "dnd_email": True, "dnd_call": False}
    contradicting = LeadDraft(consent={"dnd_email": False}, statements=draft.statements)
    assert consent.draft_view(contradicting) == {"dnd_email": True}
    other = LeadDraft(consent={"dnd_email": True}, statements=(said("email", "granted"),))
    assert consent.draft_view(other) == {"dnd_email": True, "opt_in_email": True}


def test_the_same_words_of_the_same_source_are_one_entry() -> None:
    tag, column = said("sms", "refused", basis="tag", reference="stop"), said("email", "granted", reference="Opt In")
    later = said("sms", "refused", basis="tag", reference="stop", said_at=NOON + timedelta(1))
    [both], [again], [alone] = (consent.entries(said) for said in ((tag, column), (column, later), (tag,)))
    ids = {both.id_of("L1", "csv"), again.id_of("L1", "csv")}
    assert len(ids) == 1
    assert len({*ids, both.id_of("L2", "csv"), both.id_of("L1", "ghl"), alone.id_of("L1", "csv")}) == 4


def test_doubts_and_words_are_entries_of_their_own() -> None:
    words = said("all", "unsubscribed", basis="words", reference="m1", quote="stop")
    doubt = said("all", "doubtful", basis="words", reference="m1")
    column = said("sms", "granted")
    other = said("email", "granted")
    assert consent.group_statements([column, words, doubt, other]) == [(column, other), (words,), (doubt,)]


def test_what_an_entry_stores_holds_no_words() -> None:
    words = said("all", "unsubscribed", basis="words", reference="m1", rule="keyword", quote="stop it, Ada")
    [entry] = consent.entries((words,))
    assert "Ada" not in str(entry.document) + entry.text
    assert consent.stored_statements(entry.document, NOON) == (
        said("all", "unsubscribed", basis="words", reference="m1", rule="keyword"),
    )
    assert "Ada" not in repr(words)


@pytest.mark.parametrize(
    ("view", "open_channels"),
    [
        ({}, True),
        ({"dnd_sms": True, "dnd_call": True}, True),
        ({"dnd_sms": True, "dnd_call": True, "dnd_email": True}, False),
        ({"unsubscribed_at": NOON}, False),
        ({"doubt_all_at": NOON}, True),
    ],
)
def test_whether_any_channel_is_open(view: dict[str, object], open_channels: bool) -> None:
    assert consent.contactable(view) is open_channels
