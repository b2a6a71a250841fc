"""map_async: a task goes on with another call, and no call can tell that there was one before."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import aclosing
from contextvars import ContextVar
from typing import Any

import pytest

import rxflow as rx
from rxflow import operators as ops
from tests.support_loop import run, turns

EAGER = sys.version_info >= (3, 12)
told: ContextVar[Any] = ContextVar("told", default=None)


async def briefly(item: Any) -> Any:
    await asyncio.sleep(0)
    return item


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("buffer", [0, 8])
def test_many_calls_are_made_in_few_tasks(buffer: int, ordered: bool) -> None:
    tasks: set[Any] = set()

    async def call(item: int) -> int:
        tasks.add(asyncio.current_task())
        return await briefly(item)

    async def main() -> None:
        flow = rx.range(200).pipe(ops.map_async(call, 4, ordered, buffer=buffer))
        assert sorted([item async for item in flow]) == list(range(200))
        if EAGER and not buffer:  # a new one begins sooner
            assert len(tasks) == 200
        else:
            assert len(tasks) <= (50 if EAGER else 8)

    run(main())


@pytest.mark.parametrize("buffer", [0, 8])
def test_a_call_finds_the_variables_that_the_consumer_has(buffer: int) -> None:
    """What an earlier call of the same task has set is not there; what the consumer has set is."""

    async def call(item: int) -> tuple[int, Any]:
        before = told.get()
        if item % 3 == 0:
            told.set(f"call {item}")
        await asyncio.sleep(0)
        return item, before

    async def main() -> None:
        told.set("at first")
        seen: dict[int, Any] = {}
        async with aclosing(
            aiter(rx.range(60).pipe(ops.map_async(call, 1, buffer=buffer)))
        ) as results:
            async for item, before in results:
                seen[item] = before
                if item == 30:
                    told.set("later")
        assert set(seen.values()) == {"at first", "later"}
        assert all(seen[n] == "at first" for n in range(31))
        assert all(seen[n] == "later" for n in range(32 + buffer, 60))

    run(main())


def test_variables_that_cannot_be_compared_are_taken_for_changed() -> None:
    class Array:
        def __eq__(self, other: object) -> bool:
            raise ValueError("the truth value of an array is ambiguous")

        def __hash__(self) -> int:
            return 0

    async def call(item: int) -> int:
        told.set(Array())
        return await briefly(item)

    async def main() -> None:
        told.set(Array())
        flow = rx.range(20).pipe(ops.map_async(call, 3, buffer=4))
        assert [item async for item in flow] == list(range(20))

    run(main())


def test_a_call_that_cancels_its_own_task_at_its_end_harms_no_other_call() -> None:
    async def call(item: int) -> int:
        await asyncio.sleep(0)
        if item % 5 == 0:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        return item

    async def main() -> None:
        flow = rx.range(40).pipe(ops.map_async(call, 3, buffer=4))
        assert [item async for item in flow] == list(range(40))

    run(main())


@pytest.mark.parametrize("buffer", [0, 4])
def test_tasks_that_others_cancel_at_any_time_end_the_stream_and_leave_nobody_waiting(
    buffer: int,
) -> None:
    """Before a first step, in a call, and between two calls."""
    outcomes: set[str] = set()

    async def main(after: int) -> None:
        async def consume() -> list[int]:
            flow = rx.range(6).pipe(ops.map_async(briefly, 2, buffer=buffer))
            return [item async for item in flow]

        consumer = asyncio.create_task(consume())
        await turns(after)
        for task in asyncio.all_tasks() - {consumer, asyncio.current_task()}:
            task.cancel()
        try:
            async with asyncio.timeout(60):
                assert await consumer == list(range(6))
            outcomes.add("completed")
        except RuntimeError as error:
            outcomes.add("failed" if "ended with CancelledError" in str(error) else str(error))

    for after in range(30):
        run(main(after))
    assert outcomes == {"completed", "failed"}


def test_while_the_consumer_waits_calls_go_on_as_far_as_the_bounds_allow() -> None:
    begun: list[int] = []
    first = asyncio.Event()

    async def call(item: int) -> int:
        begun.append(item)
        await (first.wait() if item == 0 else asyncio.sleep(0))
        return item

    async def main() -> None:
        flow = rx.range(100).pipe(ops.map_async(call, 3, buffer=5))
        async with aclosing(aiter(flow)) as results:
            following = asyncio.ensure_future(anext(results))
            await turns(30)
            assert begun == list(range(8))
            figures = results.statistics()[-1]
            assert (figures.held, figures.peak, figures.in_flight) == (8, 8, 1)
            first.set()
            assert await following == 0

    run(main())


def test_while_the_consumer_is_busy_no_call_begins() -> None:
    begun: list[int] = []

    async def call(item: int) -> int:
        begun.append(item)
        return await briefly(item)

    async def main() -> None:
        flow = rx.range(100).pipe(ops.map_async(call, 3, buffer=50))
        async with aclosing(aiter(flow)) as results:
            assert await anext(results) == 0
            some = len(begun)
            await turns(20)
            assert len(begun) == some

    run(main())


def test_a_source_that_fails_while_the_consumer_waits_ends_the_stream() -> None:
    def items() -> Iterator[int]:
        yield from range(10)
        raise ValueError("no more")

    async def call(item: int) -> int:
        await asyncio.sleep(1 if item == 0 else 0)
        return item

    async def main() -> None:
        flow = rx.from_iterable(items()).pipe(ops.map_async(call, 2, buffer=20))
        with pytest.raises(ValueError, match="no more"):
            await anext(aiter(flow))
        assert asyncio.get_running_loop().time() < 1  # it did not wait for the first call

    run(main())


def test_an_item_and_its_result_are_let_go_when_it_was_delivered() -> None:
    class Item:
        alive = 0

        def __init__(self) -> None:
            Item.alive += 1

        def __del__(self) -> None:
            Item.alive -= 1

    async def call(item: Item) -> Item:
        return await briefly(item)

    async def main() -> None:
        flow = rx.from_iterable(Item() for _ in range(100)).pipe(ops.map_async(call, 3))
        async for item in flow:
            del item
            assert Item.alive <= 4  # three in it, and the one that comes next

    run(main())
