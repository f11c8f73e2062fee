"""Leads that were seen only after their end: what of them would tell how they ended is left out by name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ml.features import extract
from ml.features.catalogue import FEATURES
from ml.leads import after_end, train
from ml.leads.leaks import probe
from ml.profiles import FeatureMatrix, Interaction, LeadProfile
from ml.training.evaluation import auc
from tests.support.exports import EXPORTED, Person, people

PEOPLE = people(820, seed=5)
CLOSED = [person for person in PEOPLE if person.closed_at is not None]
WON = np.array([person.won for person in CLOSED])


def profile(person: Person) -> LeadProfile:
    """A person as of the end, or as of the export where there is none."""
    arrived = Interaction(
        kind="inquiry", occurred_at=person.created_at, recorded_at=person.created_at, direction="inbound"
    )
    return LeadProfile(
        lead_id=str(person.number),
        as_of=person.closed_at or EXPORTED,
        created_at=person.created_at,
        source=person.source,
        timeline=person.timeline,
        numbers={"site_visits": person.visits, "emails_opened": person.opened},
        times={
            "last_activity_at": person.active_at,
            "last_contacted_at": person.contacted_at,
            "stage_changed_at": person.stage_changed_at,
        },
        interactions=(arrived,),
    )


def stamped() -> dict[str, float]:
    known = [profile(person) for person in CLOSED]
    return after_end.stamped_later((lead.as_of, lead.times) for lead in known)


def without(matrix: FeatureMatrix, names: set[str]) -> FeatureMatrix:
    return matrix.select([name for name in matrix.columns if name not in names])


def test_columns_that_are_stamped_after_the_end_are_named_with_their_share():
    found = stamped()
    assert found.keys() == {"last_activity_at", "stage_changed_at"}
    assert found["stage_changed_at"] == 1.0
    assert found["last_activity_at"] == pytest.approx(
        np.mean([person.active_at >= person.closed_at for person in CLOSED])
    )


def test_a_stamp_that_is_late_but_rarely_costs_nothing():
    lead = profile(CLOSED[0])
    late, early = {"last_replied_at": lead.as_of}, {"last_replied_at": lead.created_at}
    assert after_end.stamped_later([(lead.as_of, late), *[(lead.as_of, early)] * 19]) == {}
    assert after_end.stamped_later([(lead.as_of, late), *[(lead.as_of, early)] * 18]) == {"last_replied_at": 1 / 19}
    assert after_end.stamped_later([]) == {}


def test_every_feature_of_time_goes_and_no_other():
    whole = FeatureMatrix.from_rows([dict.fromkeys(FEATURES, 0.0), dict.fromkeys(FEATURES, 1.0)])
    gone = after_end.withheld(whole, {})
    assert {FEATURES[name].group for name in gone} == {"temporal", "behavioral", "contextual"}
    assert gone.keys() == {
        name for name, feature in FEATURES.items() if feature.group == "temporal" or feature.kind == "weight"
    } | {"stage"}
    more = after_end.withheld(whole, {"last_replied_at": 0.5})
    assert more.keys() - gone.keys() == {"reply_hours", "response_rate"}


def test_every_column_that_is_made_of_a_stamp_is_known():
    """A moved stamp changes no feature but those that are named as made of it."""
    lead = replace(profile(CLOSED[0]), stage="talking", as_of=EXPORTED)
    before = extract([lead]).to_rows()[0]
    for column in after_end.DERIVED:
        after = extract([replace(lead, times={**lead.times, column: EXPORTED})]).to_rows()[0]
        moved = {name for name in before if before[name] != after[name]}
        assert moved, column
        assert moved <= after_end.DERIVED[column]


def test_days_to_the_end_would_tell_the_outcome_and_nothing_of_an_open_lead():
    """Without the columns that are stamped later alone, the days to the end are learnt, and open leads are all lost."""
    matrix, late = extract([profile(person) for person in CLOSED]), {"silence_days", "stage_days"}
    still_open = [person for person in PEOPLE if person.closed_at is None]
    now, chances = extract([profile(person) for person in still_open]), [person.chance for person in still_open]
    truth = auc(WON, np.array([person.chance for person in CLOSED]))
    naive, ours = (
        train(without(matrix, names), WON, seed=0) for names in (late, set(after_end.withheld(matrix, stamped())))
    )
    assert naive.metrics.auc > truth + 0.1
    assert truth - 0.12 < ours.metrics.auc < truth + 0.03
    naive_scores, scores = (
        [score.probability for score in training.scorer.score(now, explain=0)] for training in (naive, ours)
    )
    assert np.mean(naive_scores) < 0.1 < np.mean(scores) < 0.6
    assert np.corrcoef(scores, chances)[0, 1] > 0.8


def test_a_column_that_leaks_is_still_found_among_what_is_left():
    rows = extract([profile(person) for person in CLOSED]).to_rows()
    why_lost = [
        row | {"custom:Why lost": None if person.won else "price"} for row, person in zip(rows, CLOSED, strict=True)
    ]
    matrix = FeatureMatrix.from_rows(why_lost)
    left = without(matrix, set(after_end.withheld(matrix, stamped())))
    assert probe(left, WON, seed=0).keys() == {"custom:Why lost"}
