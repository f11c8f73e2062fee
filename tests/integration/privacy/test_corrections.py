"""A person's facts are found by an address, corrected, and stay corrected whatever old files say."""

import json

import pytest
from sqlalchemy import text

from db.encryption import KeyRing
from db.repositories import audit
from db.repositories.leads import leads
from db.repositories.outbound import outbound
from db.repositories.privacy import corrections
from db.session import EVERY_TENANT, reading
from tasks.errors import InvalidPayload
from tasks.leads.upsert import upsert
from tasks.privacy.people import correct, find
from tasks.privacy.rights import export, forget, restrict
from tasks.tenants import configure
from tests.support.databases import TEST_KEYRING
from tests.support.privacy import CANARY, EMAIL, EXTERNAL, NEEDLES, PHONE

RIGHT = {"email": "right@example.com", "budget_max": 500_000, "custom": {"dog": "beagle"}}


def stored(tenant, lead_id):
    with reading(EVERY_TENANT) as session:
        return leads.get(session, tenant, lead_ids=[lead_id])[0]


def audited(tenant, kind):
    with reading(EVERY_TENANT) as session:
        rows = session.execute(
            text("SELECT body FROM audit WHERE tenant_id = :t AND kind = :k"), {"t": tenant, "k": kind}
        )
        bodies = [json.loads(row.body) for row in rows]
        assert audit.verify(session, tenant).ok
    return bodies


def test_a_person_is_found_by_address_and_by_number_and_every_search_is_on_record(tenant, canary, other):
    found = find(tenant_id=tenant, email=EMAIL.upper(), actor="ada")
    [lead] = found["data"]["leads"]
    assert lead == {
        "lead_id": canary,
        "external_ids": [{"external_id": EXTERNAL, "source_system": "crm"}],
        "status": "open",
        "blocked": [],
    }
    assert not any(needle in json.dumps(found["data"]).lower().encode() for needle in (EMAIL.encode(), b"5550147"))
    for written in (PHONE, "(305) 555-0147", "305.555.0147", "1 305 555 0147"):
        assert find(tenant_id=tenant, phone=written, actor="ada")["data"]["leads"] == [lead]
    assert find(tenant_id=tenant, email="nobody@example.com", actor="bo")["data"]["found"] == 0
    rows = audited(tenant, "search")
    assert [(row["by"], row["actor"], row["leads"]) for row in rows[:1]] == [("email", "ada", [canary])]
    assert (len(rows), rows[-1]["leads"], rows[-1]["actor"]) == (6, [], "bo")


def test_a_search_leaves_the_address_nowhere(tenant, other, places):
    find(tenant_id=tenant, email=EMAIL, actor="ada", idempotency_key="k")
    find(tenant_id=tenant, phone=PHONE, actor="ada")
    assert places() == []
    with reading(EVERY_TENANT) as session:
        assert not session.execute(text("SELECT 1 FROM processed WHERE task = 'hearth.privacy.find'")).first()


def test_several_who_share_a_number_are_all_named(tenant, canary):
    spouse = {"external_id": "spouse", "phone": "305 555 0147", "last_name": "Else", "email": "else@example.com"}
    upsert(tenant_id=tenant, leads=[spouse])
    restrict(tenant_id=tenant, external_ids=["spouse"], objected=True)
    found = find(tenant_id=tenant, phone=PHONE, actor="ada")["data"]
    assert (found["found"], sorted(len(lead["blocked"]) for lead in found["leads"])) == (2, [0, 1])


def test_who_was_forgotten_is_known_by_the_erasure_alone(tenant, canary):
    erasure_id = forget(tenant_id=tenant, lead_id=canary)["data"]["erasure_id"]
    by_email = find(tenant_id=tenant, email=EMAIL, actor="ada")["data"]
    assert (by_email["found"], [row["erasure_id"] for row in by_email["forgotten"]]) == (0, [erasure_id])
    assert find(tenant_id=tenant, phone=PHONE, actor="ada")["data"]["forgotten"] == []
    named = find(tenant_id=tenant, phone=PHONE, last_name="Quuxworth", actor="ada")["data"]
    assert [row["erasure_id"] for row in named["forgotten"]] == [erasure_id]


def test_another_tenants_people_are_not_found(tenant, canary):
    configure(tenant_id="brook")
    assert find(tenant_id="brook", email=EMAIL, actor="ada")["data"]["found"] == 0


def test_a_search_names_one_thing_and_who_searches(tenant):
    for wrong in ({"actor": "a"}, {"email": EMAIL}, {"email": EMAIL, "phone": PHONE, "actor": "a"}):
        with pytest.raises(InvalidPayload) as refused:
            find(tenant_id=tenant, **wrong)
        assert EMAIL not in str(refused.value)


def test_a_corrected_fact_is_stored_told_and_rescored(tenant, canary):
    before = stored(tenant, canary)
    answer = correct(tenant_id=tenant, lead_id=canary, fields=RIGHT, actor="ada")
    assert answer["data"] == {
        "lead_id": canary,
        "external_id": EXTERNAL,
        "source_system": "crm",
        "corrected": ["budget_max", "custom.dog", "email"],
    }
    after = stored(tenant, canary)
    assert (after.contact["email"], after.fields["budget_max"], after.custom["dog"]) == (
        "right@example.com",
        500_000,
        "beagle",
    )
    assert (after.version, after.contact["phone"]) == (before.version + 1, PHONE)
    assert audited(tenant, "correction") == [
        {"lead_id": canary, "fields": answer["data"]["corrected"], "reason": "request", "actor": "ada"}
    ]
    with reading(EVERY_TENANT) as session:
        [event] = [
            event for event in outbound.pull(session, tenant, cursor=0, limit=50) if event.type == "lead.corrected"
        ]
        assert event.body == {"lead_id": canary, "fields": answer["data"]["corrected"]}
        due = session.execute(text("SELECT due_at FROM rescore_due WHERE lead_id = :lead"), {"lead": canary}).scalar()
        assert due is not None
        [email] = [row for row in corrections.for_lead(session, tenant, lead_id=canary) if row.field == "email"]
        assert (email.before, email.after, email.actor) == (EMAIL, "right@example.com", "ada")
    assert find(tenant_id=tenant, email="right@example.com", actor="a")["data"]["found"] == 1
    assert find(tenant_id=tenant, email=EMAIL, actor="a")["data"]["found"] == 0


def test_an_old_value_does_not_come_back_and_a_new_one_does(tenant, canary):
    correct(tenant_id=tenant, lead_id=canary, fields=RIGHT, actor="ada")
    again = upsert(tenant_id=tenant, leads=[CANARY | {"email": EMAIL.title(), "listing_views": 3}])
    assert {"code": "fact.corrected", "path": "leads.0"} in again["warnings"]
    kept = stored(tenant, canary)
    assert (kept.contact["email"], kept.custom["dog"], kept.fields["listing_views"]) == (
        "right@example.com",
        "beagle",
        3,
    )
    upsert(tenant_id=tenant, leads=[CANARY | {"email": "newer@example.com"}])
    assert stored(tenant, canary).contact["email"] == "newer@example.com"
    upsert(tenant_id=tenant, leads=[CANARY])
    assert stored(tenant, canary).contact["email"] == "newer@example.com", "what was wrong stays wrong"


def test_who_says_that_the_old_value_was_right_lets_it_in_again(tenant, canary):
    correct(tenant_id=tenant, lead_id=canary, fields={"email": "right@example.com"}, actor="ada")
    correct(tenant_id=tenant, lead_id=canary, fields={"email": EMAIL}, actor="bo")
    assert stored(tenant, canary).contact["email"] == EMAIL
    upsert(tenant_id=tenant, leads=[CANARY | {"email": "right@example.com"}])
    assert stored(tenant, canary).contact["email"] == EMAIL


def test_a_value_that_was_removed_stays_away(tenant, canary):
    correct(tenant_id=tenant, external_ids=[EXTERNAL], fields={"phone": None}, actor="ada")
    upsert(tenant_id=tenant, leads=[CANARY | {"phone": "305-555-0147"}])
    assert "phone" not in stored(tenant, canary).contact


def test_a_correction_happens_once_and_a_dry_run_never(tenant, canary):
    call = {"tenant_id": tenant, "lead_id": canary, "fields": {"state": "FL"}, "actor": "ada"}
    assert correct(**call, dry_run=True)["data"]["corrected"] == ["state"]
    assert "state" not in stored(tenant, canary).fields
    first = correct(**call, idempotency_key="k")
    assert correct(**call, idempotency_key="k") == first | {"duplicate": True}
    assert correct(**call)["data"]["corrected"] == [], "it is right already"
    assert len(audited(tenant, "correction")) == 1
    with reading(EVERY_TENANT) as session:
        [hashed] = session.execute(text("SELECT args_hash FROM processed WHERE key = 'k'")).scalars()
    assert hashed != KeyRing.parse(TEST_KEYRING).lookup(tenant, "k").hex()


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({}, "fields"),
        ({"stage": "lead"}, "fields.stage"),
        ({"opt_in_sms": True}, "fields.opt_in_sms"),
        ({"label": True}, "fields.label"),
        ({"nonsense": "x"}, "fields"),
        ({"first_name": " "}, "fields.first_name"),
        ({"email": "no address"}, "fields.email"),
        ({"email": "other@example.com"}, "fields.email"),
    ],
)
def test_what_cannot_be_corrected_is_named_without_its_value(tenant, canary, other, fields, place):
    with pytest.raises(InvalidPayload) as refused:
        correct(tenant_id=tenant, lead_id=canary, fields=fields, actor="ada")
    assert [error["loc"] for error in refused.value.errors] == [place]
    assert "no address" not in str(refused.value)


def test_the_address_of_somebody_forgotten_is_not_put_on_another(tenant, canary, other):
    forget(tenant_id=tenant, lead_id=canary)
    with pytest.raises(InvalidPayload):
        correct(tenant_id=tenant, lead_id=other, fields={"email": EMAIL}, actor="ada")


def test_a_copy_shows_corrections_and_erasure_takes_them(tenant, canary, places):
    correct(tenant_id=tenant, lead_id=canary, fields=RIGHT, actor="ada")
    with open(export(tenant_id=tenant, lead_id=canary)["data"]["file"]) as file:
        rows = json.load(file)["stores"]["corrections"]
    assert {row["field"]: (row["before"], row["after"]) for row in rows}["email"] == (EMAIL, "right@example.com")
    assert forget(tenant_id=tenant, lead_id=canary)["data"]["stores"]["corrections"] == 3
    with reading(EVERY_TENANT) as session:
        assert not session.execute(text("SELECT 1 FROM corrections")).first()
    assert [place for place in places() if not place.endswith(("-wal", "hearth.db"))] == []
    assert NEEDLES
