"""Buckets of tokens: never more than the rate allows, and whoever waits as told comes in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.gateway.access.rate_limit import RateLimiter

RATES = st.floats(0.1, 1000)
GAPS = st.lists(st.floats(0, 3), min_size=1, max_size=60)


def test_a_second_is_full_at_once_and_refills_evenly():
    limiter = RateLimiter()
    assert [limiter.wait("k", 3, 10.0) for _ in range(3)] == [None] * 3
    assert limiter.wait("k", 3, 10.0) == pytest.approx(1 / 3)
    assert limiter.wait("k", 3, 10.2) == pytest.approx(1 / 3 - 0.2)
    assert limiter.wait("k", 3, 10.34) is None
    assert limiter.wait("k", 3, 10.34) is not None


def test_a_rate_under_one_lets_one_in_and_then_waits():
    limiter = RateLimiter()
    assert limiter.wait("k", 0.5, 0.0) is None
    assert limiter.wait("k", 0.5, 0.5) == pytest.approx(1.5)
    assert limiter.wait("k", 0.5, 2.0) is None


def test_keys_have_buckets_of_their_own():
    limiter = RateLimiter()
    assert limiter.wait("a", 1, 0.0) is None
    assert limiter.wait("a", 1, 0.0) == pytest.approx(1.0)
    assert limiter.wait("b", 1, 0.0) is None


@given(RATES, GAPS)
def test_no_span_of_time_lets_more_in_than_a_bucket_and_the_rate(rate, gaps):
    limiter, now, let_in = RateLimiter(), 0.0, []
    for gap in gaps:
        now += gap / rate
        if limiter.wait("k", rate, now) is None:
            let_in.append(now)
    for first, since in enumerate(let_in):
        for last in range(first, len(let_in)):
            assert last - first + 1 <= max(rate, 1) + rate * (let_in[last] - since) + 1e-6


@given(RATES, st.integers(1, 40))
def test_who_waits_as_told_comes_in(rate, times):
    limiter, now = RateLimiter(), 0.0
    for _ in range(times):
        waiting = limiter.wait("k", rate, now)
        if waiting is not None:
            assert 0 < waiting <= 1 / rate + 1e-6
            now += waiting
            assert limiter.wait("k", rate, now) is None


def test_memory_is_bounded_and_the_key_used_longest_ago_goes():
    limiter = RateLimiter(most=2)
    for key_id in ("a", "b", "a", "c"):
        limiter.wait(key_id, 1, 0.0)
    assert len(limiter._full_at) == 2
    assert limiter.wait("a", 1, 0.0) is not None, "it was used after b"
