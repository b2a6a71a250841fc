"""delay_with_mapper: each item at its own time, no more on their way than is said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count
from random import Random
from threading import Thread
from typing import Any

import pytest
import reactivex
from reactivex.subject import Subject
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber, run_virtual
from tests.kernel.recorder import dropped_errors
from tests.operators.test_batching import Driven
from tests.support import counted


class Stream:
    """Items whose delays a test ends."""

    def __init__(self, demand: int = rx.UNBOUNDED, prefetch: int = 3, **policies: Any) -> None:
        self.source = Driven()
        self.probe: TestSubscriber[Any] = TestSubscriber(demand, **policies)
        self.delays: dict[Any, Subject[Any]] = {}
        step = ops.delay_with_mapper(self._delay, prefetch=prefetch)
        self.source.flow.pipe(step).subscribe(self.probe)

    def _delay(self, item: Any) -> Subject[Any]:
        self.delays[item] = Subject()
        return self.delays[item]

    def end(self, *items: Any) -> None:
        for item in items:
            self.delays[item].on_next("over")

    @property
    def listened(self) -> int:
        return sum(len(each.observers) for each in self.delays.values())

    @property
    def figures(self) -> Any:
        return self.probe.statistics["delay_with_mapper"]


def test_items_come_in_the_order_in_which_their_delays_end() -> None:
    stream = Stream()
    stream.source.emit("a", None, "c")
    stream.probe.assert_items()
    stream.end(None)
    stream.delays["c"].on_completed()
    stream.end("a")
    stream.probe.assert_items(None, "c", "a")


@pytest.mark.parametrize("demand", [0, 1, 2])
def test_items_are_taken_when_they_come_and_wait_for_demand_when_their_delays_are_over(
    demand: int,
) -> None:
    stream = Stream(demand)
    assert stream.source.requested == 3
    stream.source.emit("a", "b", "c")
    assert sorted(stream.delays) == ["a", "b", "c"]
    stream.end("c", "a")
    stream.probe.assert_items(*["c", "a"][:demand])
    stream.probe.request(2)
    stream.probe.assert_items("c", "a")


def test_no_more_than_prefetch_are_on_their_way_or_wait_for_demand() -> None:
    stream = Stream(0)
    stream.source.emit("a", "b", "c")
    assert stream.source.requested == 0
    stream.end("a", "b", "c")
    assert (stream.source.requested, stream.figures.held, stream.figures.peak) == (0, 3, 3)
    stream.probe.request(1)
    assert (stream.source.requested, stream.figures.held) == (1, 2)


def test_nothing_is_lost_and_nothing_is_held_beyond_prefetch_whatever_is_asked_for() -> None:
    random, stream, items = Random(1), Stream(0, prefetch=4), count()
    for _ in range(1_000):
        action = random.choice(["emit", "end", "request"])
        waiting = [item for item, delay in stream.delays.items() if delay.observers]
        if action == "emit" and stream.source.requested:
            stream.source.emit(next(items))
        elif action == "end" and waiting:
            stream.end(random.choice(waiting))
        elif action == "request":
            stream.probe.request(1)
        figures = stream.figures
        assert figures.held + stream.source.requested == 4
        assert figures.received == figures.delivered + figures.held
        assert figures.delivered == len(stream.probe.items)
    assert figures.peak == 4
    assert sorted(stream.probe.items) == sorted(set(stream.probe.items))


def test_the_completion_waits_for_the_last_delay_and_needs_no_demand() -> None:
    stream = Stream(1)
    stream.source.emit("a")
    stream.source.complete()
    stream.probe.assert_open()
    stream.end("a")
    stream.probe.assert_completed("a")
    empty = Stream(0)
    empty.source.complete()
    empty.probe.assert_completed()


def test_a_failure_overtakes_what_is_delayed_and_comes_behind_what_is_not() -> None:
    for who in ("source", "delay"):
        stream, error = Stream(0), KeyError("gone")
        stream.source.emit("a", "b", "c")
        stream.end("b")
        if who == "source":
            stream.source.fail(error)
        else:
            stream.delays["a"].on_error(error)
            assert stream.source.cancels == 1
        assert stream.listened == 0
        figures = stream.figures
        assert (figures.received, figures.held, figures.discarded) == (3, 1, 2)
        stream.probe.request(1)
        stream.probe.assert_failed(error, "b")


def test_a_failure_needs_no_demand_where_only_delays_are_under_way() -> None:
    stream = Stream(0)
    stream.source.emit("a")
    stream.source.fail(KeyError("gone"))
    stream.probe.assert_failed(KeyError)


@pytest.mark.parametrize("over", [(), ("a",), ("a", "b")])
def test_cancel_lets_go_of_items_and_delays_in_each_state(over: tuple[str, ...]) -> None:
    stream = Stream(0)
    stream.source.emit("a", "b")
    stream.end(*over)
    stream.probe.cancel()
    assert (stream.listened, stream.source.cancels) == (0, 1)
    figures = stream.figures
    assert (figures.received, figures.held, figures.discarded) == (2, 0, 2)
    stream.probe.request(1)
    assert stream.probe.signals == ["on_subscribe"]


def test_cancel_inside_of_an_item_stops_all() -> None:
    stream = Stream(9, then=lambda probe, _: probe.cancel())
    stream.source.emit("a", "b")
    stream.end("b")
    stream.probe.assert_items("b")
    assert (stream.listened, stream.source.cancels) == (0, 1)


def test_a_request_and_an_item_inside_of_an_item_are_served() -> None:
    streams: list[Stream] = []

    def again(probe: TestSubscriber[Any], item: int) -> None:
        if item < 4:
            streams[0].source.emit(item + 1)
            streams[0].end(item + 1)
            probe.request(1)

    streams.append(Stream(1, then=again))
    streams[0].source.emit(1)
    streams[0].end(1)
    streams[0].probe.assert_items(1, 2, 3, 4)
    assert streams[0].probe.depth == 1


def test_delays_that_end_at_once_take_no_stack_and_keep_the_order() -> None:
    source, probe = counted(range(5_000)), TestSubscriber[Any](rx.UNBOUNDED)
    rx.from_iterable(source).pipe(ops.delay_with_mapper(lambda _: ())).subscribe(probe)
    probe.assert_completed(*range(5_000))


def test_a_function_that_raises_or_gives_no_source_ends_the_stream() -> None:
    def fails(_: Any) -> Any:
        raise KeyError("bad")

    for function, error in ((fails, KeyError), (lambda _: 5, TypeError)):
        source, probe = Driven(), TestSubscriber[Any]()
        with dropped_errors() as reported:
            source.flow.pipe(ops.delay_with_mapper(function)).subscribe(probe)
            source.emit(1)
        probe.assert_failed(error)
        assert (reported, source.cancels) == ([], 1)


# The delay of the subscription.


@pytest.mark.parametrize("end", [False, True])
def test_the_source_is_subscribed_to_at_the_first_signal_of_the_delay(end: bool) -> None:
    late, source, probe = Subject[Any](), counted(range(3)), TestSubscriber[Any](rx.UNBOUNDED)
    step = ops.delay_with_mapper(late, lambda _: ())
    rx.from_iterable(source).pipe(step).subscribe(probe)
    assert (source.asked, len(late.observers)) == (0, 1)
    late.on_completed() if end else late.on_next("now")
    probe.assert_completed(0, 1, 2)
    assert not late.observers


def test_cancel_before_the_subscription_leaves_the_source_alone() -> None:
    late, source, probe = Subject[Any](), counted(range(3)), TestSubscriber[Any](1)
    rx.from_iterable(source).pipe(ops.delay_with_mapper(late, lambda _: ())).subscribe(probe)
    probe.cancel()
    assert (source.asked, len(late.observers)) == (0, 0)


# Time and threads.


def test_an_item_comes_at_its_time_and_not_before() -> None:
    clock, probe = TestScheduler(), TestSubscriber[Any](9)
    step = ops.delay_with_mapper(lambda x: reactivex.timer(x, scheduler=clock))
    rx.of(3.0, 1.0).pipe(step).subscribe(probe)
    for time, items in ((0.999, []), (1.0, [1.0]), (2.999, [1.0]), (3.0, [1.0, 3.0])):
        clock.advance_to(time)
        assert probe.items == items, time
    probe.assert_completed(1.0, 3.0)


def test_the_running_loop_tells_the_time_of_plain_timers() -> None:
    async def main() -> list[tuple[int, float]]:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        flow = rx.of(3, 1, 2).pipe(ops.delay_with_mapper(lambda x: reactivex.timer(float(x))))
        return [(item, round(loop.time() - begin, 3)) async for item in flow]

    assert run_virtual(main()) == [(1, 1.0), (2, 2.0), (3, 3.0)]


def test_delays_that_end_on_several_threads_lose_nothing() -> None:
    stream = Stream(rx.UNBOUNDED, prefetch=400)
    stream.source.emit(*range(50))
    threads = [
        Thread(target=stream.end, args=tuple(range(each, 50, 4)), daemon=True) for each in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stream.source.complete()
    assert sorted(stream.probe.items) == list(range(50))
    assert stream.probe.completed
    assert (stream.figures.peak, stream.figures.held, stream.figures.delivered) == (50, 0, 50)
    assert not stream.probe.violations


# Arguments.


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (ops.delay_with_mapper, TypeError, "delay_duration_mapper must be callable"),
        (lambda: ops.delay_with_mapper(rx.never()), TypeError, "mapper must be callable"),
        (lambda: ops.delay_with_mapper(asyncio.sleep), TypeError, "async function"),
        (lambda: ops.delay_with_mapper(5, rx.of), TypeError, "wants a Flow, an Observable"),  # type: ignore[arg-type]
        (lambda: ops.delay_with_mapper(len, rx.of), TypeError, "wants a Flow, an Observable"),
        (lambda: ops.delay_with_mapper(rx.of, prefetch=0), ValueError, "at least 1"),
    ],
)
def test_a_wrong_argument_raises_when_the_pipeline_is_built(
    build: Callable[[], Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        build()
