"""Timed batches and natural_batches: never a failure for want of demand, and no item lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from reactivex.subject import Subject
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import Emitter
from rxflow import operators as ops
from rxflow.testing import TestSubscriber, run_virtual
from tests.kernel.recorder import dropped_errors
from tests.support import counted

Make = Callable[[TestScheduler], Any]

TIMED: dict[str, Make] = {
    "buffer_with_time_or_count": lambda clock: ops.buffer_with_time_or_count(10.0, 3, clock),
    "buffer_with_time": lambda clock: ops.buffer_with_time(10.0, scheduler=clock, max_size=3),
}
EACH = pytest.mark.parametrize("make", TIMED.values(), ids=TIMED)


class Driven:
    """A source that gives what a test tells it to, and knows what is asked of it."""

    def __init__(self, capacity: int = 100) -> None:
        self.cancels = 0
        self.asked: list[int] = []
        self.flow = rx.create(self._start, overflow=rx.FAIL, capacity=capacity)

    def _start(self, emitter: Emitter[Any]) -> Any:
        self._emitter = emitter
        self.complete, self.fail = emitter.on_completed, emitter.on_error
        emitter.on_request(self.asked.append)
        return self._cancelled

    def _cancelled(self) -> None:
        self.cancels += 1

    @property
    def requested(self) -> int:
        return self._emitter.requested

    def emit(self, *items: Any) -> None:
        for item in items:
            self._emitter.on_next(item)


class Stream:
    """A timed operator between a source and a subscriber that a test drives."""

    def __init__(self, make: Make, demand: int = 0) -> None:
        self.clock = TestScheduler()
        self.source = Driven()
        self.probe: TestSubscriber[Any] = TestSubscriber(demand)
        self.source.flow.pipe(make(self.clock)).subscribe(self.probe)

    @property
    def figures(self) -> Any:
        [figures] = [part for name, part in self.probe.statistics.items() if "buffer" in name]
        return figures


@EACH
def test_a_batch_that_is_due_goes_on_filling_up_until_it_is_asked_for(make: Make) -> None:
    stream = Stream(make)
    stream.source.emit(1)
    stream.clock.advance_to(25)
    stream.source.emit(2, 3)
    stream.probe.request(1)
    stream.probe.assert_items([1, 2, 3])


@EACH
def test_upstream_waits_when_a_batch_is_full_and_nobody_asks(make: Make) -> None:
    stream = Stream(make)
    assert stream.source.requested == 3
    stream.source.emit(1, 2, 3)
    stream.clock.advance_to(1000)
    assert stream.source.requested == 0
    assert (stream.figures.held, stream.figures.peak, stream.figures.capacity) == (3, 3, 3)
    stream.probe.request(1)
    stream.probe.assert_items([1, 2, 3])
    assert stream.source.requested == 3


@EACH
def test_no_more_than_a_batch_is_held_and_asked_for_together(make: Make) -> None:
    stream = Stream(make)
    for item in range(1, 40):
        held = stream.figures.held
        assert held + stream.source.requested == 3
        if stream.source.requested:
            stream.source.emit(item)
        else:
            stream.probe.request(1)
        if item % 7 == 0:
            stream.clock.advance_by(11)
    assert [item for part in stream.probe.items for item in part] == sorted(
        item for part in stream.probe.items for item in part
    )
    assert len(stream.probe.items) > 5


@EACH
@pytest.mark.parametrize("demand", [1, 2, 7, rx.UNBOUNDED])
def test_an_endless_source_is_taken_by_full_batches(make: Make, demand: int) -> None:
    source = counted(range(1, 31))
    probe = TestSubscriber(demand)
    rx.from_iterable(source).pipe(make(TestScheduler()), ops.filter(len)).subscribe(probe)
    batches = [list(range(n, n + 3)) for n in range(1, 31, 3)]
    probe.assert_items(*batches[:demand])
    assert source.taken == min(30, 3 * demand + 3)


# The boundaries of the interval.


@EACH
@pytest.mark.parametrize(("time", "due"), [(9.999, False), (10, True), (10.001, True)])
def test_a_batch_is_given_at_its_time_and_not_before(make: Make, time: float, due: bool) -> None:
    stream = Stream(make, rx.UNBOUNDED)
    stream.source.emit(1)
    stream.clock.advance_to(time)
    assert stream.probe.items == ([[1]] if due else [])


@EACH
def test_demand_that_comes_just_before_the_time_waits_for_it(make: Make) -> None:
    stream = Stream(make)
    stream.source.emit(1)
    stream.clock.advance_to(9.999)
    stream.probe.request(1)
    assert stream.probe.items == []
    stream.source.emit(2)
    stream.clock.advance_to(10)
    assert stream.probe.items == [[1, 2]]


def test_the_next_timespan_begins_when_a_full_list_is_given() -> None:
    stream = Stream(TIMED["buffer_with_time_or_count"], rx.UNBOUNDED)
    stream.clock.advance_to(6)
    stream.source.emit(1, 2, 3)
    stream.source.emit(4)
    stream.clock.advance_to(15.999)
    assert stream.probe.items == [[1, 2, 3]]
    stream.clock.advance_to(16)
    assert stream.probe.items == [[1, 2, 3], [4]]


def test_the_next_timespan_begins_when_a_list_that_was_late_is_given() -> None:
    stream = Stream(TIMED["buffer_with_time_or_count"])
    stream.source.emit(1)
    stream.clock.advance_to(14)
    stream.probe.request(9)
    stream.source.emit(2)
    stream.clock.advance_to(23.999)
    assert stream.probe.items == [[1]]
    stream.clock.advance_to(24)
    assert stream.probe.items == [[1], [2]]


def test_the_times_of_buffer_with_time_stay_on_their_grid_after_a_full_and_a_late_list() -> None:
    stream = Stream(TIMED["buffer_with_time"])
    stream.source.emit(1)
    stream.clock.advance_to(34)
    stream.probe.request(9)
    assert stream.probe.items == [[1]]
    stream.source.emit(2, 3, 4)
    assert stream.probe.items == [[1], [2, 3, 4]]
    stream.source.emit(5)
    stream.clock.advance_to(39.999)
    assert len(stream.probe.items) == 2
    stream.clock.advance_to(40)
    assert stream.probe.items == [[1], [2, 3, 4], [5]]


def test_a_late_list_is_followed_by_none_that_was_missed() -> None:
    stream = Stream(TIMED["buffer_with_time"])
    stream.clock.advance_to(1005)
    stream.probe.request(99)
    assert stream.probe.items == [[]]
    stream.clock.advance_to(1010)
    assert stream.probe.items == [[], []]


def test_a_list_may_be_empty_as_in_reactivex() -> None:
    stream = Stream(TIMED["buffer_with_time_or_count"], rx.UNBOUNDED)
    stream.clock.advance_to(20)
    assert stream.probe.items == [[], []]


# Lists that overlap, or leave items out.


def overlapping(clock: TestScheduler) -> Any:
    return ops.buffer_with_time(20.0, 10.0, clock, max_size=4)


def with_gaps(clock: TestScheduler) -> Any:
    return ops.buffer_with_time(timedelta(seconds=10), timedelta(seconds=30), clock, max_size=4)


def test_overlapping_lists_have_an_item_each() -> None:
    stream = Stream(overlapping, rx.UNBOUNDED)
    for item in range(1, 5):
        stream.clock.advance_to(10 * item - 5)
        stream.source.emit(item)
    stream.source.complete()
    stream.probe.assert_completed([1, 2], [2, 3], [3, 4], [4])


def test_an_overlapping_list_that_is_full_is_given_early_and_no_item_is_lost() -> None:
    stream = Stream(overlapping, rx.UNBOUNDED)
    stream.source.emit(1)
    stream.clock.advance_to(10)
    stream.source.emit(2, 3, 4)
    assert stream.probe.items == [[1, 2, 3, 4]]
    stream.source.emit(5)
    assert stream.probe.items == [[1, 2, 3, 4], [2, 3, 4, 5]]
    assert stream.figures.held == 1
    stream.clock.advance_to(20)
    assert stream.probe.items == [[1, 2, 3, 4], [2, 3, 4, 5], [5]]


def test_what_comes_between_two_lists_is_dropped_and_counted() -> None:
    stream = Stream(with_gaps, rx.UNBOUNDED)
    stream.source.emit(1)
    stream.clock.advance_to(11)
    stream.source.emit(2, 3, 4, 5, 6, 7)
    stream.clock.advance_to(30)
    stream.source.emit(8)
    stream.clock.advance_to(40)
    assert stream.probe.items == [[1], [8]]
    figures = stream.figures
    assert figures.dropped == {"between lists": 6}
    assert (figures.received, figures.delivered, figures.held) == (8, 2, 0)


# The end.


@EACH
def test_completion_gives_what_is_left_then_ends(make: Make) -> None:
    stream = Stream(make, 1)
    stream.source.emit(1, 2)
    stream.source.complete()
    stream.probe.assert_completed([1, 2])


@EACH
def test_completion_without_demand_waits_for_the_last_list_only(make: Make) -> None:
    stream = Stream(make)
    stream.source.emit(1, 2)
    stream.source.complete()
    stream.probe.assert_open()
    stream.probe.request(1)
    stream.probe.assert_completed([1, 2])


@EACH
def test_completion_needs_no_demand_where_nothing_is_held(make: Make) -> None:
    stream = Stream(make)
    stream.source.complete()
    stream.probe.assert_completed()


@EACH
def test_completion_comes_with_the_last_full_list(make: Make) -> None:
    stream = Stream(make, 1)
    stream.source.emit(1, 2, 3)
    stream.source.complete()
    stream.probe.assert_completed([1, 2, 3])


@EACH
def test_a_failure_discards_a_list_that_is_not_due_and_needs_no_demand(make: Make) -> None:
    stream = Stream(make)
    stream.source.emit(1, 2)
    stream.source.fail(KeyError("gone"))
    stream.probe.assert_failed(KeyError)
    assert stream.figures.discarded == 2


@EACH
@pytest.mark.parametrize(("items", "time"), [((1, 2, 3), 0), ((1, 2), 11)], ids=["full", "due"])
def test_a_failure_waits_for_a_list_that_was_due_before(
    make: Make, items: tuple[int, ...], time: float
) -> None:
    stream = Stream(make)
    stream.source.emit(*items)
    stream.clock.advance_to(time)
    stream.source.fail(KeyError("gone"))
    stream.probe.assert_open()
    stream.probe.request(1)
    stream.probe.assert_failed(KeyError, list(items))


def test_a_failure_gives_the_overlapping_list_that_is_full_and_not_the_one_that_is_due_first() -> (
    None
):
    stream = Stream(overlapping, 1)
    stream.source.emit(1)
    stream.clock.advance_to(10)
    stream.source.emit(2, 3, 4)
    stream.probe.assert_items([1, 2, 3, 4])
    stream.source.emit(5)  # it is in what goes on of the first list, too, which is not full
    stream.source.fail(KeyError("gone"))
    stream.probe.assert_open()
    stream.probe.request(1)
    stream.probe.assert_failed(KeyError, [1, 2, 3, 4], [2, 3, 4, 5])


@EACH
def test_a_failure_comes_behind_a_full_list_though_both_come_in_one_go(make: Make) -> None:
    source = Subject[int]()
    probe: TestSubscriber[Any] = TestSubscriber(1)
    steps = (ops.on_backpressure_buffer(9), make(TestScheduler()))
    source.pipe(*steps).subscribe(probe)
    for item in range(1, 10):
        source.on_next(item)
    source.on_error(KeyError("gone"))
    probe.request(1)
    probe.assert_items([1, 2, 3], [4, 5, 6])
    probe.request(1)
    probe.assert_failed(KeyError, [1, 2, 3], [4, 5, 6], [7, 8, 9])


@EACH
def test_a_failure_does_not_wait_for_an_empty_list_that_was_due(make: Make) -> None:
    stream = Stream(make)
    stream.clock.advance_to(11)
    stream.source.fail(KeyError("gone"))
    stream.probe.assert_failed(KeyError)


@EACH
@pytest.mark.parametrize("when", ["nothing held", "part held", "full", "due"])
def test_cancel_stops_the_clock_and_discards_what_is_held(make: Make, when: str) -> None:
    stream = Stream(make)
    held = {"nothing held": 0, "part held": 2, "full": 3, "due": 1}[when]
    stream.source.emit(*range(held))
    if when == "due":
        stream.clock.advance_to(15)
    stream.probe.cancel()
    assert stream.source.cancels == 1
    assert (stream.figures.discarded, stream.figures.held) == (held, 0)
    stream.clock.advance_to(100)
    assert stream.probe.signals == ["on_subscribe"]


@EACH
def test_a_request_and_a_push_inside_of_on_next_are_served(make: Make) -> None:
    source: Subject[int] = Subject()

    def again(probe: TestSubscriber[Any], part: list[int]) -> None:
        if part and part[0] < 9:
            for item in range(part[-1] + 1, part[-1] + 4):
                source.on_next(item)
            probe.request(1)

    probe = TestSubscriber(1, again)
    source.pipe(ops.on_backpressure_buffer(9), make(TestScheduler())).subscribe(probe)
    for item in (1, 2, 3):
        source.on_next(item)
    probe.assert_items([1, 2, 3], [4, 5, 6], [7, 8, 9], [10, 11, 12])
    assert probe.depth == 1


def test_the_running_loop_tells_the_time_where_no_scheduler_is_given() -> None:
    async def main() -> list[list[int]]:
        flow = rx.interval(1.0).pipe(ops.take(5), ops.buffer_with_time_or_count(2.4, 99))
        return [part async for part in flow]

    assert run_virtual(main()) == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (lambda: ops.buffer_with_time_or_count(1.0, 0), ValueError, "count must be at least 1"),
        (lambda: ops.buffer_with_time_or_count("1", 2), TypeError, "timespan must be seconds"),
        (lambda: ops.buffer_with_time_or_count(0, 2), ValueError, "natural_batches"),
        (lambda: ops.buffer_with_time(-1.0), ValueError, "timespan must not be negative"),
        (lambda: ops.buffer_with_time(1.0, -1.0), ValueError, "timeshift must not be negative"),
        (lambda: ops.buffer_with_time(1.0, max_size=0), ValueError, "max_size must be at least 1"),
        (lambda: ops.natural_batches(0), ValueError, "max_size must be at least 1"),
        (lambda: ops.natural_batches(1.5), ValueError, "whole number"),
    ],
)
def test_a_wrong_argument_raises_when_the_pipeline_is_built(
    build: Callable[[], Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        build()


# natural_batches.


def naturally(size: int = 3, demand: int = 0) -> tuple[Subject[int], TestSubscriber[Any]]:
    source: Subject[int] = Subject()
    probe = TestSubscriber(demand)
    source.pipe(ops.on_backpressure_buffer(99), ops.natural_batches(size)).subscribe(probe)
    return source, probe


def test_what_is_ready_is_given_at_once_and_nothing_is_waited_for() -> None:
    source, probe = naturally(demand=rx.UNBOUNDED)
    for item in (1, 2):
        source.on_next(item)
    probe.assert_items([1], [2])


def test_what_has_come_meanwhile_is_given_together_up_to_the_size() -> None:
    source, probe = naturally()
    for item in range(1, 8):
        source.on_next(item)
    probe.request(1)
    probe.assert_items([1, 2, 3])
    probe.request(1)
    source.on_next(8)
    probe.request(5)
    probe.assert_items([1, 2, 3], [4, 5, 6], [7, 8])


def test_a_natural_batch_is_never_empty() -> None:
    source, probe = naturally(demand=3)
    source.on_completed()
    probe.assert_completed()


def test_a_failure_comes_behind_the_batch_of_what_was_ready_before_it() -> None:
    def failing() -> Iterator[int]:
        yield from (1, 2)
        raise KeyError("gone")

    probe = TestSubscriber(1)
    rx.from_iterable(failing()).pipe(ops.natural_batches(5)).subscribe(probe)
    probe.assert_items([1, 2])
    probe.request(1)
    probe.assert_failed(KeyError, [1, 2])


def test_a_failure_that_nobody_waits_for_any_more_is_reported() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise KeyError("gone")

    probe = TestSubscriber(1)
    with dropped_errors() as errors:
        rx.from_iterable(failing()).pipe(ops.natural_batches(5)).subscribe(probe)
        probe.cancel()
    assert [type(error) for error in errors] == [KeyError]


def test_natural_batches_take_no_more_than_one_list_per_request() -> None:
    source = counted(count())
    probe = TestSubscriber()
    rx.from_iterable(source).pipe(ops.natural_batches(4)).subscribe(probe)
    for demand in range(1, 4):
        probe.request(1)
        assert source.taken == 4 * demand


def test_a_source_that_gives_what_is_requested_is_asked_for_a_whole_list() -> None:
    source = Driven()
    source.flow.pipe(ops.natural_batches(4)).subscribe(TestSubscriber(1))
    assert source.asked == [4]
