"""Which scores are no news of one lead, and the counts that are told instead."""

import doctest

import pytest

from db import merging
from db.records import PriorScore
from tasks.intake import lead_drafts
from tasks.services.leads import score_digest


def prior(version, loaded=None, scored=None, model="m-1"):
    known = scored is not None
    return PriorScore(
        band="cold" if known else None,
        probability=0.1 if known else None,
        model_version=model if known else None,
        scored_version=scored,
        version=version,
        loaded_version=loaded,
    )


@pytest.mark.parametrize("module", [score_digest, merging, lead_drafts])
def test_examples(module):
    tried = doctest.testmod(module)
    assert (tried.failed, tried.attempted > 0) == (0, True)


@pytest.mark.parametrize(
    ("before", "model", "cause"),
    [
        (prior(1, loaded=1), "m-1", "loaded"),
        (prior(1), "m-1", None),
        (prior(2, loaded=1), "m-1", None),
        (prior(1, loaded=1, scored=1), "m-1", None),
        (prior(3, loaded=3, scored=2), "m-1", "loaded"),
        (prior(3, loaded=3, scored=2), "m-2", "loaded"),
        (prior(3, loaded=2, scored=2), "m-2", None),
        (prior(3, loaded=2, scored=3), "m-2", "new_model"),
        (prior(3, scored=3), "m-2", "new_model"),
        (prior(3, scored=3), "m-1", None),
    ],
    ids=[
        "first after a load",
        "first after an event",
        "something happened after the load",
        "silence alone",
        "the load changed it",
        "the load changed it and the model is another",
        "something happened and the model is another",
        "loaded long ago and the model is another",
        "the model is another",
        "the same again",
    ],
)
def test_why_a_score_is_no_news_of_its_lead(before, model, cause):
    assert score_digest.cause_of(before, model) == cause
