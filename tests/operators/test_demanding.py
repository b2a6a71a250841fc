"""cap_demand and pace: what upstream is asked for, and when."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import operators as ops
from tests.support import counted

from .rates import Asked, balanced, finish, subscribed, time_left

# cap_demand


def test_upstream_is_asked_for_as_many_as_are_wanted_and_the_cap_at_most() -> None:
    source = Asked()
    probe = subscribed(TestScheduler(), source.flow.pipe(ops.cap_demand(3)), 0)
    assert source.outstanding == 0
    for demand, asked in [(1, 1), (1, 2), (5, 3), (1, 3)]:
        probe.request(demand)
        assert source.outstanding == asked
    seen = []
    for item in range(8):
        source.push(item)
        seen.append(source.outstanding)
    assert seen == [3, 3, 3, 3, 3, 2, 1, 0]


def test_a_batch_at_once_is_followed_by_the_next_one() -> None:
    source = Asked()
    subscribed(TestScheduler(), source.flow.pipe(ops.cap_demand(2)), 5)
    assert source.requests == [2]
    source.push(1, 2)
    assert sum(source.requests) == 4
    source.push(3, 4)
    assert sum(source.requests) == 5


@pytest.mark.parametrize("demand", [1, 3])
def test_nothing_is_pulled_ahead_of_demand(demand: int) -> None:
    source = counted(range(99))
    probe = subscribed(TestScheduler(), rx.from_iterable(source).pipe(ops.cap_demand(10)), demand)
    assert (source.taken, len(probe.items)) == (demand, demand)


def test_a_publisher_is_asked_through_a_cap_before_it() -> None:
    """A Publisher gives at once what it is asked for, inside of the request."""
    probe = subscribed(
        TestScheduler(),
        rx.from_publisher(rx.range(40).pipe(ops.cap_demand(3)), prefetch=16).pipe(ops.take(30)),
    )
    assert probe.items == list(range(30))


def test_requests_and_pushes_inside_of_on_next() -> None:
    source = Asked()

    def more(probe: Any, item: int) -> None:
        probe.request(1)
        if item < 9:
            source.push(item + 1)

    probe = subscribed(TestScheduler(), source.flow.pipe(ops.cap_demand(2)), 1, then=more)
    source.push(0)
    assert probe.items == list(range(10))
    assert probe.violations == []


@pytest.mark.parametrize("demand", [0, 1, rx.UNBOUNDED])
def test_both_ends_need_no_demand(demand: int) -> None:
    for failure in (None, KeyError("failed")):
        source = Asked()
        probe = subscribed(TestScheduler(), source.flow.pipe(ops.cap_demand(2)), demand)
        source.fail(failure) if failure else source.complete()
        assert (probe.completed, probe.error) == (failure is None, failure)


def test_a_cancel_reaches_the_source_and_nothing_is_asked_for_after_it() -> None:
    source = Asked()
    probe = subscribed(TestScheduler(), source.flow.pipe(ops.cap_demand(2)), 1)
    probe.cancel()
    probe.request(5)
    assert source.cancelled
    assert source.requests == [1]


@pytest.mark.parametrize("n", [0, -1, 1.5, float("inf")])
def test_a_wrong_cap_is_refused(n: Any) -> None:
    with pytest.raises(ValueError, match="cap_demand: n must be"):
        ops.cap_demand(n)


# pace


def test_a_batch_comes_at_once_and_the_next_one_when_its_time_has_come() -> None:
    clock = TestScheduler()
    source = counted(range(7))
    probe = subscribed(clock, rx.from_iterable(source).pipe(ops.pace(3, 2.0, scheduler=clock)))
    assert (probe.items, source.taken) == ([0, 1, 2], 3)
    clock.advance_to(1.999999)
    assert source.taken == 3
    clock.advance_to(2.0)
    assert source.taken == 6
    finish(clock)
    assert probe.at == [0, 0, 0, 2, 2, 2, 4]
    assert probe.completed


def test_what_a_period_leaves_is_not_added_to_the_next_one() -> None:
    clock = TestScheduler()
    source = Asked()
    probe = subscribed(clock, source.flow.pipe(ops.pace(2, 1.0, scheduler=clock)))
    source.push("a")
    clock.advance_to(5.5)
    assert source.outstanding <= 2
    source.push("b", "c")
    clock.advance_to(5.9)
    assert len(probe.items) == 3
    assert source.outstanding == 0
    clock.advance_to(6.5)
    assert source.outstanding == 2


def test_two_batches_are_never_closer_than_a_period() -> None:
    clock = TestScheduler()
    flow = rx.range(99).pipe(ops.pace(2, 1.0, scheduler=clock))
    probe = subscribed(clock, flow, 0)
    for time, demand in [(0.9, 2), (1.0, 5), (1.95, 1), (4.7, 2), (5.0, 2), (5.2, 9)]:
        clock.advance_to(time)
        probe.request(demand)
    finish(clock)
    begun = probe.at[::2]
    assert all(later - earlier >= 1 - 1e-9 for earlier, later in pairwise(begun))
    assert probe.at[:4] == [0.9, 0.9, 1.9, 1.9]


def test_periods_do_not_drift() -> None:
    clock = TestScheduler()
    probe = subscribed(clock, rx.range(200).pipe(ops.pace(1, 0.1, scheduler=clock)))
    finish(clock)
    assert probe.at == pytest.approx([0.1 * n for n in range(200)], abs=1e-6)


def test_a_clock_that_rings_late_does_not_make_the_batches_ever_later() -> None:
    class Late(TestScheduler):
        def schedule_relative(self, duetime: Any, action: Any, state: Any = None) -> Any:
            return super().schedule_relative(self.to_seconds(duetime) + 0.3, action, state)

    clock = Late()
    probe = subscribed(clock, rx.range(20).pipe(ops.pace(1, 1.0, scheduler=clock)))
    finish(clock)
    assert probe.at == pytest.approx([0, *(n + 0.3 for n in range(1, 20))])


def test_the_period_may_be_a_timedelta() -> None:
    clock = TestScheduler()
    step = ops.pace(1, timedelta(minutes=1), scheduler=clock)
    probe = subscribed(clock, rx.range(3).pipe(step))
    finish(clock)
    assert probe.at == [0, 60, 120]


@pytest.mark.parametrize("demand", [0, 1, rx.UNBOUNDED])
def test_both_ends_need_neither_demand_nor_time(demand: int) -> None:
    for failure in (None, KeyError("failed")):
        clock = TestScheduler()
        source = Asked()
        flow = source.flow.pipe(ops.pace(1, 1.0, scheduler=clock))
        probe = subscribed(clock, flow, demand)
        source.push(*range(source.outstanding))
        source.fail(failure) if failure else source.complete()
        assert (probe.completed, probe.error, probe.ended_at) == (failure is None, failure, 0)


def test_a_cancel_of_a_paced_stream_leaves_no_timer() -> None:
    assert time_left(ops.pace(1, 1.0)) == 0


@pytest.mark.parametrize("step", [ops.cap_demand(2), ops.pace(2, 1.0)], ids=repr)
def test_they_hold_nothing_and_count_what_passes(step: Any) -> None:
    probe = subscribed(TestScheduler(), rx.of(1, None).pipe(step))
    part = probe.statistics[step.name]
    assert (part.received, part.delivered, part.held, part.capacity) == (2, 2, 0, None)
    assert balanced(probe, step.name)


@pytest.mark.parametrize(
    ("arguments", "error", "told"),
    [
        ((0, 1.0), ValueError, "batch must be at least 1"),
        ((1, 0), ValueError, "every must be more than 0"),
        ((1, -1), ValueError, "every must be more than 0"),
        ((1, None), TypeError, "every must be a number"),
        (("x", 1), TypeError, "batch must be a whole number"),
    ],
)
def test_wrong_arguments_are_refused(
    arguments: tuple[Any, Any], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=f"pace: {told}"):
        ops.pace(*arguments)
