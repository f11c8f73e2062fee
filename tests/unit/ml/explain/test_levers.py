"""The levers: what they may touch, and that they move the features as reading the lead again would."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ml.errors import CatalogueError
from ml.explain.applied import apply, possible
from ml.explain.levers import builtin, changeable, load
from ml.features import extract
from ml.features.catalogue import FEATURES
from ml.features.events import canonical
from ml.profiles import FeatureMatrix, Interaction, LeadProfile

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
#: lever -> the event that it stands for: kind, direction
EVENTS = {lever.name: lever.event for lever in builtin().levers if lever.event}
HEAD = 'version = "1"\n[shares]\n[levers.x]\nonce = "a"\nmany = "b"\nmost = 1\neffort = 1'
#: what the features of a lead do not hold: how many of its events are recent, and the hours of each of its replies
NOT_MOVED = {"activity_trend", "reply_hours"}


def event(kind, direction, days):
    at = NOW - timedelta(days=days)
    return Interaction(kind=kind, occurred_at=at, recorded_at=at, direction=direction)


def lead(*interactions, **fields):
    return LeadProfile(
        lead_id="1",
        as_of=NOW,
        created_at=NOW - timedelta(days=90),
        **{"source": "portal", "preapproval": "none", **fields},
        interactions=interactions,
    )


KNOWN = lead(
    event("sms", "outbound", 20),
    event("sms", "inbound", 18),
    event("sms", "outbound", 9),
    event("email_sent", None, 8),
    event("email_sent", None, 5),
    event("email_opened", None, 4),
    event("showing", None, 30),
    event("listing_view", None, 6),
    event("call", "outbound", 12),
)
SILENT = lead()
COUNTED = lead(numbers={"sms_in": 3.0, "sms_out": 6.0, "showings": 1.0})


def used(name, times):
    return np.array([[times * (lever.name == name) for lever in builtin().levers]])


@pytest.mark.parametrize("profile", [KNOWN, SILENT, COUNTED], ids=["known", "silent", "counted"])
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("name", EVENTS)
def test_a_lever_moves_what_its_event_moves(name, times, profile):
    kind, direction = EVENTS[name]
    happened = replace(profile, interactions=(*profile.interactions, *[event(kind, direction, 0)] * times))
    if profile is COUNTED:
        # the CRM counts it as well
        counted = dict(profile.numbers)
        for feature, amount in lever(name).add.items():
            if feature in counted:
                counted[feature] += amount * times
        happened = replace(happened, numbers=counted)
    expected = extract([happened]).to_rows()[0]
    moved = apply(extract([profile]), used(name, times), builtin()).to_rows()[0]
    unmoved = NOT_MOVED if profile is KNOWN else {"reply_hours"}
    if name == "email" and profile is SILENT:
        # the first e-mail makes the share of answers 0; here it stays unknown, since counts of texts alone give it
        unmoved = unmoved | {"response_rate"}
    for feature, value in expected.items():
        if feature not in unmoved:
            assert moved[feature] == (
                value if value is None or isinstance(value, str) else pytest.approx(value, rel=1e-5)
            ), feature


def lever(name):
    return next(each for each in builtin().levers if each.name == name)


def test_every_lever_that_adds_stands_for_an_event_and_so_is_tested_above():
    assert {each.name for each in builtin().levers if each.add} == set(EVENTS)
    assert {canonical(*event) for event in EVENTS.values()} >= {"showings", "sms_in", "sms_out", "calls"}
    assert None not in {canonical(*event) for event in EVENTS.values()}


@pytest.mark.parametrize("name", ["reply", "showing", "call"])
def test_the_trend_of_activity_lies_between_the_two_ends(name):
    kind, direction = EVENTS[name]
    happened = replace(KNOWN, interactions=(*KNOWN.interactions, event(kind, direction, 0)))
    ends = [apply(extract([KNOWN]), used(name, 1), builtin(), rising=rising).to_rows()[0] for rising in (False, True)]
    low, high = (end["activity_trend"] for end in ends)
    assert low <= extract([happened]).to_rows()[0]["activity_trend"] <= high
    assert (low < high) == (direction == "inbound")
    assert {key: value for key, value in ends[0].items() if key != "activity_trend"} == {
        key: value for key, value in ends[1].items() if key != "activity_trend"
    }


def test_preapproval_is_got_once_and_only_from_less():
    row = extract([KNOWN])
    assert apply(row, used("preapproval", 1), builtin()).to_rows()[0]["preapproval"] == "preapproved"
    assert possible(row, lever("preapproval"))
    for level in ("preapproved", "cash", None):
        assert not possible(extract([replace(KNOWN, preapproval=level)]), lever("preapproval"))


def test_the_other_levels_of_a_category_stay():
    rows = FeatureMatrix.from_rows([{"preapproval": "started", "source": "portal", "showings": 1.0}])
    moved = apply(rows, np.vstack([used("preapproval", 0), used("preapproval", 1)]), builtin()).to_rows()
    assert [row["preapproval"] for row in moved] == ["started", "preapproved"]
    assert {row["source"] for row in moved} == {"portal"}


def test_counts_stay_within_their_limits_and_never_fall():
    row = FeatureMatrix.from_rows([{"showings": 11.5, "recent_showings": 6.0, "activity_trend": 0.0}])
    assert apply(row, used("showing", 3), builtin()).to_rows()[0]["showings"] == 12.0
    above = FeatureMatrix.from_rows([{"showings": 14.0, "activity_trend": 0.0}])
    assert apply(above, used("showing", 1), builtin()).to_rows()[0]["showings"] == 14.0


def test_nothing_that_nobody_changes_is_among_the_levers():
    touched = {feature for each in builtin().levers for feature in each.features}
    assert touched <= set(FEATURES)
    assert not touched & {"age_days", "stage_days", "stage", "source", "lead_type", "budget", "state", "offers"}
    assert all(FEATURES[name].group != "emotional" for name in touched)


@pytest.mark.parametrize(
    "name", ["age_days", "tone_angry", "lead_type", "custom:Marital Status", "column:age", "nothing"]
)
def test_the_file_does_not_load_with_what_nobody_may_change(name):
    assert not changeable(name)
    text = f'{HEAD}\nby = "lead"\nadd = {{ "{name}" = 1 }}'
    with pytest.raises(CatalogueError, match="nobody can change"):
        load(text)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('by = "agent"', "channel"),
        ('by = "nobody"', "agent or lead"),
        ('by = "lead"\nspeed = 1', "speed is not known"),
        ('by = "lead"\nchannel = "sms"', "channel"),
    ],
)
def test_a_wrong_lever_names_its_place(line, message):
    text = f"{HEAD}\n{line}"
    with pytest.raises(CatalogueError, match=f"levers.x.*{message}"):
        load(text)
