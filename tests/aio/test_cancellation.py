"""Cancelling at every await point: what was opened is closed, and nothing is left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

import pytest
from reactivex.subject import Subject

import rxflow as rx
from rxflow import operators as ops
from tests.support_loop import Recorder, run, turns

MOST_STEPS = 400


class World:
    """Sources and functions that know what was opened and what was closed."""

    def __init__(self) -> None:
        self.opened = 0
        self.closed = 0
        self.running = 0
        self.seen: list[Any] = []

    async def numbers(self, stop: int = 4) -> Any:
        self.opened += 1
        try:
            for n in range(stop):
                await asyncio.sleep(0)
                yield n
                await asyncio.sleep(0)
        finally:
            try:
                await asyncio.sleep(0)  # closing takes a turn too, and may be cancelled itself
            finally:
                self.closed += 1

    async def work(self, item: int) -> int:
        self.running += 1
        try:
            await asyncio.sleep(0)
            return item
        finally:
            try:
                await asyncio.sleep(0)
            finally:
                self.running -= 1

    def subject(self, items: int = 4) -> Any:
        """Give a Flow over a Subject that is pushed into every few turns."""
        self.hot: Subject[int] = Subject()
        loop = asyncio.get_running_loop()

        def push(turn: int) -> None:
            if turn < 3 * items:
                if turn % 3 == 0:
                    self.hot.on_next(turn // 3)
                loop.call_soon(push, turn + 1)
            else:
                self.hot.on_completed()

        loop.call_soon(push, 0)
        return self.hot.pipe(ops.on_backpressure_buffer(100))

    def settled(self) -> None:
        assert self.opened == self.closed, "the generator is closed"
        assert self.running == 0, "no call runs"
        if hasattr(self, "hot"):
            assert not self.hot.observers, "the subject is left"


async def stepped(main: Awaitable[Any], step: int) -> bool:
    """Run a coroutine in a task and cancel the task at its k-th step; tell whether it got there."""
    task = asyncio.ensure_future(main)
    for _ in range(step):
        await asyncio.sleep(0)
        if task.done():
            break
    reached = not task.done()
    task.cancel()
    (outcome,) = await asyncio.gather(task, return_exceptions=True)
    if reached:
        assert isinstance(outcome, asyncio.CancelledError), outcome
    else:
        assert outcome is None, outcome
    return reached


def cancelled_everywhere(
    consume: Callable[[World], Awaitable[Any]], *, settling: int = 0
) -> list[list[Any]]:
    """Cancel a consumer at its first turn, its second, ... until it gets to its end.

    Args:
        consume: The consumer, given a new world each time.
        settling: How many turns are given to what a consumer has left to the collector.
    """
    seen: list[list[Any]] = []
    for step in range(MOST_STEPS):
        world = World()

        async def main(world: World = world, step: int = step) -> bool:
            reached = await stepped(consume(world), step)
            await turns(settling)
            world.settled()
            return reached

        reached = run(main())
        seen.append(world.seen)
        if not reached:
            assert step > 3, "the pipeline has await points"
            return seen
    raise AssertionError(f"it did not end in {MOST_STEPS} steps")


async def iterate(flow: Any, world: World) -> None:
    async with aclosing(aiter(flow)) as items:
        async for item in items:
            world.seen.append(item)
            await asyncio.sleep(0)


def assert_prefixes(seen: list[list[Any]], whole: list[Any]) -> None:
    """Check that a cancel only ever cut the stream off; in the last run there was none."""
    assert all(each == whole[: len(each)] for each in seen)
    assert seen[-1] == whole


@pytest.mark.parametrize("concurrency", [1, 2, 8])
@pytest.mark.parametrize("ordered", [True, False])
def test_async_generator_map_async_async_for(concurrency: int, ordered: bool) -> None:
    def consume(world: World) -> Awaitable[None]:
        flow = rx.from_async_iterable(world.numbers()).pipe(
            ops.map_async(world.work, concurrency, ordered=ordered)
        )
        return iterate(flow, world)

    assert_prefixes(cancelled_everywhere(consume), [0, 1, 2, 3])


def test_async_generator_alone() -> None:
    assert_prefixes(
        cancelled_everywhere(lambda world: iterate(rx.from_async_iterable(world.numbers()), world)),
        [0, 1, 2, 3],
    )


def test_a_plain_async_for_without_aclosing() -> None:
    async def consume(world: World) -> None:
        flow = rx.from_async_iterable(world.numbers()).pipe(ops.map_async(world.work, 2))
        async for item in flow:
            world.seen.append(item)
            await asyncio.sleep(0)

    assert_prefixes(cancelled_everywhere(consume, settling=10), [0, 1, 2, 3])


def test_two_map_async_in_a_row() -> None:
    def consume(world: World) -> Awaitable[None]:
        flow = rx.from_async_iterable(world.numbers()).pipe(
            ops.map_async(world.work, 2), ops.map_async(world.work, 3)
        )
        return iterate(flow, world)

    assert_prefixes(cancelled_everywhere(consume), [0, 1, 2, 3])


def test_with_native_and_stock_operators_between() -> None:
    def consume(world: World) -> Awaitable[None]:
        flow = rx.from_async_iterable(world.numbers(6)).pipe(
            ops.map(lambda x: x + 1), ops.pairwise(), ops.map_async(world.work, 2)
        )
        return iterate(flow, world)

    assert_prefixes(cancelled_everywhere(consume), [(n, n + 1) for n in range(1, 6)])


def test_a_hot_source_behind_a_door() -> None:
    async def consume(world: World) -> None:
        await iterate(world.subject().pipe(ops.map_async(world.work, 2)), world)

    seen = cancelled_everywhere(consume)
    assert_prefixes(seen, [0, 1, 2, 3])


def test_chunks() -> None:
    async def consume(world: World) -> None:
        flow = rx.from_async_iterable(world.numbers()).pipe(ops.map_async(world.work, 2))
        async with aclosing(flow.chunks(3)) as chunks:
            async for chunk in chunks:
                world.seen += chunk
                await asyncio.sleep(0)

    assert_prefixes(cancelled_everywhere(consume), [0, 1, 2, 3])


@pytest.mark.parametrize("concurrency", [1, 3])
def test_for_each(concurrency: int) -> None:
    def consume(world: World) -> Awaitable[None]:
        async def note(item: int) -> None:
            world.seen.append(await world.work(item))

        return rx.from_async_iterable(world.numbers()).for_each(note, max_concurrency=concurrency)

    assert_prefixes(cancelled_everywhere(consume), [0, 1, 2, 3])


def test_merged_generators() -> None:
    def consume(world: World) -> Awaitable[None]:
        flow = rx.merge(
            rx.from_async_iterable(world.numbers()), rx.from_async_iterable(world.numbers())
        )
        return iterate(flow, world)

    seen = cancelled_everywhere(consume)
    assert sorted(seen[-1]) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_flat_map_of_generators() -> None:
    def consume(world: World) -> Awaitable[None]:
        flow = rx.from_async_iterable(world.numbers(3)).pipe(
            ops.flat_map(lambda n: rx.from_async_iterable(world.numbers(2)))
        )
        return iterate(flow, world)

    seen = cancelled_everywhere(consume)
    assert sorted(seen[-1]) == [0, 0, 0, 1, 1, 1]


def test_concatenated_generators() -> None:
    def consume(world: World) -> Awaitable[None]:
        flow = rx.concat(
            rx.from_async_iterable(world.numbers(2)), rx.from_async_iterable(world.numbers(2))
        )
        return iterate(flow, world)

    assert_prefixes(cancelled_everywhere(consume), [0, 1, 0, 1])


def test_observe_on_between() -> None:
    def consume(world: World) -> Awaitable[None]:
        flow = rx.from_async_iterable(world.numbers()).pipe(
            ops.observe_on(asyncio.get_running_loop()), ops.map_async(world.work, 2)
        )
        return iterate(flow, world)

    async def inside(world: World) -> None:
        await consume(world)

    assert_prefixes(cancelled_everywhere(inside, settling=3), [0, 1, 2, 3])


def test_a_subscriber_that_cancels_at_each_turn() -> None:
    whole = list(range(4))
    for step in range(60):
        world = World()
        recorder = Recorder(100)

        async def main(
            world: World = world, recorder: Recorder = recorder, step: int = step
        ) -> None:
            rx.from_async_iterable(world.numbers()).pipe(ops.map_async(world.work, 2)).subscribe(
                recorder
            )
            await turns(step)
            recorder.cancel()
            given = len(recorder.items)
            await turns(10)
            assert len(recorder.items) == given, "rule 2.8: nothing comes much later"
            world.settled()

        run(main())
        assert recorder.items == whole[: len(recorder.items)]
        assert recorder.errors == []
    assert recorder.items == whole
    assert recorder.completed == 1


def test_a_function_that_fails_at_each_item_closes_everything() -> None:
    for bad in range(4):
        world = World()

        async def main(world: World = world, bad: int = bad) -> None:
            async def work(item: int) -> int:
                if item == bad:
                    raise KeyError(item)
                return await world.work(item)

            flow = rx.from_async_iterable(world.numbers()).pipe(ops.map_async(work, 3))
            with pytest.raises(KeyError):
                await iterate(flow, world)
            world.settled()

        run(main())
        assert world.seen == list(range(len(world.seen)))
        assert len(world.seen) <= bad


def test_a_timeout_around_the_loop_is_a_cancel() -> None:
    world = World()

    async def main() -> None:
        async def slow(item: int) -> int:
            await asyncio.sleep(10)
            return await world.work(item)

        flow = rx.from_async_iterable(world.numbers()).pipe(ops.map_async(slow, 2))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(15):
                await iterate(flow, world)
        world.settled()
        assert asyncio.get_running_loop().time() == 15

    run(main())
    assert world.seen == [0, 1]


def test_aclose_from_another_task_ends_a_step_that_waits() -> None:
    async def main() -> None:
        subject: Subject[int] = Subject()
        items = aiter(subject.pipe(ops.on_backpressure_buffer(3)))
        step = asyncio.ensure_future(anext(items))
        await turns(3)
        await items.aclose()
        done, _ = await asyncio.wait([step], timeout=1)
        assert done, "the step is told that there is nothing to wait for"
        assert isinstance(step.exception(), StopAsyncIteration | RuntimeError)
        assert not subject.observers

    run(main())
