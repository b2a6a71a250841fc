"""The runner of these tests sees what it is there to see."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support_loop import StuckError, run, turns


async def numbers() -> Any:
    yield 1
    yield 2


def test_time_jumps_to_the_next_timer() -> None:
    async def main() -> float:
        await asyncio.sleep(1_000_000)
        return asyncio.get_running_loop().time()

    assert run(main()) == 1_000_000


def test_waiting_for_nothing_is_an_error_and_not_a_hang() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(StuckError):
        run(main())


def test_a_task_that_is_left_is_seen() -> None:
    async def main() -> Any:
        return asyncio.ensure_future(asyncio.sleep(10))

    with pytest.raises(AssertionError, match="tasks are left"):
        run(main())


def test_an_exception_that_nobody_retrieves_is_seen() -> None:
    async def fail() -> None:
        raise KeyError("unseen")

    async def main() -> None:
        tasks = [asyncio.ensure_future(fail())]
        tasks.append(tasks)  # type: ignore[arg-type] - a cycle, so that only the collector gets it
        await turns(2)

    with pytest.raises(AssertionError, match="unseen"):
        run(main())


def test_an_async_generator_that_is_left_open_is_seen() -> None:
    kept = numbers()

    async def main() -> None:
        await anext(kept)

    with pytest.raises(AssertionError, match="async generators are open"):
        run(main())


def test_an_async_generator_that_is_left_to_the_collector_is_seen() -> None:
    async def main() -> None:
        await anext(numbers())
        await turns(3)

    with pytest.raises(AssertionError, match="left to the garbage collector"):
        run(main())
