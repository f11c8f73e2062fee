"""When leads are looked at again: each is taken by one worker, given back by none, and due when it was said."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from db import session as sessions
from db.models import RiskCheck
from db.records import LeadDraft
from db.repositories.due_queues.queues import risk_queue
from db.repositories.leads import leads
from db.repositories.privacy import erasure, restrictions
from db.session import database_time
from tests.support.rows import NOW

DAY = timedelta(days=1)


@pytest.fixture
def due(write_all):
    return lambda: write_all(risk_queue.due)


@pytest.fixture
def later(write_all):
    """Let time pass for what is due."""

    def call(seconds):
        def shift(session):
            for row in session.query(RiskCheck).all():
                moved = {name: getattr(row, name) for name in ("due_at", "free_at")}
                moved = {name: at - timedelta(seconds=seconds) for name, at in moved.items() if at}
                own = (RiskCheck.tenant_id == row.tenant_id, RiskCheck.lead_id == row.lead_id)
                session.execute(update(RiskCheck).where(*own).values(**moved))

        write_all(shift)

    return call


def now():
    with sessions.reading(sessions.EVERY_TENANT) as session:
        return database_time(session)


def test_leads_that_were_never_looked_at_are_due_at_once(write, upsert, due, lead_ids):
    closed, vendor, held, other = (
        one.lead_id
        for one in upsert(
            LeadDraft(external_id="closed"),
            LeadDraft(external_id="vendor", fields={"lead_type": "vendor"}),
            LeadDraft(external_id="held"),
            LeadDraft(external_id="buyer", fields={"lead_type": "buyer"}),
        )
    )
    write(leads.set_label, lead_id=closed, label=False, label_at=NOW, status="lost")
    write(restrictions.change, lead_id=held, objected=True, now=NOW)
    assert [write(risk_queue.seed, limit=3), write(risk_queue.seed, limit=3), write(risk_queue.seed, limit=3)] == [
        3,
        1,
        0,
    ]
    assert due() == {"T1": 4}
    assert set(write(risk_queue.claim, limit=9).lead_ids) == {*lead_ids, other}
    assert write(risk_queue.seed, tenant_id="T2", limit=9) == 0
    assert vendor not in lead_ids


def test_of_two_sweeps_each_takes_others(write, upsert, at_once):
    upsert(*(LeadDraft(external_id=f"m{number}") for number in range(100)))
    assert sum(at_once(*[lambda: write(risk_queue.seed, limit=60)] * 3)) == 100
    taken = at_once(*[lambda: write(risk_queue.claim, limit=40)] * 3)
    lead_ids = [lead_id for each in taken for lead_id in each.lead_ids]
    assert (len(lead_ids), len(set(lead_ids))) == (100, 100)


def test_a_lead_is_due_when_it_was_said(write, due, lead_ids):
    write(risk_queue.seed, limit=9)
    taken = write(risk_queue.claim, limit=9)
    assert due() == {}
    one, two, three = taken.lead_ids
    write(risk_queue.complete, taken=taken, due={one: now() - DAY, two: now() + DAY})
    assert write(risk_queue.claim, limit=9).lead_ids == (one,)
    write(risk_queue.reschedule, due={one: now() + DAY, three: now() - DAY, two: now() - 2 * DAY})
    assert write(risk_queue.claim, limit=9).lead_ids == (two, three)


def test_leads_of_a_worker_that_died_are_due_again(write, later, lead_ids):
    write(risk_queue.seed, limit=9)
    lost = write(risk_queue.claim, limit=9)
    later(risk_queue.lease + 1)
    again = write(risk_queue.claim, limit=9)
    assert again.lead_ids == lost.lead_ids
    # the first one comes back to life: what it says counts no more
    write(risk_queue.complete, taken=lost, due={})
    later(risk_queue.lease + 1)
    assert write(risk_queue.claim, limit=9).lead_ids == lost.lead_ids


def test_what_happens_makes_a_lead_due_once_a_window(write, due, later, lead_ids):
    write(risk_queue.touch, lead_ids=[*lead_ids, lead_ids[0]])
    taken = write(risk_queue.claim, limit=9)
    assert set(taken.lead_ids) == set(lead_ids)
    write(risk_queue.touch, lead_ids=lead_ids[:1])
    write(risk_queue.complete, taken=taken, due=dict.fromkeys(lead_ids, now() + DAY))
    write(risk_queue.touch, lead_ids=lead_ids[1:2])
    assert due() == {}
    later(risk_queue.window + 1)
    assert set(write(risk_queue.claim, limit=9).lead_ids) == set(lead_ids[:2])


def test_checks_go_with_their_lead(write, due, lead_ids):
    write(risk_queue.touch, lead_ids=lead_ids)
    write(erasure.erase, subject=write(erasure.find, lead_id=lead_ids[0], identities=[]), now=NOW)
    assert due() == {"T1": 2}


def test_each_tenants_due_leads_are_counted_and_those_of_later_are_not(write, upsert, due, lead_ids):
    theirs = [one.lead_id for one in upsert(*(LeadDraft(external_id=f"o{n}") for n in range(2)), tenant_id="T2")]
    write(risk_queue.reschedule, tenant_id="T2", due=dict.fromkeys(theirs, now() + DAY))
    write(risk_queue.reschedule, due={lead_ids[0]: now() - DAY, lead_ids[1]: now() + DAY})
    assert due() == {"T1": 1}
    write(risk_queue.touch, tenant_id="T2", lead_ids=theirs)
    assert due() == {"T1": 1, "T2": 2}
    write(risk_queue.reschedule, due={lead_ids[0]: now() + DAY})
    assert due() == {"T2": 2}, "what was said last counts, sooner or later"
