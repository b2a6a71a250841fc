"""join: whose times overlap, within a bound, and what times do without demand."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from reactivex import Subject
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.support import counted


def subscribed(flow: Any, demand: int = 0, **options: Any) -> TestSubscriber[Any]:
    probe = TestSubscriber[Any](demand, **options)
    flow.subscribe(probe)
    return probe


def for_ever(_: Any) -> Any:
    return rx.never()


def no_time(_: Any) -> Any:
    return rx.empty()


class Two:
    """Two sources that a test pushes into, and the subjects that end the times of their items."""

    def __init__(self, demand: int = 0, **options: Any) -> None:
        self.left, self.right = Subject[Any](), Subject[Any]()
        self.times = dict[Any, Subject[Any]]()
        flow = self.left.pipe(
            ops.on_backpressure_buffer(99),
            ops.join(self.right, self._begin, self._begin, **options),
        )
        self.probe = subscribed(flow, demand)

    def _begin(self, item: Any) -> Any:
        return self.times.setdefault(item, Subject())

    @property
    def observed(self) -> list[Any]:
        """Tell whose time has not passed."""
        return [item for item, time in self.times.items() if time.observers]


def test_items_are_paired_as_long_as_both_are_open() -> None:
    two = Two(99)
    two.left.on_next("a")
    two.right.on_next(1)
    two.right.on_next(2)
    two.times[1].on_next("over")
    two.left.on_next("b")
    two.times["a"].on_completed()
    two.right.on_next(3)
    assert two.probe.items == [("a", 1), ("a", 2), ("b", 2), ("b", 3)]
    assert two.observed == [2, "b", 3]


def test_all_pairs_of_lists_come_once() -> None:
    flow = rx.range(5).join(range(10, 17), for_ever, for_ever)
    for demand in (1, 3, rx.UNBOUNDED):
        probe = subscribed(flow, demand, request_each=min(1, demand % 3))
        probe.request(99)
        assert sorted(probe.items) == sorted(product(range(5), range(10, 17)))
        assert probe.completed


@pytest.mark.parametrize("demand", [0, 1, 2, 5])
def test_no_more_pairs_come_than_are_asked_for(demand: int) -> None:
    two = Two(demand)
    two.left.on_next("a")
    two.left.on_next("b")
    for item in range(4):
        two.right.on_next(item)
    assert len(two.probe.items) == demand
    two.probe.request(99)
    assert len(two.probe.items) == 8


def test_nothing_is_taken_before_demand_nor_while_pairs_wait() -> None:
    left, right = counted(range(9)), counted(range(9))
    probe = subscribed(rx.from_iterable(left).join(right, for_ever, for_ever))
    assert (left.asked, right.asked) == (0, 0)
    probe.request(1)
    assert (left.taken, right.taken) == (1, 1)
    probe.request(1)
    assert left.taken + right.taken == 3
    probe.request(1)
    assert left.taken + right.taken <= 4


def test_a_time_passes_without_demand_also() -> None:
    clock = TestScheduler()
    left, right = Subject[int](), Subject[int]()
    flow = left.pipe(
        ops.on_backpressure_buffer(9),
        ops.join(right, lambda _: rx.timer(10.0, scheduler=clock), for_ever),
    )
    probe = subscribed(flow, 1)
    left.on_next(1)
    right.on_next(5)
    assert probe.items == [(1, 5)]
    clock.advance_to(9.9)
    assert probe.statistics["join"].held == 2
    clock.advance_to(10.0)
    assert probe.statistics["join"].held == 1
    probe.request(9)
    right.on_next(6)
    assert probe.items == [(1, 5)]


@pytest.mark.parametrize(("at", "pairs"), [(9.9, 2), (10.1, 1)])
def test_an_item_before_the_end_of_a_time_is_paired_and_one_behind_it_is_not(
    at: float, pairs: int
) -> None:
    clock = TestScheduler()
    left, right = Subject[int](), Subject[int]()
    flow = left.pipe(
        ops.on_backpressure_buffer(9),
        ops.join(right, lambda _: rx.timer(10.0, scheduler=clock), for_ever),
    )
    probe = subscribed(flow, 9)
    left.on_next(1)
    right.on_next(5)
    clock.advance_to(at)
    right.on_next(6)
    assert len(probe.items) == pairs


def test_an_item_whose_time_is_over_at_once_is_paired_with_those_that_are_open() -> None:
    flow = rx.of(1, 2).concat(rx.never()).join(rx.of(8, 9), for_ever, no_time)
    probe = subscribed(flow, 99)
    probe.assert_completed((1, 8), (1, 9), (2, 9))


def test_more_open_items_than_capacity_overflow_and_say_so() -> None:
    two = Two(99, capacity=2)
    two.left.on_next("a")
    two.left.on_next("b")
    two.right.on_next(1)
    two.probe.assert_open()
    two.left.on_next("c")
    assert isinstance(two.probe.error, rx.BufferOverflowError)
    assert str(two.probe.error).startswith("join(capacity=2) overflowed: 2 held, ")
    assert two.right.observers == []
    assert two.observed == []
    figures = two.probe.statistics["join"]
    assert figures.received == figures.delivered + figures.discarded + figures.dropped["overflow"]
    assert (figures.received, figures.held, figures.peak) == (4, 0, 3)


def test_a_time_that_has_passed_makes_room() -> None:
    two = Two(99, capacity=1)
    for item in range(5):
        two.left.on_next(item)
        two.times[item].on_next("over")
    two.probe.assert_open()
    figures = two.probe.statistics["join"]
    assert (figures.received, figures.delivered, figures.peak) == (5, 5, 1)


def test_it_ends_when_no_further_pair_can_come() -> None:
    two = Two(1)
    two.left.on_next("a")
    two.left.on_completed()
    two.probe.assert_open()
    two.times["a"].on_next("over")
    two.probe.assert_completed()
    assert two.right.observers == []
    two = Two(1)
    two.left.on_next("a")
    two.left.on_completed()
    two.right.on_completed()
    two.probe.assert_completed()
    assert two.observed == []
    subscribed(rx.empty().join(rx.never(), for_ever, for_ever)).assert_completed()


@pytest.mark.parametrize("which", ["left", "right", "time"])
def test_any_failure_ends_it_and_cancels_all(which: str) -> None:
    two = Two(9)
    two.left.on_next("a")
    two.right.on_next(1)
    {"left": two.left, "right": two.right, "time": two.times["a"]}[which].on_error(KeyError())
    two.probe.assert_failed(KeyError, ("a", 1))
    assert (two.left.observers, two.right.observers, two.observed) == ([], [], [])


@pytest.mark.parametrize("demand", [0, 1, 9])
def test_a_cancel_reaches_the_sources_and_all_times(demand: int) -> None:
    two = Two(demand)
    two.left.on_next("a")
    two.right.on_next(1)
    two.right.on_next(2)
    two.probe.cancel()
    assert (two.left.observers, two.right.observers, two.observed) == ([], [], [])
    assert len(two.probe.items) == min(demand, 2)
    figures = two.probe.statistics["join"]
    assert figures.received == figures.delivered + figures.discarded
    assert figures.held == 0


def test_what_a_function_raises_ends_it() -> None:
    def fails(item: Any) -> Any:
        raise KeyError(item)

    for durations in ((fails, for_ever), (for_ever, fails)):
        source = counted([8])
        probe = subscribed(rx.of(1).concat(rx.never()).join(source, *durations), 9)
        probe.assert_failed(KeyError)
        assert source.closed == 1


def test_a_request_inside_of_a_pair_does_not_recurse() -> None:
    flow = rx.range(1_500).join([7], no_time, for_ever)
    probe = subscribed(flow, 1, request_each=1)
    assert probe.completed
    assert len(probe.items) >= 1_499


def test_bad_arguments() -> None:
    async def duration(_: Any) -> Any: ...

    bad: Any
    for bad in (None, 3, duration):
        with pytest.raises(TypeError, match="join: left_duration_mapper"):
            ops.join([1], bad, for_ever)
        with pytest.raises(TypeError, match="join: right_duration_mapper"):
            ops.join([1], for_ever, bad)
    with pytest.raises(TypeError, match="join wants a Flow"):
        ops.join(3, for_ever, for_ever)  # type: ignore[arg-type]  # pyright: ignore
    for capacity in (0, -1, 1.5):
        with pytest.raises(ValueError, match="join: capacity"):
            ops.join([1], for_ever, for_ever, capacity=capacity)  # type: ignore[arg-type]
