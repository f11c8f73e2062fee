"""The gateway, the broker and the workers killed while programs send leads: each 202 takes effect, once."""

from __future__ import annotations

import json
import sys
from random import Random

import pytest

from benchmarks.faults.gateway import TARGETS, g1
from benchmarks.faults.plan import Round
from benchmarks.faults.site import site as struck_site
from benchmarks.faults.suite import QUICK
from benchmarks.faults.tally import Tally
from tests.support.faults.struck import SEED

# killed processes start anew, which takes long on a machine that others use too
pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def gateway_site():
    """A cluster whose workers take leads; the first strike starts the gateway."""
    with struck_site(env=QUICK | {"FAULTS_TASKS": "tasks.system,tasks.backfill,tasks.leads.upsert"}) as site:
        yield site


@pytest.mark.parametrize("number", range(len(TARGETS)), ids=["+".join(target) for target in TARGETS])
def test_whatever_is_killed_an_accepted_request_takes_effect_once(gateway_site, number):
    """G1"""
    tally, random = Tally(), Random(f"{SEED}-{number}")
    g1(Round(site=gateway_site, random=random, number=number, rate=30, seconds=1.0, whole=False), tally)
    told = tally.shown()
    sys.stdout.write(f"G1 {json.dumps(told)}\n")
    assert tally.broken == [], told
    assert (told["lost"], told["duplicate_effects"], told["broken_chains"]) == (0, 0, 0), told
    assert told["accepted"] > 10
    assert tally.notes["repeated"] > 0 or "gateway" not in TARGETS[number], "no request met a dead gateway"
