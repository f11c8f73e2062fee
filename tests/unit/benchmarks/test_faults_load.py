"""How the fault suite counts what became of jobs whose answers nobody reads."""

import pytest

from benchmarks.faults.load import counted


@pytest.mark.parametrize(
    ("error", "failed", "lost"),
    [
        # it was the job's own fault, and would be another time
        ("Unexpected", 1, 0),
        ("TimedOut", 1, 0),
        # the job was good: it gave up, and nobody has it
        ("Unavailable", 0, 1),
        ("DatabaseUnavailable", 0, 1),
    ],
)
def test_what_gave_up_is_lost_unless_it_is_held(error, failed, lost):
    count = counted(accepted=5, rest={"a", "b"}, held={"b"}, failures={"a": error}, doubled=0)
    assert (count.done, count.failed, count.quarantined, count.lost) == (3, failed, 1, lost)
    assert count.balanced()


def test_what_left_no_trace_is_lost():
    count = counted(accepted=2, rest={"a"}, held=set(), failures={}, doubled=3)
    assert (count.done, count.lost, count.duplicate_effects) == (1, 1, 3)
