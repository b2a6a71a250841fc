"""The alarm: it wakes at its time, once, and never late."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from reactivex.abc import SchedulerBase
from reactivex.internal.basic import default_now
from reactivex.internal.constants import UTC_ZERO
from reactivex.scheduler import HistoricalScheduler
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


def test_a_time_of_day_is_told_on_the_scale_of_now():
    bell = Bell()
    bell.scheduler.advance_to(7.25)
    assert bell.alarm.at(bell.scheduler.now) == bell.alarm.now == 7.25
    assert bell.alarm.at(bell.scheduler.now + timedelta(seconds=2)) == 9.25
    assert bell.alarm.read() == 7_250_000


def test_every_clock_is_read_as_its_scheduler_tells_the_time():
    async def main() -> SchedulerBase:
        await asyncio.sleep(0.1 + 0.2)
        return LoopScheduler(asyncio.get_running_loop())

    half = datetime(2026, 2, 3, 4, 5, 6, 7, tzinfo=UTC)
    for scheduler in (HistoricalScheduler(half), TestScheduler(), run_virtual(main())):
        alarm = Alarm(lambda: None, scheduler)
        assert alarm.now == alarm.at(scheduler.now) == scheduler.to_seconds(scheduler.now)
        assert alarm.read() == (scheduler.now - UTC_ZERO) // timedelta(microseconds=1)
    wall = Alarm(lambda: None, None)
    before, read, after = wall.at(default_now()), wall.now, wall.at(default_now())
    assert before <= read <= after


def test_a_scheduler_that_takes_nothing_is_heard_of():
    class Broken(TestScheduler):
        def schedule_relative(self, *args: Any, **kwargs: Any) -> Any:
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match=r"^broken$"):
        Alarm(lambda: None, Broken()).set(5.0)


@pytest.mark.parametrize("closed", [True, False])
def test_only_a_loop_that_is_closed_is_let_pass(closed: bool):
    class Full(asyncio.SelectorEventLoop):
        def call_later(self, *args: Any, **kwargs: Any) -> Any:
            raise RuntimeError("no more timers")

        call_soon = call_soon_threadsafe = call_at = call_later

    loop = Full()
    alarm = Alarm(lambda: None, LoopScheduler(loop))
    if closed:
        loop.close()
        alarm.set(5.0)
        return
    try:
        with pytest.raises(RuntimeError, match=r"^no more timers$"):
            alarm.set(5.0)
    finally:
        loop.close()


def test_nothing_is_left_on_the_scheduler_after_a_cancel_or_an_earlier_time():
    class Noting(TestScheduler):
        """Keeps what was scheduled."""

        def __init__(self) -> None:
            super().__init__()
            self.pending: list[Any] = []

        def schedule_relative(self, *args: Any, **kwargs: Any) -> Any:
            self.pending.append(super().schedule_relative(*args, **kwargs))
            return self.pending[-1]

    scheduler = Noting()
    rung: list[float] = []
    alarm = Alarm(lambda: rung.append(alarm.now), scheduler)
    alarm.set(5.0)
    alarm.set(3.0)
    assert [action.is_disposed for action in scheduler.pending] == [True, False]
    alarm.cancel()
    alarm.cancel()
    assert [action.is_disposed for action in scheduler.pending] == [True, True]
    scheduler.advance_to(9.0)
    assert rung == []


def test_a_cancel_while_it_is_being_set_leaves_nothing_on_the_scheduler():
    class Meanwhile(TestScheduler):
        def schedule_relative(self, *args: Any, **kwargs: Any) -> Any:
            action = super().schedule_relative(*args, **kwargs)
            alarm.cancel()
            return action

    scheduler = Meanwhile()
    rung: list[str] = []
    alarm = Alarm(lambda: rung.append("rung"), scheduler)
    alarm.set(5.0)
    scheduler.advance_to(9.0)
    assert rung == []


def test_a_ring_that_a_cancel_came_too_late_for_wakes_nobody():
    actions: list[Any] = []

    class Late(TestScheduler):
        def schedule_relative(self, duetime: Any, action: Any, state: Any = None) -> Any:
            actions.append(action)
            return super().schedule_relative(duetime, action, state)

    scheduler, rung = Late(), list[str]()
    alarm = Alarm(lambda: rung.append("rung"), scheduler)
    alarm.set(5.0)
    alarm.cancel()
    actions[0](scheduler, None)
    assert rung == []
