"""Task ids: each tells its own tenant and nobody else, and says nothing of what it stands for."""

import pytest

from db.data_subject import is_generated_id
from db.encryption import KeyRing
from workers.gateway.task_ids import TaskIds

RING = KeyRing.generate()
IDS = TaskIds(RING)
MADE = {
    "new": IDS.new,
    "for_key": lambda tenant_id: IDS.for_key(tenant_id, "t", "k"),
    "for_signature": lambda tenant_id: IDS.for_signature(tenant_id, "0" * 64),
}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_an_id_is_its_tenant_s(make):
    task_id = make("acme")
    assert IDS.belongs(task_id, "acme")
    assert not IDS.belongs(task_id, "other")
    assert make("other") != task_id
    assert is_generated_id(task_id)
    assert is_generated_id(f"task:{task_id}")


@pytest.mark.parametrize("at", [0, 31, 33, 48])
def test_an_id_that_was_changed_is_nobody_s(at):
    task_id = IDS.new("acme")
    other = "1" if task_id[at] == "0" else "0"
    assert not IDS.belongs(task_id[:at] + other + task_id[at + 1 :], "acme")


@pytest.mark.parametrize("text", ["", "x", "0" * 32, f"{'0' * 32}.{'0' * 16}\n", f"{'A' * 32}.{'0' * 16}"])
def test_what_is_no_id_belongs_to_nobody(text):
    assert not IDS.belongs(text, "acme")


def test_a_key_has_one_id_and_another_key_or_task_has_another():
    same = {TaskIds(RING).for_key("acme", "t", "k"), IDS.for_key("acme", "t", "k")}
    others = {
        IDS.for_key("acme", "t", "l"),
        IDS.for_key("acme", "u", "k"),
        IDS.for_key("acme", "tk", ""),
        IDS.new("acme"),
    }
    assert len(same) == 1
    assert len(same | others) == 5


def test_ids_stay_when_the_keys_are_rotated():
    task_id = IDS.for_key("acme", "t", "k")
    assert TaskIds(RING.rotated()).for_key("acme", "t", "k") == task_id
    assert TaskIds(RING.rotated()).belongs(task_id, "acme")
    assert not TaskIds(KeyRing.generate()).belongs(task_id, "acme")
