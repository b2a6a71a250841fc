"""What has an interval, just before its end and at it: nothing a microsecond too soon or too late.

One row for each operator that has one; what else happens at a boundary is in its own file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from reactivex import Observable, Subject
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import operators as ops
from rxflow.flow.registry import registered
from rxflow.testing import TestSubscriber, run_virtual

MICRO = 1e-6
COMPLETED = "completed"


@dataclass(frozen=True)
class Row:
    """An operator, what is pushed into it, and what is heard from it at an instant.

    Attributes:
        step: Makes the operator, with a clock.
        instant: When its interval is over (seconds).
        before: What has been heard a microsecond before.
        after: What has been heard then: items, and the end, if it has ended.
        pushes: The items, with their times (seconds).
        demand: What is requested at the beginning (items).
    """

    step: Callable[[Any], Any]
    instant: float
    before: list[Any]
    after: list[Any]
    pushes: tuple[tuple[float, Any], ...] = ((1.0, "a"),)
    demand: int = rx.UNBOUNDED


def failed(step: Callable[[Any], Any], instant: float, **options: Any) -> Row:
    """A row of what gives the item at once, and fails when its time is over."""
    items = [item for time, item in options.get("pushes", Row.pushes) if time < instant]
    return Row(step, instant, items, [*items, TimeoutError], **options)


LATE: dict[str, Any] = {"pushes": ((1.0, "a"), (3.0, "b"))}
LIST_OF_A = [["a"]]
NEW_WINDOW = ["a Flow", "a Flow"]

ROWS: dict[str, Row] = {
    "delay": Row(lambda clock: ops.delay(2.0, clock), 3.0, [], ["a"]),
    "delay_subscription": Row(
        lambda clock: lambda _: rx.of("a").delay_subscription(2.0, clock),
        2.0,
        [],
        ["a", COMPLETED],
        pushes=(),
    ),
    "sample": Row(lambda clock: ops.sample(2.0, clock), 2.0, [], ["a"]),
    "debounce": Row(lambda clock: ops.debounce(2.0, clock), 3.0, [], ["a"]),
    "throttle_with_timeout": Row(
        lambda clock: ops.throttle_with_timeout(2.0, clock), 3.0, [], ["a"]
    ),
    "throttle_with_mapper": Row(
        lambda clock: ops.throttle_with_mapper(lambda _: rx.timer(2.0, scheduler=clock)),
        3.0,
        [],
        ["a"],
    ),
    "throttle_first": Row(
        lambda clock: ops.throttle_first(2.0, clock),
        3.0,
        ["a"],
        ["a", "c"],
        pushes=((1.0, "a"), (3.0 - MICRO, "b"), (3.0, "c")),
    ),
    "timeout": failed(lambda clock: ops.timeout(2.0, scheduler=clock), 3.0),
    "idle_timeout": failed(lambda clock: ops.idle_timeout(2.0, scheduler=clock), 3.0),
    "initial_timeout": failed(
        lambda clock: ops.initial_timeout(2.0, scheduler=clock), 2.0, pushes=()
    ),
    "completion_timeout": failed(lambda clock: ops.completion_timeout(2.0, scheduler=clock), 2.0),
    "backpressure_timeout": Row(
        lambda clock: ops.backpressure_timeout(2.0, clock),
        3.0,
        ["a"],
        ["a", TimeoutError],
        pushes=((0.5, "a"), (1.0, "b")),
        demand=1,
    ),
    "keep_alive": Row(
        lambda clock: ops.keep_alive(2.0, lambda: "k", clock), 3.0, ["a"], ["a", "k"]
    ),
    "buffer_with_time": Row(
        lambda clock: ops.buffer_with_time(2.0, scheduler=clock), 2.0, [], LIST_OF_A
    ),
    "buffer_with_time_or_count": Row(
        lambda clock: ops.buffer_with_time_or_count(2.0, 9, clock), 2.0, [], LIST_OF_A
    ),
    "window_with_time": Row(
        lambda clock: ops.window_with_time(2.0, scheduler=clock), 2.0, ["a Flow"], NEW_WINDOW
    ),
    "window_with_time_or_count": Row(
        lambda clock: ops.window_with_time_or_count(2.0, 9, clock), 2.0, ["a Flow"], NEW_WINDOW
    ),
    "take_with_time": Row(
        lambda clock: ops.take_with_time(2.0, clock), 2.0, ["a"], ["a", COMPLETED]
    ),
    "take_until_with_time": Row(
        lambda clock: ops.take_until_with_time(2.0, clock), 2.0, ["a"], ["a", COMPLETED]
    ),
    "skip_with_time": Row(lambda clock: ops.skip_with_time(3.0, clock), 3.0, [], ["b"], **LATE),
    "skip_until_with_time": Row(
        lambda clock: ops.skip_until_with_time(3.0, clock), 3.0, [], ["b"], **LATE
    ),
    "skip_last_with_time": Row(
        lambda clock: ops.skip_last_with_time(2.0, clock), 3.0, [], ["a"], **LATE
    ),
    "throttle": Row(
        lambda clock: ops.throttle(1, 2.0, scheduler=clock),
        3.0,
        ["a"],
        ["a", "b"],
        pushes=((1.0, "a"), (1.5, "b")),
    ),
    "throttle_by_key": Row(
        lambda clock: ops.throttle_by_key(type, 1, 2.0, scheduler=clock),
        3.0,
        ["a"],
        ["a", "b"],
        pushes=((1.0, "a"), (1.5, "b")),
    ),
    "pace": Row(
        lambda clock: ops.pace(1, 2.0, scheduler=clock),
        2.0,
        ["a"],
        ["a", "b"],
        pushes=((1.0, "a"), (1.5, "b")),
    ),
}


# Registered with the time as its family, and no row, each with the reason.
WITHOUT = {
    "take_last_with_time": "its interval is looked at when the source ends: test_periods",
    "timestamp": "it has no interval",
    "delay_with_mapper": "its times are sources, heard when they signal: test_shifting",
    "timeout_with_mapper": "its times are sources, heard when they signal: test_expiring",
    "time_interval": "it has no interval",
}


class Line:
    """A row on a clock that the test moves."""

    def __init__(self, row: Row) -> None:
        self.clock = TestScheduler()
        self.subject: Subject[Any] = Subject()
        self.probe: TestSubscriber[Any] = TestSubscriber(row.demand)
        door = ops.on_backpressure_buffer(9)
        flow = self.subject.pipe(door, row.step(self.clock))
        flow.subscribe(self.probe, scheduler=self.clock)
        for time, item in row.pushes:
            self.clock.schedule_absolute(time, self._pushing(item))

    def _pushing(self, item: Any) -> Callable[..., Any]:
        return lambda *_: self.subject.on_next(item)

    @property
    def heard(self) -> list[Any]:
        self.probe.assert_valid()
        items = ["a Flow" if isinstance(x, Observable) else x for x in self.probe.items]
        if self.probe.completed:
            items.append(COMPLETED)
        if self.probe.error is not None:
            kind = TimeoutError if isinstance(self.probe.error, TimeoutError) else self.probe.error
            items.append(kind)
        return items


@pytest.mark.parametrize("name", ROWS)
def test_nothing_happens_before_the_end_of_an_interval_and_all_of_it_at_its_end(name: str) -> None:
    row = ROWS[name]
    line = Line(row)
    line.clock.advance_to(row.instant - MICRO)
    assert line.heard == row.before
    line.clock.advance_to(row.instant)
    assert line.heard == row.after


def test_every_operator_of_time_has_a_row_or_a_reason() -> None:
    timed = {entry.name for entry in registered() if entry.category == "time"}
    assert timed - set(ROWS) == set(WITHOUT)


# On an event loop.


async def answers_in(seconds: float) -> float:
    await asyncio.sleep(seconds)
    return seconds


@pytest.mark.parametrize(
    "step",
    [
        lambda: ops.map_async(answers_in, 2, timeout=2.0),
        lambda: ops.adaptive_concurrency(answers_in, 1, 2, timeout=2.0),
    ],
    ids=["map_async", "adaptive_concurrency"],
)
@pytest.mark.parametrize(("seconds", "answered"), [(2.0 - MICRO, True), (2.0 + MICRO, False)])
def test_a_call_times_out_at_its_limit_and_not_before(
    step: Callable[[], Any], seconds: float, answered: bool
) -> None:
    async def main() -> TestSubscriber[Any]:
        probe: TestSubscriber[Any] = TestSubscriber(9)
        rx.of(seconds).pipe(step()).subscribe(probe)
        await asyncio.sleep(3)
        return probe

    probe = run_virtual(main())
    assert probe.completed == answered
    assert isinstance(probe.error, TimeoutError) != answered


@pytest.mark.parametrize(("read_at", "stalls"), [(5.0 - MICRO, False), (5.0 + MICRO, True)])
def test_a_group_stalls_at_its_time_and_not_before(read_at: float, stalls: bool) -> None:
    async def main() -> TestSubscriber[Any]:
        groups: list[Any] = []
        probe: TestSubscriber[Any] = TestSubscriber(9, lambda _, group: groups.append(group))
        rx.range(5).pipe(ops.group_by(lambda n: n // 4, prefetch=2, stalled=5.0)).subscribe(probe)
        await asyncio.sleep(read_at)
        if not probe.ended:
            groups[0].subscribe(TestSubscriber(9))
        await asyncio.sleep(9)
        probe.cancel()
        return probe

    probe = run_virtual(main())
    assert isinstance(probe.error, rx.GroupStalledError) == stalls
