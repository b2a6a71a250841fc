"""The calls of map_async: each has a task, a context and an end of its own, whatever else ends."""

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
from rxflow.protocol import LimitAlgorithm, Limiter
from tests.support_loop import run, turns

told: ContextVar[Any] = ContextVar("told", default=None)


async def briefly(item: Any) -> Any:
    await asyncio.sleep(0)
    return item


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("buffer", [0, 8])
def test_each_call_has_a_task_that_ends_with_it(buffer: int, ordered: bool) -> None:
    """What others hang on a task, such as a session or a clean-up, is of one call only."""
    tasks: dict[Any, int] = {}  # the tasks themselves, so that none has the address of another
    over: list[int] = []

    async def call(item: int) -> int:
        task = asyncio.current_task()
        assert task is not None
        tasks[task] = item
        task.add_done_callback(lambda done: over.append(tasks[done]))
        return await briefly(item)

    async def main() -> None:
        flow = rx.range(50).pipe(ops.map_async(call, 4, ordered, buffer=buffer))
        async for item in flow:
            assert item in tasks.values()
        await turns(2)
        assert sorted(tasks.values()) == sorted(over) == list(range(50))

    run(main())


@pytest.mark.parametrize("buffer", [0, 8])
def test_a_call_finds_the_variables_that_the_consumer_has(buffer: int) -> None:
    """What an earlier call has set is not there; what the consumer has set is."""

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


@pytest.mark.parametrize("buffer", [0, 5])
def test_what_the_source_sets_is_set_for_the_consumer(buffer: int) -> None:
    """It is pulled where the consumer is, not where a call has just ended."""
    seen: list[Any] = []

    def tag(item: int) -> int:
        seen.append(told.get())
        told.set(item)
        return item

    async def main() -> None:
        flow = rx.range(14).pipe(ops.map(tag), ops.map_async(briefly, 1, buffer=buffer))
        assert [item async for item in flow] == list(range(14))
        assert seen == [None, *range(13)]
        assert told.get() == 13

    run(main())


class Fatal(BaseException):
    """As a cancellation of something else is: no Exception."""


@pytest.mark.parametrize("buffer", [0, 5])
@pytest.mark.parametrize("where", ["source", "decision"])
def test_what_is_no_exception_reaches_the_consumer(where: str, buffer: int) -> None:
    def items() -> Iterator[int]:
        yield from range(4)
        if where == "source":
            raise Fatal
        yield from range(4, 20)

    async def call(item: int) -> int:
        await turns(11 if item == 0 else 1)
        if item == 6:
            raise ValueError(item)
        return item

    def decide(error: Exception, item: Any) -> rx.Supervision:
        raise Fatal

    async def main() -> None:
        calls = ops.supervise(ops.map_async(call, 2, buffer=buffer), decide)
        with pytest.raises(Fatal):
            _ = [item async for item in rx.from_iterable(items()).pipe(calls)]

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
    """Before the first step of a call, and in it."""
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
            await turns(3)  # those that were begun take their first steps
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


class Sinking(Limiter):
    """Lets ten calls run at first, and one from when it is told to."""

    sunk = False

    def ended(self, seconds: float, running: int, failed: bool) -> float:
        return 1.0 if self.sunk else 10.0


def test_a_limit_that_falls_while_calls_begin_lets_no_other_begin() -> None:
    limiter = Sinking()

    class Algorithm(LimitAlgorithm):
        def limiter(self, least: int, most: int) -> Limiter:
            return limiter

    begun: list[int] = []
    overlapping: set[int] = set()

    async def call(item: int) -> int:
        if item < 3:
            await asyncio.sleep(1)  # so that the limit rises
        elif item == 3:
            limiter.sunk = True  # and ends in its first step
        else:
            begun.append(item)
            if limiter.sunk and limit_is_heard:
                overlapping.add(len(begun))
            await asyncio.sleep(1)
            begun.remove(item)
        return item

    limit_is_heard = sys.version_info >= (3, 12)  # else tasks take no step while others begin

    async def main() -> None:
        flow = rx.from_iterable(iter(range(20))).pipe(
            ops.adaptive_concurrency(call, 1, 10, algorithm=Algorithm())
        )
        assert [item async for item in flow] == list(range(20))
        assert overlapping <= {1}

    run(main())


def test_what_waits_for_its_key_takes_no_place_of_those_that_may_run() -> None:
    """All that there is room for is taken at once, and not one at each turn."""
    taken: list[int] = []
    gate = asyncio.Event()

    def items() -> Iterator[int]:
        for item in range(60):
            taken.append(item)
            yield item

    async def call(item: int) -> int:
        await gate.wait()
        return item

    async def main() -> None:
        calls = ops.map_async_partitioned(lambda item: "one", call, 2, buffer=38)
        async with aclosing(aiter(rx.from_iterable(items()).pipe(calls))) as results:
            following = asyncio.ensure_future(anext(results))
            runs: list[int] = []
            running = results._feed.run

            def run_of() -> Iterator[Any]:
                runs.append(len(taken))
                return running()

            results._feed.run = run_of  # type: ignore[method-assign]
            await turns(10)
            assert (len(taken), runs) == (40, [0])
            gate.set()
            assert await following == 0

    run(main())


@pytest.mark.parametrize("ordered", [True, False])
def test_the_time_that_calls_have_worked_is_right_while_they_begin_and_end(ordered: bool) -> None:
    """A clock begins anywhere: no figure is made of when something was."""
    seen: list[tuple[float, int]] = []

    async def call(item: int) -> int:
        figures = results.statistics()[-1]
        seen.append((figures.working_seconds, figures.discarded))
        await asyncio.sleep(item % 3)
        return item

    async def main() -> None:
        nonlocal results
        flow = rx.range(12).pipe(ops.map_async(call, 4, ordered, buffer=4))
        async with aclosing(aiter(flow)) as results:
            async for _ in results:
                figures = results.statistics()[-1]
                seen.append((figures.working_seconds, figures.discarded))
            assert results.statistics()[-1].working_seconds == sum(item % 3 for item in range(12))

    results: Any = None
    run(main())
    assert all(0 <= worked <= 12 for worked, _ in seen)
    assert {lost for _, lost in seen} == {0}
