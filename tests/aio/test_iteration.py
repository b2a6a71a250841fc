"""``async for`` over a Flow: the loop body sets the pace."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from contextlib import aclosing
from typing import Any

import pytest
from reactivex.subject import Subject

import rxflow as rx
from rxflow import operators as ops
from tests.support_loop import VirtualTimeLoop, collect, forget, run, turns


class Counted:
    """An iterable that knows how far it was advanced and whether it was closed."""

    def __init__(self, stop: int | None = None, fails_at: int | None = None) -> None:
        self.advanced = 0
        self.closed = False
        self._stop = stop
        self._fails_at = fails_at

    def __iter__(self) -> Iterator[int]:
        try:
            while self.advanced != self._stop:
                self.advanced += 1
                if self.advanced == self._fails_at:
                    raise ValueError(f"item {self.advanced}")
                yield self.advanced
        finally:
            self.closed = True


def test_each_step_advances_the_source_by_one() -> None:
    source = Counted()
    seen: list[tuple[int, int]] = []

    async def main() -> None:
        async with aclosing(aiter(rx.from_iterable(source))) as items:
            assert source.advanced == 0
            async for item in items:
                seen.append((item, source.advanced))
                if item == 200:
                    break

    run(main())
    assert seen == [(n, n) for n in range(1, 201)]


def test_operators_between_do_not_pull_ahead() -> None:
    source = Counted()
    mapped: list[int] = []

    async def main() -> None:
        flow = rx.from_iterable(source).pipe(
            ops.map(lambda x: mapped.append(x) or x),
            ops.filter(lambda x: x % 3 == 0),
            ops.pairwise(),
        )
        async with aclosing(aiter(flow)) as pairs:
            assert await anext(pairs) == (3, 6)
            assert source.advanced == 6
            assert await anext(pairs) == (6, 9)

    run(main())
    assert source.advanced == 9
    assert mapped == list(range(1, 10))


def test_iteration_ends_with_the_source_and_stays_ended() -> None:
    async def main() -> list[int]:
        items = aiter(rx.of(1, 2, 3))
        seen = [item async for item in items]
        with pytest.raises(StopAsyncIteration):
            await anext(items)
        with pytest.raises(StopAsyncIteration):
            await anext(items)
        return seen

    assert run(main()) == [1, 2, 3]


@pytest.mark.parametrize("length", [0, 1, 63, 64, 65, 128, 129, 1023, 1024, 1025, 3000])
def test_every_item_arrives_at_the_edges_of_runs(length: int) -> None:
    async def main() -> list[int]:
        return [item async for item in rx.from_iterable(iter(range(length)))]

    assert run(main()) == list(range(length))


def test_none_is_an_item() -> None:
    async def main() -> list[Any]:
        return [item async for item in rx.of(None, 1, None)]

    assert run(main()) == [None, 1, None]


def test_each_async_for_is_a_subscription_of_its_own() -> None:
    async def main() -> tuple[list[int], list[int]]:
        flow = rx.range(3)
        return [x async for x in flow], [x async for x in flow]

    assert run(main()) == ([0, 1, 2], [0, 1, 2])


def test_aclose_closes_the_source_at_once() -> None:
    source = Counted()

    async def main() -> None:
        items = aiter(rx.from_iterable(source))
        assert await anext(items) == 1
        assert not source.closed
        await items.aclose()
        assert source.closed
        await items.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(items)

    run(main())
    assert source.advanced == 1


def test_break_closes_the_source_once_the_iteration_is_collected() -> None:
    source = Counted()

    async def main() -> None:
        async for item in rx.from_iterable(source):
            if item == 5:
                break
        gc.collect()
        await turns(1)
        assert source.closed

    run(main())
    assert source.advanced == 5


def test_break_disposes_of_a_hot_source() -> None:
    subject: Subject[int] = Subject()

    async def main() -> None:
        flow = subject.pipe(ops.on_backpressure_buffer(10))
        asyncio.get_running_loop().call_soon(subject.on_next, 1)
        async for _ in flow:
            assert len(subject.observers) == 1
            break
        gc.collect()
        await turns(1)
        assert len(subject.observers) == 0

    run(main())


def test_break_closes_an_async_generator() -> None:
    closed: list[str] = []

    async def numbers() -> Any:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(1)
            closed.append("closed")

    async def main() -> None:
        async for _ in rx.from_async_iterable(numbers()):
            break
        gc.collect()
        await asyncio.sleep(2)

    run(main())
    assert closed == ["closed"]


def test_error_in_the_middle_is_raised_in_the_loop_and_closes_the_source() -> None:
    source = Counted(fails_at=4)
    seen: list[int] = []

    async def main() -> None:
        with pytest.raises(ValueError, match="item 4"):
            await collect(rx.from_iterable(source), seen)
        assert source.closed

    run(main())
    assert seen == [1, 2, 3]


@pytest.mark.parametrize("bad", [1, 2, 63, 64, 65, 66, 128, 129, 1024, 1025])
def test_error_of_an_operator_comes_behind_all_items_before_it(bad: int) -> None:
    source = Counted()
    seen: list[float] = []

    async def main() -> None:
        flow = rx.from_iterable(source).pipe(ops.map(lambda x: 1 / (bad - x)))
        items = aiter(flow)
        with pytest.raises(ZeroDivisionError):
            await collect(items, seen)
        assert source.closed
        with pytest.raises(StopAsyncIteration):
            await anext(items)

    run(main())
    assert len(seen) == bad - 1
    assert source.advanced == bad


def test_error_of_a_hot_source_waits_for_its_backlog() -> None:
    async def main() -> list[int]:
        subject: Subject[int] = Subject()
        items = aiter(subject.pipe(ops.on_backpressure_buffer(10)))
        subject.on_next(1)
        subject.on_next(2)
        subject.on_error(KeyError("late"))
        seen = [await anext(items), await anext(items)]
        with pytest.raises(KeyError, match="late"):
            await anext(items)
        return seen

    assert run(main()) == [1, 2]


def test_a_callback_that_raises_stop_iteration_does_not_end_the_stream_silently() -> None:
    def stop(x: int) -> int:
        if x == 3:
            raise StopIteration
        return x

    async def main() -> list[int]:
        seen: list[int] = []
        with pytest.raises(RuntimeError, match="StopIteration"):
            await collect(rx.range(10).pipe(ops.map(stop)), seen)
        return seen

    assert run(main()) == [0, 1, 2]


def test_a_waiting_step_is_woken_by_an_item_and_by_the_end() -> None:
    async def main() -> list[int]:
        subject: Subject[int] = Subject()
        loop = asyncio.get_running_loop()
        loop.call_later(1, subject.on_next, 10)
        loop.call_later(2, subject.on_next, 20)
        loop.call_later(3, subject.on_completed)
        seen: list[int] = []
        async for item in subject.pipe(ops.on_backpressure_buffer(10)):
            assert loop.time() == item / 10
            seen.append(item)
        assert loop.time() == 3
        return seen

    assert run(main()) == [10, 20]


def test_iteration_without_a_loop_is_refused() -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        aiter(rx.of(1))


def test_an_iteration_left_open_when_the_loop_closes_gives_a_resource_warning() -> None:
    loop = VirtualTimeLoop()
    source = Counted()

    async def begin() -> Any:
        items = aiter(rx.from_iterable(source))
        await anext(items)
        return items

    kept = [loop.run_until_complete(begin())]
    loop.close()
    with pytest.warns(ResourceWarning, match="still open"):
        forget(kept)


def test_an_iteration_that_was_closed_gives_no_warning(recwarn: pytest.WarningsRecorder) -> None:
    loop = VirtualTimeLoop()

    async def begin() -> Any:
        items = aiter(rx.of(1, 2))
        await anext(items)
        await items.aclose()
        return items

    items = loop.run_until_complete(begin())
    loop.close()
    del items
    gc.collect()
    assert not recwarn.list


def test_a_step_that_waits_when_its_loop_is_closed_lets_go_of_the_source() -> None:
    loop = VirtualTimeLoop()
    subject: Subject[int] = Subject()

    async def consume() -> None:
        async for _ in subject.pipe(ops.on_backpressure_buffer(10)):
            pass

    step = consume()

    async def begin() -> None:
        step.send(None)

    loop.run_until_complete(begin())
    loop.close()
    step.close()  # as the collector does with the coroutine of a pending task
    gc.collect()
    assert not subject.observers


class Progress:
    """A task beside the consumer: it counts its turns, and stops the consumer at the last."""

    def __init__(self, consumer: asyncio.Task[Any], wanted: int = 10) -> None:
        self.turns = 0
        self._consumer = consumer
        self._wanted = wanted

    async def __call__(self) -> None:
        while self.turns < self._wanted:
            await asyncio.sleep(0)
            self.turns += 1
        self._consumer.cancel()


def assert_fair(consume: Any, at_most: int = 2_000_000) -> None:
    """Fail if a consumer of an endless ready source does not let another task run."""

    async def main() -> int:
        consumer = asyncio.ensure_future(consume(endless(at_most)))
        progress = Progress(consumer)
        other = asyncio.ensure_future(progress())
        with pytest.raises(asyncio.CancelledError):
            await consumer
        await other
        return progress.turns

    assert run(main()) == 10


def endless(at_most: int) -> Iterator[int]:
    """Count, so far that only a loop that is starved gets to the end."""
    yield from range(at_most)
    raise AssertionError("the event loop was starved")


async def _iterate(source: Iterator[int]) -> None:
    async with aclosing(aiter(rx.from_iterable(source))) as items:
        async for _ in items:
            pass


async def _reject(source: Iterator[int]) -> None:
    flow = rx.from_iterable(source).pipe(ops.filter(lambda _: False))
    async with aclosing(aiter(flow)) as items:
        async for _ in items:
            pass


async def _chunks(source: Iterator[int]) -> None:
    async with aclosing(rx.from_iterable(source).chunks(1_000_000_000)) as chunks:
        async for _ in chunks:
            pass


async def _reject_chunks(source: Iterator[int]) -> None:
    flow = rx.from_iterable(source).pipe(ops.filter(lambda _: False))
    async with aclosing(flow.chunks(10)) as chunks:
        async for _ in chunks:
            pass


async def _for_each(source: Iterator[int]) -> None:
    await rx.from_iterable(source).for_each(lambda _: None)


async def _for_each_reject(source: Iterator[int]) -> None:
    await rx.from_iterable(source).pipe(ops.filter(lambda _: False)).for_each(lambda _: None)


async def _to_queue(source: Iterator[int]) -> None:
    await rx.from_iterable(source).to_queue(asyncio.Queue())


async def _map_async(source: Iterator[int]) -> None:
    async def immediately(x: int) -> int:
        return x

    async with aclosing(
        aiter(rx.from_iterable(source).pipe(ops.map_async(immediately, 8)))
    ) as all_:
        async for _ in all_:
            pass


async def _map_async_reject(source: Iterator[int]) -> None:
    async def immediately(x: int) -> int:
        return x

    flow = rx.from_iterable(source).pipe(ops.filter(lambda _: False), ops.map_async(immediately, 8))
    async with aclosing(aiter(flow)) as all_:
        async for _ in all_:
            pass


async def _from_async_iterable(source: Iterator[int]) -> None:
    async def ready() -> Any:
        for item in source:
            yield item

    async with aclosing(aiter(rx.from_async_iterable(ready()))) as items:
        async for _ in items:
            pass


async def _from_queue(source: Iterator[int]) -> None:
    queue: asyncio.Queue[int] = asyncio.Queue(1)
    queue.put_nowait(next(source))
    async with aclosing(aiter(rx.from_queue(queue))) as items:
        async for _ in items:
            queue.put_nowait(next(source))  # so it is full whenever the next is asked for


@pytest.mark.parametrize(
    "consume",
    [
        _iterate,
        _reject,
        _chunks,
        _reject_chunks,
        _for_each,
        _for_each_reject,
        _to_queue,
        _map_async,
        _map_async_reject,
        _from_async_iterable,
        _from_queue,
    ],
)
def test_an_always_ready_source_does_not_starve_the_loop(consume: Any) -> None:
    assert_fair(consume)


def test_repeat_value_does_not_starve_a_timer() -> None:
    async def main() -> str:
        async def consume() -> None:
            async with aclosing(aiter(rx.repeat_value(1))) as items:
                async for _ in items:
                    pass

        try:
            async with asyncio.timeout(0):
                await consume()
        except TimeoutError:
            return "timed out"
        return "ended"

    assert run(main()) == "timed out"


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("overflow", [rx.FAIL, rx.SUSPEND, rx.DROP_OLDEST])
def test_a_callback_may_finish_the_loop_that_it_is_called_in(
    overflow: rx.Overflow, chunked: bool
) -> None:
    """At each place of a step: the first item of it, one in its middle, one that is left out."""
    emitters: list[rx.Emitter[int]] = []

    async def main(last: int) -> None:
        def before_the_last(item: int) -> bool:
            if item == last:
                items.consumer.finish()
            return item % 3 != 2

        source = rx.create(emitters.append, overflow=overflow, capacity=64)
        flow = source.pipe(ops.filter(before_the_last))
        items: Any = aiter(flow.chunks(10)) if chunked else aiter(flow)
        for item in range(40):
            emitters[-1].on_next(item)
        seen = [item async for item in items]
        if chunked:
            seen = [item for chunk in seen for item in chunk]
        assert seen == [n for n in range(last + 1) if n % 3 != 2]
        figures = items.statistics()[0]
        assert figures.received == 40 == figures.delivered + figures.discarded
        assert figures.delivered == last + 1
        assert emitters[-1].closed

    for last in range(40):
        run(main(last))
