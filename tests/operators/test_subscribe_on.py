"""subscribe_on: where the source is subscribed, asked and cancelled; demand stays exact."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from reactivex.scheduler import (
    CurrentThreadScheduler,
    EventLoopScheduler,
    ImmediateScheduler,
    NewThreadScheduler,
    ThreadPoolScheduler,
)
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import Emitter
from rxflow import operators as ops
from rxflow.testing import TestSubscriber, run_virtual
from tests.kernel.recorder import dropped_errors
from tests.support import counted


class Asked:
    """A source that tells on which threads it was subscribed and asked, and how much."""

    def __init__(self, give: bool = False) -> None:
        self.requests: list[int] = []
        self.threads: list[threading.Thread] = []
        self.cancelled: list[threading.Thread] = []
        self._told = threading.Condition()
        self._give = give
        self.flow: Any = rx.create(self._start, overflow=rx.FAIL, capacity=256)

    def _start(self, emitter: Emitter[int]) -> Any:
        self.emitter = emitter
        self.threads.append(threading.current_thread())
        emitter.on_request(self._asked)
        return self._close

    def _close(self) -> None:
        with self._told:
            self.cancelled.append(threading.current_thread())
            self._told.notify_all()

    def wait_for(self, condition: Callable[[], object]) -> None:
        """Wait for calls from other threads."""
        with self._told:
            assert self._told.wait_for(condition, 10)

    def _asked(self, n: int) -> None:
        with self._told:
            self.requests.append(n)
            self.threads.append(threading.current_thread())
            self._told.notify_all()
        if self._give:
            for item in range(sum(self.requests[:-1]), sum(self.requests)):
                self.emitter.on_next(item)


def subscribed(flow: Any, demand: int = 0, **options: Any) -> TestSubscriber[Any]:
    probe = TestSubscriber[Any](demand, **options)
    flow.subscribe(probe)
    return probe


# On a clock of its own: nothing happens before the scheduler comes to it.


def test_nothing_is_subscribed_or_asked_before_the_scheduler_comes_to_it() -> None:
    clock, source = TestScheduler(), Asked(give=True)
    probe = subscribed(source.flow.subscribe_on(clock), 2)
    assert source.threads == []
    clock.start()
    assert source.requests == [2]
    assert probe.items == [0, 1]
    probe.request(3)
    assert source.requests == [2]
    clock.start()
    assert source.requests == [2, 3]
    assert probe.items == [0, 1, 2, 3, 4]


def test_requests_that_wait_for_the_scheduler_are_passed_on_together() -> None:
    clock, source = TestScheduler(), Asked()
    probe = subscribed(source.flow.subscribe_on(clock))
    probe.request(1)
    probe.request(2)
    clock.start()
    assert source.requests == [3]
    probe.request(4)
    probe.request(5)
    clock.start()
    assert source.requests == [3, 9]


def test_a_request_made_while_an_item_is_given_goes_to_the_source_at_once() -> None:
    clock, source = TestScheduler(), Asked()
    subscribed(source.flow.subscribe_on(clock), 1, request_each=1)
    clock.start()
    source.emitter.on_next(7)
    assert source.requests == [1, 1]


def test_no_demand_asks_for_nothing_and_the_end_needs_none() -> None:
    clock, source = TestScheduler(), Asked()
    probe = subscribed(source.flow.subscribe_on(clock))
    clock.start()
    assert source.requests == []
    source.emitter.on_completed()
    probe.assert_completed()


@pytest.mark.parametrize("demand", [1, 2, 255, 256])
def test_demand_is_passed_on_exactly(demand: int) -> None:
    source = counted(range(1_000))
    probe = subscribed(rx.from_iterable(source).subscribe_on(ImmediateScheduler()), demand)
    assert (len(probe.items), source.taken) == (demand, demand)
    probe.request(demand)
    assert (len(probe.items), source.taken) == (2 * demand, 2 * demand)


def test_more_than_may_be_under_way_is_asked_for_in_portions() -> None:
    source = Asked()
    probe = subscribed(source.flow.subscribe_on(ImmediateScheduler()), 300)
    assert source.requests == [256]
    for item in range(192):
        source.emitter.on_next(item)
    assert source.requests == [256, 44]
    assert len(probe.items) == 192
    probe.request(rx.UNBOUNDED)
    for item in range(108):
        source.emitter.on_next(item)
    assert sum(source.requests) <= 300 + 256
    assert len(probe.items) == 300


@pytest.mark.parametrize("demand", [257, 1_000, 2_000, rx.UNBOUNDED])
def test_portions_make_up_the_demand(demand: int) -> None:
    source = counted(range(1_000))
    probe = subscribed(rx.from_iterable(source).subscribe_on(CurrentThreadScheduler()), demand)
    assert probe.items == list(range(min(demand, 1_000)))
    assert source.taken == min(demand, 1_000)
    assert probe.completed is (demand > 1_000)  # an iterator tells its end when it is asked


# Cancelling.


def test_a_cancel_before_the_scheduled_subscription_has_run_prevents_it() -> None:
    clock, source = TestScheduler(), Asked()
    probe = subscribed(source.flow.subscribe_on(clock), 2)
    probe.cancel()
    clock.start()
    assert source.threads == []
    assert probe.signals == ["on_subscribe"]


def test_a_scheduled_subscription_that_never_runs_keeps_the_source_no_longer_than_the_cancel() -> (
    None
):
    class Items(Iterator[int]):
        def __next__(self) -> int:
            return 1

    items = Items()
    alive = weakref.ref(items)
    clock = TestScheduler()
    probe = subscribed(rx.from_iterable(items).subscribe_on(clock), 2)
    del items
    assert alive() is not None
    probe.cancel()
    gc.collect()
    assert alive() is None


def test_a_cancel_closes_the_source_on_the_scheduler() -> None:
    clock, source = TestScheduler(), Asked()
    probe = subscribed(source.flow.subscribe_on(clock), 2)
    clock.start()
    probe.cancel()
    assert source.cancelled == []
    source.emitter.on_next(1)
    assert probe.items == []
    clock.start()
    assert len(source.cancelled) == 1


def test_a_cancel_while_an_item_is_given_closes_the_source_at_once() -> None:
    clock, source = TestScheduler(), Asked()
    probe = subscribed(source.flow.subscribe_on(clock).take(1), 2)
    clock.start()
    source.emitter.on_next(1)
    probe.assert_completed(1)
    assert len(source.cancelled) == 1


def test_a_cancel_inside_of_on_subscribe_of_the_consumer_subscribes_to_nothing() -> None:
    clock, source = TestScheduler(), Asked()

    class Leaving(TestSubscriber[Any]):
        def on_subscribe(self, subscription: Any) -> None:
            super().on_subscribe(subscription)
            subscription.cancel()

    source.flow.subscribe_on(clock).subscribe(Leaving(3))
    clock.start()
    assert source.threads == []


def test_a_source_is_closed_also_when_the_scheduler_takes_no_actions_any_more() -> None:
    source, scheduler = Asked(), EventLoopScheduler()
    probe = subscribed(source.flow.subscribe_on(scheduler), 1)
    source.wait_for(lambda: source.requests)
    scheduler.dispose()
    probe.cancel()
    assert len(source.cancelled) == 1


def test_a_request_that_the_scheduler_refuses_fails_the_stream_and_does_not_raise() -> None:
    source, scheduler = Asked(), EventLoopScheduler()
    probe = subscribed(source.flow.subscribe_on(scheduler), 1)
    source.wait_for(lambda: source.requests)
    scheduler.dispose()
    probe.request(1)
    assert type(probe.error).__name__ == "DisposedException"
    assert len(source.cancelled) == 1


def test_a_subscription_that_the_scheduler_refuses_fails_the_stream() -> None:
    scheduler = EventLoopScheduler()
    scheduler.dispose()
    probe = subscribed(rx.range(3).subscribe_on(scheduler), 1)
    assert type(probe.error).__name__ == "DisposedException"


# Ends.


@pytest.mark.parametrize("items", [0, 1, 3])
@pytest.mark.parametrize("error", [None, KeyError("late")])
def test_the_end_comes_behind_the_items(items: int, error: Exception | None) -> None:
    end = rx.throw(error) if error else rx.empty()
    clock = TestScheduler()
    probe = subscribed(rx.range(items).concat(end).subscribe_on(clock), items)
    clock.start()
    assert probe.items == list(range(items))
    assert (probe.error, probe.completed) == (error, error is None)


def test_a_consumer_that_raises_cancels_the_source() -> None:
    def raising(probe: Any, item: Any) -> None:
        raise ValueError(item)

    source = Asked()
    with dropped_errors() as errors:
        subscribed(source.flow.subscribe_on(ImmediateScheduler()), 5, then=raising)
        source.emitter.on_next(1)
    assert [type(error) for error in errors] == [ValueError]
    assert len(source.cancelled) == 1


def test_each_subscription_has_its_own_actions_and_figures() -> None:
    clock = TestScheduler()
    flow = rx.range(9).subscribe_on(clock)
    first, second = subscribed(flow, 2), subscribed(flow, 4)
    clock.start()
    assert (first.items, second.items) == ([0, 1], [0, 1, 2, 3])
    figures = second.statistics["subscribe_on"]
    assert (figures.received, figures.delivered, figures.held) == (4, 4, 0)
    assert figures.capacity == 256


@pytest.mark.parametrize("scheduler", [None, 3, "a thread"])
def test_what_is_no_scheduler_is_refused_when_the_pipeline_is_built(scheduler: Any) -> None:
    with pytest.raises(TypeError, match="subscribe_on wants a scheduler or an event loop"):
        ops.subscribe_on(scheduler)


# Threads.


@pytest.mark.parametrize("make", [EventLoopScheduler, NewThreadScheduler, ThreadPoolScheduler])
def test_a_source_is_subscribed_and_pulled_on_threads_of_the_scheduler(make: Any) -> None:
    seen = set[threading.Thread]()

    def items() -> Iterator[int]:
        for item in range(500):
            seen.add(threading.current_thread())
            yield item

    flow = rx.defer(lambda _: rx.from_iterable(items())).subscribe_on(make())
    probe = subscribed(flow, 3)
    probe.wait_for(lambda it: len(it.items) == 3)
    probe.request(4)
    probe.wait_for(lambda it: len(it.items) == 7)
    probe.request(rx.UNBOUNDED)
    probe.wait_for(lambda it: it.ended)
    probe.assert_completed(*range(500))
    assert threading.current_thread() not in seen


def test_requests_from_another_thread_reach_the_source_on_the_scheduler() -> None:
    source, scheduler = Asked(give=True), EventLoopScheduler()
    probe = subscribed(source.flow.subscribe_on(scheduler))
    for total in range(1, 6):
        probe.request(1)
        probe.wait_for(lambda it: len(it.items) == total)  # noqa: B023 - called at once
    probe.cancel()
    source.wait_for(lambda: source.cancelled)
    assert source.requests == [1] * 5
    assert len({*source.threads, *source.cancelled}) == 1
    assert threading.current_thread() not in source.threads


def test_a_blocked_source_blocks_neither_the_request_nor_the_cancel() -> None:
    entered, release = threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        entered.set()
        release.wait(10)
        yield 1

    over = threading.Event()

    class Closing(counted):
        def close(self) -> None:
            super().close()
            over.set()

    closed = Closing(items())
    flow: Any = rx.defer(lambda _: rx.from_iterable(closed)).subscribe_on(EventLoopScheduler())
    probe = subscribed(flow, 1)
    assert entered.wait(10)
    probe.request(1)
    probe.cancel()  # neither waits for the source, which waits for what comes after
    release.set()
    assert over.wait(10)
    assert closed.closed == 1
    assert probe.items == []


# Event loops.


def test_on_an_event_loop_nothing_happens_inside_of_the_subscribe_and_of_a_request() -> None:
    async def main() -> None:
        source = Asked(give=True)
        probe = subscribed(source.flow.subscribe_on(asyncio.get_running_loop()), 2)
        assert source.threads == []
        await asyncio.sleep(1)
        assert probe.items == [0, 1]
        probe.request(1)
        assert probe.items == [0, 1]
        await asyncio.sleep(1)
        assert probe.items == [0, 1, 2]
        probe.cancel()
        assert source.cancelled == []
        await asyncio.sleep(1)
        assert len(source.cancelled) == 1

    run_virtual(main())


def test_a_source_of_a_loop_can_be_used_from_a_thread_without_one() -> None:
    """Tasks need a loop that runs where the source is subscribed: that is what this is for."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def itself(item: int) -> int:
        await asyncio.sleep(0)
        return item

    try:
        assert list(rx.range(50).map_async(itself).subscribe_on(loop)) == list(range(50))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_a_loop_over_it_waits_at_its_end_for_what_the_source_closes() -> None:
    log: list[str] = []

    async def slow(item: int) -> int:
        try:
            await asyncio.sleep(100 * item)
        finally:
            log.append(f"{item} is over")
        return item

    async def main() -> None:
        loop = asyncio.get_running_loop()
        flow = rx.range(9).map_async(slow, 3).subscribe_on(loop)
        iteration = aiter(flow)
        assert await anext(iteration) == 0
        await iteration.aclose()
        log.append("left")

    run_virtual(main())
    assert log[-1] == "left"
    assert sum("is over" in line for line in log) >= 2


def test_a_loop_over_it_pulls_one_at_a_time() -> None:
    async def main() -> None:
        source = counted(range(10))
        flow = rx.from_iterable(source).subscribe_on(asyncio.get_running_loop())
        taken = [(item, source.taken) async for item in flow.take(4)]
        assert taken == [(0, 1), (1, 2), (2, 3), (3, 4)]

    run_virtual(main())
