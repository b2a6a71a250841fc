"""Time on an event loop is the loop's own: virtual here, and no thread is started for it."""

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import rxflow as rx
from rxflow import operators as ops
from tests.support_loop import run

CASES: dict[str, tuple[Callable[[], rx.Flow[Any]], list[Any], float]] = {
    "interval": (lambda: rx.interval(10.0).take(3), [0, 1, 2], 30.0),
    "interval, kept": (lambda: rx.interval(10.0, overflow=rx.FAIL).take(3), [0, 1, 2], 30.0),
    "timer": (lambda: rx.timer(100.0), [0], 100.0),
    "delay": (lambda: rx.range(3).delay(50.0), [0, 1, 2], 50.0),
    "delay_subscription": (lambda: rx.range(3).delay_subscription(50.0), [0, 1, 2], 50.0),
    "debounce": (lambda: rx.range(3).debounce(20.0), [2], 0.0),
    "buffer_with_time": (
        lambda: rx.interval(10.0).pipe(ops.take(4), ops.buffer_with_time(25.0)),
        [[0, 1], [2, 3]],
        40.0,
    ),
    "take_with_time": (lambda: rx.interval(10.0).pipe(ops.take_with_time(35.0)), [0, 1, 2], 35.0),
    "timeout": (
        lambda: rx.interval(10.0).pipe(ops.timeout(5.0, rx.of("late"))),
        ["late"],
        5.0,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_loop_tells_the_time(name: str) -> None:
    make, expected, seconds = CASES[name]
    threads = set(threading.enumerate())

    async def main() -> tuple[list[Any], float]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        items = [item async for item in make()]
        assert set(threading.enumerate()) <= threads
        return items, loop.time() - began

    items, took = run(main())
    assert items == expected
    assert took == pytest.approx(seconds)


def test_a_time_of_day_is_one_on_a_loop_too() -> None:
    async def main() -> list[int]:
        due = datetime.now(UTC) + timedelta(seconds=35)
        return [item async for item in rx.interval(10.0).pipe(ops.take_until_with_time(due))]

    assert run(main()) == [0, 1, 2]


def test_a_subscriber_on_a_loop_has_its_time_too() -> None:
    seen: list[Any] = []

    async def main() -> None:
        rx.range(2).delay(1000.0).subscribe(seen.append)
        await asyncio.sleep(999.0)
        assert seen == []
        await asyncio.sleep(2.0)

    run(main())
    assert seen == [0, 1]
