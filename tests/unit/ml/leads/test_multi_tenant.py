from __future__ import annotations

import numpy as np
import pytest

from ml.errors import LabelsError
from ml.leads.multi_tenant import TENANTS, VOCABULARY, fair_share, leave_tenant_out, shared_features, wanting
from ml.profiles import FeatureMatrix
from ml.training.score_bands import by_score

OWN = {"source": "Uncle Bob", "campaign": "spring 24", "state": "fl", "custom:Wife": "Zoe", "stage": "my stage"}
ALIKE = {"showings": 3.0, "lead_type": "buyer", "timeline": "0-3", "preapproval": "cash", "budget": 450_000.0}


def test_what_a_tenant_calls_its_own_is_not_shared() -> None:
    matrix = FeatureMatrix.from_rows([OWN | ALIKE, {**ALIKE, "source": "Referral", "stage": "under_contract"}])
    found = shared_features(matrix).to_rows()
    assert found[0] == ALIKE | {"source": None, "stage": None}
    assert found[1] == ALIKE | {"source": "referral", "stage": "under contract"}
    assert shared_features(matrix).refused == {}


def test_alone_or_among_others_a_lead_is_read_alike() -> None:
    rows = [ALIKE | {"source": source} for source in ("portal", "Uncle Bob", "website", None)]
    together = shared_features(FeatureMatrix.from_rows(rows))
    for index, row in enumerate(rows):
        alone = shared_features(FeatureMatrix.from_rows([row]))
        assert alone.to_rows()[0] == together.to_rows()[index]


def test_levels_of_the_vocabulary_are_spelt_as_they_are_read() -> None:
    for name, levels in VOCABULARY.items():
        rows = shared_features(FeatureMatrix.from_rows([{name: level} for level in levels])).to_rows()
        assert [row[name] for row in rows] == list(levels)


def test_a_shared_model_needs_tenants_and_outcomes() -> None:
    assert wanting([True] * 100 + [False] * 100, TENANTS) == {}
    assert wanting([True] * 10, TENANTS - 1) == {"tenants": 1, "labelled": 190, "won": 30, "lost": 40}


def test_no_tenant_is_more_than_half() -> None:
    assert fair_share({"a": 10}) == {"a": 0}
    assert fair_share({"a": 10, "b": 4}) == {"a": 4, "b": 4}
    assert fair_share({}) == {}


def test_each_row_is_judged_by_who_has_not_seen_its_tenant() -> None:
    """Where a tenant's outcomes run the other way round, a scorer that had seen it would know."""
    rng = np.random.default_rng(0)
    showings = rng.integers(0, 5, 600).astype(float)
    tenants = [f"t{index % 3}" for index in range(600)]
    labels = [(value > 2) != (tenant == "t0") for value, tenant in zip(showings, tenants, strict=True)]
    matrix = FeatureMatrix.from_rows([{"showings": value} for value in showings])
    said = np.array(leave_tenant_out(matrix, labels, tenants, seed=0))
    odd = np.array([tenant == "t0" for tenant in tenants])
    assert said[odd & (showings > 2)].min() > said[odd & (showings <= 2)].max()


def test_the_band_table_counts_every_row_once_highest_first() -> None:
    said = [0.01, 0.1, 0.19, 0.3, 0.95, 0.99]
    table = by_score([False, True, False, True, True, False], said)
    assert [(band.low, band.rows, band.positives) for band in table] == [
        (0.9, 2, 1),
        (0.3, 1, 1),
        (0.1, 2, 1),
        (0.0, 1, 0),
    ]
    with pytest.raises(LabelsError, match="differ in number"):
        by_score([True], said)
