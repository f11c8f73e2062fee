"""The registry names every table, and a subject is found in documents however it is written."""

import json

import pytest

import db.models  # noqa: F401  # fills the metadata
from db.base import Base
from db.data_subject import GONE, DataSubject, first_and_last_names
from db.privacy import CATEGORIES, DAYS, STORES, retention_days

LEAD = "0190c0de-1111-7222-8333-444455556666"
ZOE = DataSubject(
    lead_ids=frozenset({LEAD}),
    identities=frozenset({("crm", "7"), ("crm", "contact-4711")}),
    emails=frozenset({"zoe@example.com"}),
    phones=frozenset({"3055551212"}),
    names=frozenset({("zoe", "quux")}),
)


def test_every_table_is_in_the_registry_once():
    assert sorted(store.table for store in STORES) == sorted(Base.metadata.tables), "say in db/privacy.py what it keeps"


@pytest.mark.parametrize("store", STORES, ids=lambda store: store.table)
def test_what_the_registry_says_of_a_table_is_true(store):
    columns = Base.metadata.tables[store.table].columns
    assert "tenant_id" in columns
    assert {name for name in (store.subject, store.age) if name} <= set(columns.keys())
    if "lead_id" in columns and store.action != "scrub":
        assert (store.subject, store.action) == ("lead_id", "delete")
    if store.age is not None:
        assert store.category in CATEGORIES


def test_every_table_that_refers_to_leads_goes_with_them():
    subjects = {store.table for store in STORES if store.subject}
    for table in Base.metadata.sorted_tables:
        if any(key.referred_table.name == "leads" for key in table.foreign_key_constraints):
            assert table.name in subjects


def test_a_tenant_may_shorten_what_is_kept_and_not_lengthen_it():
    assert retention_days("messages", {}) == DAYS["messages"]
    assert (retention_days("messages", {"messages": 3}), retention_days("messages", {"messages": 9999})) == (
        3,
        DAYS["messages"],
    )
    assert (retention_days("profile", {}), retention_days("profile", {"profile": 700})) == (None, 700)


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ({"lead_id": LEAD}, True),
        ({"key": f"lead:{LEAD}"}, True),
        ({"text": "write to ZOE@Example.com please"}, True),
        ({"text": "call (305) 555-1212 today"}, True),
        ({"phone": "+1 305 555 1212"}, True),
        ({"phone": 13055551212}, True),
        ({"contactId": "7"}, True),
        ({"contactId": 7}, True),
        ({"external_ids": ["1", "7"]}, True),
        ({"note": "contact-4711"}, True),
        ({"beds": "7"}, False),
        ({"beds": 7}, False),
        ({"at": "2026-11-23T02:53:17.305555121200Z"}, False),
        ({"name": "Zoe Quux"}, False),
        ({"flag": True, "none": None, "share": 0.7}, False),
    ],
    ids=json.dumps,
)
def test_a_document_names_the_subject_or_not(document, named):
    assert ZOE.in_document(document) is named
    assert ZOE.in_document({"deep": [{"er": [document]}]}) is named


def test_rows_are_known_by_name_only_where_asked():
    header = ("first", "last", "beds")
    assert not ZOE.in_row(header, ("Zoe", "Quux", "7"))
    assert ZOE.in_row(header, ("Zoe", " QUUX", "7"), by_name=True)
    assert ZOE.in_row(("who",), ("Quux, Zoe",), by_name=True)
    namesake = ("Zoe", "Quux", "other@example.com")
    assert not ZOE.in_row(("first", "last", "mail"), namesake, by_name=True)
    assert not ZOE.in_row(("first", "last", "Contact Id"), ("Zoe", "Quux", "9"), by_name=True)
    assert not ZOE.in_row(header, ("Zoe", "Other", "7"), by_name=True)


def test_items_of_others_stay_and_an_empty_rest_is_nothing():
    other = {"external_id": "8", "beds": 7}
    assert ZOE.without({"leads": [{"external_id": "7"}, other]}) == ({"leads": [other]}, False)
    assert ZOE.without({"lead_ids": [LEAD, "x"]}) == ({"lead_ids": ["x"]}, False)
    assert ZOE.without({"lead_ids": [LEAD]})[1]
    assert ZOE.without({"lead": {"id": 7}})[1]


def test_blanking_keeps_places():
    result = {"data": {"lead_ids": ["x", LEAD], "lead": {"lead_id": LEAD, "probability": 0.4}}, "status": "ok"}
    assert ZOE.blanked(result) == {"data": {"lead_ids": ["x", None], "lead": dict(GONE)}, "status": "ok"}


def test_bytes_that_are_no_document_are_searched():
    assert ZOE.in_bytes(b"\xff{broken zoe@example.com")
    assert ZOE.in_bytes(b"<contact-4711>")
    assert not ZOE.in_bytes(b"<contact-47110> 7")


def test_keys_that_callers_made_of_an_id_are_known():
    assert ZOE.in_key("upsert-contact-4711-2026")
    assert not ZOE.in_key("upsert-contact-47110")
    assert not ZOE.in_key("upsert-7-2026"), "a short id is in many keys"


def test_names_need_both_parts():
    assert first_and_last_names({"full_name": "Zoe van Quux"}) == {("zoe van", "quux")}
    assert first_and_last_names({"first_name": "Zoe", "last_name": "Quux"}) == {("zoe", "quux")}
    assert first_and_last_names({"first_name": "Zoe"}) == set()
