"""A population against its reference: shifts beyond chance and worth it, their cost, and those that are no news."""

import numpy as np
import pytest

from ml.monitoring.population import RISK, compare, shifts
from ml.monitoring.reference import SCORE, Reference, Spread, reference_of
from ml.monitoring.series import feature_drift, places
from ml.profiles import FeatureMatrix

SOURCES = ("portal", "referral", "walk-in")


def rows(count, *, seed, shift=0.0, sources=(0.6, 0.3, 0.1)):
    rng = np.random.default_rng(seed)
    views, source = rng.normal(shift, 1, count), rng.choice(SOURCES, count, p=sources)
    return [
        {"views": float(np.float32(v)) if rng.random() > 0.1 else None, "source": str(s)}
        for v, s in zip(views, source, strict=True)
    ]


@pytest.fixture(scope="module")
def reference():
    made = rows(4000, seed=0)
    rng = np.random.default_rng(1)
    # a model that is unsure of those who look much
    said = [0.5 if (row["views"] or 0) > 1 else 0.05 for row in made]
    return reference_of(FeatureMatrix.from_rows(made), [rng.random() < p for p in said], said)


def counted(reference, made):
    return {name: spread.count([row[name] for row in made]) for name, spread in reference.features.items()}


def found(reference, made, **earlier):
    told = shifts(reference.features, counted(reference, made), **earlier)
    return {shift.feature: shift for shift in told}


def test_a_reference_survives_json_and_counts_all_rows(reference):
    again = Reference.from_json(reference.to_json())
    assert again == reference
    assert {sum(spread.counts) for spread in [*again.features.values(), again.score]} == {4000}
    assert again.features["source"].levels == SOURCES
    assert SCORE not in again.features


def test_rare_levels_have_no_name(reference):
    made = [*rows(500, seed=2), *({"views": 1.0, "source": f"Jo {number}"} for number in range(9))]
    named = reference_of(FeatureMatrix.from_rows(made), [True] * 509, [0.5] * 509).features["source"]
    assert set(named.levels) == set(SOURCES)
    assert named.counts[-2] == 9


def test_the_same_population_has_not_moved_however_many_rows(reference):
    assert {shift.shifted for shift in found(reference, rows(20_000, seed=3)).values()} == {"none"}


def test_few_rows_do_not_make_a_shift(reference):
    alarms = sum(
        shift.shifted != "none" for seed in range(40) for shift in found(reference, rows(15, seed=seed)).values()
    )
    assert alarms <= 1


def test_a_shift_is_found_and_its_effect_has_the_sign_of_the_harm(reference):
    up, down = found(reference, rows(800, seed=4, shift=1.0)), found(reference, rows(800, seed=5, shift=-1.0))
    assert up["views"].shifted == down["views"].shifted == "new"
    assert up["views"].effect > 0.02 > -0.005 > down["views"].effect
    assert up["source"].shifted == "none"


def test_levels_that_come_and_go_are_found(reference):
    moved = found(reference, rows(800, seed=6, sources=(0.1, 0.3, 0.6)))["source"]
    assert (moved.shifted, moved.psi > 0.25) == ("new", True)
    unknown = [{"views": 0.0, "source": "fair"} for _ in range(200)]
    assert found(reference, unknown)["source"].shifted == "new"


def test_values_that_stop_coming_are_found(reference):
    gone = [{"views": None, "source": "portal"} for _ in range(200)]
    assert found(reference, gone)["views"].shifted == "new"


def test_a_season_and_a_standing_difference_are_no_news(reference):
    now, then = rows(800, seed=7, shift=1.0), counted(reference, rows(800, seed=8, shift=1.0))
    assert found(reference, now, year_ago=then)["views"].shifted == "seasonal"
    assert found(reference, now, first=then)["views"].shifted == "standing"
    other = counted(reference, rows(800, seed=9))
    assert found(reference, now, year_ago=other, first=other)["views"].shifted == "new"


def test_p_values_are_uniform_where_nothing_moved(reference):
    spread = reference.features["views"]
    chances = [
        compare(spread, spread.counts, spread.count([row["views"] for row in rows(500, seed=seed)])).p_value
        for seed in range(200)
    ]
    assert np.mean(np.array(chances) < 0.05) <= 0.1
    assert np.mean(np.array(chances) < RISK) <= 0.03


def test_a_feature_that_moves_within_a_window_is_found_at_its_row(reference):
    made = [*rows(800, seed=10), *rows(800, seed=11, shift=1.5)]
    columns = {name: [row[name] for row in made] for name in reference.features}
    told = feature_drift(reference.features, columns)
    # missing values are not played: a tenth of the rows
    assert any(abs(finding.since - 720) < 60 for finding in told["views"] if finding.level != "watch")
    assert all(finding.level == "watch" for finding in told.get("source", []))


def test_what_a_detector_reads_lies_between_0_and_1(reference):
    for name, cells in {"views": [-9.0, 0.0, 9.0, "text", None], "source": ["portal", "fair", None]}.items():
        values = places(reference.features[name], cells)
        assert len(values) == len(cells) - 1
        assert ((values >= 0) & (values <= 1)).all()
    assert places(Spread(counts=(0, 0), losses=(0.1, 0.1)), [None]).size == 0
