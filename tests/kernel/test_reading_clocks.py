"""Which clock is read, and how exactly, by those who measure and by those who wait."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from reactivex.internal.basic import default_now
from reactivex.scheduler import TimeoutScheduler
from reactivex.scheduler.eventloop import AsyncIOScheduler

from rxflow.kernel import Alarm, eager
from rxflow.kernel import clock as clocks
from rxflow.kernel import loops as loops_module
from rxflow.kernel.clock import LoopScheduler, stopwatch
from rxflow.testing import run_virtual


def test_the_clock_of_a_loop_is_the_time_of_day_and_what_has_passed_on_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clocks, "time_ns", lambda: 5_000_000_000)
    loop: Any = SimpleNamespace(time=lambda: passed)
    passed = 4e6
    scheduler = LoopScheduler(loop)
    assert scheduler.micros() == 5_000_000
    passed += 1e6
    assert scheduler.micros() == 1_000_005_000_000


def test_the_time_of_day_is_read_without_a_detour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clocks, "time_ns", lambda: 7_000_999)
    assert Alarm(lambda: None, TimeoutScheduler()).read() == 7_000


def test_a_scheduler_of_a_loop_in_real_time_is_measured_by_the_clock_of_the_system() -> None:
    loop = asyncio.new_event_loop()
    for scheduler in (AsyncIOScheduler(loop), LoopScheduler(loop), TimeoutScheduler(), None):
        assert stopwatch(scheduler) is clocks.monotonic_ns
    loop.close()


def test_a_scheduler_of_a_loop_in_virtual_time_is_measured_by_the_loop_to_the_nanosecond() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        read = stopwatch(LoopScheduler(loop))
        before = read()
        await asyncio.sleep(3e-9)
        assert read() - before == 3

    run_virtual(main())


def test_what_only_looks_like_a_scheduler_is_read_as_one() -> None:
    now = default_now()
    scheduler: Any = SimpleNamespace(now=now, to_seconds=lambda time: 2.5 if time is now else 0.0)
    assert stopwatch(scheduler)() == 2_500_000_000
    assert Alarm(lambda: None, scheduler).read() == 2_500_000


@pytest.mark.parametrize(
    ("version", "can"), [((3, 11, 9), False), ((3, 12, 0), True), ((3, 13, 1), True)]
)
def test_tasks_take_their_first_step_at_once_from_python_3_12_on(
    version: tuple[int, ...], can: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops_module, "sys", SimpleNamespace(version_info=(*version, "final", 0)))
    loop = asyncio.new_event_loop()
    assert eager(loop) is can
    loop.close()
