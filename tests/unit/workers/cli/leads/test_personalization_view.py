"""How a card and a worklist tell how to speak to a lead, and what they say where nothing is known."""

import doctest
from datetime import UTC, datetime
from typing import get_args

import pytest

from domain.emotions import EMOTIONAL_STATES
from domain.journey import JOURNEY_STAGES
from ml.language.results import NoTone
from tasks.contracts.answers.personalization import (
    Advice,
    JourneyBrief,
    Personalization,
    SendWindowBrief,
    ToneBrief,
)
from tests.support.terminals import MARK, forbidden, terminal
from tests.unit.workers.cli.leads.test_views import LIST, ROW, lines
from workers.cli.base.formatting import local
from workers.cli.leads import personalization_view
from workers.cli.leads.personalization_view import NO_TONES, NO_WINDOWS, show_personalization
from workers.cli.leads.worklist_view import show_worklist
from workers.pages.labels import JOURNEY, MOVES, NO_TONE

NOW = datetime(2026, 11, 30, 15, tzinfo=UTC)
JOURNEY_TOLD = {
    "stage": "serious_consideration",
    "probability": 0.62,
    "probabilities": dict.fromkeys(JOURNEY_STAGES, 0.2),
    "expected": 2.1,
    "before": "active_exploration",
    "moved": "up",
    "evidence": [{"code": "showings", "text": "3 showings", "weight": 0.8}],
    "by": "rule",
}
TONE = {
    "status": "ok",
    "why_not": None,
    "state": "anxious",
    "confidence": 0.71,
    "sure": False,
    "shares": {"anxious": 0.6, "curious": 0.4},
    "polarity": -0.2,
    "trend": -0.31,
    "volatility": 0.2,
    "messages": 4,
    "last_event_id": "e9",
    "turning_points": [
        {"event_id": "e8", "at": "2026-11-29T20:00:00Z", "before": 0.4, "after": -0.5, "state": "anxious"}
    ],
    "by": "model",
}
WINDOW = {
    "status": "ok",
    "start_hour": 18,
    "end_hour": 20,
    "zone": "America/New_York",
    "next_start": "2026-11-30T23:00:00Z",
    "next_end": "2026-12-01T01:00:00Z",
    "basis": "own",
    "basis_text": "own habit",
    "own_replies": 11,
    "tenant_replies": 1204,
    "share": 0.24,
    "text": "Answers come most often between 6 and 8 pm.",
    "by": "model",
}
CHANNELS = [
    {
        "channel": "sms",
        "rank": 1,
        "reply_rate": 0.42,
        "replies": 11,
        "sent": 26,
        "basis": "own",
        "allowed": True,
        "why_not": None,
        "text": "answers 42 % of texts",
        "by": "rule",
    },
    {
        "channel": "call",
        "rank": 2,
        "reply_rate": None,
        "replies": 0,
        "sent": 0,
        "basis": "prior",
        "allowed": False,
        "why_not": "consent.call_missing",
        "text": "a call needs consent",
        "by": "rule",
    },
]
POINT = {
    "code": "budget",
    "text": "They told a budget: $450,000 at most.",
    "fact": {"kind": "budget", "value": [None, 450000.0], "bound": "max"},
    "source": {"event_id": "e7"},
    "confidence": 0.9,
    "by": "rule",
}
TOLD = {
    "as_of": "2026-11-30T14:00:00Z",
    "computed_at": "2026-11-30T14:00:01Z",
    "journey": JOURNEY_TOLD,
    "tone": TONE,
    "channels": CHANNELS,
    "send_window": WINDOW,
    "guide": {
        "do": [{"code": "calm", "text": "Go step by step.", "by": "rule"}],
        "avoid": [{"code": "pressure", "text": "No deadlines.", "by": "rule"}],
    },
    "talking_points": [POINT, POINT | {"fact": None, "source": {"field": "timeline"}, "text": "The move."}],
    "suggestion": {"code": "reassure", "text": "Offer to go through the inspection together.", "by": "rule"},
}
NO_TONE_TOLD = TONE | {
    "status": "insufficient_data",
    "why_not": "no_messages",
    "state": None,
    "confidence": None,
    "sure": None,
    "shares": {},
    "polarity": None,
    "trend": None,
    "volatility": None,
    "messages": 0,
    "last_event_id": None,
    "turning_points": [],
}


def brief(model, part):
    """What of a part stands in a row of a worklist."""
    return {name: part[name] for name in model.model_fields}


def row(**parts):
    told = {
        "tone": brief(ToneBrief, TONE),
        "journey": brief(JourneyBrief, JOURNEY_TOLD),
        "send_window": brief(SendWindowBrief, WINDOW),
        "suggestion": brief(Advice, TOLD["suggestion"]),
    }
    return ROW | told | parts


def test_what_is_shown_is_what_the_contract_answers():
    Personalization.model_validate(TOLD)
    Personalization.model_validate(TOLD | {"tone": NO_TONE_TOLD})


def test_a_card_says_how_to_speak_and_who_says_so(capsys):
    with local("America/New_York", NOW):
        show_personalization(TOLD)
    told = lines(capsys)
    assert told == [
        "how to speak to it",
        "tone anxious, 71 % of late (not sure); 4 messages read [model]",
        "its mood -0.20 of -1 to +1, falling",
        "turned 1 yesterday 15:00 New York time: from +0.40 to -0.50, anxious (event e8)",
        "stage of its journey serious consideration 62 %, moved on, before: active exploration [rule]",
        "known by 3 showings (+0.8)",
        "best time 18:00 to 20:00 New York time, own habit (11 of its replies); next today 18:00 New York time [model]",
        "how to reach it, best first",
        "1. by text answers 42 % of texts [rule]",
        "2. by call not allowed (consent.call_missing); a call needs consent [rule]",
        "what to say",
        "suggestion Offer to go through the inspection together. [rule]",
        "speak of 1 They told a budget: $450,000 at most. (from event e7) [rule]",
        "speak of 2 The move. (from the record's timeline) [rule]",
        "do 1 Go step by step. [rule]",
        "avoid 1 No deadlines. [rule]",
    ]


@pytest.mark.parametrize("why", [*get_args(NoTone), "no_messages", "nothing_read", "too_old"])
def test_a_tone_that_is_not_known_is_said_in_words(capsys, why):
    show_personalization(TOLD | {"tone": NO_TONE_TOLD | {"why_not": why}})
    assert f"tone insufficient data: {NO_TONE[why]}" in lines(capsys)


def test_a_reason_without_words_is_told_by_its_name(capsys):
    show_personalization(TOLD | {"tone": NO_TONE_TOLD | {"why_not": "a_later_reason"}})
    assert "tone insufficient data: a later reason" in lines(capsys)


def test_what_an_older_row_lacks_is_insufficient_data(capsys):
    nothing = {"journey": None, "tone": None, "send_window": None, "guide": None, "suggestion": None}
    show_personalization(TOLD | nothing | {"channels": [], "talking_points": []})
    assert lines(capsys) == [
        "how to speak to it",
        "tone insufficient data",
        "stage of its journey insufficient data",
        "best time insufficient data",
    ]


@pytest.mark.parametrize(
    ("window", "told"),
    [
        ({"status": "insufficient_data", "text": "No answers yet."}, "best time insufficient data: No answers yet."),
        ({"status": "blocked", "text": "The lead refused."}, "best time The lead refused."),
        ({"status": "blocked", "text": None}, "best time none: it may not be written to"),
        ({"basis": "tenant", "basis_text": "tenant's habit"}, "tenant's habit (1,204 replies of all your leads)"),
        ({"basis": "prior", "basis_text": "usual hours"}, "New York time, usual hours; next"),
    ],
)
def test_a_window_says_what_it_is_known_from(capsys, window, told):
    show_personalization(TOLD | {"send_window": WINDOW | window})
    assert any(told in line for line in lines(capsys))


def test_a_worklist_tells_stage_tone_time_and_suggestion(capsys):
    with local("UTC", NOW):
        show_worklist("worklist", LIST | {"leads": [row()]})
    told = lines(capsys)
    assert "stands at speak to it" in told[1]
    assert "serious consideration 62 %; tone: anxious, 71 % of late (not sure)" in told[2]
    assert "18:00 to 20:00 New York time (own habit): Offer to go through the inspection together." in told[2]
    assert not {NO_TONES, NO_WINDOWS} & set(told)


def test_nobody_is_to_wait_for_a_best_time_after_the_action_is_due(capsys):
    with local("UTC", NOW):
        show_worklist("worklist", LIST | {"leads": [row(due_by="2026-11-30T15:05:00Z")]})
        show_worklist("worklist", LIST | {"leads": [row(due_by="2026-12-02T15:05:00Z")]})
        show_personalization(TOLD, "2026-11-30T15:05:00Z")
    now, later, *card = (line for line in lines(capsys) if "New York time" in line or "Offer to go" in line)
    assert "own habit" not in now
    assert "Offer to go through the inspection together." in now
    assert "(own habit): Offer" in later
    assert any(line.endswith("the next step is due before that [model]") for line in card)


def test_a_list_without_messages_says_so_once(capsys):
    silent = row(tone=brief(ToneBrief, NO_TONE_TOLD), send_window={**WINDOW, "status": "insufficient_data"})
    show_worklist("worklist", LIST | {"leads": [silent, silent | {"rank": 2}]})
    told = lines(capsys)
    assert told.count(NO_TONES) == told.count(NO_WINDOWS) == 1
    assert sum("insufficient data" in line for line in told) == 2
    show_worklist("worklist", LIST | {"leads": [silent, row(rank=2)]})
    told = lines(capsys)
    assert "tone: insufficient data" in told[2]
    assert not {NO_TONES, NO_WINDOWS} & set(told)


def test_a_list_of_before_has_no_such_columns(capsys):
    show_worklist("worklist", LIST)
    told = lines(capsys)
    assert "stands at" not in told[1]
    assert not {NO_TONES, NO_WINDOWS} & set(told)


def test_eighty_columns_lose_nothing():
    with terminal(80) as shown:
        show_worklist("worklist", LIST | {"leads": [row()]})
        show_personalization(TOLD)
    assert max(map(len, shown.text.splitlines())) <= 80
    told = " ".join(shown.text.split())
    for words in ("serious consideration 62 %; tone: anxious, 71 %", "inspection together.", "$450,000 at most"):
        assert words in told


def test_hostile_text_obeys_nobody(capsys):
    marked = {
        "suggestion": TOLD["suggestion"] | {"text": MARK},
        "talking_points": [POINT | {"text": MARK, "source": {"event_id": MARK}}],
        "channels": [CHANNELS[0] | {"text": MARK, "channel": MARK}],
        "tone": NO_TONE_TOLD | {"why_not": MARK},
    }
    show_personalization(TOLD | marked)
    show_worklist("worklist", LIST | {"leads": [row(suggestion=marked["suggestion"])]})
    told = capsys.readouterr().out
    assert forbidden(told) == []
    assert not any(line.startswith("FORGED") for line in told.splitlines())


def test_every_stage_and_move_has_words():
    assert tuple(JOURNEY) == JOURNEY_STAGES
    assert set(MOVES) == set(get_args(JourneyBrief.model_fields["moved"].annotation))
    assert set(get_args(NoTone)) <= set(NO_TONE)
    assert all(state == state.replace("_", " ") for state in EMOTIONAL_STATES)


def test_examples():
    assert doctest.testmod(personalization_view).failed == 0
