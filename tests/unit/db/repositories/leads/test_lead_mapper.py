"""The texts by which a contact is looked up."""

import pytest

from db.repositories.leads.lead_mapper import email_key, phone_key


@pytest.mark.parametrize("email", ["A@Example.com", " a@example.com "])
def test_spellings_of_one_address_are_one(email):
    assert email_key({"email": email}) == email_key({"email": "a@example.com"})


@pytest.mark.parametrize("phone", ["+13055550100", "13055550100", "3055550100", "(305) 555-0100"])
def test_spellings_of_one_number_are_one(phone):
    assert phone_key({"phone": phone, "last_name": "Ray"}) == "phone:3055550100:ray"


@pytest.mark.parametrize("contact", [{"last_name": "Ray"}, {"full_name": "Ann  RAY "}, {"full_name": "Ray"}])
def test_the_last_name_comes_from_either_column(contact):
    assert phone_key({"phone": "3055550100", **contact}) == "phone:3055550100:ray"


@pytest.mark.parametrize(
    "contact", [{}, {"phone": "3055550100"}, {"last_name": "Ray"}, {"phone": "none", "last_name": "Ray"}, {"phone": ""}]
)
def test_a_phone_alone_is_nobody(contact):
    assert phone_key(contact) is None


def test_no_address_is_nobody():
    assert email_key({"email": " "}) is None
    assert email_key({}) is None
