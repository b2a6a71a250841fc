"""buffer, buffer_when and buffer_toggle: lists as of reactivex, within a bound, never failing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from itertools import count, pairwise
from random import Random
from threading import Barrier, Thread
from typing import Any

import pytest
import reactivex
from reactivex.subject import Subject
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import OfferTimeoutError
from rxflow import operators as ops
from rxflow.testing import TestSubscriber, run_virtual
from tests.kernel.recorder import dropped_errors
from tests.operators.test_batching import Driven
from tests.support import counted


def for_ever(_: Any) -> Any:
    return rx.never()


class Stream:
    """Lists of what a publisher gives; ``cut`` ends the list and begins the next one.

    Attributes:
        signals: The sources of signals that are listened to, in the order of their making.
    """

    def __init__(
        self, name: str, demand: int = 0, size: int = 3, capacity: int = 100, **policies: Any
    ) -> None:
        self.source = Driven(capacity)
        self.probe: TestSubscriber[Any] = TestSubscriber(demand, **policies)
        self.signals: list[Subject[Any]] = []
        self.name = name
        self.openings: Subject[Any] = Subject()
        steps = {
            "buffer": lambda: ops.buffer(self.signal(), max_size=size),
            "buffer_when": lambda: ops.buffer_when(self.signal, max_size=size),
            "buffer_toggle": lambda: ops.buffer_toggle(
                self.openings, lambda _: self.signal(), max_size=size
            ),
        }
        self.source.flow.pipe(steps[name]()).subscribe(self.probe)
        if name == "buffer_toggle":
            self.openings.on_next(0)

    def signal(self) -> Subject[Any]:
        self.signals.append(Subject())
        return self.signals[-1]

    def emit(self, *items: Any) -> None:
        self.source.emit(*items)

    def cut(self) -> None:
        self.signals[-1].on_next("cut")
        if self.name == "buffer_toggle":
            self.openings.on_next(1)

    def complete(self) -> None:
        """End the stream as its kind ends."""
        if self.name == "buffer_toggle":
            self.openings.on_completed()
            self.signals[-1].on_completed()
        else:
            self.source.complete()

    @property
    def figures(self) -> Any:
        return self.probe.statistics[self.name]

    @property
    def listened(self) -> int:
        return sum(len(each.observers) for each in (*self.signals, self.openings))


EACH = pytest.mark.parametrize("name", ["buffer", "buffer_when", "buffer_toggle"])


# Demand.


@EACH
def test_a_list_that_nobody_asks_for_waits_as_it_is_and_nothing_fails(name: str) -> None:
    stream = Stream(name)
    stream.emit(1, 2)
    stream.cut()
    stream.emit(3)
    assert stream.probe.signals == ["on_subscribe"]
    stream.cut()
    stream.probe.request(1)
    stream.probe.assert_items([1, 2])
    stream.probe.request(1)
    stream.probe.assert_items([1, 2], [3])
    stream.probe.assert_open()


@EACH
@pytest.mark.parametrize("demand", [1, 2, rx.UNBOUNDED])
def test_a_list_is_given_at_once_where_it_is_asked_for(name: str, demand: int) -> None:
    stream = Stream(name, demand)
    stream.emit(1, 2)
    stream.probe.assert_items()
    stream.cut()
    stream.probe.assert_items([1, 2])
    stream.cut()
    stream.probe.assert_items([1, 2], *[[]] * (demand > 1))


@EACH
def test_upstream_waits_when_so_many_items_are_held_and_goes_on_when_they_are_given(
    name: str,
) -> None:
    stream = Stream(name)
    assert stream.source.requested == 3
    stream.emit(1, 2)
    stream.cut()
    stream.emit(3)
    assert stream.source.requested == 0
    figures = stream.figures
    assert (figures.held, figures.peak, figures.capacity) == (3, 3, 3)
    stream.probe.request(1)
    stream.probe.assert_items([1, 2])
    assert stream.source.requested == 2


@EACH
def test_a_list_that_is_too_long_is_given_in_parts(name: str) -> None:
    stream = Stream(name, rx.UNBOUNDED)
    stream.emit(1, 2, 3)
    stream.probe.assert_items([1, 2, 3])
    stream.emit(4)
    stream.cut()
    stream.probe.assert_items([1, 2, 3], [4])


@EACH
def test_a_list_of_exactly_the_bound_is_one_list(name: str) -> None:
    """Nothing is left of it when it ends, and that is no list of its own."""
    stream = Stream(name, rx.UNBOUNDED)
    stream.emit(1, 2, 3)
    stream.cut()
    stream.emit(4)
    stream.cut()
    stream.cut()
    stream.probe.assert_items([1, 2, 3], [4], [])


@EACH
def test_a_list_is_full_at_the_bound_and_not_before(name: str) -> None:
    stream = Stream(name, 1)
    stream.emit(1, 2)
    stream.probe.assert_items()
    stream.emit(3)
    stream.probe.assert_items([1, 2, 3])


@EACH
def test_capacity_of_one_holds_one(name: str) -> None:
    stream = Stream(name, 0, size=1)
    stream.emit(1)
    assert (stream.source.requested, stream.figures.held) == (0, 1)
    stream.probe.request(2)
    stream.emit(2)
    stream.probe.assert_items([1], [2])
    assert stream.figures.peak == 1


@EACH
def test_nothing_is_lost_and_nothing_is_held_beyond_the_bound_whatever_is_asked_for(
    name: str,
) -> None:
    random = Random(name)
    stream = Stream(name, size=4)
    emitted = count()
    for _ in range(800):
        action = random.choice(["emit", "emit", "cut", "request"])
        if action == "emit" and stream.source.requested:
            stream.emit(next(emitted))
        elif action == "cut" and stream.listened:
            stream.cut()
        elif action == "request":
            stream.probe.request(random.choice([1, 1, 2]))
        figures = stream.figures
        assert figures.held + stream.source.requested <= 4
        assert figures.received == figures.delivered + figures.held + figures.discarded
        assert not figures.dropped
    stream.probe.request(rx.UNBOUNDED)
    stream.complete()
    stream.probe.request(1)
    given = [item for part in stream.probe.items for item in part]
    assert given == list(range(next(emitted)))
    assert all(len(part) <= 4 for part in stream.probe.items)
    assert stream.probe.completed


@EACH
def test_it_is_exact_whatever_is_asked_for_as_long_as_the_bounds_are_not_reached(
    name: str,
) -> None:
    """The lists are those of plain Rx, cut where the signals came and not where demand came."""
    random = Random(name)
    for demand in (0, 1, 3):
        stream = Stream(name, demand, size=1_000)
        expected: list[list[int]] = [[]]
        for item in range(300):
            if random.random() < 0.3:
                stream.cut()
                expected.append([])
            if random.random() < 0.1:
                stream.probe.request(1)
            stream.emit(item)
            expected[-1].append(item)
        stream.complete()
        stream.probe.request(rx.UNBOUNDED)
        stream.probe.assert_completed(*expected)


# Ends.


@EACH
def test_the_end_comes_with_the_last_list_and_needs_no_demand_of_its_own(name: str) -> None:
    stream = Stream(name)
    stream.emit(1)
    stream.complete()
    stream.probe.assert_open()
    stream.probe.request(1)
    stream.probe.assert_completed([1])


@EACH
def test_a_list_that_is_empty_at_the_end_is_given_where_it_is_asked_for(name: str) -> None:
    for demand in (0, 1):
        stream = Stream(name, demand)
        stream.complete()
        stream.probe.assert_completed(*[[]] * demand)


@EACH
def test_the_end_cancels_the_source_and_the_signals(name: str) -> None:
    stream = Stream(name, 9)
    stream.emit(1)
    if name == "buffer":
        stream.signals[0].on_completed()
    else:
        stream.complete()
    stream.probe.assert_completed([1])
    assert stream.listened == 0
    assert stream.source.cancels == 1


@EACH
@pytest.mark.parametrize("who", ["source", "signal"])
def test_a_failure_comes_behind_the_lists_that_wait_and_discards_what_is_open(
    name: str, who: str
) -> None:
    stream, error = Stream(name), KeyError("gone")
    stream.emit(1, 2)
    stream.cut()
    stream.emit(3)
    if who == "source":
        stream.source.fail(error)
    else:
        stream.signals[-1].on_error(error)
        assert stream.source.cancels == 1
    assert stream.listened == 0
    stream.probe.assert_open()
    figures = stream.figures
    assert (figures.held, figures.discarded) == (2, 1)
    stream.probe.request(1)
    stream.probe.assert_failed(error, [1, 2])


@EACH
@pytest.mark.parametrize("who", ["source", "signal"])
def test_a_failure_comes_behind_a_list_that_is_full(name: str, who: str) -> None:
    stream, error = Stream(name), KeyError("gone")
    stream.emit(1, 2, 3)
    (stream.source.fail if who == "source" else stream.signals[-1].on_error)(error)
    stream.probe.assert_open()
    assert (stream.figures.held, stream.figures.discarded) == (3, 0)
    stream.probe.request(1)
    stream.probe.assert_failed(error, [1, 2, 3])


@pytest.mark.parametrize("name", ["buffer", "buffer_when"])
def test_a_failure_comes_behind_a_full_list_though_both_come_in_one_go(name: str) -> None:
    source = Subject[int]()
    probe: TestSubscriber[Any] = TestSubscriber(1)
    steps = {
        "buffer": ops.buffer(rx.never(), max_size=1),
        "buffer_when": ops.buffer_when(rx.never, max_size=1),
    }
    source.pipe(ops.on_backpressure_block(1, timeout=0), steps[name]).subscribe(probe)
    for item in range(1, 5):
        source.on_next(item)
    probe.request(1)
    probe.assert_items([1], [2])
    probe.request(1)
    probe.assert_failed(OfferTimeoutError, [1], [2], [3])


@EACH
def test_a_failure_needs_no_demand_where_no_list_waits(name: str) -> None:
    stream, error = Stream(name), KeyError("gone")
    stream.emit(1, 2)
    stream.source.fail(error)
    stream.probe.assert_failed(error)
    figures = stream.figures
    assert (figures.received, figures.held, figures.discarded) == (2, 0, 2)


@EACH
@pytest.mark.parametrize("waits", [False, True])
def test_cancel_lets_go_of_everything(name: str, waits: bool) -> None:
    stream = Stream(name)
    stream.emit(1, 2)
    if waits:
        stream.cut()
    stream.probe.cancel()
    assert stream.source.cancels == 1
    assert stream.listened == 0
    figures = stream.figures
    assert (figures.received, figures.held, figures.discarded) == (2, 0, 2)
    stream.probe.request(1)
    assert stream.probe.signals == ["on_subscribe"]


@EACH
def test_cancel_inside_of_a_list_stops_all(name: str) -> None:
    stream = Stream(name, 9, then=lambda probe, _: probe.cancel())
    stream.emit(1)
    stream.cut()
    stream.probe.assert_items([1])
    assert stream.source.cancels == 1
    assert stream.listened == 0


# Signals.


def test_a_request_and_a_signal_inside_of_a_list_are_served() -> None:
    streams: list[Stream] = []

    def again(probe: TestSubscriber[Any], part: list[int]) -> None:
        if part and part[0] < 5:
            streams[0].emit(part[0] + 1)
            streams[0].cut()
            probe.request(1)

    streams.append(Stream("buffer", 1, then=again))
    streams[0].emit(1)
    streams[0].cut()
    streams[0].probe.assert_items([1], [2], [3], [4], [5])
    assert streams[0].probe.depth == 1


def test_boundaries_are_left_out_while_as_many_lists_wait_as_the_bound_says() -> None:
    stream = Stream("buffer", size=2)
    stream.cut()
    stream.cut()
    for _ in range(500):
        stream.cut()
    stream.emit(1)
    stream.cut()
    stream.probe.request(2)
    stream.probe.assert_items([], [])
    stream.emit(2)
    stream.cut()
    stream.probe.request(1)
    stream.probe.assert_items([], [], [1, 2])
    door = stream.probe.statistics["buffer, boundaries"]
    assert (sum(door.dropped.values()), door.delivered, door.held) == (501, 3, 0)


def test_boundaries_that_obey_demand_wait_instead() -> None:
    boundaries, probe = Driven(), TestSubscriber[Any]()
    source = Driven()
    flow = source.flow.pipe(ops.buffer(boundaries.flow, max_size=2))
    flow.subscribe(probe)
    assert boundaries.requested == 2
    boundaries.emit(1, 2)
    assert boundaries.requested == 0
    probe.request(1)
    assert boundaries.requested == 1


def test_no_closing_is_made_while_as_many_lists_wait_as_the_bound_says() -> None:
    """A source that closes at once would make lists without end."""
    made: list[int] = []

    def at_once() -> tuple[int, ...]:
        made.append(len(made))
        return ()

    probe = TestSubscriber[Any]()
    rx.never().pipe(ops.buffer_when(at_once, max_size=5)).subscribe(probe)
    assert len(made) == 5
    probe.request(2)
    assert (len(made), probe.items) == (7, [[], []])


def test_closings_that_close_at_once_take_no_stack() -> None:
    probe = TestSubscriber[Any]()
    rx.never().pipe(ops.buffer_when(tuple, max_size=3_000)).subscribe(probe)
    probe.request(3_000)
    assert len(probe.items) == 3_000


def test_a_closing_is_made_when_a_list_begins_and_cancelled_when_it_has_closed_it() -> None:
    stream = Stream("buffer_when", rx.UNBOUNDED)
    assert (len(stream.signals), stream.listened) == (1, 1)
    stream.cut()
    assert (len(stream.signals), stream.listened) == (2, 1)
    assert not stream.signals[0].observers


def test_the_lists_of_buffer_end_with_the_boundaries() -> None:
    stream = Stream("buffer")
    stream.emit(1)
    stream.signals[0].on_completed()
    assert stream.source.cancels == 1
    stream.probe.request(1)
    stream.probe.assert_completed([1])


@pytest.mark.parametrize("make", [ops.buffer_when, lambda fn: ops.buffer_toggle([1], fn)])
def test_a_function_that_raises_or_gives_no_source_ends_the_stream(
    make: Callable[[Any], Any],
) -> None:
    def fails(*_: Any) -> Any:
        raise KeyError("bad")

    for function, error in ((fails, KeyError), (lambda *_: 5, TypeError)):
        source, probe = Driven(), TestSubscriber[Any]()
        with dropped_errors() as reported:
            source.flow.pipe(make(function)).subscribe(probe)
        probe.assert_failed(error)
        assert reported == []
        assert source.cancels == 1 or not source.asked


# buffer_toggle.


class Toggled:
    """Lists that a test opens, with a number, and closes."""

    def __init__(self, demand: int = rx.UNBOUNDED, size: int = 99) -> None:
        self.openings: Subject[int] = Subject()
        self.source = Driven()
        self.probe: TestSubscriber[Any] = TestSubscriber(demand)
        self.closings: dict[int, Subject[Any]] = {}
        step = ops.buffer_toggle(self.openings, self._closing, max_size=size)
        self.source.flow.pipe(step).subscribe(self.probe)

    def _closing(self, number: int) -> Any:
        self.closings[number] = Subject()
        return self.closings[number]

    def open(self, *numbers: int) -> None:
        for number in numbers:
            self.openings.on_next(number)

    def close(self, *numbers: int) -> None:
        for number in numbers:
            self.closings[number].on_next("close")

    @property
    def figures(self) -> Any:
        return self.probe.statistics["buffer_toggle"]


def test_lists_overlap_and_are_given_in_the_order_in_which_they_close() -> None:
    lists = Toggled()
    lists.open(1)
    lists.source.emit("a")
    lists.open(2)
    lists.source.emit("b")
    lists.open(3)
    lists.source.emit("c")
    lists.close(2, 1)
    lists.source.emit("d")
    lists.close(3)
    lists.probe.assert_items(["b", "c"], ["a", "b", "c"], ["c", "d"])


def test_an_item_in_several_lists_is_held_once_and_till_the_last_of_them_was_given() -> None:
    lists = Toggled(0, size=4)
    lists.open(1, 2)
    lists.source.emit("a", "b")
    lists.close(1)
    assert (lists.figures.held, lists.source.requested) == (2, 2)
    lists.probe.request(1)
    assert (lists.figures.held, lists.source.requested) == (2, 2)
    lists.close(2)
    lists.probe.request(1)
    lists.probe.assert_items(["a", "b"], ["a", "b"])
    assert (lists.figures.held, lists.figures.delivered, lists.source.requested) == (0, 2, 4)


def test_overlapping_lists_that_are_full_are_given_in_parts_that_begin_with_the_oldest() -> None:
    lists = Toggled(0, size=3)
    lists.open(1)
    lists.source.emit("a")
    lists.open(2)
    lists.source.emit("b", "c")
    assert lists.source.requested == 0
    lists.probe.request(1)
    lists.probe.assert_items(["a", "b", "c"])
    assert lists.source.requested == 1
    lists.source.emit("d")
    lists.probe.request(1)
    lists.probe.assert_items(["a", "b", "c"], ["b", "c", "d"])
    lists.close(1, 2)
    lists.probe.request(9)
    lists.probe.assert_items(["a", "b", "c"], ["b", "c", "d"], ["d"])


def test_a_failure_gives_of_overlapping_lists_that_are_full_the_one_that_makes_room() -> None:
    lists = Toggled(0, size=3)
    lists.open(1)
    lists.source.emit("a")
    lists.open(2)
    lists.source.emit("b", "c")
    lists.source.fail(KeyError("gone"))
    lists.probe.request(1)
    lists.probe.assert_failed(KeyError, ["a", "b", "c"])
    assert lists.figures.discarded == 0


def test_a_failure_gives_all_lists_that_began_with_the_oldest_item_when_they_are_full() -> None:
    lists = Toggled(0, size=3)
    lists.open(1, 2)
    lists.source.emit("a", "b", "c")
    lists.source.fail(KeyError("gone"))
    lists.probe.request(9)
    lists.probe.assert_failed(KeyError, ["a", "b", "c"], ["a", "b", "c"])


def test_a_failure_discards_a_list_that_is_not_full_though_no_room_is_left_behind_another() -> None:
    lists = Toggled(0, size=3)
    lists.open(1)
    lists.source.emit("a", "b")
    lists.close(1)
    lists.open(2)
    lists.source.emit("c")
    lists.source.fail(KeyError("gone"))
    lists.probe.request(9)
    lists.probe.assert_failed(KeyError, ["a", "b"])
    assert lists.figures.discarded == 1


@pytest.mark.parametrize("demand", [0, 1, rx.UNBOUNDED])
def test_items_between_two_lists_are_dropped_and_counted(demand: int) -> None:
    lists = Toggled(demand, size=4)
    lists.source.emit("a", "b")
    lists.open(1)
    lists.source.emit("c")
    lists.close(1)
    lists.source.emit("d", "e")
    lists.open(2)
    lists.source.emit("f")
    lists.close(2)
    lists.probe.request(2)
    lists.probe.assert_items(["c"], ["f"])
    figures = lists.figures
    assert (figures.received, figures.delivered, figures.held) == (6, 2, 0)
    assert figures.dropped == {"between lists": 4}


def test_upstream_goes_on_between_lists_while_there_is_demand() -> None:
    lists = Toggled(1, size=3)
    lists.source.emit(*range(3))
    lists.source.emit(*range(3))
    assert lists.figures.dropped == {"between lists": 6}
    lists.open(1)
    lists.source.emit("a")
    lists.close(1)
    lists.probe.assert_items(["a"])


def test_upstream_waits_between_lists_while_there_is_no_demand() -> None:
    """Else a source that is always ready would be run through inside of subscribe."""
    source, probe = counted(count()), TestSubscriber[Any]()
    flow = rx.from_iterable(source).pipe(ops.buffer_toggle(rx.never(), for_ever, max_size=5))
    flow.subscribe(probe)
    assert source.taken == 5
    probe.cancel()
    assert source.closed == 1


def test_openings_wait_while_as_many_lists_are_open_or_wait_as_the_bound_says() -> None:
    openings, closings = Driven(), [Subject[Any]() for _ in range(9)]
    probe = TestSubscriber[Any]()
    step = ops.buffer_toggle(openings.flow, closings.__getitem__, max_size=2)
    rx.never().pipe(step).subscribe(probe)
    assert openings.requested == 2
    openings.emit(0, 1)
    assert openings.requested == 0
    closings[1].on_next(0)
    assert openings.requested == 0
    probe.request(1)
    assert (probe.items, openings.requested) == ([[]], 1)


def test_plain_openings_that_nobody_can_take_fail_behind_a_door_that_is_named() -> None:
    openings, probe = Subject[int](), TestSubscriber[Any]()
    rx.never().pipe(ops.buffer_toggle(openings, lambda _: (), max_size=1)).subscribe(probe)
    for number in range(300):
        openings.on_next(number)
    assert not openings.observers
    probe.request(rx.UNBOUNDED)
    probe.assert_failed(rx.BufferOverflowError, *[[]] * 257)
    assert "buffer_toggle, openings(capacity=256)" in str(probe.error)


def test_it_ends_with_the_last_list_when_there_are_no_more_openings() -> None:
    lists = Toggled()
    lists.open(1, 2)
    lists.openings.on_completed()
    lists.source.emit("a")
    lists.close(2)
    lists.probe.assert_open()
    lists.source.emit("b")
    lists.close(1)
    lists.probe.assert_completed(["a"], ["a", "b"])
    assert lists.source.cancels == 1


def test_it_ends_with_the_openings_when_no_list_is_open_even_without_demand() -> None:
    lists = Toggled(0)
    lists.openings.on_completed()
    lists.probe.assert_completed()
    assert lists.source.cancels == 1


def test_it_goes_on_when_the_source_has_completed() -> None:
    lists = Toggled()
    lists.open(1)
    lists.source.emit("a")
    lists.source.complete()
    lists.open(2)
    lists.close(1, 2)
    lists.probe.assert_items(["a"], [])
    lists.probe.assert_open()
    lists.openings.on_completed()
    lists.probe.assert_completed(["a"], [])


def windows_of(script: list[tuple[str, int]]) -> list[list[int]]:
    """Tell what plain Rx gives of a script."""
    openings, source = Subject[int](), Subject[int]()
    closings: dict[int, Subject[Any]] = {}
    given: list[list[int]] = []

    def closing(number: int) -> Subject[Any]:
        closings[number] = Subject()
        return closings[number]

    source.pipe(reactivex.operators.buffer_toggle(openings, closing)).subscribe(given.append)
    for action, number in script:
        if action == "close":
            closings[number].on_next(0)
        else:
            (openings if action == "open" else source).on_next(number)
    return given


def scripts() -> Iterator[list[tuple[str, int]]]:
    random = Random(4)
    for _ in range(20):
        script: list[tuple[str, int]] = []
        numbers, items = count(), count()
        opened: list[int] = []
        for _ in range(60):
            action = random.choice(["open", "close", "item", "item"])
            if action == "open":
                opened.append(next(numbers))
                script.append(("open", opened[-1]))
            elif action == "item":
                script.append(("item", next(items)))
            elif opened:
                script.append(("close", opened.pop(random.randrange(len(opened)))))
        yield script


def test_it_gives_what_plain_rx_gives_whenever_it_is_asked() -> None:
    random = Random(5)
    for script in scripts():
        lists = Toggled(0, size=100)
        for action, number in script:
            if random.random() < 0.2:
                lists.probe.request(1)
            if action == "open":
                lists.open(number)
            elif action == "close":
                lists.close(number)
            else:
                lists.source.emit(number)
            figures = lists.figures
            out = figures.delivered + figures.held + sum(figures.dropped.values())
            assert figures.received == out
        lists.probe.request(rx.UNBOUNDED)
        lists.probe.assert_items(*windows_of(script))


# Time and threads.


def test_the_running_loop_tells_the_time_of_plain_timers() -> None:
    async def main(step: Any) -> list[list[int]]:
        flow = rx.interval(1.0).pipe(ops.take(5), step)
        return [part async for part in flow]

    boundaries = ops.buffer(reactivex.interval(2.4))
    assert run_virtual(main(boundaries)) == [[0, 1], [2, 3], [4]]
    assert run_virtual(main(ops.buffer_when(lambda: reactivex.timer(2.4)))) == [[0, 1], [2, 3], [4]]


def test_a_signal_at_the_instant_of_an_item_cuts_behind_or_before_it_as_they_come() -> None:
    clock = TestScheduler()
    for first, expected in (("item", [[1], [2]]), ("signal", [[], [1, 2]])):
        order = [("item", 1), ("signal", 0)] if first == "item" else [("signal", 0), ("item", 1)]
        source, boundaries, probe = Subject[int](), Subject[int](), TestSubscriber[Any](9)
        source.pipe(ops.on_backpressure_buffer(9), ops.buffer(boundaries)).subscribe(
            probe, scheduler=clock
        )
        for kind, value in order:
            (source if kind == "item" else boundaries).on_next(value)
        source.on_next(2)
        source.on_completed()
        probe.assert_completed(*expected)


@pytest.mark.parametrize("name", ["buffer", "buffer_when"])
def test_signals_from_another_thread_lose_nothing_and_keep_the_order(name: str) -> None:
    # While the other thread is in the loop, what comes is held at the source.
    stream = Stream(name, rx.UNBOUNDED, size=2_000, capacity=2_000)
    ready, stop = Barrier(2), []

    def cutting() -> None:
        ready.wait()
        while not stop:
            stream.cut()

    thread = Thread(target=cutting)
    thread.start()
    ready.wait()
    for item in range(2_000):
        stream.emit(item)
    stop.append(True)
    thread.join()
    stream.complete()
    given = [item for part in stream.probe.items for item in part]
    assert given == list(range(2_000))
    assert all(a < b for a, b in pairwise(given))
    assert stream.probe.completed


# Arguments.


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (lambda: ops.buffer(5), TypeError, "buffer, boundaries wants a Flow, an Observable"),  # type: ignore[arg-type]
        (lambda: ops.buffer(rx.never(), max_size=0), ValueError, "max_size must be at least 1"),
        (lambda: ops.buffer(rx.never(), max_size=1.5), ValueError, "whole number"),  # type: ignore[arg-type]
        (lambda: ops.buffer_when(None), TypeError, "closing_mapper must be callable"),  # type: ignore[arg-type]
        (lambda: ops.buffer_when(asyncio.sleep), TypeError, "async function"),  # type: ignore[arg-type]
        (lambda: ops.buffer_when(rx.never, max_size=0), ValueError, "max_size must be at least 1"),
        (lambda: ops.buffer_toggle(5, for_ever), TypeError, "buffer_toggle, openings wants a Flow"),  # type: ignore[arg-type]
        (lambda: ops.buffer_toggle([], asyncio.sleep), TypeError, "async function"),  # type: ignore[arg-type]
        (lambda: ops.buffer_toggle([], for_ever, max_size=-1), ValueError, "at least 1"),
    ],
)
def test_a_wrong_argument_raises_when_the_pipeline_is_built(
    build: Callable[[], Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        build()
