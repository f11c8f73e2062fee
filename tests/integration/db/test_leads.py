"""Leads: identity, merging as stored, reading, tenants apart."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import select, update

from db import session as sessions
from db.errors import NaiveTime, UnknownLead, UnknownTenant
from db.models import Lead
from db.records import LeadDraft
from db.repositories import tenants
from db.repositories.due_queues.queues import risk_queue
from db.repositories.events import events
from db.repositories.leads import leads, shared_refusals

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
FULL = LeadDraft(
    source_system="crm",
    external_id="x1",
    contact={"first_name": "Ann", "last_name": "Ray", "email": "ann@example.com", "phone": "+13055550100"},
    fields={
        "lead_type": "buyer",
        "stage": "qualified",
        "assigned_to": "agent-7",
        "source": "portal",
        "tags": ["a", "ü"],
        "budget_max": 450000.5,
        "created_at": NOW - timedelta(days=9, microseconds=7),
        "last_replied_at": datetime(2026, 10, 30, 8, tzinfo=timezone(timedelta(hours=-5))),
    },
    custom={"pool": "yes", "rooms": 3.25, "score": 0.1},
    consent={"opt_in_sms": True, "dnd_email": False, "unsubscribed_at": NOW - timedelta(days=1)},
    as_of=NOW - timedelta(hours=2),
)


def outcomes(results):
    return [result.outcome for result in results]


def test_a_lead_comes_back_as_it_was_told(upsert, read):
    (result,) = upsert(FULL)
    lead = read(result.lead_id)
    assert result.outcome == "created"
    assert dict(lead.contact) == dict(FULL.contact)
    assert dict(lead.fields) == {**FULL.fields, "last_replied_at": datetime(2026, 10, 30, 13, tzinfo=UTC)}
    assert all(value.tzinfo is UTC for name, value in lead.fields.items() if name.endswith("_at"))
    assert dict(lead.custom) == dict(FULL.custom)
    assert dict(lead.consent) == dict(FULL.consent)
    assert (lead.source_system, lead.external_id, lead.version) == ("crm", "x1", 1)
    assert (lead.lead_type, lead.stage, lead.status, lead.assigned_to) == ("buyer", "qualified", "open", "agent-7")
    assert lead.contactable is False
    assert lead.created_at == FULL.fields["created_at"]
    assert lead.created_at.tzinfo is UTC
    assert lead.observed_at == FULL.as_of
    assert (lead.label, lead.label_at) == (None, None)


def test_the_same_again_is_unchanged(upsert, read):
    (first,), (second,) = upsert(FULL), upsert(FULL, now=NOW + timedelta(days=1))
    assert (second.outcome, second.lead_id) == ("unchanged", first.lead_id)
    assert read(first.lead_id).version == 1
    assert read(first.lead_id).observed_at == FULL.as_of


def test_a_change_raises_the_version_and_the_time(upsert, read):
    (first,) = upsert(FULL)
    later = NOW + timedelta(days=1)
    (second,) = upsert(LeadDraft(source_system="crm", external_id="x1", fields={"campaign": "spring"}), now=later)
    lead = read(first.lead_id)
    assert (second.outcome, lead.version, lead.observed_at) == ("updated", 2, later)
    assert lead.fields["campaign"] == "spring"
    assert lead.contact["email"] == "ann@example.com"


@pytest.mark.parametrize(
    "draft",
    [
        LeadDraft(source_system="crm", external_id=" x1 "),
        LeadDraft(contact={"email": "ANN@example.com"}),
        LeadDraft(contact={"phone": "(305) 555-0100", "full_name": "Ann Ray"}),
        LeadDraft(source_system="other", external_id="new", contact={"email": "ann@example.com"}),
    ],
)
def test_identity_by_id_then_email_then_phone_with_name(upsert, draft):
    (first,), (second,) = upsert(FULL), upsert(draft)
    assert second.lead_id == first.lead_id


@pytest.mark.parametrize(
    "draft",
    [
        LeadDraft(source_system="other", external_id="x1"),
        LeadDraft(contact={"phone": "+13055550100", "last_name": "Other"}),
        LeadDraft(external_id="x2", contact={"phone": "+13055550100"}),
        LeadDraft(contact={"email": "joe@example.com", "last_name": "Ray"}),
    ],
)
def test_others_stay_others(upsert, draft):
    (first,), (second,) = upsert(FULL), upsert(draft)
    assert second.outcome == "created"
    assert second.lead_id != first.lead_id


@pytest.mark.parametrize(
    "contact", [{}, {"phone": "3055550100"}, {"last_name": "Ray"}, {"email": " "}, {"first_name": "Ann"}]
)
def test_nobody_is_rejected(upsert, contact):
    (result,) = upsert(LeadDraft(external_id=" ", contact=contact))
    assert (result.outcome, result.lead_id, result.codes) == ("rejected", None, ("row.no_identity",))


def test_two_fitting_leads_are_ambiguous(upsert):
    upsert(LeadDraft(external_id="a", contact={"email": "one@example.com"}), LeadDraft(external_id="b"))
    upsert(LeadDraft(external_id="b", contact={"email": "one@example.com"}))
    (result,) = upsert(LeadDraft(contact={"email": "one@example.com"}))
    assert (result.outcome, result.codes) == ("rejected", ("row.ambiguous_identity",))
    (known,) = upsert(LeadDraft(external_id="b", contact={"email": "one@example.com"}))
    assert known.outcome == "unchanged"


def test_one_batch_knows_its_own_leads(upsert, read):
    results = upsert(
        LeadDraft(external_id="a", contact={"email": "a@example.com"}),
        LeadDraft(contact={"email": "a@example.com"}, fields={"campaign": "x"}),
        LeadDraft(external_id="a"),
    )
    assert outcomes(results) == ["created", "updated", "unchanged"]
    assert len({result.lead_id for result in results}) == 1
    assert read(results[0].lead_id).version == 2


def test_a_second_system_adds_its_id(upsert, read, tenant):
    (first,) = upsert(FULL)
    (second,) = upsert(LeadDraft(source_system="other", external_id="o9", contact={"email": "ann@example.com"}))
    with sessions.reading(sessions.EVERY_TENANT) as session:
        assert leads.find(session, tenant, external_id="o9") == first.lead_id
        assert leads.find(session, tenant, external_id="o9", source_system="crm") is None
        assert leads.find(session, tenant, external_id="x1", source_system="crm") == first.lead_id
    assert (second.outcome, read(first.lead_id).external_id) == ("updated", "x1")


def test_an_id_that_means_two_leads_finds_none(upsert, tenant):
    upsert(LeadDraft(source_system="a", external_id="1"), LeadDraft(source_system="b", external_id="1"))
    with sessions.reading(sessions.EVERY_TENANT) as session:
        assert leads.find(session, tenant, external_id="1") is None
        assert leads.find(session, tenant, external_id="1", source_system="b") is not None


def test_a_duplicate_of_the_same_import_is_merged_and_counted_as_such(upsert, read):
    results = upsert(LeadDraft(external_id="a"), LeadDraft(external_id="a", fields={"stage": "new"}), import_ref="f1")
    assert outcomes(results) == ["created", "duplicate"]
    assert results[1].codes == ("row.duplicate_in_file",)
    (again,) = upsert(LeadDraft(external_id="a", fields={"stage": "new"}), import_ref="f1")
    assert again.outcome == "duplicate"
    assert read(again.lead_id).stage == "new"
    # an unchanged lead counts as met, too
    assert outcomes(upsert(LeadDraft(external_id="a"), LeadDraft(external_id="a"), import_ref="f2")) == [
        "unchanged",
        "duplicate",
    ]


def test_skip_existing_skips(upsert, read):
    (first,) = upsert(FULL)
    (second,) = upsert(
        LeadDraft(source_system="crm", external_id="x1", fields={"campaign": "x"}), policy="skip_existing"
    )
    (fresh,) = upsert(LeadDraft(external_id="n"), policy="skip_existing")
    assert (second.outcome, fresh.outcome, read(first.lead_id).version) == ("skipped", "created", 1)


def test_warnings_come_with_the_result(upsert):
    upsert(FULL, LeadDraft(external_id="c", consent={"dnd_sms": True}))
    back, conflict = upsert(
        LeadDraft(source_system="crm", external_id="x1", fields={"stage": "new"}),
        LeadDraft(external_id="c", consent={"dnd_sms": False}),
        policy="overwrite",
    )
    assert (back.outcome, back.codes) == ("unchanged", ("stage.regression_ignored",))
    assert (conflict.outcome, conflict.codes) == ("unchanged", ("consent.conflict",))


def test_events_come_in_once_and_raise_the_version(upsert, read, tenant, event):
    (first,) = upsert(LeadDraft(external_id="a", events=(event("e1"), event("e1"), event("e2"))))
    (same,) = upsert(LeadDraft(external_id="a", events=(event("e2"),)))
    (more,) = upsert(LeadDraft(external_id="a", events=(event("e2"), event("e3", hours=9))))
    assert [same.outcome, more.outcome] == ["unchanged", "updated"]
    assert read(first.lead_id).version == 2
    with sessions.reading(sessions.EVERY_TENANT) as session:
        found = events.for_leads(session, tenant, lead_ids=[first.lead_id])[first.lead_id]
    assert len(found) == 3
    assert found[0].occurred_at == NOW - timedelta(hours=9)


def test_tenants_are_apart(upsert, tenant):
    (mine,), (theirs,) = upsert(FULL), upsert(FULL, tenant_id="T2")
    assert theirs.outcome == "created"
    with sessions.reading(sessions.EVERY_TENANT) as session:
        with pytest.raises(UnknownLead) as refusal:
            leads.get(session, "T2", lead_ids=[theirs.lead_id, mine.lead_id])
        assert refusal.value.positions == (1,)
        assert leads.ids(session, "T2") == [theirs.lead_id]
        assert leads.external_ids(session, "T2", lead_ids=[mine.lead_id]) == {}
        assert leads.label_counts(session, "T2")["total"] == 1
    with sessions.transaction(sessions.EVERY_TENANT) as session, pytest.raises(UnknownLead):
        leads.set_label(session, "T2", lead_id=mine.lead_id, label=True, label_at=NOW, status="won")


def test_an_unknown_tenant_is_refused(upsert):
    with pytest.raises(UnknownTenant):
        upsert(FULL, tenant_id="nobody")


def test_a_naive_time_writes_nothing(upsert, tenant):
    with pytest.raises(NaiveTime):
        upsert(LeadDraft(external_id="a"), LeadDraft(external_id="b", fields={"created_at": datetime(2026, 1, 1)}))
    with sessions.reading(sessions.EVERY_TENANT) as session:
        assert leads.ids(session, tenant) == []


def test_leads_come_in_the_order_asked(lead_ids, tenant):
    asked = [lead_ids[2], lead_ids[0], lead_ids[2]]
    with sessions.reading(sessions.EVERY_TENANT) as session:
        assert [lead.lead_id for lead in leads.get(session, tenant, lead_ids=asked)] == asked
        assert leads.get(session, tenant, lead_ids=[]) == []


def test_ids_by_status_page_by_page(upsert, tenant):
    results = upsert(
        LeadDraft(external_id="a"),
        LeadDraft(external_id="b", fields={"lead_type": "agent"}),
        LeadDraft(external_id="c", fields={"lead_type": "buyer"}),
        LeadDraft(external_id="d", fields={"opportunity_status": "won"}),
    )
    a, _agent, c, won = (result.lead_id for result in results)
    with sessions.reading(sessions.EVERY_TENANT) as session:
        assert leads.ids(session, tenant, status="open") == sorted([a, c])
        assert leads.ids(session, tenant, status="won") == [won]
        everyone = leads.ids(session, tenant)
        assert everyone == sorted(result.lead_id for result in results)
        assert leads.ids(session, tenant, after=everyone[1], limit=1) == [everyone[2]]
        assert leads.external_ids(session, tenant, lead_ids=[a, won]) == {a: "a", won: "d"}


def test_callable_leads_are_open_contactable_and_not_won(upsert, tenant):
    agent = {"assigned_to": "agent-7"}
    results = upsert(
        LeadDraft(external_id="a", fields=agent),
        LeadDraft(external_id="b", label=False, fields={"opportunity_status": "open"}),
        LeadDraft(external_id="c", label=True, label_closes=False),
        LeadDraft(external_id="lost", label=False),
        LeadDraft(external_id="won", label=True),
        LeadDraft(external_id="closed", fields={"opportunity_status": "lost"}),
        LeadDraft(external_id="silent", consent={"dnd": True}),
        LeadDraft(external_id="vendor", fields={"lead_type": "vendor"}),
    )
    with sessions.reading(sessions.EVERY_TENANT) as session:
        assert set(leads.callable_leads(session, tenant).values()) == {"a", "b", "c"}
        assert leads.callable_leads(session, tenant, assigned_to="agent-7") == {results[0].lead_id: "a"}
        assert leads.callable_leads(session, "T2") == {}
        assert leads.exists(session, tenant, lead_id=results[0].lead_id)
        assert not leads.exists(session, "T2", lead_id=results[0].lead_id)


def test_labels_are_counted_and_listed(upsert, tenant):
    upsert(
        LeadDraft(external_id="a", label=True, label_at=NOW),
        LeadDraft(external_id="b", fields={"opportunity_status": "lost", "closed_at": NOW}),
        LeadDraft(external_id="c"),
    )
    with sessions.reading(sessions.EVERY_TENANT) as session:
        assert leads.label_counts(session, tenant) == {"won": 1, "lost": 1, "open": 1, "total": 3}
        found = {lead.external_id: (lead.label, lead.label_at, lead.status) for lead in leads.labelled(session, tenant)}
    assert found == {"a": (True, NOW, "won"), "b": (False, NOW, "lost")}


def test_leads_that_were_stored_before_labels_closed_leads_are_closed_to_every_reader(upsert, read, write, tenant):
    results = upsert(
        LeadDraft(external_id="old", label=False, fields={"stage": "new", "assigned_to": "ada"}),
        LeadDraft(external_id="learning", label=True, label_closes=False),
        LeadDraft(external_id="open", fields={"stage": "new"}),
    )
    old, learning, open_lead = (result.lead_id for result in results)
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        session.execute(update(Lead).where(Lead.lead_id == old).values(status="open"))
    still_open = sorted([learning, open_lead])
    with sessions.reading(sessions.EVERY_TENANT) as session:
        assert leads.ids(session, tenant, status="open") == still_open
        assert leads.ids(session, tenant, status="lost") == [old]
        assert sorted(leads.callable_leads(session, tenant)) == still_open
        assert leads.assigned_agents(session, tenant) == {}
        assert leads.label_counts(session, tenant) == {"won": 1, "lost": 1, "open": 2, "total": 3}
        assert leads.stage_outcomes(session, tenant) == {"new": {"lost": 1, "open": 1}}
        states = leads.states(session, tenant, lead_ids=[old, learning, open_lead])
        views = leads.scoring_views(session, tenant, lead_ids=[old, learning, open_lead])
    assert [state.status for state in states] == [view.status for view in views] == ["lost", "open", "open"]
    assert read(old).status == "lost"
    write(risk_queue.seed, limit=10)
    claimed = write(risk_queue.claim, limit=10)
    assert sorted(claimed.lead_ids) == still_open
    # what is loaded again changes nothing, and what changes something writes the status too
    assert outcomes(upsert(LeadDraft(external_id="old", label=False))) == ["unchanged"]
    upsert(LeadDraft(external_id="old", fields={"campaign": "x"}))
    with sessions.reading(sessions.EVERY_TENANT) as session:
        assert session.scalar(select(Lead.status).where(Lead.lead_id == old)) == "lost"


def test_a_label_is_set_once_and_survives_the_next_import(lead_ids, upsert, read, tenant):
    for expected in (True, False):
        with sessions.transaction(sessions.EVERY_TENANT) as session:
            news = leads.set_label(session, tenant, lead_id=lead_ids[0], label=True, label_at=NOW, status="won")
        assert news is expected
    upsert(LeadDraft(external_id="x0", fields={"campaign": "x"}))
    lead = read(lead_ids[0])
    assert (lead.label, lead.label_at, lead.status, lead.version) == (True, NOW, "won", 3)


def test_a_thousand_wide_drafts_and_more_than_one_batch(upsert, tenant):
    drafts = [LeadDraft(external_id=f"{n}", custom={f"c{k}": float(k) for k in range(40)}) for n in range(1_500)]
    assert set(outcomes(upsert(*drafts))) == {"created"}
    assert set(outcomes(upsert(*drafts))) == {"unchanged"}
    with sessions.reading(sessions.EVERY_TENANT) as session:
        assert len(leads.ids(session, tenant)) == 1_500


def test_a_systems_own_ids_of_leads_are_told(upsert, write):
    contact = {"email": "a@example.com"}
    drafts = [
        LeadDraft(source_system=system, external_id=external_id, contact=contact)
        for system, external_id in (("csv", "7"), ("crm", "9"), ("crm", "8"))
    ]
    write(tenants.configure, settings={"merge_on": ["email"]}, actor="test", now=NOW)
    [both] = {one.lead_id for one in upsert(*drafts)}
    [alone] = [one.lead_id for one in upsert(LeadDraft(source_system="csv", external_id="x"))]
    asked = {"source_system": "crm", "lead_ids": [both, alone]}
    assert write(leads.identities, **asked) == {both: "8"}
    assert write(leads.identities, tenant_id="T2", **asked) == {}


COUPLE = {"phone": "+13055550199", "last_name": "Quill"}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # different ids of one system
        (LeadDraft(external_id="1", contact=COUPLE), LeadDraft(external_id="2", contact=COUPLE)),
        (
            LeadDraft(external_id="1", contact={"email": "q@example.com"}),
            LeadDraft(external_id="2", contact={"email": "q@example.com"}),
        ),
        # different e-mail addresses
        (
            LeadDraft(contact=COUPLE | {"email": "ada@example.com"}),
            LeadDraft(contact=COUPLE | {"email": "bea@example.com"}),
        ),
        (
            LeadDraft(source_system="a", external_id="1", contact=COUPLE | {"email": "ada@example.com"}),
            LeadDraft(source_system="b", external_id="1", contact=COUPLE | {"email": "bea@example.com"}),
        ),
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_two_people_stay_two_without_a_persons_yes(upsert, tenant, first, second, together):
    results = upsert(first, second) if together else [*upsert(first), *upsert(second)]
    assert outcomes(results) == ["created", "created"]
    assert [one.codes for one in results] == [(), ("row.possible_duplicate",)]
    assert outcomes(upsert(first, second)) == ["unchanged"] * 2
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        settings = {"merge_on": ["email", "phone"]}
        tenants.configure(session, "T2", settings=settings, actor="ada.quill", now=NOW)
    one, other = upsert(first, second, tenant_id="T2")
    assert (one.lead_id == other.lead_id, other.codes) == (True, ())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (LeadDraft(external_id="1", contact=COUPLE), LeadDraft(contact=COUPLE)),
        (LeadDraft(contact=COUPLE), LeadDraft(contact=COUPLE | {"email": "ada@example.com"})),
        (LeadDraft(source_system="a", external_id="1", contact=COUPLE), LeadDraft(external_id="2", contact=COUPLE)),
        (
            LeadDraft(external_id="row-0123456789ab-1", contact={"email": "q@example.com"}),
            LeadDraft(external_id="row-0123456789ab-2", contact={"email": "q@example.com"}),
        ),
    ],
)
def test_who_differs_in_nothing_is_one(upsert, first, second):
    one, other = upsert(first, second)
    assert (one.lead_id, other.codes) == (other.lead_id, ())


def test_a_refusal_closes_the_address_for_whoever_shares_it(upsert, tenant):
    said_at = NOW - timedelta(days=3)
    drafts = [
        LeadDraft(external_id="1", contact=COUPLE, consent={"dnd_sms": True, "opt_in_call": True}),
        LeadDraft(external_id="2", contact=COUPLE | {"email": "ada@example.com"}, consent={"opt_in_sms": True}),
        LeadDraft(external_id="3", contact={"email": "ada@example.com"}, consent={"unsubscribed_at": said_at}),
        LeadDraft(external_id="4", contact={"email": "bea@example.com"}),
    ]
    first, second, third, fourth = (one.lead_id for one in upsert(*drafts))
    with sessions.reading(tenant) as session:
        others = shared_refusals.of_others(session, tenant, lead_ids=[first, second, third, fourth])
        records = shared_refusals.with_shared(
            session, tenant, leads.get(session, tenant, lead_ids=[first, second, third, fourth])
        )
    assert others == {second: {"dnd_sms": True, "unsubscribed_at": said_at}}
    assert [record.contactable for record in records] == [True, False, False, True]
    assert records[1].consent == {"opt_in_sms": True, "dnd_sms": True, "unsubscribed_at": said_at}
    assert records[0].consent == drafts[0].consent
