"""map_async where tasks take their first step when they are made, and where they cannot."""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing
from contextvars import ContextVar
from itertools import count
from typing import Any

import pytest

import rxflow as rx
from rxflow import operators as ops
from tests.support_loop import run, turns

EAGER = sys.version_info >= (3, 12)


async def slowly(item: Any) -> Any:
    await asyncio.sleep(1)
    return item


async def at_once(item: Any) -> Any:
    return item


def test_nothing_begins_before_demand_and_then_in_the_same_turn_where_that_can_be() -> None:
    seen: list[Any] = []

    async def call(item: int) -> int:
        seen.append(item)
        return await slowly(item)

    async def main() -> None:
        async with aclosing(aiter(rx.range(10).pipe(ops.map_async(call, 3)))) as results:
            await turns(3)
            assert seen == []
            asyncio.get_running_loop().call_soon(seen.append, "turn")
            assert await anext(results) == 0
        assert seen[:4] == ([0, 1, 2, "turn"] if EAGER else ["turn", 0, 1, 2])

    run(main())


def test_a_function_that_never_waits_does_not_starve_the_event_loop() -> None:
    async def main() -> None:
        others: list[int] = []

        async def other() -> None:
            for n in range(5):
                await asyncio.sleep(0)
                others.append(n)

        task = asyncio.create_task(other())
        async with aclosing(
            aiter(rx.from_iterable(count()).pipe(ops.map_async(at_once, 4)))
        ) as results:
            async for item in results:
                assert item < 1_000_000, "no other task has had a turn"
                if len(others) == 5:
                    break
        await task

    asyncio.run(main())


@pytest.mark.parametrize("ordered", [True, False])
def test_a_failure_of_the_first_step_ends_the_stream_and_the_other_calls(ordered: bool) -> None:
    ended: list[int] = []

    async def call(item: int) -> int:
        if item == 2:
            raise ValueError(item)
        try:
            return await slowly(item)
        finally:
            ended.append(item)

    async def main() -> None:
        with pytest.raises(ValueError, match="2"):
            async for _ in rx.range(10).pipe(ops.map_async(call, 4, ordered)):
                pass
        assert ended == [0, 1, 3]
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main())


def test_each_call_has_a_context_and_a_task_of_its_own() -> None:
    told: ContextVar[Any] = ContextVar("told", default=None)
    tasks: set[Any] = set()

    async def call(item: int) -> Any:
        before = told.get()
        told.set(item)
        tasks.add(asyncio.current_task())
        await asyncio.sleep(0)
        tasks.add(asyncio.current_task())
        return before, told.get()

    async def main() -> None:
        told.set("consumer")
        seen = [pair async for pair in rx.range(4).pipe(ops.map_async(call, 2))]
        assert seen == [("consumer", n) for n in range(4)]
        assert told.get() == "consumer"
        assert len(tasks) == 4
        assert asyncio.current_task() not in tasks

    run(main())


def test_a_call_whose_first_step_ends_the_stream_is_cancelled_too() -> None:
    switch = rx.KillSwitch()
    ended: list[str] = []

    async def call(item: int) -> int:
        switch.shutdown()
        try:
            return await slowly(item)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    async def main() -> None:
        flow = rx.range(10).pipe(ops.map_async(call, 4), ops.kill_switch(switch))
        assert [item async for item in flow] == []
        await turns(3)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main())
    assert set(ended) <= {"cancelled"}


def test_leaving_waits_for_what_the_calls_do_at_their_end() -> None:
    ended: list[int] = []

    async def call(item: int) -> int:
        if item == 0:
            return item
        try:
            return await slowly(item)
        finally:
            await asyncio.sleep(5)
            ended.append(item)

    async def main() -> None:
        async with aclosing(aiter(rx.range(10).pipe(ops.map_async(call, 3)))) as results:
            assert await anext(results) == 0
            await turns(2)
        assert sorted(ended) == [1, 2]

    run(main())


def test_a_call_that_somebody_else_cancels_ends_the_stream() -> None:
    async def main() -> None:
        def cancel_all() -> None:
            for task in asyncio.all_tasks() - {consumer}:
                task.cancel()

        consumer = asyncio.current_task()
        asyncio.get_running_loop().call_later(0.5, cancel_all)
        with pytest.raises(RuntimeError, match="ended with CancelledError"):
            async for _ in rx.range(10).pipe(ops.map_async(slowly, 2)):
                pass

    run(main())


def test_a_task_factory_makes_the_tasks() -> None:
    made: list[str] = []

    async def main() -> None:
        def factory(loop: Any, work: Any, **options: Any) -> Any:
            made.append(work.__name__)
            return asyncio.Task(work, loop=loop, **options)

        asyncio.get_running_loop().set_task_factory(factory)
        assert [item async for item in rx.range(3).pipe(ops.map_async(at_once, 2))] == [0, 1, 2]
        assert made == ["at_once"] * 3

    run(main())


def test_what_is_counted_is_the_same_whoever_tells_of_the_end() -> None:
    async def main() -> None:
        lost: list[int] = []
        results = aiter(rx.range(10).pipe(ops.map_async(at_once, 4, on_discard=lost.append)))
        assert await anext(results) == 0
        await turns(3)
        await results.aclose()
        figures = results.statistics()[-1]
        assert (figures.received, figures.delivered, figures.held) == (
            1 + len(lost),
            1,
            0,
        )
        assert figures.discarded == len(lost) == 3

    run(main())
