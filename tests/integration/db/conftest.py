"""What the tests of repositories share: two configured tenants and drafts."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from db import session as sessions
from db.records import EventDraft, LeadDraft
from db.repositories import tenants
from db.repositories.leads import leads
from tests.support.rows import NOW


@pytest.fixture
def tenant(database):
    """The id of a configured tenant, T1; T2 is there too."""
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        for tenant_id in ("T1", "T2"):
            tenants.configure(session, tenant_id, settings={"zone": "UTC"}, actor="test", now=NOW)
    return "T1"


@pytest.fixture
def upsert(tenant):
    """Upsert drafts in a transaction of its own."""

    def call(*drafts, policy="fill_blanks", tenant_id=tenant, now=NOW, import_ref=None):
        with sessions.transaction(sessions.EVERY_TENANT) as session:
            return leads.upsert(session, tenant_id, drafts=drafts, policy=policy, now=now, import_ref=import_ref)

    return call


@pytest.fixture
def read(tenant):
    """Read one lead."""

    def call(lead_id, tenant_id=tenant):
        with sessions.reading(sessions.EVERY_TENANT) as session:
            return leads.get(session, tenant_id, lead_ids=[lead_id])[0]

    return call


@pytest.fixture
def lead_ids(upsert):
    """Three leads of T1."""
    return [result.lead_id for result in upsert(*(LeadDraft(external_id=f"x{number}") for number in range(3)))]


@pytest.fixture
def event():
    """Make an event draft."""

    def make(source_id="e1", kind="reply", hours=1, **given):
        at = NOW - timedelta(hours=hours)
        return EventDraft(kind=kind, occurred_at=at, recorded_at=at, source_id=source_id, **given)

    return make


@pytest.fixture
def write(tenant):
    """Run one repository call in a transaction of its own."""

    def call(function, *, tenant_id=tenant, **given):
        with sessions.transaction(sessions.EVERY_TENANT) as session:
            return function(session, tenant_id, **given)

    return call


@pytest.fixture
def write_all(tenant):
    """Run one repository call that is for all tenants in a transaction of its own."""

    def call(function, **given):
        with sessions.transaction(sessions.EVERY_TENANT) as session:
            return function(session, **given)

    return call


@pytest.fixture
def at_once():
    """Run calls in threads that start together; gives their answers."""

    def run_all(*calls):
        barrier = threading.Barrier(len(calls))

        def run(call):
            barrier.wait(timeout=10)
            return call()

        with ThreadPoolExecutor(len(calls)) as pool:
            return [future.result(timeout=60) for future in [pool.submit(run, call) for call in calls]]

    return run_all
