"""News meets what is known."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.consent import contactable
from db.errors import NaiveTime
from db.merging import LeadContent, draft_label, draft_status, effective_status, merge, moves_back
from db.records import LeadDraft
from domain.leads import LIFECYCLE

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
POLICIES = ["fill_blanks", "overwrite", "skip_existing"]
KNOWN = LeadContent(
    contact={"email": "a@example.com"},
    fields={"source": "portal", "stage": "qualified", "tags": ["a"]},
    custom={"pool": "yes", "rooms": 3.0},
)


def test_a_first_draft_is_taken_whole():
    draft = LeadDraft(
        contact={"email": "a@example.com", "phone": " "},
        fields={"source": "portal", "budget_min": None, "tags": ("a", "b"), "beds_min": float("nan")},
        custom={"pool": "yes", "note": ""},
        consent={"opt_in_sms": True},
    )
    content = merge(None, draft, "fill_blanks").content
    assert content == LeadContent(
        contact={"email": "a@example.com"},
        fields={"source": "portal", "tags": ["a", "b"]},
        custom={"pool": "yes"},
        consent={"opt_in_sms": True},
    )


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("blank", ["", "  ", None, float("nan"), [], ()])
def test_a_blank_never_erases(policy, blank):
    draft = LeadDraft(
        contact={"email": ""},
        fields={"source": blank, "tags": blank, "stage": blank, "opportunity_status": blank},
        custom={"pool": blank},
    )
    assert merge(KNOWN, draft, policy).content == KNOWN


def test_blanks_are_filled_and_known_values_stay():
    draft = LeadDraft(fields={"source": "fair", "campaign": "spring"}, custom={"pool": "no", "garden": "yes"})
    content = merge(KNOWN, draft, "fill_blanks").content
    assert content.fields == {**KNOWN.fields, "campaign": "spring"}
    assert content.custom == {**KNOWN.custom, "garden": "yes"}


def test_overwrite_takes_what_is_told():
    draft = LeadDraft(contact={"email": "b@example.com"}, fields={"source": "fair"}, custom={"rooms": 4.0})
    content = merge(KNOWN, draft, "overwrite").content
    assert content.contact == {"email": "b@example.com"}
    assert content.fields["source"] == "fair"
    assert content.custom == {"pool": "yes", "rooms": 4.0}


def test_skip_existing_takes_nothing_from_a_known_lead():
    draft = LeadDraft(fields={"campaign": "spring"}, label=True, consent={"opt_in_sms": True})
    assert merge(KNOWN, draft, "skip_existing").content == KNOWN


def test_skip_existing_takes_over_an_opt_out():
    content = merge(KNOWN, LeadDraft(consent={"dnd_sms": True, "opt_in_email": True}), "skip_existing").content
    assert content.consent == {"dnd_sms": True}


@pytest.mark.parametrize("policy", ["fill_blanks", "overwrite"])
def test_a_stage_never_moves_back(policy):
    moved = NOW - timedelta(days=3)
    merged = merge(KNOWN, LeadDraft(fields={"stage": "new", "stage_changed_at": moved}), policy)
    assert merged.content == KNOWN
    assert merged.codes == ("stage.regression_ignored",)


@pytest.mark.parametrize("stage", ["appointment", "closed", "nurture", "lost", "past_client", "house stage"])
def test_a_stage_moves_on_or_aside(stage):
    merged = merge(KNOWN, LeadDraft(fields={"stage": stage}), "overwrite")
    assert (merged.content.fields["stage"], merged.codes) == (stage, ())


@given(st.lists(st.sampled_from(LIFECYCLE), min_size=1, max_size=8))
def test_along_the_lifecycle_the_highest_stage_stays(stages):
    content = None
    for stage in stages:
        content = merge(content, LeadDraft(fields={"stage": stage}), "overwrite").content
    assert content.fields["stage"] == max(stages, key=LIFECYCLE.index)


def test_side_states_can_be_left():
    assert not moves_back("nurture", "new")
    assert not moves_back(None, "new")


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(("name", "negative"), [("opt_in_sms", False), ("dnd_email", True), ("dnd_all", True)])
def test_negative_consent_wins_in_both_orders(policy, name, negative):
    no, yes = LeadDraft(consent={name: negative}), LeadDraft(consent={name: not negative})
    no_first = merge(merge(None, no, policy).content, yes, policy)
    yes_first = merge(merge(None, yes, policy).content, no, policy)
    assert no_first.content.consent == yes_first.content.consent == {name: negative}
    assert yes_first.codes == ()
    assert no_first.codes == (() if policy == "skip_existing" else ("consent.conflict",))


def test_the_first_unsubscription_stays():
    early, late = NOW - timedelta(days=9), NOW
    for first, second in ((early, late), (late, early)):
        content = merge(None, LeadDraft(consent={"unsubscribed_at": first}), "overwrite").content
        content = merge(content, LeadDraft(consent={"unsubscribed_at": second}), "overwrite").content
        assert content.consent == {"unsubscribed_at": early}


@pytest.mark.parametrize(
    ("consent", "open_channel"),
    [
        ({}, True),
        ({"opt_in_sms": False}, True),
        ({"dnd_sms": True, "dnd_email": True}, True),
        ({"dnd_sms": True, "dnd_email": True, "dnd_call": True}, False),
        ({"dnd": True}, False),
        ({"dnd_all": True, "dnd_sms": False}, False),
        ({"unsubscribed_at": NOW}, False),
    ],
)
def test_who_may_be_contacted(consent, open_channel):
    assert contactable(consent) is open_channel


@pytest.mark.parametrize(
    ("status", "label"), [("won", True), ("lost", False), ("abandoned", False), ("open", None), (None, None)]
)
def test_a_status_labels(status, label):
    closed = NOW - timedelta(days=1)
    content = merge(None, LeadDraft(fields={"opportunity_status": status, "closed_at": closed}), "fill_blanks").content
    assert (content.status, content.label) == (status or "open", label)
    assert content.label_at == (closed if label is not None else None)


def test_a_told_label_goes_before_the_status():
    content = merge(
        None, LeadDraft(label=False, label_at=NOW, fields={"opportunity_status": "won"}), "overwrite"
    ).content
    assert (content.label, content.label_at, content.status) == (False, NOW, "won")


def test_an_open_lead_is_closed_even_where_only_blanks_are_filled():
    known = merge(None, LeadDraft(fields={"opportunity_status": "open"}), "fill_blanks").content
    closed = merge(known, LeadDraft(fields={"opportunity_status": "won", "closed_at": NOW}), "fill_blanks").content
    assert (closed.status, closed.label, closed.label_at) == ("won", True, NOW)
    again = merge(closed, LeadDraft(fields={"opportunity_status": "lost"}), "fill_blanks").content
    assert again == closed


@pytest.mark.parametrize("policy", POLICIES)
def test_a_label_is_never_erased(policy):
    known = merge(None, LeadDraft(label=True, label_at=NOW), policy).content
    assert merge(known, LeadDraft(fields={"opportunity_status": ""}), policy).content == known


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(("label", "status"), [(True, "won"), (False, "lost"), (None, "open")])
def test_a_label_alone_closes_a_lead(label, status, policy):
    content = merge(None, LeadDraft(label=label), policy).content
    assert (content.status, content.fields) == (status, {}), "what the source said of its status stays what it said"


def test_a_label_closes_a_lead_that_its_source_called_open_before():
    known = merge(None, LeadDraft(fields={"opportunity_status": "open"}), "fill_blanks").content
    closed = merge(known, LeadDraft(label=False), "fill_blanks").content
    assert (closed.status, closed.fields) == ("lost", {"opportunity_status": "open"})
    later = merge(closed, LeadDraft(fields={"campaign": "x"}), "fill_blanks").content
    assert later.status == "lost"


@pytest.mark.parametrize("policy", ["fill_blanks", "overwrite"])
def test_the_sources_own_word_opens_it_again_and_an_old_label_does_not_close_it(policy):
    closed = merge(None, LeadDraft(label=False), policy).content
    opened = merge(closed, LeadDraft(fields={"opportunity_status": "open"}), policy).content
    assert (opened.status, opened.label) == ("open", False)
    assert merge(opened, LeadDraft(label=False), policy).content == opened


def test_the_status_of_a_row_goes_before_its_label():
    content = merge(None, LeadDraft(label=False, fields={"opportunity_status": "open"}), "fill_blanks").content
    assert (content.status, content.label) == ("open", False)


@pytest.mark.parametrize("status", ["archived", "abandoned", "lost"])
def test_a_label_leaves_a_lead_closed_as_it_was(status):
    known = LeadContent(status=status, label=False)
    assert merge(known, LeadDraft(label=False), "overwrite").content.status == status


def test_a_label_for_learning_alone_closes_nothing_and_opens_nothing():
    learning = LeadDraft(label=True, label_closes=False)
    content = merge(None, learning, "fill_blanks").content
    assert (content.status, content.label) == ("open", True)
    # a reader tells it from a lead of before labels closed by the field alone
    assert content.fields == {"opportunity_status": "open"}
    assert effective_status("open", label=True, own_status="open") == "open"
    closed = merge(None, LeadDraft(fields={"opportunity_status": "won"}), "overwrite").content
    assert merge(closed, learning, "overwrite").content.status == "won"


@pytest.mark.parametrize(
    ("draft", "label", "status"),
    [
        (LeadDraft(), None, "open"),
        (LeadDraft(label=False), False, "lost"),
        (LeadDraft(label=False, label_closes=False), False, "open"),
        (LeadDraft(fields={"opportunity_status": "abandoned"}), False, "abandoned"),
        (LeadDraft(label=True, fields={"opportunity_status": "open"}), True, "open"),
    ],
)
def test_a_draft_says_what_a_new_lead_of_it_is(draft, label, status):
    content = merge(None, draft, "fill_blanks").content
    assert (draft_label(draft), draft_status(draft)) == (content.label, content.status) == (label, status)


def test_a_missing_label_time_is_filled():
    known = merge(None, LeadDraft(label=True), "fill_blanks").content
    assert merge(known, LeadDraft(label=True, label_at=NOW), "fill_blanks").content.label_at == NOW


def test_overwrite_changes_a_label():
    known = merge(None, LeadDraft(label=True, label_at=NOW), "overwrite").content
    later = NOW + timedelta(days=1)
    content = merge(known, LeadDraft(label=False, label_at=later), "overwrite").content
    assert (content.label, content.label_at) == (False, later)


def test_times_turn_to_utc_and_naive_ones_are_refused():
    local = datetime(2026, 11, 1, 12, tzinfo=timezone(timedelta(hours=-5)))
    content = merge(None, LeadDraft(fields={"created_at": local}), "fill_blanks").content
    assert content.fields["created_at"].tzinfo is UTC
    for naive in (
        LeadDraft(fields={"created_at": datetime(2026, 1, 1)}),
        LeadDraft(label=True, label_at=datetime(2026, 1, 1)),
    ):
        with pytest.raises(NaiveTime):
            merge(None, naive, "fill_blanks")


def test_letters_that_no_database_takes_are_dropped():
    content = merge(None, LeadDraft(fields={"campaign": "a\x00b", "lost_reason": "x\ud800y"}), "fill_blanks").content
    assert content.fields == {"campaign": "ab", "lost_reason": "x?y"}


@given(
    st.dictionaries(st.sampled_from(["a", "b", "c"]), st.one_of(st.floats(allow_nan=False), st.text(max_size=3))),
    st.sampled_from(POLICIES),
)
def test_the_same_draft_twice_changes_nothing(custom, policy):
    draft = LeadDraft(custom=custom, fields={"stage": "new"}, label=True)
    once = merge(None, draft, policy).content
    assert merge(once, draft, policy).content == once
