"""What a card, a worklist and a judgement look like on paper, and what they say where something is missing."""

from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from tasks.contracts.leads import MarkScore, OverrideScore
from workers.cli.base.formatting import local
from workers.cli.leads import action_views, explanation_view, judgements
from workers.cli.leads.card_view import show_card
from workers.cli.leads.judgements import MARK_REASONS, OVERRIDE_REASONS, show_history
from workers.cli.leads.worklist_view import NO_DATES, show_worklist

NOW = datetime(2026, 11, 30, 15, tzinfo=UTC)
SCORE = {
    "prediction_id": "p1",
    "as_of": "2026-11-30T14:00:00.123456Z",
    "probability": 0.6631234567891234,
    "band": "hot",
    "model": "lead_score-0001",
    "up": [{"feature": "showings", "text": "3 showings", "contribution": 0.6174289081382328}],
    "down": [{"feature": "source", "text": "source: portal", "contribution": -0.2}],
    "rest": 1.181095021259824,
    "rest_parts": [{"text": "pre-approval: cash", "contribution": 0.9}, {"text": "all else", "contribution": 0.281}],
    "interval": [0.4770161874015424, 0.7141234],
    "fit": 59.4,
    "engagement": 83.4,
    "data_quality": 0.97,
    "automatic": {"probability": 0.6631, "band": "hot"},
}
CARD = {
    "lead_id": "0190c0de",
    "external_id": "C-1",
    "lead_type": "buyer",
    "stage": "showing",
    "status": "open",
    "assigned_to": "ada.quill",
    "contactable": True,
    "blocked": [],
    "score": SCORE,
    "override": None,
    "changed": {"text": "score 70 to 66, hot"},
    "expected_value": {"amount": 15250.4, "currency": "USD"},
    "above": {"churn": "2026-11-30T14:00:00Z"},
    "events": [
        {"kind": "inquiry", "at": "2026-11-01T08:00:00Z"},
        {"kind": "outcome.replied", "at": "2026-11-30T08:00:00Z"},
    ],
    "outcomes": ["outcome.replied"],
    "history": [],
}
ROW = {
    "rank": 1,
    "lead_id": "l1",
    "external_id": "C-1",
    "probability": 0.0620865,
    "band": "cold",
    "reasons": ["source: website"],
    "why_now": None,
    "action": "call_task",
    "channel": "call",
    "not_before": None,
    "due_by": None,
    "model": "m",
}
LIST = {"as_of": "2026-11-30T15:00:00.999Z", "leads": [ROW], "withheld": 0, "scored": 1}


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_a_card_is_words_and_nothing_of_the_wire(capsys):
    with local("Europe/Berlin", NOW):
        show_card("C-1", CARD)
    told = lines(capsys)
    assert told[0] == "lead C-1: buyer, open, in stage showing, with ada.quill"
    assert "chance to close 66 %, hot" in told
    assert "how sure between 48 % and 71 %, nine times in ten" in told
    assert "all else speaks for it (weight 1.18), of that: pre-approval: cash +0.90; all else +0.28" in told
    assert "expected to bring 15,250 USD" in told
    assert "reported as at risk of going cold, since today 15:00 Berlin time" in told
    assert "as of today 15:00 Berlin time" in told
    newest = told.index("what happened, newest first") + 2
    assert told[newest : newest + 2] == [
        "today 09:00 Berlin time outcome: replied",
        "2026-11-01 09:00 Berlin time inquiry",
    ]
    for name in ("above", "next", "rest_parts", "automatic", "0.66312"):
        assert not any(line.split(" ")[0] == name or "0.66312" in line for line in told), name


def test_a_person_counts_and_the_model_is_told_beside(capsys):
    said = {"actor": "ada.quill", "reason": "met_in_person", "set_at": "2026-11-30T13:00:00Z", "band": "cold"}
    with local("UTC", NOW):
        show_card("C-1", CARD | {"override": said, "score": SCORE | {"probability": 0.1, "band": "cold"}})
    told = lines(capsys)
    assert "chance to close 10 %, cold, says ada.quill (met in person), since today 13:00 UTC" in told
    assert "the model says 66 %, hot" in told


def test_who_refused_or_is_stopped_says_so_first(capsys):
    channels = {"email": "refused", "sms": "refused", "call": "unknown"}
    refused = CARD | {"consent": {"channels": channels, "statements": []}, "blocked": ["objected"]}
    why = [{"channel": "call", "rule": "consent.call_missing", "text": "A call needs the lead's consent."}]
    step = {"action": None, "channel": None, "why_now": None, "due_by": None, "not_before": None, "why_not": why}
    show_card("C-1", refused | {"next": step | {"action_id": None, "state": None}})
    told = lines(capsys)
    assert told[1:4] == [
        "REFUSED: the lead wants no contact by e-mail, by text",
        "STOPPED: nothing is computed of this lead or done for it: objected",
        "MAY NOT BE CONTACTED by call",
    ]
    assert "may not be contacted by call A call needs the lead's consent. (consent.call_missing)" in told


def test_a_key_that_no_words_are_known_for_is_printed_by_its_name(capsys):
    show_card("C-1", CARD | {"source_system": "hubspot", "later_part": {"share": 0.123456789, "kind": "x"}})
    told = lines(capsys)
    assert "source system hubspot" in told
    assert "later part share 0.123, kind x" in told


@pytest.mark.parametrize(
    ("silent", "told"), [(30.0, "silent for 30 days, its stage allows 7 days"), (7.0, None), (None, None)]
)
def test_a_lead_silent_for_longer_than_its_stage_allows_is_cold(capsys, silent, told):
    risk = {
        "as_of": "2026-11-23T09:00:00Z",
        "probability": 0.927,
        "level": "critical",
        "confidence": 0.35,
        "days_silent": silent,
        "threshold": 7.0,
        "days_to_churn": 8.0,
        "next_check_at": "2026-11-24T09:00:00Z",
        "horizon_days": 30,
        "members": {},
        "drivers": [],
        "note": None,
        "model": "s",
        "scope": "scorecard",
    }
    action_views.show_risk(risk)
    shown = lines(capsys)
    assert "how sure low, 35 %" in shown
    assert (f"already cold {told}" in shown) == (told is not None)
    assert ("likely cold in 8 days" in shown) == (told is None)


def test_times_to_call_are_told_where_the_lead_is_and_others_where_the_reader_is(capsys):
    row = ROW | {"not_before": "2026-12-01T14:00:00Z", "due_by": "2026-12-01T20:00:00Z"}
    other = row | {"rank": 2, "lead_id": "l2", "external_id": "C-2"}
    with local("Europe/Berlin", NOW):
        show_worklist("worklist", LIST | {"leads": [row, other]}, {"l1": "America/New_York"})
    told = lines(capsys)
    assert told[0] == "worklist, as of today 16:00 Berlin time"
    assert "call task, not before tomorrow 09:00 New York time tomorrow 15:00 New York time" in told[2]
    assert "call task, not before tomorrow 15:00 Berlin time tomorrow 21:00 Berlin time" in told[3]


def test_a_list_without_dates_says_so_instead_of_empty_columns(capsys):
    show_worklist("worklist", LIST | {"without_dates": 1, "not_assessed": 0})
    told = lines(capsys)
    assert told[1] == "rank lead chance band action reasons model"
    assert told[-1] == NO_DATES
    show_worklist("worklist", LIST | {"scored": 2, "without_dates": 1, "not_assessed": 0})
    assert NO_DATES not in lines(capsys)
    show_worklist("worklist", LIST | {"without_dates": 0, "not_assessed": 1})
    assert "`hearth assess --all`" in lines(capsys)[-1]


def test_a_list_says_what_was_cut(capsys):
    show_worklist("worklist", LIST | {"cut": 95, "scored": 5000})
    assert lines(capsys)[-1].startswith("1 of 96 shown: an answer holds no more")
    show_worklist("worklist", LIST | {"cut": 0, "scored": 5000})
    assert lines(capsys)[-1].startswith("1 of 5,000 leads with a score: `--top` lists more")
    with local("UTC", NOW):
        show_worklist("worklist", LIST | {"leads": [], "scored": 0})
    assert lines(capsys) == ["worklist, as of today 15:00 UTC: nobody to call"]


def test_a_history_tells_scores_marks_and_judgements(capsys):
    marks = [{"verdict": "wrong", "reason": "too_high", "actor": "ada.quill", "at": "2026-11-30T14:00:00Z"}]
    said = {"actor": "bo", "band": "hot", "probability": None, "reason": "agreed", "set_at": "2026-11-30T13:00:00Z"}
    withdrawn = said | {"withdrawn_at": "2026-11-30T14:30:00Z", "withdrawn_by": "cy"}
    with local("UTC", NOW):
        show_history("C-1", {"points": [SCORE | {"marks": marks}], "overrides": [withdrawn], "before": None})
    told = lines(capsys)
    assert "today 14:00 UTC 66 % hot between 48 % and 71 % lead_score-0001 wrong (too high), says ada.quill p1" in told
    assert told[-6:] == [
        "said by bo",
        "judgement hot",
        "reason agreed",
        "since today 13:00 UTC",
        "until today 14:30 UTC",
        "withdrawn by cy",
    ]


@pytest.mark.parametrize(
    ("reasons", "contract"), [(OVERRIDE_REASONS, OverrideScore), (MARK_REASONS, MarkScore)], ids=["override", "mark"]
)
def test_every_reason_of_the_contract_has_words_in_the_help_and_in_the_page(reasons, contract):
    assert set(reasons) == set(get_args(contract.model_fields["reason"].annotation))
    page = (Path(__file__).parents[5] / "docs" / "scores.md").read_text(encoding="utf-8")
    for code, text in reasons.items():
        assert f"  {code}" in judgements.codes(reasons)
        assert f"`{code}`" in page, code
        assert text


STEP = {"lever": "save", "by": "lead", "times": 1, "text": "they save a listing"}
WHAT_IF = {
    "goal": {"band": "warm", "border": 0.3},
    "steps": [STEP, {**STEP, "lever": "reply", "text": "they reply by text message"}],
    "probability": 0.3123456,
    "alone": [{**STEP, "probability": 0.2789, "log_odds": 0.4}],
    "tried": 112,
    "levers": "1",
}


def test_what_would_change_a_score_stands_below_it_and_promises_nothing(capsys):
    show_card("C-1", CARD | {"score": SCORE | {"what_if": WHAT_IF}})
    told = lines(capsys)
    assert "to be warm they save a listing and they reply by text message: 31 %" in told
    assert "by itself they save a listing: 28 %" in told
    assert any(line.startswith("what the model would answer then, not what doing it causes") for line in told)


@pytest.mark.parametrize(
    ("what_if", "told"),
    [
        ({**WHAT_IF, "steps": []}, "to be warm nothing that was tried suffices; at most 31 %"),
        ({**WHAT_IF, "goal": None, "steps": []}, "by itself they save a listing: 28 %"),
        ({**WHAT_IF, "goal": None, "steps": [], "alone": []}, "by itself nothing that somebody can do changes it"),
    ],
)
def test_where_nothing_suffices_it_says_so(capsys, what_if, told):
    explanation_view.show_what_if(what_if)
    assert told in lines(capsys)


def test_a_list_says_what_would_change_each_score(capsys):
    helps = {"text": "they save a listing", "band": "warm", "probability": 0.31}
    show_worklist("list", LIST | {"leads": [ROW | {"what_if": helps}]})
    assert any("they save a listing: 31 %, warm" in line for line in lines(capsys))


def test_similar_leads_are_counted_with_bounds_and_the_nearest_are_named(capsys):
    lead = {
        "lead_id": "l2",
        "external_id": "C-2",
        "outcome": "won",
        "known_at": "2026-11-01T08:00:00Z",
        "distance": 0.2,
    }
    similar = {
        "compared": 1240,
        "of": 20,
        "won": 7,
        "interval": [0.2, 0.53],
        "typical_distance": 1.6,
        "unlike_all": True,
        "leads": [lead],
    }
    explanation_view.show_similar(similar)
    told = lines(capsys)
    assert told[0] == "the 20 closed leads most like it, of 1,240 of your own"
    assert told[1].endswith("7 won, 35 % (between 20 % and 53 %, nine times in ten)")
    assert any("no closed lead is like it" in line for line in told)
    assert any(line.startswith("C-2 won") for line in told)


def test_what_a_model_needs_is_told_with_bounds_and_whether_it_has_seen_the_leads(capsys):
    each = {"meaning": "showings and offers", "log_loss": 0.149, "interval": [0.127, 0.175], "features": ["showings"]}
    view = {"model": {"version": "m-1"}, "rows": 900, "learnt_from": True, "meanings": [each], "why_not": None}
    explanation_view.show_importance(view)
    told = lines(capsys)
    assert any("showings and offers 0.149 0.127 to 0.175" in line for line in told)
    assert any("seems to need more than it does" in line for line in told)
    explanation_view.show_importance({**view, "why_not": "too few"})
    assert lines(capsys) == ["m-1: too few"]
