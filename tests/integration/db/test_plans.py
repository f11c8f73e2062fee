"""What is asked for by ids, or by what is due, is found along an index: SQLite tells how, and plans without counting.

A statement that goes through all of a tenant's rows takes as long with one lead as with all of them.
"""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event

from db import session as sessions
from db.records import EnrolmentDraft, LeadDraft
from db.repositories import tenants
from db.repositories.due_queues.queues import risk_queue
from db.repositories.events import events
from db.repositories.interventions import enrolments, interventions
from db.repositories.leads import leads
from db.repositories.overrides import threshold_state
from db.repositories.predictions import predictions, snapshots
from db.repositories.privacy import restrictions
from tests.support.rows import planned

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
LEAD = ["tenant_id=?", "lead_id=?"]
#: what statements make themselves, which is no table
MADE = ("json_each", "CONSTANT", "walk", "anon_", "(")


@pytest.fixture
def lead_ids(sqlite_database):
    """A lead with an action that is due, one that is over, and an enrolment whose time is over."""
    over = {"planned_at": NOW - timedelta(days=9), "expires_at": NOW - timedelta(days=1)}
    with sessions.transaction(sessions.EVERY_TENANT) as session:
        tenants.configure(session, "T1", settings={}, actor="test", now=NOW)
        [lead] = leads.upsert(session, "T1", drafts=[LeadDraft(external_id="x")], policy="overwrite", now=NOW)
        drafts = [planned(lead.lead_id, not_before=NOW), planned(lead.lead_id, "over", "dispatched", **over)]
        interventions.save(session, "T1", drafts=drafts)
        enrolled = EnrolmentDraft(
            experiment="h",
            lead_id=lead.lead_id,
            held_out=False,
            propensity=0.9,
            intervention="social_proof",
            action_id="a1",
            enrolled_at=NOW - timedelta(days=40),
            due_at=NOW - timedelta(days=10),
        )
        enrolments.enrol(session, "T1", drafts=[enrolled])
    return [lead.lead_id]


@pytest.fixture
def searches(lead_ids):
    """Run a call and tell by which columns of an index each of its searches in a table goes; none: through all rows."""

    def call(function, *args, **given):
        told = []

        def note(_connection, _cursor, statement, parameters, _context, _many):
            if statement.startswith(("SELECT", "UPDATE", "WITH")):
                told.append((statement, parameters))

        with sessions.transaction(sessions.EVERY_TENANT) as session:
            engine = session.get_bind().engine
            event.listen(engine, "before_cursor_execute", note)
            try:
                function(session, *args, **given)
            finally:
                event.remove(engine, "before_cursor_execute", note)
            raw = session.connection().connection.cursor()
            plans = [raw.execute(f"EXPLAIN QUERY PLAN {statement}", own).fetchall() for statement, own in told]
        lines = [line for plan in plans for *_, line in plan if line.startswith(("SEARCH", "SCAN"))]
        return [_columns(line) for line in lines if not line.split()[1].startswith(MADE)]

    return call


def _columns(line):
    return line.rpartition("(")[2].rstrip(")").split(" AND ") if "(" in line else []


@pytest.mark.parametrize(
    ("function", "given", "by"),
    [
        (leads.get, {}, LEAD),
        (leads.identities, {"source_system": "crm"}, LEAD),
        (restrictions.blocked, {}, LEAD),
        (events.for_leads, {}, LEAD),
        (predictions.bands, {"kind": "lead_score"}, LEAD),
        (threshold_state.above_each, {"threshold": "churn"}, [*LEAD, "threshold=?"]),
        (snapshots.newest_at, {"dates": [NOW]}, LEAD),
        (interventions.active, {"now": NOW}, LEAD),
        (interventions.recent, {"since": NOW}, [*LEAD, "planned_at>?"]),
        (enrolments.for_leads, {"experiment": "h"}, ["tenant_id=?", "experiment=?", "lead_id=?"]),
    ],
    ids=lambda value: f"{value.__module__.rpartition('.')[2]}.{value.__name__}" if callable(value) else "",
)
def test_what_is_of_some_leads_is_found_by_their_ids(searches, lead_ids, function, given, by):
    found = searches(function, "T1", lead_ids=lead_ids, **given)
    assert by in found
    assert all(len(columns) > 1 for columns in found), "none goes through all of the tenant's"


def test_one_leads_and_single_actions_are_found_by_id(searches, lead_ids):
    assert searches(interventions.for_lead, "T1", lead_id=lead_ids[0]) == [LEAD]
    key = ["tenant_id=?", "action_id=?"]
    assert searches(interventions.get, "T1", action_ids=["a1", "a2"]) == [key]
    assert searches(interventions.move, "T1", action_id="a1", to="blocked", of={"planned"}, now=NOW) == [key]


@pytest.mark.parametrize(
    ("find", "by"),
    [(interventions.due, "not_before<?"), (interventions.expired, "expires_at<?"), (enrolments.due, "due_at<?")],
)
def test_what_is_due_is_found_by_its_time(searches, find, by):
    *walk, last = searches(find, now=NOW, limit=9)
    assert last == ["tenant_id=?", by]
    assert walk[1] == ["tenant_id>?"], "it leaps from tenant to tenant"


def test_checks_that_are_due_are_found_and_counted_by_their_time(searches):
    risks = searches(risk_queue.due)
    assert risks[1:] == [["tenant_id>?"], ["tenant_id=?", "due_at<?"]], "it leaps from tenant to tenant"
    assert searches(risk_queue.claim, "T1", limit=9)[0] == ["tenant_id=?", "due_at<?"]
