"""The contract of every scorer: the trained one and the written scorecard run the same suite."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from ml.artifacts import Scorer, dump, load
from ml.features import extract
from ml.features.meanings import meaning_of
from ml.features.prohibited import refusal
from ml.leads import Explained, LeadScore, LeadScorer, Scorecard, Training
from ml.leads.results import ALL_ELSE, NAMED_PARTS, assemble
from ml.profiles import FeatureMatrix, LeadProfile
from tests.support.leads import NOW, closed, leads


@pytest.fixture(params=["trained", "blended", "scorecard"])
def scorer(request: pytest.FixtureRequest, training: Training, blended: LeadScorer) -> Scorer:
    made: dict[str, Scorer] = {"trained": training.scorer, "blended": blended, "scorecard": Scorecard()}
    return made[request.param]


@pytest.fixture(scope="module")
def fresh() -> FeatureMatrix:
    return closed(120, seed=7)[0]


def parts(score: LeadScore) -> float:
    return score.base + sum(r.contribution for r in score.up) + sum(r.contribution for r in score.down) + score.rest


@pytest.mark.parametrize("explain", [0, 1, 3, 100])
def test_reasons_add_up_to_the_log_odds(scorer: Scorer, fresh: FeatureMatrix, explain: int) -> None:
    for score in scorer.score(fresh, explain=explain):
        assert parts(score) == pytest.approx(score.log_odds, abs=1e-9)
        assert len(score.up) <= explain
        assert all(reason.contribution > 0 for reason in score.up)
        assert all(reason.contribution < 0 for reason in score.down)
        assert list(score.up) == sorted(score.up, key=lambda reason: -reason.contribution)


@pytest.mark.parametrize("explain", [1, 3])
def test_the_rest_is_told_in_parts_that_add_up_to_it(scorer: Scorer, fresh: FeatureMatrix, explain: int) -> None:
    for score in scorer.score(fresh, explain=explain):
        assert sum(part.contribution for part in score.rest_parts) == pytest.approx(score.rest, abs=1e-9)
        assert len(score.rest_parts) <= NAMED_PARTS + 1
        named = [part for part in score.rest_parts if part.text != ALL_ELSE]
        assert named == sorted(named, key=lambda part: -abs(part.contribution))
        assert not any("not known" in part.text for part in named if part.contribution > 0)
    assert all(not score.rest_parts for score in scorer.score(fresh, explain=0))


def test_what_is_not_named_is_below_a_third_of_the_movement(scorer: Scorer, fresh: FeatureMatrix) -> None:
    shares = [unnamed(score) for score in scorer.score(fresh)]
    assert sum(share < 1 / 3 for share in shares) >= 0.95 * len(shares)


def unnamed(score: LeadScore) -> float:
    """Return the share of the movement that has no words of its own."""
    parts = [(part.text, abs(part.contribution)) for part in score.rest_parts]
    left = sum(size for text, size in parts if text == ALL_ELSE)
    return left / (sum(abs(reason.contribution) for reason in score.up + score.down) + sum(size for _, size in parts))


def test_a_meaning_is_one_reason_and_names_its_strongest_features(scorer: Scorer, fresh: FeatureMatrix) -> None:
    for score in scorer.score(fresh, explain=100):
        meanings = [reason.meaning for reason in score.up + score.down]
        assert len(meanings) == len(set(meanings))
        assert all(meaning_of(reason.feature) == reason.meaning for reason in score.up + score.down)


def test_features_of_one_meaning_are_added_up_and_what_contradicts_sense_is_not_named() -> None:
    names = ("listing_views", "view_days", "source", "saved_listings")
    sizes = np.array([[1.0, -0.4, 0.2, 0.5], [0.1, 0.9, 0.2, -0.2]])
    absurd = np.array([[False, False, False, False], [False, True, False, False]])
    explained = Explained(
        features=names,
        base=-1.0,
        contributions=sizes,
        known=np.ones(sizes.shape, dtype=np.bool_),
        absurd=absurd,
        contextual=np.array([False, False, True, False]),
        text=lambda row, index: names[index],
    )
    first, second = assemble(explained, explain=3)
    assert [(reason.text, round(reason.contribution, 9)) for reason in first.up] == [
        ("listing_views, saved_listings", 1.1),
        ("source", 0.2),
    ]
    assert first.down == first.rest_parts == ()
    # most of its 0.8 comes from what contradicts sense: it is no reason, and its values are not told
    assert [reason.text for reason in second.up] == ["source"]
    assert [(part.text, round(part.contribution, 9)) for part in second.rest_parts] == [
        ("what they looked at, taken together", 0.8)
    ]
    unknown = replace(explained, known=~absurd & np.array([False, False, True, False]))
    told = assemble(unknown, explain=3)[1]
    assert [(part.text, round(part.contribution, 9)) for part in told.rest_parts] == [(ALL_ELSE, 0.8)]


def test_probability_is_the_clamped_sigmoid_of_the_log_odds(scorer: Scorer, fresh: FeatureMatrix) -> None:
    for score in scorer.score(fresh):
        assert score.probability == pytest.approx(min(0.99, max(0.01, 1 / (1 + math.exp(-score.log_odds)))))
        assert score.score == round(100 * score.probability)
    assert scorer.probabilities(fresh).tolist() == [score.probability for score in scorer.score(fresh)]
    assert scorer.log_odds(fresh).tolist() == [score.log_odds for score in scorer.score(fresh)]


def test_every_figure_is_finite_and_in_range(scorer: Scorer, fresh: FeatureMatrix) -> None:
    for score in scorer.score(fresh):
        assert math.isfinite(score.log_odds)
        assert 0 <= score.fit <= 100
        assert 0 <= score.engagement <= 100
        assert 0 <= score.data_quality <= 1


def test_same_input_same_answer(scorer: Scorer, fresh: FeatureMatrix) -> None:
    assert scorer.score(fresh) == scorer.score(fresh)


def test_order_of_rows_and_columns_does_not_matter(scorer: Scorer, fresh: FeatureMatrix) -> None:
    back = list(range(len(fresh)))[::-1]
    assert scorer.score(fresh.take(back)) == scorer.score(fresh)[::-1]
    assert scorer.score(fresh.select(fresh.columns[::-1])) == scorer.score(fresh)


def test_a_lead_alone_gets_what_it_gets_in_a_batch(scorer: Scorer, fresh: FeatureMatrix) -> None:
    together = scorer.score(fresh)
    assert [scorer.score(fresh.take([row]))[0] for row in range(len(fresh))] == together


def test_a_lead_extracted_or_restored_alone_gets_the_same(scorer: Scorer, fresh: FeatureMatrix) -> None:
    profiles, _ = leads(40, seed=7)
    together = scorer.score(extract(profiles))
    assert [scorer.score(extract([profile]))[0] for profile in profiles] == together
    stored = [FeatureMatrix.from_rows([row]) for row in extract(profiles).to_rows()]
    assert [scorer.score(matrix)[0] for matrix in stored] == together


def test_round_trip_through_an_artifact_is_exact(scorer: Scorer, fresh: FeatureMatrix) -> None:
    again = load(dump(scorer))
    assert dump(again) == dump(scorer)
    assert again.score(fresh) == scorer.score(fresh)


def test_nothing_known_and_unseen_levels_survive(scorer: Scorer) -> None:
    strange: dict[str, float | str | None] = {
        "source": "from the moon",
        "custom:Pool": 7.0,
        "custom:Income": "lots",
        "new": "x",
    }
    scores = scorer.score(
        FeatureMatrix.from_rows([{}, {"showings": None}, strange, {"showings": 3e38, "budget": -3e38}])
    )
    assert all(math.isfinite(score.log_odds) for score in scores)
    assert scores[0] == scores[1]
    assert scores[0].data_quality == 0
    assert scores[0].up == ()
    assert "moon" not in str(scores[2])


def test_no_rows_no_scores(scorer: Scorer, fresh: FeatureMatrix) -> None:
    assert scorer.score(fresh.take([])) == []
    assert scorer.score(FeatureMatrix.from_rows([])) == []


def test_nothing_known_is_never_a_plus(scorer: Scorer, fresh: FeatureMatrix) -> None:
    for score in scorer.score(fresh, explain=50):
        assert not any("not known" in reason.text for reason in score.up)


def test_forbidden_columns_are_not_among_the_features(scorer: Scorer, fresh: FeatureMatrix) -> None:
    assert not any(refusal(name.removeprefix("custom:")) for name in scorer.features_ if name.startswith("custom:"))
    aged = [row | {"custom:Age": 99.0, "custom:Religion": "none"} for row in fresh.to_rows()]
    assert scorer.score(FeatureMatrix.from_rows(aged)) == scorer.score(fresh)


def test_outcomes_are_not_features(scorer: Scorer) -> None:
    profiles, _ = leads(20, seed=9)
    told = [replace(p, status="won", tags=("past client",), stage="closed") for p in profiles]
    told = [replace(p, numbers={**p.numbers, "deal_value": 9e5}, times={**p.times, "closed_at": NOW}) for p in told]
    assert scorer.score(extract(told)) == scorer.score(extract(profiles))


def test_more_showings_never_lower_a_score(scorer: Scorer) -> None:
    rows: list[dict[str, float | str | None]] = [{"showings": float(count)} for count in range(8)]
    odds = scorer.log_odds(FeatureMatrix.from_rows(rows))
    assert np.all(np.diff(odds) >= -0.2)
    assert odds[-1] > odds[0]


def test_scores_a_profile_of_which_only_the_id_is_known(scorer: Scorer) -> None:
    score = scorer.score(extract([LeadProfile(lead_id="1", as_of=NOW)]))[0]
    assert score.data_quality == 0
