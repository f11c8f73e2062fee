"""Which tasks the gateway takes, and of whom: every public task is open, or its reason is here."""

import pytest

from domain.access import ACCESS_SCOPES
from tasks.runtime import registry

#: public tasks that are not open at the gateway, and why
CLOSED = {
    "hearth.backfill.csv": "it reads a file of the server",
    "hearth.drift.check": "it reads a week of features of thousands of leads; beat asks for it each day",
    "hearth.events.replay": "the operator's repair: it reads every failed event again",
    "hearth.models.retrain": "it takes minutes of a machine; a schedule and drift checks start it, or the operator",
    "hearth.models.train": "it takes minutes of a machine; the operator decides when",
    "hearth.online.learn": "Hearth asks for it itself when an outcome was stored; the operator may have it learn anew",
    "hearth.models.tune": "it takes an hour of a machine; the operator decides when",
    "hearth.system.status": "it tells of the queues of all tenants",
}
#: who may do what cannot be undone by sending something else
RARE = {"hearth.tenants.configure": "settings", "hearth.privacy.forget": "privacy", "hearth.privacy.export": "privacy"}


def test_every_public_task_is_open_or_says_why_not():
    assert set(registry.public_contracts()) - set(registry.open_tasks()) == set(CLOSED)


def test_no_internal_task_is_open():
    assert not [name for name, declared in registry.open_tasks().items() if declared.internal]


def test_each_open_task_has_one_of_the_scopes():
    opened = registry.open_tasks()
    assert {declared.scope for declared in opened.values()} == set(ACCESS_SCOPES)
    assert {name: opened[name].scope for name in RARE} == RARE
    assert not [name for name, d in opened.items() if name.startswith("hearth.privacy.") and d.scope != "privacy"]


@pytest.mark.parametrize("scope", ["write", "settings", "privacy"])
def test_what_only_reads_needs_no_more_than_to_read(scope):
    asking = {name for name, d in registry.open_tasks().items() if d.reads and d.scope == scope}
    assert asking == ({"hearth.privacy.consent", "hearth.privacy.doubts"} if scope == "privacy" else set())
