"""From a thread to an event loop: nothing lost, in order, bounded, few wake-ups."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from contextlib import aclosing
from itertools import pairwise
from math import inf
from typing import Any

import pytest
from reactivex.subject import Subject

import rxflow as rx
from rxflow import operators as ops
from tests.support_loop import collect, forget, run

ITEMS = 100_000
CAPACITY = 1024
PATIENCE = 20.0  # seconds; only a hang gets there

Loops = list[tuple[str, Callable[[], asyncio.AbstractEventLoop]]]


class _Counting:
    """Counts the calls that come from other threads."""

    wakes = 0

    def call_soon_threadsafe(self, *args: Any, **options: Any) -> Any:
        self.wakes += 1
        return super().call_soon_threadsafe(*args, **options)  # type: ignore[misc]


class CountingLoop(_Counting, asyncio.SelectorEventLoop):
    pass


LOOPS: Loops = [("asyncio", CountingLoop)]
if sys.platform != "win32":
    import uvloop

    class CountingUvloop(_Counting, uvloop.Loop):
        pass

    LOOPS.append(("uvloop", CountingUvloop))

on_each_loop = pytest.mark.parametrize(
    "make_loop", [make for _, make in LOOPS], ids=[name for name, _ in LOOPS]
)


class Producer(threading.Thread):
    """A thread that pushes a range into an observer, and completes it."""

    def __init__(self, observer: Any, count: int = ITEMS) -> None:
        super().__init__(daemon=True)
        self._observer = observer
        self._count = count
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            on_next = self._observer.on_next
            for n in range(self._count):
                on_next(n)
        except BaseException as error:
            self.error = error
        self._observer.on_completed()

    def finish(self) -> None:
        self.join(PATIENCE)
        assert not self.is_alive(), "the producer hangs"
        assert self.error is None, self.error


async def consume(flow: Any) -> tuple[list[Any], Any]:
    """Collect all items, and the figures of the first part of the flow."""
    async with asyncio.timeout(PATIENCE):
        items = aiter(flow)
        seen = [item async for item in items]
        return seen, items.statistics()[0]


@on_each_loop
def test_a_blocking_door_passes_everything_in_order_within_its_capacity(make_loop: Any) -> None:
    async def main() -> None:
        subject: Subject[int] = Subject()
        flow = subject.pipe(ops.on_backpressure_buffer(CAPACITY, overflow=rx.BLOCK))
        items = aiter(flow)
        producer = Producer(subject)
        producer.start()
        async with asyncio.timeout(PATIENCE):
            seen = [item async for item in items]
        producer.finish()
        assert seen == list(range(ITEMS))
        (figures,) = items.statistics()
        assert figures.peak <= CAPACITY
        assert not figures.dropped
        assert not subject.observers
        loop: Any = asyncio.get_running_loop()
        assert 1 <= loop.wakes <= ITEMS / 4

    run(main(), make_loop)


@on_each_loop
def test_create_with_block_passes_everything_in_order_within_its_capacity(make_loop: Any) -> None:
    async def main() -> None:
        producers: list[Producer] = []

        def source(emitter: rx.Emitter[int]) -> None:
            producers.append(Producer(emitter))
            producers[0].start()

        seen, figures = await consume(rx.create(source, overflow=rx.BLOCK, capacity=CAPACITY))
        producers[0].finish()
        assert seen == list(range(ITEMS))
        assert figures.peak <= CAPACITY
        loop: Any = asyncio.get_running_loop()
        assert 1 <= loop.wakes <= ITEMS / 4

    run(main(), make_loop)


@on_each_loop
def test_operators_behind_the_door_run_on_the_loops_thread(make_loop: Any) -> None:
    threads: set[int] = set()

    def note(item: int) -> int:
        threads.add(threading.get_ident())
        return item

    async def main() -> None:
        subject: Subject[int] = Subject()
        flow = subject.pipe(
            ops.on_backpressure_buffer(CAPACITY, overflow=rx.BLOCK),
            ops.map(note),
            ops.filter(lambda x: x % 2 == 0),
            ops.pairwise(),
        )
        items = aiter(flow)
        producer = Producer(subject, 5000)
        producer.start()
        async with asyncio.timeout(PATIENCE):
            seen = [item async for item in items]
        producer.finish()
        evens = list(range(0, 5000, 2))
        assert seen == list(pairwise(evens))

    run(main(), make_loop)
    assert threads == {threading.get_ident()}


@on_each_loop
def test_chunks_of_a_blocking_door(make_loop: Any) -> None:
    async def main() -> None:
        subject: Subject[int] = Subject()
        chunks = subject.pipe(ops.on_backpressure_block(CAPACITY)).chunks(256)
        producer = Producer(subject)
        producer.start()
        async with asyncio.timeout(PATIENCE):
            seen = [chunk async for chunk in chunks]
        producer.finish()
        assert [item for chunk in seen for item in chunk] == list(range(ITEMS))
        assert max(map(len, seen)) <= 256

    run(main(), make_loop)


@on_each_loop
def test_several_threads_lose_nothing_and_each_keeps_its_order(make_loop: Any) -> None:
    count, threads = 5000, 4

    async def main() -> None:
        emitters: list[rx.Emitter[Any]] = []
        flow = rx.create(emitters.append, overflow=rx.BLOCK, capacity=64)
        items = aiter(flow)
        (emitter,) = emitters

        def push(who: int) -> None:
            for n in range(count):
                emitter.on_next((who, n))

        producers = [
            threading.Thread(target=push, args=(who,), daemon=True) for who in range(threads)
        ]
        for each in producers:
            each.start()
        seen: list[tuple[int, int]] = []
        async with asyncio.timeout(PATIENCE), aclosing(items):
            async for item in items:
                seen.append(item)
                if len(seen) == count * threads:
                    break
            (figures,) = items.statistics()
            assert figures.peak <= 64
        for each in producers:
            each.join(PATIENCE)
            assert not each.is_alive()
        for who in range(threads):
            assert [n for whose, n in seen if whose == who] == list(range(count))

    run(main(), make_loop)


REASONS = {
    rx.DROP_OLDEST: {"oldest"},
    rx.DROP_NEWEST: {"newest"},
    rx.DROP_INCOMING: {"incoming"},
    rx.DROP_ALL: {"all"},
}


@pytest.mark.parametrize("overflow", REASONS, ids=str)
@on_each_loop
def test_each_item_is_delivered_or_dropped_for_the_one_reason_of_the_strategy(
    make_loop: Any, overflow: rx.Overflow
) -> None:
    async def main() -> None:
        dropped: list[int] = []
        reasons: set[str] = set()

        def on_drop(item: int, reason: str) -> None:
            dropped.append(item)
            reasons.add(reason)

        subject: Subject[int] = Subject()
        flow = subject.pipe(ops.on_backpressure_buffer(20, overflow=overflow, on_drop=on_drop))
        items = aiter(flow)
        producer = Producer(subject, 30_000)
        producer.start()
        async with asyncio.timeout(PATIENCE):
            seen = [item async for item in items]
        producer.finish()
        assert seen == sorted(seen)
        assert sorted(seen + dropped) == list(range(30_000))
        assert reasons <= REASONS[overflow]
        (figures,) = items.statistics()
        assert sum(figures.dropped.values()) == len(dropped)
        assert figures.delivered == len(seen)
        assert figures.peak <= 20

    run(main(), make_loop)


def test_the_producers_thread_calls_no_operator_and_no_loop_but_for_a_wake() -> None:
    """While the consumer does not wait, a push is an append: it wakes nobody."""

    async def main() -> None:
        subject: Subject[int] = Subject()
        called: list[int] = []
        flow = subject.pipe(
            ops.on_backpressure_buffer(CAPACITY), ops.map(lambda x: called.append(x) or x)
        )
        loop: Any = asyncio.get_running_loop()
        async with aclosing(aiter(flow)) as items:
            before = loop.wakes
            producer = Producer(subject, CAPACITY)
            producer.start()
            producer.finish()  # the loop stands still meanwhile
            assert loop.wakes == before
            assert called == []
            seen = [item async for item in items]
            assert seen == called == list(range(CAPACITY))

    run(main(), CountingLoop)


@on_each_loop
def test_a_batch_pushed_while_the_consumer_waits_is_one_wake(
    make_loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a slow machine the consumer would give the loop a turn first, and not wait yet.
    monkeypatch.setattr("rxflow.flow.iteration.TURN", inf)

    async def main() -> None:
        subject: Subject[int] = Subject()
        loop: Any = asyncio.get_running_loop()
        async with aclosing(aiter(subject.pipe(ops.on_backpressure_buffer(CAPACITY)))) as items:
            step = asyncio.ensure_future(anext(items))
            await asyncio.sleep(0)
            before = loop.wakes
            producer = Producer(subject, CAPACITY)
            producer.start()
            producer.finish()  # the loop stands still meanwhile
            assert loop.wakes == before + 1
            assert await step == 0
            assert [item async for item in items] == list(range(1, CAPACITY))

    run(main(), make_loop)


@on_each_loop
def test_an_error_from_the_thread_comes_behind_its_items(make_loop: Any) -> None:
    async def main() -> None:
        subject: Subject[int] = Subject()

        def push() -> None:
            for n in range(500):
                subject.on_next(n)
            subject.on_error(KeyError("thread"))

        items = aiter(subject.pipe(ops.on_backpressure_block(16)))
        producer = threading.Thread(target=push, daemon=True)
        producer.start()
        seen: list[int] = []
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(KeyError, match="thread"):
                await collect(items, seen)
        producer.join(PATIENCE)
        assert not producer.is_alive()
        assert seen == list(range(500))

    run(main(), make_loop)


@on_each_loop
def test_leaving_the_loop_frees_a_producer_that_waits(make_loop: Any) -> None:
    async def main() -> None:
        emitters: list[rx.Emitter[int]] = []
        flow = rx.create(emitters.append, overflow=rx.BLOCK, capacity=4)
        async with asyncio.timeout(PATIENCE), aclosing(aiter(flow)) as items:
            producer = Producer(emitters[0])
            producer.start()
            for n in range(10):
                assert await anext(items) == n
        producer.finish()
        assert emitters[0].closed

    run(main(), make_loop)


@on_each_loop
def test_map_async_behind_a_blocking_door(make_loop: Any) -> None:
    running, most = 0, 0

    async def work(item: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return item

    async def main() -> None:
        subject: Subject[int] = Subject()
        items = aiter(
            subject.pipe(ops.on_backpressure_block(64), ops.map_async(work, max_concurrency=8))
        )
        producer = Producer(subject, 3000)
        producer.start()
        async with asyncio.timeout(PATIENCE):
            seen = [item async for item in items]
        producer.finish()
        assert seen == list(range(3000))

    run(main(), make_loop)
    assert most <= 8


# A loop that is gone


@on_each_loop
def test_pushing_after_the_loop_was_closed_does_not_raise_in_the_producer(make_loop: Any) -> None:
    loop = make_loop()
    subject: Subject[int] = Subject()
    items: list[Any] = []

    async def begin() -> None:
        items.append(aiter(subject.pipe(ops.on_backpressure_buffer(10))))

    loop.run_until_complete(begin())
    loop.close()
    producer = Producer(subject, 10)
    producer.start()
    producer.finish()
    with pytest.warns(ResourceWarning, match="still open"):
        forget(items)


@on_each_loop
def test_pushing_for_a_step_that_waits_on_a_closed_loop_does_not_raise(make_loop: Any) -> None:
    loop = make_loop()
    subject: Subject[int] = Subject()
    steps: list[Any] = []

    async def consume() -> None:
        async for _ in subject.pipe(ops.on_backpressure_buffer(10)):
            raise AssertionError("nobody drives this")

    async def begin() -> None:
        steps.append(consume())
        steps[0].send(None)  # to where it waits; no task, so nothing cancels it

    loop.run_until_complete(begin())
    loop.close()
    producer = Producer(subject, 10)
    producer.start()
    producer.finish()
    steps.pop().close()


@on_each_loop
def test_a_waiting_send_whose_loop_is_closed_does_not_hurt_the_consumer(make_loop: Any) -> None:
    loop = make_loop()
    emitters: list[rx.Emitter[int]] = []
    seen: list[int] = []

    class Pulling(rx.Subscriber[int]):
        def on_subscribe(self, subscription: rx.Subscription) -> None:
            self.subscription = subscription

        def on_next(self, value: int) -> None:
            seen.append(value)

        def on_error(self, error: Exception) -> None:
            raise error

        def on_completed(self) -> None:
            raise AssertionError("nothing completes it")

    pulling = Pulling()
    rx.create(emitters.append, overflow=rx.SUSPEND, capacity=1).subscribe(pulling)
    emitters[0].try_offer(1)
    waiting: Any = emitters[0].send(2)

    async def begin() -> None:
        waiting.send(None)

    loop.run_until_complete(begin())
    loop.close()
    pulling.subscription.request(5)  # tells the sender that there is room; its loop is gone
    assert seen == [1]
    waiting.close()
