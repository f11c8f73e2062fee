from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from ml.errors import LabelsError
from ml.training.band_guard import band_changes
from ml.training.evaluation import auc
from ml.training.evidence import most_evidence
from ml.training.rollback import RollbackRule, Watched, should_roll_back
from ml.training.score_profile import ScoreProfile, estimated_auc, shift


def scores(rows: int, seed: int, *, a: float = 1.0, b: float = 3.0) -> np.ndarray:
    return np.random.default_rng(seed).beta(a, b, rows)


def rule(**changed: object) -> RollbackRule:
    profile = ScoreProfile.of(scores(2000, 0))
    return RollbackRule(**{"promoted": profile, "former": profile, **changed})


def test_a_promotion_stands_while_its_scores_look_as_they_did() -> None:
    for seed in range(1, 40):
        assert should_roll_back(rule(), Watched(scores=scores(250, seed)), days=3) is None


def test_shifted_scores_take_it_back_within_their_days_and_with_enough_of_them() -> None:
    shifted = scores(400, 1, a=3.0)
    found = should_roll_back(rule(), Watched(scores=shifted), days=3)
    assert found is not None
    assert (found.ground, "PSI" in found.reason) == ("scores", True)
    assert should_roll_back(rule(), Watched(scores=shifted[:199]), days=3) is None
    assert should_roll_back(rule(), Watched(scores=shifted), days=29) is None


def test_leads_that_changed_are_not_the_models_fault() -> None:
    shifted = scores(400, 1, a=3.0)
    both = Watched(scores=shifted, former_scores=scores(400, 2, a=3.0))
    assert should_roll_back(rule(), both, days=3) is None
    alone = Watched(scores=shifted, former_scores=scores(400, 2))
    assert should_roll_back(rule(), alone, days=3) is not None


def test_scores_that_no_longer_tell_leads_apart_take_it_back() -> None:
    flat = Watched(scores=np.full(300, 0.25))
    found = should_roll_back(rule(max_shift=1e9), flat, days=1)
    assert found is not None
    assert (found.ground, "0.500 against" in found.reason) == ("estimate", True)


def test_labels_take_it_back_where_the_former_champion_was_better() -> None:
    rng = np.random.default_rng(3)
    true = scores(400, 3)
    labels = rng.random(400) < true
    off = np.clip(true + 0.25, 0, 1)
    watched = Watched(scores=(), labels=labels, labelled=off, labelled_former=true)
    found = should_roll_back(rule(), watched, days=60)
    assert found is not None
    assert (found.ground, "on 400 labels" in found.reason) == ("labels", True)
    assert should_roll_back(rule(), watched, days=91) is None
    better = Watched(scores=(), labels=labels, labelled=true, labelled_former=off)
    assert should_roll_back(rule(), better, days=60) is None


def test_evidence_between_equals_rarely_reaches_twenty_however_often_one_looks() -> None:
    rng = np.random.default_rng(7)
    reached = 0
    for _ in range(400):
        true = rng.beta(1, 3, 500)
        labels = rng.random(500) < true
        # each is wrong by as much, at random
        one, two = (np.clip(true + rng.normal(0, 0.1, 500), 0.01, 0.99) for _ in range(2))
        reached += most_evidence(labels, one, two) >= 20
    assert reached <= 20


def test_nothing_seen_is_no_evidence() -> None:
    empty = np.zeros(0)
    assert most_evidence(empty.astype(bool), empty, empty) == 1


def test_a_rule_comes_back_from_json() -> None:
    kept = rule(max_shift=0.3)
    assert RollbackRule.from_json(json.loads(json.dumps(asdict(kept)))) == kept
    first = RollbackRule(promoted=kept.promoted, former=None)
    assert RollbackRule.from_json(json.loads(json.dumps(asdict(first)))) == first


def test_estimated_auc_is_the_auc_of_labels_drawn_from_the_scores() -> None:
    rng = np.random.default_rng(1)
    given = np.round(rng.beta(1, 2, 300), 2)
    drawn = np.mean([auc(rng.random(300) < given, given) for _ in range(400)])
    assert estimated_auc(given) == pytest.approx(drawn, abs=0.004)
    assert estimated_auc([0.3] * 9) == pytest.approx(0.5)
    assert estimated_auc([]) == 0.5


def test_the_shift_of_equal_shares_is_nothing_and_ties_make_fewer_parts() -> None:
    given = scores(1000, 0)
    assert shift(ScoreProfile.of(given), given) == pytest.approx(0, abs=1e-3)
    assert ScoreProfile.of([0.5] * 20).shares == (0.0, 1.0)
    assert shift(ScoreProfile.of([]), given) == 0


def test_bands_begin_at_their_border_and_are_counted_by_direction() -> None:
    found = band_changes([0.29, 0.30, 0.9, 0.61], [0.30, 0.29, 0.9, 0.2], [0.3, 0.6])
    assert (found.rows, found.up, found.down, found.share) == (4, 1, 2, 0.75)
    assert band_changes([], [], [0.3]).share == 0
    with pytest.raises(LabelsError):
        band_changes([0.1], [0.1, 0.2], [0.3])
