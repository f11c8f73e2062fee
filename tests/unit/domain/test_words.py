"""The words of the business are those of the catalogue, of the rules, of the readers and of what people read."""

from __future__ import annotations

import pytest

from db.consent import CLOSING
from domain import channels, interventions, leads, risk
from domain.consent import CONSENT_DECISIONS
from domain.emotions import EMOTIONAL_STATES
from domain.journey import JOURNEY_STAGES
from ml.churn import indicators, scorecard
from ml.churn.risk import CADENCE
from ml.interventions.catalogue import CATALOGUE
from ml.urgency import THRESHOLDS
from tasks.intake.values import vocabulary
from workers.pages import labels


def test_there_are_as_many_as_the_design_says() -> None:
    counted = (interventions.ACTIONS, interventions.INTERVENTIONS, risk.INDICATORS, EMOTIONAL_STATES, JOURNEY_STAGES)
    assert [len(set(words)) for words in counted] == [18, 10, 10, 10, 5]
    assert (*leads.SCORED_LEAD_TYPES, *leads.UNSCORED_LEAD_TYPES) == leads.LEAD_TYPES


def test_every_level_of_risk_has_a_start_and_a_cadence() -> None:
    assert len(risk.RISK_STARTS) == len(risk.RISK_LEVELS) - 1
    assert list(risk.RISK_STARTS) == sorted(risk.RISK_STARTS)
    assert tuple(CADENCE) == risk.RISK_LEVELS


def test_every_indicator_is_measured_weighed_and_told() -> None:
    assert tuple(indicators._MEASURES) == risk.INDICATORS
    assert tuple(scorecard.WEIGHTS) == risk.INDICATORS
    assert set(labels._EVIDENCE) == set(risk.INDICATORS)


def test_the_catalogue_has_every_action_and_intervention() -> None:
    assert set(CATALOGUE.actions) == set(interventions.ACTIONS)
    assert set(CATALOGUE.interventions) == set(interventions.INTERVENTIONS)


def test_every_channel_has_a_label_and_something_to_write() -> None:
    assert set(labels.CHANNELS) == set(channels.ACTION_CHANNELS) == set(channels.WRITINGS)
    assert set(channels.ACTION_CHANNELS) > channels.PEOPLE_CHANNELS
    assert set(labels.PAUSES) == set(interventions.PAUSE_REASONS)


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("lead_type", leads.LEAD_TYPES),
        ("opportunity_status", leads.OPPORTUNITY_STATUSES),
        ("timeline", leads.TIMELINES),
        ("preapproval", leads.PREAPPROVALS),
    ],
)
def test_files_are_read_in_these_words(column: str, words: tuple[str, ...]) -> None:
    assert set(vocabulary.LEVELS[column]) == set(words)


def test_every_open_stage_has_a_patience() -> None:
    patience = {stage.partition(":")[0] for stage in THRESHOLDS}
    assert patience == set(leads.OPEN_STAGES)
    assert {stage.partition(":")[2] for stage in THRESHOLDS} - {""} == set(leads.TIMELINES)


def test_a_decision_that_closes_a_channel_is_a_consent_word() -> None:
    assert set(CONSENT_DECISIONS) > CLOSING
