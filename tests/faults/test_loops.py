"""An event loop that is closed in the middle of a stream, and one whose source is on a thread."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import Any

import pytest
import reactivex
from reactivex.disposable import Disposable
from reactivex.subject import Subject

import rxflow as rx
from rxflow import operators as ops
from rxflow.protocol import UNBOUNDED
from rxflow.testing import TestSubscriber, VirtualTimeLoop, run_virtual
from tests.kernel.recorder import dropped_errors, in_thread
from tests.support_loop import forget, turns, until

PATIENCE = 20.0  # seconds; only a hang gets there


@contextmanager
def closed_midway(*steps: Any) -> Iterator[asyncio.AbstractEventLoop]:
    """Have a loop run some steps, then close it; it is not to have reported anything."""
    loop = VirtualTimeLoop()
    reports: list[Any] = []
    loop.set_exception_handler(lambda _, context: reports.append(context))

    async def run() -> None:
        for step in steps:
            step()
            await turns(3)

    try:
        loop.run_until_complete(run())
    finally:
        loop.close()
    yield loop
    gc.collect()
    assert reports == []


# A Subscriber on a loop that is closed: it gets nothing more, the producer is told nothing bad,
# and whoever cancels lets go of everything.

ON_LOOP: dict[str, Callable[[], Any]] = {
    "observe_on": lambda: ops.observe_on(asyncio.get_running_loop(), prefetch=4),
    "map_async": lambda: ops.map_async(_at_once, 2),
    "delay, lifted": lambda: rx.lift(reactivex.operators.delay(0.0)),
}


async def _at_once(item: int) -> int:
    return item


@pytest.mark.parametrize("name", ON_LOOP)
def test_a_loop_is_closed_under_a_subscriber(name: str):
    subject: Subject[int] = Subject()
    probe: TestSubscriber[int] = TestSubscriber(UNBOUNDED)

    def subscribe() -> None:
        subject.pipe(ops.on_backpressure_buffer(9), ON_LOOP[name]()).subscribe(probe)

    with dropped_errors() as reported, closed_midway(subscribe, lambda: subject.on_next(1)):
        probe.assert_items(1)
        subject.on_next(2)  # what nobody can deliver any more does not reach who pushes
        subject.on_next(3)
        probe.cancel()
        probe.cancel()
        assert subject.observers == []
        probe.assert_valid()
        assert probe.items == [1]
        assert not [part for part in probe.subscription.statistics() if part.held]
    assert len(reported) <= 1, "that the loop is closed may be said, once"


def test_a_closed_loop_under_map_async_is_an_error_of_the_stream_or_nothing():
    """A function cannot run any more: the coroutine of it is not forgotten with a warning."""
    numbers = iter(range(9))
    probe: TestSubscriber[int] = TestSubscriber(2)

    def subscribe() -> None:
        rx.from_iterable(numbers).pipe(ops.map_async(_at_once, 2)).subscribe(probe)

    with closed_midway(subscribe):
        probe.assert_items(0, 1)
        probe.request(2)
        if not probe.ended:
            probe.cancel()
        probe.assert_valid()
        assert probe.items == [0, 1]


def collected(kept: list[Any]) -> None:
    """Have an iteration collected whose loop was closed; it is to warn."""
    with pytest.warns(ResourceWarning, match="still open when its event loop was closed"):
        forget(kept)


def test_an_iteration_whose_loop_was_closed_lets_go_of_its_source_and_says_so():
    disposed = threading.Event()
    kept: list[Any] = []
    pushing: list[Any] = []

    def subscribe(observer: Any, _: Any = None) -> Any:
        pushing.append(observer.on_next)
        return Disposable(disposed.set)

    def iterate() -> None:
        kept.append(aiter(reactivex.create(subscribe).pipe(ops.on_backpressure_buffer(9))))

    with closed_midway(iterate):
        pushing[0](1)
        collected(kept)
        assert disposed.wait(PATIENCE), "nobody will ever take an item"


@pytest.mark.parametrize("chunked", [False, True], ids=["items", "chunks"])
def test_an_iteration_can_be_closed_after_its_loop_was(chunked: bool):
    """By hand: a coroutine that is stepped without a loop."""
    subject: Subject[int] = Subject()
    kept: list[Any] = []

    def iterate() -> None:
        flow = subject.pipe(ops.on_backpressure_buffer(9))
        kept.append(flow.chunks(2) if chunked else aiter(flow))

    with closed_midway(iterate):
        with pytest.raises(StopIteration):
            kept[0].aclose().send(None)
        assert subject.observers == []


def test_a_suspended_producer_of_a_closed_loop_does_not_harm_the_consumer():
    emitters: list[Any] = []
    probe: TestSubscriber[int] = TestSubscriber()
    rx.create(emitters.append, overflow=rx.SUSPEND, capacity=1).subscribe(probe)
    loop = VirtualTimeLoop()

    async def fill() -> None:
        await emitters[0].send(1)
        await turns(1)

    async def send() -> Any:
        return await emitters[0].send(2)

    loop.run_until_complete(fill())
    sending = send()
    waiting = loop.create_task(sending)
    loop.run_until_complete(turns(2))
    assert not waiting.done()
    loop.close()
    probe.request(2)  # room is told to a loop that is closed
    probe.assert_items(1)
    assert emitters[0].try_offer(3) is rx.Offer.ENQUEUED
    probe.assert_items(1, 3)
    sending.close()  # as the interpreter does when it ends
    waiting._log_destroy_pending = False  # type: ignore[attr-defined]
    probe.cancel()


# The source is on a thread, and the task that consumes it is cancelled.


class Producer:
    """Pushes numbers from a thread, for ever or until the stream is over."""

    def __init__(self) -> None:
        self.pushed = 0
        self.disposed = threading.Event()
        self.join: Any = None

    def emit(self, emitter: rx.Emitter[int]) -> Callable[[], None]:
        def push() -> None:
            while not emitter.closed:
                emitter.on_next(self.pushed)
                self.pushed += 1

        self.join = in_thread(push)
        return self.disposed.set


TAKERS: dict[str, Callable[[Any, list[int]], Any]] = {}


def taker(take: Any) -> Any:
    TAKERS[take.__name__] = take
    return take


@taker
async def async_for(flow: Any, seen: list[int]) -> None:
    async with aclosing(aiter(flow)) as items:
        async for item in items:
            seen.append(item)


@taker
async def chunks(flow: Any, seen: list[int]) -> None:
    async with aclosing(flow.chunks(5)) as lists:
        async for part in lists:
            seen += part


@taker
async def for_each(flow: Any, seen: list[int]) -> None:
    await flow.for_each(seen.append)


@taker
async def map_async(flow: Any, seen: list[int]) -> None:
    await async_for(flow.pipe(ops.map_async(_at_once, 3)), seen)


@taker
async def to_queue(flow: Any, seen: list[int]) -> None:
    queue: asyncio.Queue[int] = asyncio.Queue(2)
    reader = asyncio.ensure_future(_read(queue, seen))
    try:
        await flow.to_queue(queue)
    finally:
        reader.cancel()
        await asyncio.wait([reader])


async def _read(queue: asyncio.Queue[int], seen: list[int]) -> None:
    while True:
        seen.append(await queue.get())


@pytest.mark.parametrize("overflow", [rx.BLOCK, rx.DROP_OLDEST], ids=repr)
@pytest.mark.parametrize("name", TAKERS)
def test_the_task_that_consumes_a_thread_is_cancelled(name: str, overflow: rx.Overflow):
    for count in (0, 1, 2, 5, 20):
        producer = Producer()
        seen: list[int] = []

        async def main(
            producer: Producer = producer, seen: list[int] = seen, count: int = count
        ) -> None:
            flow = rx.create(producer.emit, overflow=overflow, capacity=4)
            task = asyncio.ensure_future(TAKERS[name](flow, seen))
            async with asyncio.timeout(PATIENCE):
                await until(lambda: len(seen) >= count, 10**9)
            task.cancel()
            [outcome] = await asyncio.gather(task, return_exceptions=True)
            assert isinstance(outcome, asyncio.CancelledError)

        with dropped_errors() as reported:
            run_virtual(main(), asyncio.SelectorEventLoop)
            if producer.join is not None:  # else it was cancelled before it had begun
                producer.join(PATIENCE)
                assert producer.disposed.is_set()
        assert reported == []
        assert seen == sorted(set(seen))
        assert len(seen) <= producer.pushed


@pytest.mark.parametrize("overflow", [rx.BLOCK, rx.DROP_OLDEST], ids=repr)
def test_the_loop_is_closed_while_a_thread_pushes(overflow: rx.Overflow):
    """The thread is not told that nobody listens; whoever collects the iteration lets it go."""
    producer = Producer()
    kept: list[Any] = []
    loop = asyncio.SelectorEventLoop()

    async def main() -> None:
        kept.append(aiter(rx.create(producer.emit, overflow=overflow, capacity=4)))
        await anext(kept[0])

    loop.run_until_complete(main())
    loop.close()
    collected(kept)
    producer.join(PATIENCE)
    assert producer.disposed.wait(PATIENCE)  # it is let go of in a thread of its own


def test_nothing_of_a_cancelled_stream_is_kept_by_its_loop():
    class Item:
        pass

    async def main() -> None:
        alive = weakref.WeakSet[Item]()

        def items() -> Iterator[Item]:
            while True:
                item = Item()
                alive.add(item)
                yield item

        async def consume() -> None:
            flow = rx.from_iterable(items()).pipe(ops.limit_rate(8), ops.map_async(_slow, 4))
            async with aclosing(aiter(flow)) as taken:
                async for _ in taken:
                    pass

        task = asyncio.ensure_future(consume())
        await until(lambda: len(alive) >= 8)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        del task
        await turns(2)
        gc.collect()
        assert len(alive) == 0

    run_virtual(main())


async def _slow(item: Any) -> Any:
    await asyncio.sleep(1)
    return item
