"""The suite's own arithmetic."""

import pytest

from benchmarks.faults.tally import Count, Tally, at_most

pytestmark = pytest.mark.faults


@pytest.mark.parametrize(
    ("found", "of", "bound"), [(0, 0, None), (0, 2, 1.0), (0, 3000, 0.001), (10, 3000, 0.005568), (3, 3, 1.0)]
)
def test_a_share_has_an_upper_bound(found, of, bound):
    assert at_most(found, of) == bound


def test_what_is_not_accounted_for_is_noticed():
    tally = Tally(database=Count(accepted=3, done=2), broker=Count(accepted=2, done=1, lost=1))
    assert not tally.database.balanced()
    assert tally.broker.balanced()
    told = tally.shown()
    assert (told["accepted"], told["done"], told["lost"], told["recovery_p50_s"]) == (5, 3, 1, None)
    assert told["database"]["lost_at_most"] == 1.0


def test_a_broken_promise_is_named():
    tally = Tally(recoveries=[1.0, 3.0])
    tally.must("hold", hold=True)
    tally.must("fall", hold=False)
    assert tally.shown()["broken"] == ["fall"]
    assert tally.shown()["recovery_p50_s"] == 2.0
