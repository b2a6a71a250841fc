"""The last figures of a stream whose source is in a loop of its own that is further out."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterable, Iterator
from threading import Event, Thread
from typing import Any

import pytest
from reactivex.subject import Subject

import rxflow as rx
from rxflow import operators as ops
from rxflow.kernel import Drain, Ledger, StageStatistics, count_roots
from rxflow.kernel.lingering import asked, lingers
from rxflow.testing import TestSubscriber
from tests.kernel.hand import Hand, Late
from tests.kernel.recorder import Recorder, dropped_errors

LOOP = ops.limit_rate(1)
DOOR = ops.on_backpressure_buffer(4)


def inner(source: Any) -> Any:
    return source.pipe(DOOR, LOOP)


PIPELINES: dict[str, Callable[[Any], Any]] = {
    "a loop": inner,
    "two loops": lambda source: inner(source).pipe(LOOP),
    "observe_on": lambda source: inner(source).pipe(
        ops.observe_on(rx.scheduler.ImmediateScheduler())
    ),
    "a window": lambda source: inner(source).pipe(
        ops.window(rx.never()), ops.flat_map(lambda window: window)
    ),
    "a hub": lambda source: inner(source).pipe(ops.share(prefetch=1)),
    "a hub behind a loop": lambda source: inner(source).pipe(ops.share(prefetch=1), LOOP),
    "lists": lambda source: inner(source).pipe(ops.buffer(rx.never(), max_size=1)),
    "one of several": lambda source: rx.of(0).pipe(
        ops.flat_map(lambda _: inner(source).pipe(ops.take(1)))
    ),
    "one after another": lambda source: rx.concat(
        inner(source).pipe(ops.take(1)), rx.from_iterable(())
    ),
}


@pytest.mark.parametrize("leaves", ["inside", "by a failure"])
@pytest.mark.parametrize("pipeline", PIPELINES.values(), ids=PIPELINES)
def test_what_is_held_behind_a_loop_that_is_under_way_is_told_when_that_is_over(
    pipeline: Callable[[Any], Any], leaves: str
) -> None:
    source = Subject[int]()

    def then(probe: TestSubscriber[Any], _: Any) -> None:
        source.on_next(2)
        source.on_next(3)  # the loop that gave the first item is busy: the door holds them
        if leaves == "inside":
            probe.cancel()
        else:
            raise KeyError

    probe: TestSubscriber[Any] = TestSubscriber(9, then=then)
    pipeline(source).subscribe(probe)
    if leaves == "inside":
        source.on_next(1)
    else:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("rxflow.kernel.hooks.on_dropped_error", lambda error: None)
            source.on_next(1)
    door = probe.statistics["on_backpressure_buffer"]
    assert (door.received, door.delivered, door.held, door.discarded) == (3, 1, 0, 2)
    assert all(part.held == 0 for part in probe.subscription.statistics())


def test_what_another_thread_is_in_is_told_when_it_is_back() -> None:
    source, entered, leave = Subject[int](), Event(), Event()

    def waits(item: int) -> int:
        entered.set()
        leave.wait(10)
        return item

    probe: TestSubscriber[Any] = TestSubscriber(9)
    source.pipe(DOOR, ops.map(waits), LOOP).subscribe(probe)
    thread = Thread(target=source.on_next, args=(1,))
    thread.start()
    assert entered.wait(10)
    source.on_next(2)
    probe.cancel()
    assert probe.statistics["on_backpressure_buffer"].held == 1
    leave.set()
    thread.join(10)
    door = probe.statistics["on_backpressure_buffer"]
    assert (door.received, door.held, door.discarded) == (2, 0, 1)
    assert probe.items == []


DIVIDED: dict[str, Callable[[], Any]] = {
    "windows": lambda: ops.window(rx.never()),
    "groups": lambda: ops.group_by(lambda item: item),
    "joined": lambda: ops.group_join(rx.never(), lambda _: rx.never(), lambda _: rx.never()),
}


@pytest.mark.parametrize("divide", DIVIDED.values(), ids=DIVIDED)
def test_while_a_loop_lets_go_its_figures_are_there_and_are_not_the_last(
    divide: Callable[[], Any],
) -> None:
    """Those of a source are told while it is being closed: by itself, and then in its place."""
    source, seen = Subject[int](), list[tuple[Any, list[Any]]]()

    def closing() -> None:
        parts, late = asked(probe.subscription.statistics)
        seen.append((late, [part for part in parts if part.name == "on_backpressure_buffer"]))

    probe: TestSubscriber[Any] = TestSubscriber(9)
    closed = source.pipe(DOOR, ops.finally_action(closing), divide())
    closed.pipe(ops.flat_map(lambda inner: inner)).subscribe(probe)
    source.on_next(1)
    source.on_next(2)
    probe.cancel()
    ((late, [door]),) = seen
    assert late is not None
    assert (door.received, door.held) == (2, 0)
    parts = probe.subscription.statistics()
    assert [part.received for part in parts if part.name == "on_backpressure_buffer"] == [2]
    assert count_roots(parts) == 1


def test_what_is_asked_for_while_another_thread_closes_the_source_is_told_again() -> None:
    source = Subject[int]()
    entered, leave, closing, told = Event(), Event(), Event(), Event()

    def waits(item: int) -> int:
        entered.set()
        leave.wait(10)
        return item

    def closed() -> None:
        closing.set()
        told.wait(10)

    def left() -> None:  # on the thread that cancels, just before it takes the figures
        leave.set()
        closing.wait(10)

    probe: TestSubscriber[Any] = TestSubscriber(9)
    source.pipe(
        DOOR,
        ops.finally_action(closed),
        ops.map(waits),
        ops.window(rx.never()),
        ops.flat_map(lambda window: window),
        ops.finally_action(left),
    ).subscribe(probe)
    thread = Thread(target=source.on_next, args=(1,))
    thread.start()
    assert entered.wait(10)
    source.on_next(2)
    probe.cancel()
    assert closing.is_set()
    assert "on_backpressure_buffer" in probe.statistics
    told.set()
    thread.join(10)
    door = probe.statistics["on_backpressure_buffer"]
    assert (door.received, door.held, door.delivered, door.discarded) == (2, 0, 1, 1)


def test_nothing_is_kept_for_it_when_it_is_over() -> None:
    source = Subject[int]()
    probe: TestSubscriber[Any] = TestSubscriber(9, then=lambda probe, _: probe.cancel())

    def unchanged(item: int) -> int:
        return item

    gone = weakref.ref(unchanged)
    inner(source).pipe(ops.map(unchanged)).subscribe(probe)
    del unchanged
    source.on_next(1)
    gc.collect()
    assert probe.subscription is not None
    assert gone() is None


class Leaving:
    """A loop that a test lets be over, and the figures of what it is in."""

    def __init__(self) -> None:
        self.held = 1
        self.calls: list[Callable[[], object]] = []

    def when_over(self, call: Callable[[], object]) -> None:
        self.calls.append(call)

    def figures(self) -> list[StageStatistics]:
        if self.held:
            lingers(self)
        return [StageStatistics("part", received=1, held=self.held, discarded=1 - self.held)]

    def leave(self) -> None:
        self.held = 0
        for call in self.calls:
            call()


def test_a_ledger_adds_figures_up_when_they_are_the_last_and_tells_them_until_then() -> None:
    ledger, loops = Ledger(), [Leaving(), Leaving()]
    for loop in loops:
        ledger.keep(loop.figures)
    [sums] = ledger
    assert (sums.received, sums.held, sums.discarded) == (2, 2, 0)
    loops[1].leave()
    [sums] = ledger
    assert (sums.received, sums.held, sums.discarded) == (2, 1, 1)
    assert asked(lambda: list(ledger))[1] is loops[0]
    loops[0].leave()
    [sums], late = asked(lambda: list(ledger))
    assert late is None
    assert (sums.received, sums.held, sums.discarded) == (2, 0, 2)


class Behind(Hand):
    """A Feed with the figures of others."""

    def __init__(self, figures: Callable[[], Iterable[StageStatistics]]) -> None:
        super().__init__()
        self.figures = figures

    def statistics(self) -> Iterator[StageStatistics]:
        yield from self.figures()


@pytest.mark.parametrize("first", ["upstream", "downstream"])
def test_of_two_that_wait_for_one_loop_either_may_hear_first_that_it_is_over(first: str) -> None:
    loop, upstream, downstream = Late(), Drain(Recorder(), 1), Drain(Recorder(), 1)
    upstream.open(lambda _: Behind(loop.figures))
    downstream.open(lambda _: Behind(upstream.statistics))
    both = [upstream, downstream]
    with dropped_errors() as errors:
        for each in both if first == "upstream" else reversed(both):
            each.cancel()
        assert [each.statistics()[0].received for each in both] == [1, 1]
        loop.end()
    assert [each.statistics()[0].received for each in both] == [2, 2]
    assert errors == []
