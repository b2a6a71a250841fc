"""throttle: the rate and the bursts are exact, and upstream is asked for what may pass."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from math import ceil
from typing import Any

import pytest
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import run_virtual
from tests.support import counted

from .rates import Asked, balanced, finish, subscribed, time_left

# The rate.


def test_throttle_is_within_one_percent_over_10_000_items() -> None:
    clock = TestScheduler()
    probe = subscribed(clock, rx.range(10_000).pipe(ops.throttle(7, scheduler=clock)))
    finish(clock)
    assert probe.items == list(range(10_000))
    assert probe.completed
    assert abs(probe.at[-1] - 9_999 / 7) <= 9_999 / 7 * 0.01


@pytest.mark.parametrize(("rate", "per"), [(7, 1.0), (3, 0.1), (1000, 60.0), (1e6, 1.0), (0.3, 1)])
@pytest.mark.parametrize("burst", [1, 2, 5])
def test_no_item_drifts_however_many_there_were(rate: float, per: float, burst: int) -> None:
    clock = TestScheduler()
    step = ops.throttle(rate, per, burst=burst, scheduler=clock)
    probe = subscribed(clock, rx.range(300).pipe(step))
    finish(clock)
    for n, time in enumerate(probe.at[burst:], start=1):
        exact = n * per / rate
        assert -1e-9 <= time - exact <= 1.1e-6  # one microsecond late at most, and never early


@pytest.mark.parametrize("burst", [1, 2, 3, 7])
def test_bursts_are_exactly_as_specified(burst: int) -> None:
    clock = TestScheduler()
    source = Asked()
    probe = subscribed(clock, source.flow.pipe(ops.throttle(2, burst=burst, scheduler=clock)))
    source.push(*range(20))
    assert len(probe.items) == burst
    clock.advance_to(0.499999)
    assert len(probe.items) == burst
    clock.advance_to(0.5)
    assert len(probe.items) == burst + 1
    finish(clock)
    assert probe.at[burst:] == [0.5 * n for n in range(1, 21 - burst)]


@pytest.mark.parametrize(("idle", "saved"), [(0.0, 0), (0.24, 0), (0.25, 1), (0.6, 2), (9.0, 4)])
def test_a_pause_saves_up_whole_tokens_and_no_more_than_the_bucket(idle: float, saved: int) -> None:
    clock = TestScheduler()
    source = Asked()
    probe = subscribed(clock, source.flow.pipe(ops.throttle(4, burst=4, scheduler=clock)))
    source.push(*range(4))
    assert len(probe.items) == 4
    clock.advance_to(idle)
    source.push(*range(4, 20))
    assert len(probe.items) == 4 + saved


def test_a_part_of_a_token_that_is_left_counts() -> None:
    clock = TestScheduler()
    source = Asked()
    probe = subscribed(clock, source.flow.pipe(ops.throttle(1, burst=2, scheduler=clock)))
    source.push(1, 2)
    clock.advance_to(1.75)
    source.push(3, 4, 5)
    assert probe.at == [0, 0, 1.75]
    finish(clock)
    assert probe.at == [0, 0, 1.75, 2.0, 3.0]


@pytest.mark.parametrize("burst", [None, 1])
@pytest.mark.parametrize("jitter", [0.0, 0.03, 0.17, 0.9])
def test_known_complaint_a_rate_limit_that_is_not_strict(burst: int | None, jitter: float) -> None:
    """In no period are there more items than the rate, wherever the period begins."""
    clock = TestScheduler()
    source = Asked()
    step = ops.throttle(10, 1.0, burst=burst, scheduler=clock)
    probe = subscribed(clock, source.flow.pipe(step))
    for n in range(30):
        clock.advance_to(n * jitter)
        source.push(n)
    finish(clock)
    assert len(probe.items) == 30
    for begin in probe.at:
        assert sum(begin <= time < begin + 1.0 - 1e-9 for time in probe.at) <= 10


@pytest.mark.parametrize("burst", [1, 3])
def test_any_time_has_at_most_the_burst_and_what_comes_in_it(burst: int) -> None:
    clock = TestScheduler()
    source = Asked()
    probe = subscribed(clock, source.flow.pipe(ops.throttle(2, burst=burst, scheduler=clock)))
    for n, time in enumerate([0, 0, 0.1, 0.7, 2.9, 2.9, 3, 3, 3, 3.2, 3.3, 9, 9, 9, 9, 9]):
        clock.advance_to(time)
        source.push(n)
    finish(clock)
    for first, begin in enumerate(probe.at):
        for count, end in enumerate(probe.at[first:], start=1):
            assert count <= burst + 2 * (end - begin) + 1e-5


def test_the_time_may_be_a_timedelta() -> None:
    clock = TestScheduler()
    step = ops.throttle(2, timedelta(minutes=1), scheduler=clock)
    probe = subscribed(clock, rx.range(3).pipe(step))
    finish(clock)
    assert probe.at == [0, 30, 60]


def test_it_keeps_the_time_of_the_running_loop() -> None:
    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        return [loop.time() async for _ in rx.range(5).pipe(ops.throttle(4))]

    times = run_virtual(main())
    assert [round(time, 3) for time in times] == [0, 0.25, 0.5, 0.75, 1.0]


# Costs.


@pytest.mark.parametrize(
    ("costs", "times"),
    [
        ([1, 1, 1], [0, 0, 0]),
        ([4, 1], [0, 1]),
        ([4, 4, 4], [0, 4, 8]),
        ([2, 2, 2, 1], [0, 0, 2, 3]),
        ([0, 0, 4, 0, 0], [0, 0, 0, 0, 0]),
        ([4, 0.5, 0.5], [0, 0.5, 1.0]),
    ],
)
def test_an_item_takes_what_it_costs(costs: list[float], times: list[float]) -> None:
    clock = TestScheduler()
    step = ops.throttle(1, burst=4, cost=lambda n: n, scheduler=clock)
    probe = subscribed(clock, rx.from_iterable(costs).pipe(step))
    finish(clock)
    assert probe.at == times
    assert probe.ended_at == times[-1]


def test_an_item_that_waits_for_its_tokens_is_the_only_one_held() -> None:
    clock = TestScheduler()
    source = counted(range(9))
    step = ops.throttle(1, burst=2, cost=lambda n: 2, scheduler=clock)
    probe = subscribed(clock, rx.from_iterable(source).pipe(step))
    assert (probe.items, source.taken) == ([0], 2)
    part = probe.statistics["throttle"]
    assert (part.held, part.peak, part.capacity) == (1, 1, 1)
    clock.advance_to(2.0)
    assert (probe.items, source.taken) == ([0, 1], 3)
    assert balanced(probe, "throttle")
    probe.cancel()
    assert probe.statistics["throttle"].discarded == 1
    assert balanced(probe, "throttle")


def test_the_cost_of_each_item_is_asked_for_once() -> None:
    clock = TestScheduler()
    priced: list[int] = []

    def cost(n: int) -> int:
        priced.append(n)
        return 2

    source = Asked()
    flow = source.flow.pipe(ops.throttle(1, burst=2, cost=cost, scheduler=clock))
    probe = subscribed(clock, flow, 1)
    source.push(1, 2)
    for _ in range(5):
        probe.request(1)  # each of them has it look again
    finish(clock)
    assert probe.items == priced == [1, 2]


@pytest.mark.parametrize("mode", ["shape", "enforce"])
@pytest.mark.parametrize(
    ("cost", "expected"),
    [
        (5.5, r"throttle: an item costs 5.5 tokens.*never holds more than 5;.*at least 5.5"),
        (float("inf"), r"costs inf tokens"),
        (-1, r"throttle: cost must not be negative, not -1"),
        (float("nan"), r"not be negative"),
    ],
)
def test_a_cost_that_can_never_be_met_fails_clearly(mode: Any, cost: float, expected: str) -> None:
    clock = TestScheduler()
    source = Asked()
    step = ops.throttle(1, burst=5, cost=lambda _: cost, mode=mode, scheduler=clock)
    probe = subscribed(clock, source.flow.pipe(step))
    source.push("x")
    assert isinstance(probe.error, ValueError)
    with pytest.raises(ValueError, match=expected):
        raise probe.error
    assert source.cancelled
    assert balanced(probe, "throttle")


def test_a_cost_that_is_no_number_fails_clearly() -> None:
    probe = subscribed(TestScheduler(), rx.of(1).pipe(ops.throttle(1, burst=1, cost=str)))  # type: ignore[arg-type]
    assert isinstance(probe.error, TypeError)
    assert "cost must give a number of tokens, not '1'" in str(probe.error)


def test_a_cost_as_large_as_the_bucket_passes() -> None:
    probe = subscribed(TestScheduler(), rx.of(5).pipe(ops.throttle(1, burst=5, cost=int)))
    assert probe.items == [5]


# Enforcing.


def test_enforcing_lets_a_rate_pass_that_is_kept() -> None:
    clock = TestScheduler()
    source = Asked()
    step = ops.throttle(2, burst=2, mode="enforce", scheduler=clock)
    probe = subscribed(clock, source.flow.pipe(step))
    assert source.outstanding == rx.UNBOUNDED
    for time in (0, 0, 0.5, 1.0, 3.0, 3.0, 3.5):
        clock.advance_to(time)
        source.push(time)
    source.complete()
    assert probe.items == [0, 0, 0.5, 1.0, 3.0, 3.0, 3.5]
    assert probe.completed


def test_enforcing_fails_with_the_first_item_that_comes_too_soon() -> None:
    clock = TestScheduler()
    source = Asked()
    step = ops.throttle(2, per=10, burst=2, mode="enforce", scheduler=clock)
    probe = subscribed(clock, source.flow.pipe(step))
    source.push("a", "b")
    clock.advance_to(4.999999)
    assert probe.error is None
    source.push("c")
    error = probe.error
    assert isinstance(error, rx.RateExceededError)
    assert isinstance(error, rx.BackpressureError)
    assert (error.operator, error.rate, error.per, error.burst) == ("throttle", 2, 10, 2)
    assert error.item == "c"
    assert str(error) == (
        "throttle: the rate of 2 per 10 s with bursts of 2 is exceeded by item 'c'"
    )
    assert probe.items == ["a", "b"]
    assert source.cancelled
    assert probe.statistics["throttle"].discarded == 1
    assert balanced(probe, "throttle")


def test_enforcing_with_costs() -> None:
    clock = TestScheduler()
    step = ops.throttle(1, burst=5, cost=lambda n: n, mode="enforce", scheduler=clock)
    probe = subscribed(clock, rx.of(3, 2, 0, 1).pipe(step))
    assert probe.items == [3, 2, 0]
    assert isinstance(probe.error, rx.RateExceededError)
    assert probe.error.item == 1


def test_enforcing_is_about_items_that_are_asked_for() -> None:
    """A consumer that asks slowly enough is within the rate, however fast its source is."""
    clock = TestScheduler()
    step = ops.throttle(1, mode="enforce", scheduler=clock)
    probe = subscribed(clock, rx.range(9).pipe(step), 1)
    clock.advance_to(1)
    probe.request(1)
    clock.advance_to(2)
    assert (probe.items, probe.error) == ([0, 1], None)


# Demand.


def test_upstream_is_asked_for_what_may_pass_only() -> None:
    clock = TestScheduler()
    source = Asked()
    probe = subscribed(clock, source.flow.pipe(ops.throttle(1, burst=3, scheduler=clock)))
    assert source.requests == [3]
    source.push(1, 2, 3)
    assert (source.requests, source.outstanding) == ([3], 0)
    clock.advance_to(0.999999)
    assert source.requests == [3]
    clock.advance_to(1.0)
    assert source.requests == [3, 1]
    source.push(4)
    assert probe.at == [0, 0, 0, 1]


@pytest.mark.parametrize(("demand", "asked"), [(1, 1), (2, 2), (5, 3), (rx.UNBOUNDED, 3)])
def test_upstream_is_asked_for_no_more_than_is_asked_for(demand: int, asked: int) -> None:
    clock = TestScheduler()
    source = Asked()
    flow = source.flow.pipe(ops.throttle(1, burst=3, scheduler=clock))
    probe = subscribed(clock, flow, 0)
    clock.advance_to(5)
    assert source.requests == []
    probe.request(demand)
    assert source.outstanding == asked
    source.push(1)
    assert source.outstanding == asked - 1


@pytest.mark.parametrize("cost", [None, lambda _: 1])
def test_a_pulled_source_is_not_advanced_before_there_are_tokens(cost: Any) -> None:
    clock = TestScheduler()
    source = counted(range(9))
    step = ops.throttle(1, burst=2, cost=cost, scheduler=clock)
    probe = subscribed(clock, rx.from_iterable(source).pipe(step))
    held = int(cost is not None)
    for seconds in range(4):
        clock.advance_to(seconds)
        assert (len(probe.items), source.taken) == (2 + seconds, 2 + seconds + held)


def test_without_demand_no_time_is_waited_for() -> None:
    clock = TestScheduler()
    probe = subscribed(clock, rx.range(9).pipe(ops.throttle(1, scheduler=clock)), 1)
    finish(clock)
    assert (probe.items, clock.clock) == ([0], 0)
    probe.request(1)
    finish(clock)
    assert (probe.at, clock.clock) == ([0, 1], 1)


def test_a_request_inside_of_on_next_is_served_in_its_time() -> None:
    clock = TestScheduler()
    flow = rx.range(4).pipe(ops.throttle(2, scheduler=clock))
    probe = subscribed(clock, flow, 1, request_each=1)
    finish(clock)
    assert probe.at == [0, 0.5, 1.0, 1.5]
    assert probe.depth == 1
    assert probe.completed


def test_a_source_that_pushes_inside_of_on_next_is_held_to_the_rate() -> None:
    clock = TestScheduler()
    source = Asked()
    flow = source.flow.pipe(ops.throttle(1, scheduler=clock))
    probe = subscribed(clock, flow, then=lambda _, n: source.push(n + 1) if n < 4 else None)
    source.push(0)
    finish(clock)
    assert probe.times == [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4)]
    assert probe.violations == []


def test_two_subscriptions_have_a_bucket_each() -> None:
    clock = TestScheduler()
    flow = rx.range(2).pipe(ops.throttle(1, scheduler=clock))
    first, second = subscribed(clock, flow), subscribed(clock, flow)
    finish(clock)
    assert first.at == second.at == [0, 1]


def test_two_of_them_keep_the_slower_rate() -> None:
    clock = TestScheduler()
    steps = ops.throttle(4, burst=4, scheduler=clock), ops.throttle(1, scheduler=clock)
    probe = subscribed(clock, rx.range(4).pipe(*steps))
    finish(clock)
    assert probe.at == [0, 1, 2, 3]


# The end.


def test_completion_comes_with_the_last_item_and_needs_neither_demand_nor_tokens() -> None:
    clock = TestScheduler()
    probe = subscribed(clock, rx.range(2).pipe(ops.throttle(1, scheduler=clock)), 2)
    clock.advance_to(1)
    assert (probe.items, probe.ended_at) == ([0, 1], 1)


@pytest.mark.parametrize("demand", [0, 5])
@pytest.mark.parametrize("cost", [None, lambda _: 1])
def test_an_empty_source_completes_at_once(demand: int, cost: Any) -> None:
    clock = TestScheduler()
    probe = subscribed(
        clock, rx.empty().pipe(ops.throttle(1, burst=1, cost=cost, scheduler=clock)), demand
    )
    assert probe.completed


@pytest.mark.parametrize("demand", [1, 5])
def test_a_failure_needs_no_tokens(demand: int) -> None:
    clock = TestScheduler()
    source = Asked()
    probe = subscribed(clock, source.flow.pipe(ops.throttle(1, scheduler=clock)), demand)
    source.push(1)
    error = KeyError("failed")
    source.fail(error)
    assert (probe.items, probe.error) == ([1], error)


def test_a_failure_stands_behind_the_item_that_waits_for_its_tokens() -> None:
    clock = TestScheduler()
    source = Asked()
    step = ops.throttle(1, burst=2, cost=lambda _: 2, scheduler=clock)
    probe = subscribed(clock, source.flow.pipe(step))
    source.push(1, 2)
    source.fail(KeyError("failed"))
    clock.advance_to(1.9)
    assert (probe.items, probe.error) == ([1], None)
    clock.advance_to(2.0)
    assert probe.items == [1, 2]
    assert isinstance(probe.error, KeyError)


@pytest.mark.parametrize("cost", [None, lambda _: 1])
@pytest.mark.parametrize("demand", [0, 1, rx.UNBOUNDED])
def test_nothing_comes_after_a_cancel(demand: int, cost: Any) -> None:
    clock = TestScheduler()
    source = counted(range(9))
    step = ops.throttle(1, burst=1, cost=cost, scheduler=clock)
    probe = subscribed(clock, rx.from_iterable(source).pipe(step), demand)
    probe.cancel()
    items, taken = list(probe.items), source.taken
    finish(clock)
    probe.request(3)
    finish(clock)
    assert (probe.items, source.taken, source.closed) == (items, taken, 1)
    assert probe.ended_at is None


@pytest.mark.parametrize("mode", ["shape", "enforce"])
@pytest.mark.parametrize("cost", [None, lambda _: 1])
def test_a_cancel_leaves_no_timer(mode: Any, cost: Any) -> None:
    assert time_left(ops.throttle(1, burst=1, cost=cost, mode=mode)) == 0


def test_a_cancel_inside_of_on_next_stops_it() -> None:
    clock = TestScheduler()
    flow = rx.range(9).pipe(ops.throttle(1, burst=5, scheduler=clock))
    probe = subscribed(clock, flow, cancel_after=2)
    finish(clock)
    assert probe.at == [0, 0]


# When the pipeline is built.


@pytest.mark.parametrize(
    ("arguments", "options", "error", "told"),
    [
        ((0,), {}, ValueError, "rate must be more than 0"),
        ((-1,), {}, ValueError, "rate must be more than 0"),
        ((float("inf"),), {}, ValueError, "rate must be more than 0 and finite"),
        ((float("nan"),), {}, ValueError, "rate must be more than 0"),
        (("5",), {}, TypeError, "rate must be a number"),
        ((True,), {}, TypeError, "rate must be a number"),
        ((1, 0), {}, ValueError, "per must be more than 0"),
        ((1, timedelta(0)), {}, ValueError, "per must be more than 0"),
        ((1, None), {}, TypeError, "per must be a number"),
        ((1,), {"burst": 0}, ValueError, "burst must be more than 0"),
        ((1,), {"burst": 0.5}, ValueError, "burst must be at least the 1 token of an item"),
        ((1,), {"cost": len}, TypeError, r"burst \(tokens\) must be given with cost"),
        ((1,), {"cost": 3, "burst": 3}, TypeError, "cost must be callable"),
        ((1,), {"mode": "strict"}, ValueError, 'mode must be "shape" or "enforce"'),
        ((1,), {"mode": None}, ValueError, "not None"),
    ],
)
def test_wrong_arguments_are_refused_when_the_pipeline_is_built(
    arguments: tuple[Any, ...], options: dict[str, Any], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=f"throttle: .*{told}"):
        ops.throttle(*arguments, **options)
    with pytest.raises(error, match=f"throttle_by_key: .*{told}"):
        ops.throttle_by_key(str, *arguments, **options)


def test_an_async_cost_is_refused() -> None:
    async def cost(_: Any) -> int:
        return 1

    with pytest.raises(TypeError, match="cost is an async function"):
        ops.throttle(1, burst=1, cost=cost)  # type: ignore[arg-type]


def test_a_plain_observable_is_told_of_the_doors() -> None:
    with pytest.raises(TypeError, match=r"throttle needs demand.*on_backpressure_buffer"):
        ops.throttle(1)(rx.Subject())


def test_bursts_are_spread_where_the_rate_does_not_divide_the_clock() -> None:
    """The clock counts microseconds: tokens come at the first one that is not too early."""
    clock = TestScheduler()
    probe = subscribed(clock, rx.range(40).pipe(ops.throttle(300_000, scheduler=clock)))
    finish(clock)
    micros = [round(time * 1e6) for time in probe.at]
    assert micros == [ceil(n * 10 / 3) for n in range(40)]
    assert {later - earlier for earlier, later in pairwise(micros)} == {3, 4}


def test_tokens_are_spent_when_an_item_passes_and_not_when_it_was_asked_for() -> None:
    clock = TestScheduler()

    def slow() -> Iterator[int]:
        clock.sleep(5.0)  # it is asked at 0 s, and gives at 5 s
        yield from range(4)

    probe = subscribed(
        clock, rx.from_iterable(slow()).pipe(ops.throttle(1, burst=2, scheduler=clock))
    )
    finish(clock)
    assert probe.items == list(range(4))
    assert probe.at == [5.0, 5.0, 6.0, 7.0]
