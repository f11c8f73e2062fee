"""Requests to train: an error names what would be right."""

import pytest

from tasks.contracts.base.request import parse
from tasks.contracts.models import TrainModel
from tasks.errors import InvalidPayload


@pytest.mark.parametrize(
    ("fields", "loc", "message"),
    [
        ({"kind": "tea"}, "kind", "Input should be 'lead_score' or 'churn'"),
        ({"kind": "churn", "scope": "pooled"}, "", "churn learns from a tenant's own leads; leave scope out"),
    ],
)
def test_what_cannot_be_trained_is_refused_with_what_can(fields: dict[str, str], loc: str, message: str) -> None:
    with pytest.raises(InvalidPayload) as caught:
        parse(TrainModel, {"tenant_id": "acme", **fields})
    assert caught.value.code == "unknown_value"
    assert [(error["loc"], error["msg"]) for error in caught.value.errors] == [(loc, message)]
