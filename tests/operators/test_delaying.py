"""delay and delay_subscription: when things come, how many are on their way, and the ends.

That they give what those of reactivex give is tested in tests/flow/test_equality.py.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import run_virtual
from tests.support import counted

from .rates import Asked, balanced, finish, subscribed, time_left

# delay


def test_the_times_between_items_are_kept() -> None:
    clock, source = TestScheduler(), Asked()
    probe = subscribed(clock, source.flow.pipe(ops.delay(5.0, clock)))
    for time in (0, 0, 0.000001, 3, 7.5):
        clock.advance_to(time)
        source.push(time)
    finish(clock)
    assert probe.times == [(5, 0), (5, 0), (5.000001, 0.000001), (8, 3), (12.5, 7.5)]


def test_an_item_comes_at_its_time_and_not_before() -> None:
    clock = TestScheduler()
    probe = subscribed(clock, rx.of(None).pipe(ops.delay(2.0, clock)))
    clock.advance_to(1.999999)
    assert probe.items == []
    clock.advance_to(2.0)
    assert probe.items == [None]
    assert probe.ended_at == 2.0


def test_no_more_than_prefetch_are_on_their_way_and_a_faster_source_waits() -> None:
    clock = TestScheduler()
    source = counted(range(10))
    flow = rx.from_iterable(source).pipe(ops.delay(1.0, clock, prefetch=4))
    probe = subscribed(clock, flow)
    assert source.taken == 4
    finish(clock)
    assert probe.at == [1, 1, 1, 1, 2, 2, 2, 2, 3, 3]
    assert probe.completed
    part = probe.statistics["delay"]
    assert (part.peak, part.capacity) == (4, 4)


def test_what_is_due_waits_for_demand_and_is_not_delayed_again() -> None:
    clock, source = TestScheduler(), Asked()
    probe = subscribed(clock, source.flow.pipe(ops.delay(1.0, clock, prefetch=8)), 0)
    assert source.outstanding == 8
    source.push("a", "b")
    clock.advance_to(0.5)
    probe.request(1)
    clock.advance_to(5)
    assert probe.times == [(1, "a")]
    probe.request(1)
    assert probe.times[1:] == [(5, "b")]
    assert balanced(probe, "delay")


@pytest.mark.parametrize("demand", [0, 1, rx.UNBOUNDED])
def test_the_completion_is_delayed_too(demand: int) -> None:
    clock, source = TestScheduler(), Asked()
    probe = subscribed(clock, source.flow.pipe(ops.delay(2.0, clock)), demand)
    clock.advance_to(1)
    source.complete()
    clock.advance_to(2.999999)
    assert not probe.ended
    finish(clock)
    assert (probe.completed, probe.ended_at) == (True, 3)


def test_the_completion_waits_behind_items_without_demand() -> None:
    clock = TestScheduler()
    probe = subscribed(clock, rx.of(1).pipe(ops.delay(1.0, clock)), 0)
    clock.advance_to(5)
    assert not probe.ended
    probe.request(1)
    assert (probe.items, probe.completed) == ([1], True)


@pytest.mark.parametrize("demand", [0, 1, rx.UNBOUNDED])
def test_a_failure_overtakes_what_is_on_its_way(demand: int) -> None:
    clock, source = TestScheduler(), Asked()
    probe = subscribed(clock, source.flow.pipe(ops.delay(2.0, clock)), demand)
    source.push(1, 2)
    clock.advance_to(1)
    source.fail(KeyError("failed"))
    assert repr(probe.error) == "KeyError('failed')"
    assert probe.ended_at == 1
    finish(clock)
    assert probe.items == []
    assert probe.statistics["delay"].discarded == 2
    assert balanced(probe, "delay")


@pytest.mark.parametrize("time", [0.5, 1.0])
def test_a_cancel_discards_what_is_on_its_way(time: float) -> None:
    clock, source = TestScheduler(), Asked()
    probe = subscribed(clock, source.flow.pipe(ops.delay(1.0, clock)), 0)
    source.push(1, 2)
    clock.advance_to(time)
    probe.cancel()
    probe.request(5)
    finish(clock)
    assert (probe.items, probe.ended, source.cancelled) == ([], False, True)
    assert probe.statistics["delay"].discarded == 2


def test_requests_and_pushes_inside_of_on_next() -> None:
    clock, source = TestScheduler(), Asked()

    def more(probe: Any, item: int) -> None:
        probe.request(1)
        if item < 3:
            source.push(item + 1)

    probe = subscribed(clock, source.flow.pipe(ops.delay(1.0, clock)), 1, then=more)
    source.push(0)
    finish(clock)
    assert probe.times == [(1, 0), (2, 1), (3, 2), (4, 3)]
    assert probe.violations == []


def test_no_delay_gives_all_at_once() -> None:
    probe = subscribed(TestScheduler(), rx.of(1, 2).pipe(ops.delay(0)))
    assert (probe.items, probe.completed) == ([1, 2], True)


def test_a_delay_until_a_time_of_day_and_one_that_has_passed() -> None:
    for seconds, at in ((90, 90), (-5, 0)):
        clock = TestScheduler()
        due = clock.now + timedelta(seconds=seconds)
        probe = subscribed(clock, rx.of(1).pipe(ops.delay(due, clock)))
        finish(clock)
        assert probe.times == [(at, 1)]


@pytest.mark.parametrize("step", [ops.delay(3.0), ops.delay_subscription(timedelta(seconds=3))])
def test_on_a_loop_the_time_is_that_of_the_loop(step: Any) -> None:
    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        return [round(loop.time(), 3) async for _ in rx.range(3).pipe(step)]

    assert run_virtual(main()) == [3, 3, 3]


@pytest.mark.parametrize("step", [ops.delay(3.0), ops.delay_subscription(3.0)], ids=repr)
def test_a_cancel_leaves_no_timer(step: Any) -> None:
    assert time_left(step) == 0


# delay_subscription


@pytest.mark.parametrize("demand", [0, 2, rx.UNBOUNDED])
def test_the_source_is_subscribed_at_its_time_with_the_demand_there_is(demand: int) -> None:
    clock, source = TestScheduler(), Asked()
    opened: list[float] = []
    flow = rx.defer(lambda _: opened.append(clock.clock) or source.flow)
    probe = subscribed(clock, flow.pipe(ops.delay_subscription(2.0, clock)), 0)
    if demand:
        probe.request(demand)
    clock.advance_to(1.999999)
    assert opened == []
    clock.advance_to(2.0)
    assert opened == [2.0]
    assert source.outstanding == demand
    source.push(*range(min(demand, 3)))
    source.complete()
    assert (probe.items, probe.completed) == (list(range(min(demand, 3))), True)


def test_a_source_that_is_subscribed_later_is_not_pulled_beyond_demand() -> None:
    clock, source = TestScheduler(), counted(range(9))
    flow = rx.from_iterable(source).pipe(ops.delay_subscription(1.0, clock))
    probe = subscribed(clock, flow, 2)
    finish(clock)
    assert (probe.at, source.taken) == ([1, 1], 2)
    probe.request(1)
    assert source.taken == 3


def test_the_time_of_a_subscription_may_be_a_time_of_day() -> None:
    clock = TestScheduler()
    due = clock.now + timedelta(seconds=60)
    probe = subscribed(clock, rx.empty().pipe(ops.delay_subscription(due, clock)), 0)
    finish(clock)
    assert probe.ended_at == 60


def test_a_cancel_before_its_time_means_that_it_is_never_subscribed() -> None:
    clock, source = TestScheduler(), counted(range(9))
    flow = rx.from_iterable(source).pipe(ops.delay_subscription(1.0, clock))
    probe = subscribed(clock, flow, 2)
    probe.cancel()
    finish(clock)
    assert (source.asked, probe.signals) == (0, ["on_subscribe"])


def test_a_failure_comes_when_the_source_is_subscribed() -> None:
    clock = TestScheduler()
    flow = rx.throw(KeyError("failed")).pipe(ops.delay_subscription(1.0, clock))
    probe = subscribed(clock, flow, 0)
    finish(clock)
    assert isinstance(probe.error, KeyError)
    assert probe.ended_at == 1


@pytest.mark.parametrize("name", ["delay", "delay_subscription"])
def test_wrong_times_are_refused(name: str) -> None:
    for value, error in ((-1, ValueError), (None, TypeError), ("1", TypeError)):
        with pytest.raises(error, match=f"{name}: duetime must"):
            getattr(ops, name)(value)
    with pytest.raises(ValueError, match="delay: prefetch must be at least 1"):
        ops.delay(1, prefetch=0)
