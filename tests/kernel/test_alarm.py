"""The alarm: it wakes at its time, once, and never late."""

from __future__ import annotations

import asyncio
from typing import Any

from reactivex.internal.basic import default_now
from reactivex.testing import TestScheduler

from rxflow.kernel.clock import Alarm, LoopScheduler, running_scheduler
from rxflow.testing import run_virtual


class Bell:
    """An alarm on a TestScheduler, and when it has rung."""

    def __init__(self) -> None:
        self.scheduler = TestScheduler()
        self.rung: list[float] = []
        self.alarm = Alarm(self.ring, self.scheduler)

    def ring(self) -> None:
        self.rung.append(self.alarm.now)


def test_it_rings_once_at_its_time():
    bell = Bell()
    bell.alarm.set(5.0)
    bell.scheduler.advance_to(4.9)
    assert bell.rung == []
    bell.scheduler.advance_to(20.0)
    assert bell.rung == [5.0]


def test_an_earlier_time_replaces_a_later_one():
    bell = Bell()
    bell.alarm.set(5.0)
    bell.alarm.set(3.0)
    bell.scheduler.advance_to(20.0)
    assert bell.rung == [3.0]


def test_a_later_time_is_left_for_who_is_woken_at_the_earlier_one():
    bell = Bell()
    bell.alarm.set(3.0)
    bell.alarm.set(5.0)
    bell.scheduler.advance_to(4.0)
    assert bell.rung == [3.0]
    bell.alarm.set(5.0)
    bell.scheduler.advance_to(20.0)
    assert bell.rung == [3.0, 5.0]


def test_it_can_be_set_while_it_rings():
    bell = Bell()

    def ring() -> None:
        bell.rung.append(alarm.now)
        if len(bell.rung) < 3:
            alarm.set(alarm.now + 2.0)

    alarm = Alarm(ring, bell.scheduler)
    alarm.set(1.0)
    bell.scheduler.advance_to(20.0)
    assert bell.rung == [1.0, 3.0, 5.0]


def test_a_time_that_has_passed_is_now():
    bell = Bell()
    bell.scheduler.advance_to(7.0)
    bell.alarm.set(5.0)
    bell.scheduler.advance_to(7.5)
    assert bell.rung == [7.0]


def test_nobody_is_called_after_cancel():
    bell = Bell()
    bell.alarm.set(5.0)
    bell.alarm.cancel()
    bell.alarm.set(6.0)
    bell.scheduler.advance_to(20.0)
    assert bell.rung == []


def test_it_keeps_the_time_of_an_event_loop():
    async def main() -> float:
        loop = asyncio.get_running_loop()
        rung = asyncio.Event()
        alarm = Alarm(rung.set, running_scheduler())
        begun = loop.time()
        alarm.set(alarm.now + 90.0)
        await rung.wait()
        return loop.time() - begun

    assert abs(run_virtual(main()) - 90.0) < 1e-4


def test_the_clock_of_a_loop_begins_at_the_time_of_day_however_long_the_loop_has_run():
    async def main() -> float:
        await asyncio.sleep(1e6)
        return (LoopScheduler(asyncio.get_running_loop()).now - default_now()).total_seconds()

    assert abs(run_virtual(main())) < 1000


def test_a_time_that_is_set_again_costs_nothing():
    class Counting(TestScheduler):
        def __init__(self) -> None:
            super().__init__()
            self.scheduled = 0

        def schedule_relative(self, *args: Any, **kwargs: Any) -> Any:
            self.scheduled += 1
            return super().schedule_relative(*args, **kwargs)

    scheduler = Counting()
    rung: list[float] = []
    alarm = Alarm(lambda: rung.append(alarm.now), scheduler)
    for due in (5.0, 5.0, 7.0):
        alarm.set(due)
    assert scheduler.scheduled == 1
    scheduler.advance_to(20.0)
    assert rung == [5.0]
