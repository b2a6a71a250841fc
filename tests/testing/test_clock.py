"""Virtual time on an event loop, also for the observables of reactivex's TestScheduler."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from reactivex.testing import ReactiveTest

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import LoopTestScheduler, StuckError, VirtualTimeLoop, run_virtual

on_next, on_completed = ReactiveTest.on_next, ReactiveTest.on_completed


def test_a_hot_observable_of_the_test_scheduler_emits_on_the_loops_clock() -> None:
    async def main() -> list[tuple[float, Any]]:
        loop = asyncio.get_running_loop()
        scheduler = LoopTestScheduler()
        source = scheduler.create_hot_observable(
            on_next(10, "a"), on_next(20, "b"), on_next(30, "c"), on_completed(40)
        )
        flow = source.pipe(ops.on_backpressure_buffer(1, overflow=rx.DROP_OLDEST))
        seen: list[tuple[float, Any]] = []
        async for item in flow:
            seen.append((loop.time(), item))
            await asyncio.sleep(25)
        assert [subscription.unsubscribe for subscription in source.subscriptions] == [40]
        return seen

    assert run_virtual(main()) == [(10, "a"), (35, "c")]


def test_what_is_scheduled_relative_to_now_and_disposed_of() -> None:
    async def main() -> list[float]:
        scheduler = LoopTestScheduler()
        ran: list[float] = []
        await asyncio.sleep(5)
        scheduler.schedule(lambda *_: ran.append(scheduler.clock))
        scheduler.schedule_relative(2, lambda *_: ran.append(scheduler.clock))
        scheduler.schedule_relative(3, lambda *_: ran.append(scheduler.clock)).dispose()
        scheduler.schedule_absolute(1, lambda *_: ran.append(scheduler.clock))  # it is over
        assert scheduler.now == scheduler.to_datetime(5.0)
        await asyncio.sleep(10)
        return ran

    assert run_virtual(main()) == [5, 5, 7]


@pytest.mark.parametrize("drive", ["start", "advance_to", "advance_by"])
def test_the_loop_drives_the_scheduler_and_nobody_else(drive: str) -> None:
    async def main() -> None:
        scheduler = LoopTestScheduler()
        with pytest.raises(RuntimeError, match="the event loop drives this scheduler"):
            getattr(scheduler, drive)(*([] if drive == "start" else [1.0]))

    run_virtual(main())


def test_a_wait_that_nothing_can_end_is_an_error_and_no_hang() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    loop = VirtualTimeLoop()
    with pytest.raises(StuckError, match="every task waits"):
        run_virtual(main(), lambda: loop)
    assert loop.is_closed()


@pytest.mark.parametrize("left", ["task", "report", "generator"])
def test_what_a_main_coroutine_leaves_behind_is_found(left: str) -> None:
    async def numbers() -> Any:
        yield 1

    kept: list[Any] = []

    async def main() -> None:
        if left == "task":
            kept.append(asyncio.ensure_future(asyncio.sleep(10)))
        elif left == "report":
            asyncio.get_running_loop().call_exception_handler({"message": "it went wrong"})
        else:
            kept.append(numbers())
            await anext(kept[0])

    told = {"task": "tasks are left", "report": "it went wrong", "generator": "are open"}[left]
    with pytest.raises(AssertionError, match=told):
        run_virtual(main())


@pytest.mark.parametrize("start", [2.0**22, 2.0**24, 2.0**33])
def test_a_timer_rings_also_after_a_long_time(start: float) -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(start)
        before = loop.time()
        await asyncio.sleep(0.25)
        return loop.time() - before

    assert run_virtual(main()) == 0.25
