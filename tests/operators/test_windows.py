"""Windows by count, by time and by signals: bounded rooms, upstream waits, nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
import reactivex
from reactivex.subject import Subject
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber, run_virtual
from tests.support import counted

Make = Callable[[TestScheduler], Any]

KINDS: dict[str, Make] = {
    "window_with_count": lambda clock: ops.window_with_count(3, prefetch=2, stalled=5.0),
    "window_with_time": lambda clock: ops.window_with_time(
        1000.0, None, clock, prefetch=2, stalled=5.0
    ),
    "window_with_time_or_count": lambda clock: ops.window_with_time_or_count(
        1000.0, 3, clock, prefetch=2, stalled=5.0
    ),
    "window": lambda clock: ops.window(rx.never(), prefetch=2, stalled=5.0),
    "window_when": lambda clock: ops.window_when(rx.never, prefetch=2, stalled=5.0),
}
EACH = pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)


def itself(window: Any) -> Any:
    return window


class Stream:
    """Windows over a hot source, each with a consumer."""

    def __init__(self, make: Make, demand: int = rx.UNBOUNDED, read: int | None = 99) -> None:
        self.clock = TestScheduler()
        self.source: Subject[Any] = Subject()
        self.windows: list[Any] = []
        self.readers: list[TestSubscriber[Any]] = []
        self._read = read
        self.probe: TestSubscriber[Any] = TestSubscriber(demand, self._opened)
        flow = self.source.pipe(ops.on_backpressure_buffer(100), make(self.clock))
        rx.defer(lambda _: flow).subscribe(self.probe, scheduler=self.clock)

    def _opened(self, _: Any, window: Any) -> None:
        self.windows.append(window)
        if self._read is not None:
            self.readers.append(TestSubscriber(self._read))
            window.subscribe(self.readers[-1])

    def push(self, *items: Any) -> None:
        for item in items:
            self.source.on_next(item)

    @property
    def items(self) -> list[list[Any]]:
        return [reader.items for reader in self.readers]


@EACH
@pytest.mark.parametrize("demand", [1, 2, rx.UNBOUNDED])
def test_windows_that_are_flattened_give_each_item_once_and_in_order(
    make: Make, demand: int
) -> None:
    source = counted(range(200))
    probe = TestSubscriber(demand)
    rx.from_iterable(source).pipe(make(TestScheduler()), ops.flat_map(itself)).subscribe(probe)
    while not probe.ended:
        assert source.taken <= len(probe.items) + 1
        probe.request(demand)
    probe.assert_completed(*range(200))


@EACH
def test_a_window_holds_prefetch_items_and_upstream_waits(make: Make) -> None:
    source = counted(count())
    outer = TestSubscriber[Any](rx.UNBOUNDED)
    rx.from_iterable(source).pipe(make(TestScheduler())).subscribe(outer)
    assert source.taken == 3
    assert (outer.statistics["window"].held, outer.statistics["window"].peak) == (2, 2)
    outer.cancel()
    assert source.closed == 1


@EACH
def test_a_window_that_nobody_reads_is_named_instead_of_hanging(make: Make) -> None:
    stream = Stream(make, read=None)
    stream.push(1, 2, 3)
    stream.clock.advance_to(4.999)
    stream.probe.assert_open()
    stream.clock.advance_to(5)
    error = stream.probe.error
    assert isinstance(error, rx.GroupStalledError)
    assert (error.key, error.held, error.subscribed) == (0, 2, False)


@EACH
def test_nothing_is_pulled_before_there_is_demand(make: Make) -> None:
    source = counted(count())
    probe = TestSubscriber()
    rx.from_iterable(source).pipe(make(TestScheduler()), ops.flat_map(itself)).subscribe(probe)
    assert source.asked == 0
    probe.cancel()
    assert source.closed == 1


@EACH
def test_a_window_goes_on_without_the_consumer_of_the_windows(make: Make) -> None:
    stream = Stream(make)
    stream.push(1)
    stream.probe.cancel()
    stream.push(2, 3)
    assert stream.items == [[1, 2, 3]]
    stream.readers[0].cancel()
    assert not stream.source.observers


@EACH
def test_the_end_reaches_the_window_behind_what_it_holds(make: Make) -> None:
    for end in (None, KeyError("gone")):
        stream = Stream(make, read=0)
        stream.push(1, 2)
        if end is None:
            stream.source.on_completed()
        else:
            stream.source.on_error(end)
        assert stream.probe.completed is (end is None)
        assert stream.probe.error is end
        [reader] = stream.readers
        reader.request(2)
        assert (reader.items, reader.completed, reader.error) == ([1, 2], end is None, end)


@EACH
def test_what_comes_when_the_consumer_of_a_window_has_left_is_dropped_and_counted(
    make: Make,
) -> None:
    stream = Stream(make)
    stream.push(1)
    stream.readers[0].cancel()
    stream.push(2)
    figures = next(part for name, part in stream.probe.statistics.items() if name.startswith("win"))
    assert figures.dropped == {"cancelled": 1}
    assert (figures.received, figures.delivered) == (2, 1)


# By count.


def test_windows_overlap_or_leave_items_out() -> None:
    stream = Stream(lambda _: ops.window_with_count(3, 2))
    stream.push(1, 2, 3, 4, 5)
    assert stream.items == [[1, 2, 3], [3, 4, 5], [5]]
    stream = Stream(lambda _: ops.window_with_count(1, 3))
    stream.push(1, 2, 3, 4, 5)
    assert stream.items == [[1], [4]]
    assert stream.probe.statistics["window_with_count"].dropped == {"between windows": 3}


def test_a_window_that_is_not_asked_for_waits_and_then_has_its_items() -> None:
    stream = Stream(lambda _: ops.window_with_count(2), demand=1)
    stream.push(1, 2, 3, 4, 5)
    assert stream.items == [[1, 2]]
    stream.probe.request(2)
    assert stream.items == [[1, 2], [3, 4], [5]]


# By time.


def timed(clock: TestScheduler) -> Any:
    return ops.window_with_time(10.0, None, clock)


def timed_or_counted(clock: TestScheduler) -> Any:
    return ops.window_with_time_or_count(10.0, 2, clock)


@pytest.mark.parametrize("make", [timed, timed_or_counted])
@pytest.mark.parametrize(("time", "turned"), [(9.999, False), (10, True), (10.001, True)])
def test_a_window_ends_at_its_time_and_not_before(make: Make, time: float, turned: bool) -> None:
    stream = Stream(make)
    stream.push(1)
    stream.clock.advance_to(time)
    assert stream.readers[0].completed is turned
    stream.push(2)
    assert stream.items == ([[1], [2]] if turned else [[1, 2]] + [[]] * (make is timed_or_counted))


@pytest.mark.parametrize("make", [timed, timed_or_counted])
def test_timed_windows_never_fail_for_want_of_demand(make: Make) -> None:
    stream = Stream(make, demand=0)
    stream.push(1, 2, 3)
    stream.clock.advance_to(1000)
    stream.probe.assert_open()
    for _ in range(5):
        stream.probe.request(1)
    stream.clock.advance_to(2000)
    assert [item for window in stream.items for item in window] == [1, 2, 3]
    stream.probe.assert_open()


def test_windows_that_were_missed_are_left_out_and_the_grid_is_kept() -> None:
    stream = Stream(timed, demand=1)
    stream.clock.advance_to(1005)
    stream.probe.request(1)
    stream.probe.request(9)
    assert len(stream.windows) == 4  # two had begun while the first was the only one asked for
    newest = stream.readers[-1]
    stream.clock.advance_to(1009.999)
    assert not newest.completed
    stream.clock.advance_to(1010)
    assert newest.completed


def test_the_running_loop_tells_the_time_where_no_scheduler_is_given() -> None:
    async def main() -> list[list[int]]:
        flow = rx.interval(1.0).pipe(ops.take(5), ops.window_with_time(2.4))
        return [part async for part in flow.pipe(ops.flat_map(lambda each: each.to_list()))]

    assert run_virtual(main()) == [[0, 1], [2, 3], [4]]


# By signals.


def test_signals_are_heard_while_nobody_asks_and_their_source_is_let_go_of() -> None:
    signals: Subject[Any] = Subject()
    stream = Stream(lambda _: ops.window(signals))
    stream.push(1)
    signals.on_next("turn")
    stream.push(2)
    assert stream.items == [[1], [2]]
    stream.probe.cancel()
    for reader in stream.readers:
        reader.cancel()
    assert not signals.observers
    assert not stream.source.observers


def test_the_windows_end_with_the_signals() -> None:
    signals: Subject[Any] = Subject()
    stream = Stream(lambda _: ops.window(signals))
    stream.push(1)
    signals.on_completed()
    assert stream.probe.completed
    assert stream.readers[0].completed
    assert not stream.source.observers


def test_each_window_has_a_closing_of_its_own() -> None:
    closings: list[Subject[Any]] = []

    def closing() -> Subject[Any]:
        closings.append(Subject())
        return closings[-1]

    stream = Stream(lambda _: ops.window_when(closing))
    stream.push(1)
    closings[0].on_next("now")
    stream.push(2)
    closings[1].on_completed()
    stream.push(3)
    assert stream.items == [[1], [2], [3]]
    assert [len(each.observers) for each in closings] == [0, 0, 1]


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (lambda: ops.window_with_count(0), ValueError, "count must be at least 1"),
        (lambda: ops.window_with_count(1, 0), ValueError, "skip must be at least 1"),
        (lambda: ops.window_with_count(1, prefetch=0), ValueError, "prefetch must be at least 1"),
        (lambda: ops.window_with_time(0), ValueError, "timespan must be more than 0"),
        (lambda: ops.window_with_time(1, -1), ValueError, "timeshift must not be negative"),
        (lambda: ops.window_with_time_or_count(1, 0), ValueError, "count must be at least 1"),
        (lambda: ops.window(3), TypeError, "window wants a Flow"),  # type: ignore[arg-type]
        (lambda: ops.window_when(asyncio.sleep), TypeError, "async function"),  # type: ignore[arg-type]
    ],
)
def test_a_wrong_argument_raises_when_the_pipeline_is_built(
    build: Callable[[], Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        build()


@pytest.mark.parametrize(
    "make",
    [
        lambda: ops.window(reactivex.interval(2.4)),
        lambda: ops.window_when(lambda: reactivex.timer(2.4)),
        lambda: ops.group_by_until(lambda _: 0, None, lambda _: reactivex.timer(1.4)),
    ],
)
def test_signals_that_are_plain_timers_run_on_the_loop_and_not_in_threads(
    make: Callable[[], Any],
) -> None:
    async def main() -> list[list[int]]:
        flow = rx.interval(1.0).pipe(
            ops.take(5), make(), ops.flat_map(lambda part: part.pipe(ops.to_list()))
        )
        return [part async for part in flow]

    assert run_virtual(main()) == [[0, 1], [2, 3], [4]]
