"""What a closed lead teaches: one rule for a file, its preview, readiness and training."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from db.records import LeadDraft
from domain.closed_leads import LEFT_OUT, OBSERVED, ClosedLead, in_words, reading
from tasks.services.models.closed_leads import of_draft, pooled, tallied, usable

DAY = timedelta(days=1)
END = datetime(2026, 3, 1, tzinfo=UTC)
LEAD = ClosedLead(
    lead_id="1", label=True, label_at=END, observed_at=END - DAY, created_at=END - 50 * DAY, lead_type="buyer"
)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "before"),
        ({"observed_at": END + 90 * DAY}, "after"),
        ({"observed_at": END}, "same_moment"),
        ({"label_at": None, "observed_at": END + 90 * DAY}, "same_moment"),
        ({"label_at": END - 52 * DAY}, "closed_before_created"),
        # a date without a time says midnight
        ({"label_at": END - 50 * DAY - DAY / 2}, "after"),
        ({"created_at": None, "observed_at": END + DAY}, "after"),
        ({"lead_type": "agent"}, "not_a_client"),
        ({"lead_type": None}, "before"),
        ({"blocked": True, "lead_type": "vendor"}, "blocked"),
        ({"scored_before": True, "observed_at": END + DAY, "label_at": END - 99 * DAY}, "before"),
    ],
)
def test_a_closed_lead_is_read_by_its_times(changes, expected):
    assert reading(replace(LEAD, **changes)) == expected


def test_a_training_as_of_a_moment_knows_no_later_label():
    assert reading(LEAD, as_of=END - DAY) == "labelled_after_as_of"
    assert reading(LEAD, as_of=END) == "before"
    assert reading(replace(LEAD, label_at=None), as_of=END - 99 * DAY) == "same_moment"


def test_a_row_of_a_file_is_read_as_the_lead_that_it_makes():
    now = END + 9 * DAY
    fields = {"created_at": LEAD.created_at, "lead_type": "buyer"}
    assert of_draft(LeadDraft(fields=fields), now) == {}
    assert of_draft(LeadDraft(fields={**fields, "closed_at": END}, label=False), now) == {"lost after": 1}
    assert of_draft(LeadDraft(fields={**fields, "opportunity_status": "won"}), now) == {"won same_moment": 1}
    assert of_draft(LeadDraft(fields=fields, label=True, label_at=END, as_of=END - DAY), now) == {"won before": 1}
    assert tallied([(LEAD, reading(LEAD))]) == {"won before": 1}


def test_who_was_seen_after_the_end_is_learnt_from_where_there_is_no_better():
    told = usable({"won after": 200, "lost after": 400, "lost blocked": 2})
    assert (told.won, told.lost, told.left_out) == (200, 400, {"blocked": 2})
    assert (told.closed, told.observed) == (
        {"won": 200, "lost": 402},
        {"before": 0, "same_moment": 0, "after": 600},
    )
    assert told.reads_after_end


def test_once_enough_were_seen_before_their_end_only_such_leads_teach():
    before = {"won before": 40, "lost before": 160}
    told = usable({**before, "won same_moment": 7, "won after": 200})
    assert (told.won, told.lost, told.left_out) == (47, 160, {"seen_after_end": 200})
    assert not told.reads_after_end
    assert usable({**before, "won before": 39, "won after": 200}).reads_after_end


def test_a_few_seen_after_the_end_do_not_cost_the_others_their_days_since():
    others = {"won same_moment": 100, "lost same_moment": 280}
    assert usable({**others, "won after": 20}).left_out == {"seen_after_end": 20}
    assert usable({**others, "won after": 21}).left_out == {}
    # nor are they left out where they are needed
    assert usable({"won same_moment": 39, "lost same_moment": 280, "won after": 5}).left_out == {}


def test_a_shared_model_never_learns_from_who_was_seen_after_the_end():
    assert usable({"won after": 200, "lost after": 400}, seen_after_end=False).left_out == {"seen_after_end": 600}


def test_of_a_shared_model_nothing_is_told_of_the_leads_that_were_not_chosen():
    parts = [
        usable({"won before": 50, "lost before": 500, "lost blocked": 2, "won after": 9}, seen_after_end=False)
    ] * 2
    told = pooled(parts, [True] * 90 + [False] * 300)
    assert (told.won, told.lost, told.closed, told.left_out) == (90, 300, {"won": 90, "lost": 300}, {"blocked": 4})


def test_counts_are_told_in_one_line():
    assert in_words({"won": 223, "lost": 391, "left_out": {}}) == "614 of 614 closed leads can be learnt from"
    assert in_words({"won": 0, "lost": 0, "left_out": {}}) == "there are no closed leads to learn from"
    told = in_words({"won": 1, "lost": 1, "left_out": {"blocked": 1, "not_a_client": 3}})
    assert told == (
        "2 of 6 closed leads can be learnt from: 1 may not be used: restricted, or the person objected, "
        "3 are agents or vendors"
    )
    assert not set(LEFT_OUT) & set(OBSERVED)
