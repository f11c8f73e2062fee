"""What scores came to, and what people do with them."""

from datetime import timedelta

import pytest

from db.records import (
    ContactTally,
    EventDraft,
    FeedbackDraft,
    LeadDraft,
    OverrideDraft,
    PredictionDraft,
    RealisedRecord,
    ReviewerTally,
    SnapshotDraft,
)
from db.repositories.events import events
from db.repositories.leads import leads
from db.repositories.overrides import overrides, score_feedback
from db.repositories.predictions import predictions, snapshots, value_report
from db.repositories.privacy import restrictions
from tests.support.rows import NOW

DAY = timedelta(days=1)
SINCE = NOW - 90 * DAY


@pytest.fixture
def said(write):
    """Say of leads in which band they are, some days ago; gives the answers' ids."""

    def call(band, *lead_ids, days, kind="lead_score"):
        at = NOW - days * DAY
        drafts = [
            SnapshotDraft(lead_id=lead_id, lead_version=1, as_of=at, bucket=at, feature_schema="1", features={})
            for lead_id in lead_ids
        ]
        answers = [
            PredictionDraft(
                lead_id=lead_id,
                snapshot_id=snapshot_id,
                kind=kind,
                model_id=None,
                model_version="scorecard-1",
                scope="scorecard",
                probability=0.5,
                band=band,
                detail={},
                as_of=at,
            )
            for lead_id, snapshot_id in zip(lead_ids, write(snapshots.save, drafts=drafts), strict=True)
        ]
        return write(predictions.save, drafts=answers, now=NOW)

    return call


@pytest.fixture
def ended(write):
    def call(lead_id, won, days=1):
        at = NOW - days * DAY
        write(leads.set_label, lead_id=lead_id, label=won, label_at=at, status="won" if won else "lost")

    return call


def test_a_lead_counts_in_the_band_that_was_said_before_it_ended(write, upsert, said, ended, lead_ids):
    one, two, three = lead_ids
    [worth] = [lead.lead_id for lead in upsert(LeadDraft(external_id="w", fields={"deal_value": 9000.5}))]
    said("warm", one, two, days=30)
    said("hot", one, worth, days=20)
    said("critical", one, days=15, kind="churn")
    said("cold", one, days=5)
    for lead_id, won in ((one, True), (two, False), (worth, True)):
        ended(lead_id, won, days=10)
    assert write(value_report.realised, since=SINCE) == [
        RealisedRecord(lead_id=one, band="hot", label=True, deal_value=None),
        RealisedRecord(lead_id=two, band="warm", label=False, deal_value=None),
        RealisedRecord(lead_id=worth, band="hot", label=True, deal_value=9000.5),
    ]
    assert write(value_report.realised, since=NOW - 9 * DAY) == []
    assert write(value_report.realised, tenant_id="T2", since=SINCE) == []
    ended(three, False)
    write(restrictions.change, lead_id=two, restricted=True, now=NOW)
    assert [(each.lead_id, each.band) for each in write(value_report.realised, since=SINCE)] == [
        (one, "hot"),
        (three, None),
        (worth, "hot"),
    ]


def test_leads_are_counted_by_agent_and_whether_somebody_reached_out(write, upsert, ended):
    given = [("ada", "ada-1"), ("ada", "ada-2"), ("ada", "old"), ("bob", "bob-1"), (None, "nobody")]
    drafts = [
        LeadDraft(external_id=name, fields={} if agent is None else {"assigned_to": agent}) for agent, name in given
    ]
    first, _, old, theirs, nobody = (one.lead_id for one in upsert(*drafts))
    ended(old, False, days=200)

    def event(lead_id, kind="sms", direction="outbound", days=3):
        at = NOW - days * DAY
        told = EventDraft(kind=kind, occurred_at=at, recorded_at=at, direction=direction, source_id=f"{kind}-{days}")
        write(events.add, lead_id=lead_id, drafts=[told])

    event(first)
    event(first, kind="call")
    event(theirs, direction="inbound")
    event(theirs, kind="email_failed")
    event(theirs, kind="outcome.lost")
    event(theirs, days=100)
    event(nobody, kind="email")
    assert write(value_report.contacts, since=SINCE) == [
        ContactTally(agent="ada", leads=2, contacted=1),
        ContactTally(agent="bob", leads=1, contacted=0),
        ContactTally(agent=None, leads=1, contacted=1),
    ]
    assert write(value_report.contacts, tenant_id="T2", since=SINCE) == []


def test_judgements_and_marks_are_counted_by_person(write, said, lead_ids):
    answers = said("hot", *lead_ids, days=2)
    for number, (lead_id, answer) in enumerate(zip(lead_ids, answers, strict=True)):
        mark = FeedbackDraft(
            lead_id=lead_id,
            prediction_id=answer,
            model_version="scorecard-1",
            verdict="wrong",
            reason="other",
            actor="ada",
        )
        write(score_feedback.save, draft=mark, now=NOW - number * 80 * DAY)
    draft = OverrideDraft(
        lead_id=lead_ids[0], kind="lead_score", band="cold", probability=None, reason="other", actor="bob"
    )
    write(overrides.save, draft=draft, now=NOW)
    assert write(value_report.reviewers, since=SINCE) == [
        ReviewerTally(actor="ada", overrides=0, marks=2),
        ReviewerTally(actor="bob", overrides=1, marks=0),
    ]
    assert write(value_report.reviewers, tenant_id="T2", since=SINCE) == []
