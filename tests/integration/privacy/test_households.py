"""One of a household is erased: the others stay and may be loaded anew; the erased one does not come back."""

import pytest

from db.repositories.leads import leads
from db.session import reading
from tasks.leads.upsert import upsert
from tasks.privacy.rights import forget

SHARED = {"phone": "+13055550188", "last_name": "Quill"}
ADA = SHARED | {"external_id": "ada-1", "email": "ada@example.com"}
BEA = SHARED | {"external_id": "bea-1", "email": "bea@example.com"}
CEM = SHARED | {"external_id": "cem-1", "email": "cem@example.com"}
#: without an e-mail address
DAN = SHARED | {"external_id": "dan-1"}


def rejected(*rows):
    def load(tenant):
        data = upsert(tenant_id=tenant, leads=list(rows))["data"]
        return [one["code"] for one in data["rejected"]]

    return load


@pytest.fixture
def erased(tenant):
    """Ada, with an e-mail address, is erased; Bea and Dan of her household stay."""
    assert rejected(ADA, BEA, DAN)(tenant) == []
    with reading(tenant) as session:
        assert len(leads.ids(session, tenant)) == 3
    forget(tenant_id=tenant, external_ids=["ada-1"])
    return tenant


def test_the_others_stay_and_are_updated(erased):
    with reading(erased) as session:
        assert len(leads.ids(session, erased)) == 2
    assert rejected(BEA | {"campaign": "spring"}, DAN | {"campaign": "spring"})(erased) == []


def test_another_of_the_household_may_come(erased):
    assert rejected(CEM)(erased) == []


@pytest.mark.parametrize(
    "row",
    [
        ADA,
        SHARED | {"external_id": "ada-1"},
        {"external_id": "new-1", "email": "ada@example.com"},
        SHARED,
        SHARED | {"external_id": "new-1"},
    ],
)
def test_the_erased_one_does_not_come_back(erased, row):
    assert rejected(row)(erased) == ["privacy.forgotten"]


def test_who_had_no_address_is_known_by_phone_and_name(tenant):
    assert rejected(DAN)(tenant) == []
    forget(tenant_id=tenant, external_ids=["dan-1"])
    assert rejected(CEM)(tenant) == ["privacy.forgotten"]
