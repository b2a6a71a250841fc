"""An async on_drop: in which order it runs, how much may wait, and how it ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import reactivex
from reactivex import Subject

import rxflow as rx
from rxflow import operators as ops
from rxflow.kernel.telling import WAITING
from rxflow.testing import TestSubscriber, VirtualTimeLoop, run_virtual
from tests.kernel.recorder import dropped_errors, in_thread
from tests.support_loop import collect, turns, until


class Told:
    """An async on_drop that takes its time.

    Attributes:
        begun: The items of the calls that have begun.
        done: The items and reasons of those that have ended.
        cancelled: The items of those that were cancelled.
        most: How many ran at once.
    """

    def __init__(self, delay: float = 1.0, fails: Any = ..., error: Any = ValueError) -> None:
        self.begun: list[Any] = []
        self.done: list[tuple[Any, str]] = []
        self.cancelled: list[Any] = []
        self.most = 0
        self._running = 0
        self._delay = delay
        self._fails = fails
        self._error = error

    async def __call__(self, item: Any, reason: str) -> None:
        self.begun.append(item)
        self._running += 1
        self.most = max(self.most, self._running)
        try:
            await asyncio.sleep(self._delay)
            if item == self._fails:
                raise self._error("on_drop")
            self.done.append((item, reason))
        except asyncio.CancelledError:
            self.cancelled.append(item)
            raise
        finally:
            self._running -= 1


class Opened:
    """A door of one item that drops the oldest, on the running loop."""

    def __init__(self, told: Any, *, demand: int = 0, **options: Any) -> None:
        self.subject: Subject[Any] = Subject()
        self.probe: TestSubscriber[Any] = TestSubscriber(demand)
        options.setdefault("overflow", rx.DROP_OLDEST)
        self.subject.pipe(ops.on_backpressure_buffer(1, on_drop=told, **options)).subscribe(
            self.probe
        )

    def push(self, *items: Any) -> None:
        for item in items:
            self.subject.on_next(item)


def on_loop(test: Callable[[], Any]) -> Callable[[], None]:
    """Run a test on a loop with virtual time, which is to be left with nothing running."""

    def run() -> None:
        run_virtual(test())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


@on_loop
async def test_one_call_after_the_other_in_the_order_of_the_drops() -> None:
    told = Told()
    door = Opened(told)
    door.push(*range(6))
    assert told.begun == []  # no push waits for it
    await asyncio.sleep(2.5)
    assert told.done == [(0, "oldest"), (1, "oldest")]
    door.push(6)
    await asyncio.sleep(10)
    assert told.done == [(n, "oldest") for n in range(6)]
    assert told.most == 1
    door.push(7)
    await asyncio.sleep(1.5)
    assert told.done[-1] == (6, "oldest")  # it begins anew after it had nothing to do
    door.probe.cancel()


@pytest.mark.parametrize("kind", ["method", "partial", "object"])
def test_it_may_be_any_kind_of_async_function(kind: str) -> None:
    async def main() -> None:
        told = Told()
        functions: dict[str, Any] = {
            "method": told.__call__,
            "partial": partial(told.__call__),
            "object": told,
        }
        door = Opened(functions[kind])
        door.push(1, 2)
        await asyncio.sleep(2)
        assert told.done == [(1, "oldest")]
        door.probe.cancel()

    run_virtual(main())


@on_loop
async def test_the_end_waits_for_the_calls_and_no_drop_goes_untold() -> None:
    told = Told()
    door = Opened(told, overflow=rx.DROP_INCOMING)
    door.push(1, 2, 3)
    door.subject.on_completed()
    door.probe.request(5)
    assert door.probe.items == [1]
    await asyncio.sleep(1.5)
    assert not door.probe.ended
    await asyncio.sleep(1)
    assert door.probe.completed
    assert told.done == [(2, "incoming"), (3, "incoming")]


@on_loop
async def test_an_error_waits_for_them_like_the_backlog() -> None:
    failure = KeyError()
    told = Told()
    door = Opened(told)
    door.push(1, 2)
    door.subject.on_error(failure)
    door.probe.request(5)
    assert not door.probe.ended
    await asyncio.sleep(2)
    assert door.probe.error is failure
    assert told.done == [(1, "oldest")]


@on_loop
async def test_an_error_that_is_not_delayed_cancels_them() -> None:
    failure = KeyError()
    told = Told()
    door = Opened(told, delay_error=False)
    door.push(1, 2, 3)
    await asyncio.sleep(0.5)
    door.subject.on_error(failure)
    assert door.probe.error is failure
    await turns(3)
    assert told.cancelled == [1]
    assert told.begun == [1]


@on_loop
async def test_an_overflow_is_told_before_it_is_signalled() -> None:
    told = Told()
    door = Opened(told, overflow=rx.FAIL, demand=0)
    door.push(1, 2)
    door.probe.request(1)
    assert not door.probe.ended
    await asyncio.sleep(2)
    assert told.done == [(2, "overflow")]
    assert isinstance(door.probe.error, rx.BufferOverflowError)


@pytest.mark.parametrize("completes", [False, True])
def test_what_it_raises_ends_the_stream_also_when_the_source_has_completed(
    completes: bool,
) -> None:
    async def main() -> None:
        told = Told(fails=2)
        door = Opened(told)
        door.push(1, 2, 3, 4)
        if completes:
            door.subject.on_completed()
        door.probe.request(5)
        await asyncio.sleep(10)
        assert door.probe.items == [4]
        assert isinstance(door.probe.error, ValueError)
        assert not door.subject.observers
        assert told.begun == [1, 2]

    with dropped_errors() as reported:
        run_virtual(main())
    assert reported == []


@on_loop
async def test_a_call_that_ends_with_a_cancelled_error_of_its_own_ends_the_stream() -> None:
    door = Opened(Told(fails=1, error=asyncio.CancelledError))
    door.push(1, 2)
    door.probe.request(1)
    await asyncio.sleep(2)
    assert isinstance(door.probe.error, RuntimeError)
    assert "on_backpressure_buffer: on_drop ended with CancelledError" in str(door.probe.error)


@on_loop
async def test_a_cancel_cancels_the_call_that_runs_and_begins_no_other() -> None:
    told = Told()
    door = Opened(told)
    door.push(1, 2, 3)
    await asyncio.sleep(0.5)
    door.probe.cancel()
    await turns(3)
    assert told.cancelled == [1]
    assert told.begun == [1]
    assert told.done == []


@on_loop
async def test_a_cancel_before_the_first_call_has_begun_leaves_no_task() -> None:
    told = Told()
    door = Opened(told)
    door.push(1, 2)
    door.probe.cancel()
    await turns(3)
    assert told.begun == []


@on_loop
async def test_an_error_of_a_call_that_was_cancelled_is_reported_and_not_lost() -> None:
    async def stubborn(item: Any, reason: str) -> None:
        try:
            await asyncio.sleep(1)
        finally:
            raise KeyError("closing")

    door = Opened(stubborn)
    door.push(1, 2)
    await asyncio.sleep(0.5)
    with dropped_errors() as reported:
        door.probe.cancel()
        await turns(3)
    assert [type(error) for error in reported] == [KeyError]


@on_loop
async def test_a_call_may_cancel_the_stream_it_belongs_to() -> None:
    async def stop(item: Any, reason: str) -> None:
        door.probe.cancel()
        seen.append(item)

    seen: list[Any] = []
    door = Opened(stop)
    door.push(1, 2, 3)
    await asyncio.sleep(1)
    assert seen == [1]
    assert door.probe.signals == ["on_subscribe"]


@on_loop
async def test_too_many_calls_that_wait_fail_the_stream() -> None:
    told = Told()
    door = Opened(told)
    door.push(*range(WAITING + 2))
    assert door.subject.observers  # one runs, so many wait, and one item is held
    await asyncio.sleep(0.5)
    assert told.begun == [0]
    assert not door.probe.ended
    door.push("one more")
    assert not door.subject.observers
    await turns(3)
    assert told.cancelled == [0]
    door.probe.request(1)
    assert door.probe.items == ["one more"]
    error = door.probe.error
    assert isinstance(error, rx.BackpressureError)
    assert f"on_backpressure_buffer: {WAITING} calls of the async on_drop are waiting" in str(error)


def test_without_a_running_loop_the_subscription_says_so() -> None:
    door = Opened(Told())
    assert isinstance(door.probe.error, RuntimeError)
    assert str(door.probe.error) == (
        "on_backpressure_buffer with an async on_drop must be subscribed where an asyncio event "
        "loop is running"
    )
    assert not door.subject.observers


MADE: dict[str, Callable[[Any], Any]] = {
    "on_backpressure_buffer": lambda told: ops.on_backpressure_buffer(
        1, overflow=rx.DROP_INCOMING, on_drop=told
    ),
    "on_backpressure_drop": ops.on_backpressure_drop,
    "on_backpressure_latest": ops.on_backpressure_latest,
    "shed": lambda told: ops.shed(1, lambda item: item, on_drop=told),
    "conflate_by_key": lambda told: ops.conflate_by_key(lambda item: 0, on_drop=told),
    "from_observable": lambda told: (
        lambda source: rx.from_observable(source, overflow=rx.DROP_OLDEST, capacity=1, on_drop=told)
    ),
    "create": lambda told: (
        lambda source: rx.create(
            lambda emitter: source.subscribe(emitter),
            overflow=rx.DROP_OLDEST,
            capacity=1,
            on_drop=told,
        )
    ),
    "ttl": lambda told: ops.on_backpressure_buffer(9, ttl=0.5, on_drop=told),
    "weight": lambda told: ops.on_backpressure_buffer(
        4, weight=int, overflow=rx.DROP_ALL, on_drop=told
    ),
}


@pytest.mark.parametrize("name", MADE)
def test_every_door_takes_one(name: str) -> None:
    async def main() -> None:
        told = Told()
        probe: TestSubscriber[int] = TestSubscriber()
        subject: Subject[int] = Subject()
        subject.pipe(MADE[name](told)).subscribe(probe)
        for item in (1, 2, 3):
            subject.on_next(item)
        await asyncio.sleep(20)
        figures = next(iter(probe.subscription.statistics()))
        assert len(told.done) == sum(figures.dropped.values()) >= 2
        assert {reason for _, reason in told.done} == set(figures.dropped)
        assert [item for item, _ in told.done] == sorted(item for item, _ in told.done)
        probe.cancel()

    run_virtual(main())


@pytest.mark.parametrize("source", [rx.interval, rx.timer])
def test_so_do_the_sources_that_tick(source: Any) -> None:
    async def main() -> None:
        told = Told(0.1)
        probe: TestSubscriber[int] = TestSubscriber()
        source(1.0, *([1.0] if source is rx.timer else []), on_drop=told).subscribe(probe)
        await asyncio.sleep(3.5)
        assert told.done == [(0, "incoming"), (1, "incoming"), (2, "incoming")]
        probe.cancel()

    run_virtual(main())


def test_an_async_for_that_is_left_waits_until_the_call_is_cancelled() -> None:
    async def main() -> None:
        told = Told()
        subject: Subject[int] = Subject()
        items = aiter(subject.pipe(ops.on_backpressure_latest(told)))
        for item in (1, 2, 3):
            subject.on_next(item)
        await asyncio.sleep(0.5)
        await items.aclose()
        assert told.cancelled == [1]

    run_virtual(main())


def test_an_async_for_is_ended_by_what_it_raises_while_it_waits() -> None:
    async def main() -> None:
        subject: Subject[int] = Subject()
        asyncio.get_running_loop().call_later(1, lambda: [subject.on_next(n) for n in (1, 2, 3)])
        seen: list[int] = []
        flow = subject.pipe(ops.on_backpressure_latest(Told(fails=1)))
        with pytest.raises(ValueError, match="on_drop"):
            await collect(flow, seen)
        assert seen == [3]

    run_virtual(main())


def test_drops_on_another_thread_are_told_on_the_loop() -> None:
    async def main() -> None:
        threads: set[int] = set()
        items: list[int] = []

        async def told(item: int, reason: str) -> None:
            threads.add(threading.get_ident())
            items.append(item)

        door = Opened(told)
        for first in range(0, 1_000, 500):
            join = in_thread(lambda first=first: door.push(*range(first, first + 500)))
            await until(lambda first=first: len(items) == first + 499, 10**6)
            join()
        assert items == list(range(999))
        assert threads == {threading.get_ident()}
        door.probe.cancel()

    run_virtual(main(), asyncio.SelectorEventLoop)


def test_a_loop_that_is_closed_harms_nobody_who_pushes() -> None:
    told = Told()
    loop = VirtualTimeLoop()
    made: list[Opened] = []

    async def main() -> None:
        made.append(Opened(told))

    loop.run_until_complete(main())
    loop.close()
    made[0].push(1, 2, 3)
    made[0].probe.request(1)
    assert made[0].probe.items == [3]
    made[0].probe.cancel()


def test_a_function_that_only_returns_something_to_await_is_not_async() -> None:
    """It is called as any other; what it gives is its own business."""
    futures: list[Any] = []
    subject: Subject[int] = Subject()
    probe: TestSubscriber[int] = TestSubscriber()
    subject.pipe(ops.on_backpressure_latest(lambda *drop: futures.append(drop))).subscribe(probe)
    reactivex.of(1, 2).subscribe(subject)
    assert futures == [(1, "oldest")]


def test_after_the_end_nothing_is_taken_though_what_was_dropped_is_still_told() -> None:
    """Also where the consumer begins to be handed single items only then."""

    async def main() -> None:
        told = asyncio.Event()

        async def on_drop(item: Any, reason: str) -> None:
            await told.wait()

        emitters: list[rx.Emitter[Any]] = []
        one, other = (
            rx.create(emitters.append, overflow=rx.DROP_OLDEST, capacity=1, on_drop=each)
            for each in (None, on_drop)
        )
        probe: TestSubscriber[Any] = TestSubscriber()
        one.pipe(ops.combine_latest(other)).subscribe(probe)
        first, second = emitters
        second.try_offer(1)
        second.try_offer(2)  # of which the first gives way
        probe.request(10)
        second.on_completed()
        first.try_offer("a")
        assert second.try_offer(3) is rx.Offer.CLOSED
        first.try_offer("b")
        assert probe.items == [("a", 2), ("b", 2)]
        told.set()
        first.on_completed()
        await turns(10)
        assert probe.completed

    run_virtual(main())
