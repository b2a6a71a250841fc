"""The histogram of how long items take: every bound is kept, at each edge of each bucket."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rxflow.kernel import NANOS, Latency
from rxflow.kernel.latency import NONE, Histogram, _bound

Times = list[int]

times: st.SearchStrategy[Times] = st.lists(
    st.integers(0, 2**50) | st.integers(0, 64) | st.integers(0, 40).map(lambda n: 2**n), max_size=30
)


def measured(*nanos: int) -> Latency:
    histogram = Histogram()
    for each in nanos:
        histogram.add(each)
    return histogram.latency()


def bound(nanos: int) -> int:
    """The bound of the bucket of a time, in nanoseconds."""
    ((seconds, count),) = measured(nanos).buckets
    assert count == 1
    return round(seconds * NANOS)


def test_nothing_was_measured_at_first() -> None:
    assert Histogram().latency() == NONE == Latency(0, 0.0, ())
    assert NONE.quantile(0.5) == 0.0
    assert NONE.quantile(1) == 0.0


def test_the_first_sixteen_are_told_apart_then_eight_of_each_power_of_two() -> None:
    _bound.cache_clear()  # of those that others have looked at
    assert [bound(nanos) for nanos in range(16)] == list(range(1, 17))
    for power in range(4, 40):
        width = 2 ** (power - 3)
        for step in range(8):
            start = 2**power + step * width
            assert bound(start) == bound(start + width - 1) == start + width
            assert bound(start - 1) == start


@given(st.integers(0, 2**60))
def test_a_time_is_less_than_its_bound_which_is_at_most_an_eighth_too_much(nanos: int) -> None:
    ((seconds, _),) = measured(nanos).buckets
    assert nanos < seconds * NANOS * (1 + 1e-12)
    assert seconds * NANOS <= (nanos * 9 / 8 + 1) * (1 + 1e-12)


def test_times_are_counted_and_summed_in_seconds_and_buckets_are_in_order() -> None:
    latency = measured(2 * NANOS, 5, 5, NANOS // 2, 6)
    assert latency.count == 5
    assert latency.sum == pytest.approx(2.500000016, abs=1e-15)
    assert [count for _, count in latency.buckets] == [2, 1, 1, 1]
    assert [seconds * NANOS for seconds, _ in latency.buckets[:2]] == pytest.approx([6, 7])
    assert all(low < high for (low, _), (high, _) in pairwise(latency.buckets))


def test_a_clock_that_went_back_measures_no_time() -> None:
    assert measured(-5, -1) == measured(0, 0)
    assert measured(-5).sum == 0.0


def test_what_was_told_is_not_changed_by_what_comes() -> None:
    histogram = Histogram()
    histogram.add(7)
    before = histogram.latency()
    histogram.add(7)
    histogram.add(9)
    assert before == measured(7)
    assert histogram.latency() == measured(7, 7, 9)


@pytest.mark.parametrize("q", [-0.001, 1.001, float("nan"), 50])
def test_a_quantile_that_is_none_is_refused_and_named(q: float) -> None:
    with pytest.raises(ValueError, match=rf"from 0 to 1, not {q!r}"):
        measured(1).quantile(q)
    with pytest.raises(ValueError, match="from 0 to 1"):
        NONE.quantile(q)


def test_a_quantile_is_the_time_in_which_that_part_got_through() -> None:
    latency = measured(*range(10))  # each in a bucket of its own

    def nanos(q: float) -> int:
        return round(latency.quantile(q) * NANOS)

    assert [nanos(q) for q in (0, 0.1, 0.11, 0.5, 0.51, 0.9, 0.91, 1)] == [1, 1, 2, 5, 6, 9, 10, 10]


@given(times.filter(bool), st.floats(0, 1))
def test_that_part_is_within_it_and_no_smaller_bound_would_do(measures: Times, q: float) -> None:
    latency = measured(*measures)
    limit = latency.quantile(q)
    within = sum(count for seconds, count in latency.buckets if seconds <= limit)
    below = sum(count for seconds, count in latency.buckets if seconds < limit)
    assert below < max(1, q * len(measures)) <= within + 1e-9


@given(times, times)
@example([], [1])
@example([1], [])
@example([3, 3, 9], [3])
def test_two_are_added_up_as_if_they_were_measured_together(one: Times, other: Times) -> None:
    both = measured(*one).plus(measured(*other))
    together = measured(*one, *other)
    assert (both.count, both.buckets) == (together.count, together.buckets)
    assert both.sum == pytest.approx(together.sum)


@given(times, times)
@example([1], [])
@example([], [1])
@example([3], [3, 9])
def test_what_came_since_is_what_is_left_when_the_earlier_is_taken_away(
    earlier: Times, later: Times
) -> None:
    since = measured(*earlier, *later).minus(measured(*earlier))
    alone = measured(*later)
    assert (since.count, since.buckets) == (alone.count, alone.buckets)
    assert since.sum == pytest.approx(alone.sum, abs=1e-6 + 1e-9 * sum(earlier) / NANOS)


def test_nothing_added_or_taken_away_makes_no_other_one() -> None:
    one = measured(1, 2)
    assert one.plus(NONE) is one
    assert one.minus(NONE) is one
