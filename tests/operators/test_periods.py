"""take_with_time, skip_with_time and their kin: the items of a period, on demand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import run_virtual
from tests.operators.test_timeouts import Timeline

TAKES = ("take_with_time", "take_until_with_time")
SKIPS = ("skip_with_time", "skip_until_with_time")
LASTS = ("take_last_with_time", "skip_last_with_time")
ALL = pytest.mark.parametrize("name", [*TAKES, *SKIPS, *LASTS])
TAKING = pytest.mark.parametrize("name", TAKES)
SKIPPING = pytest.mark.parametrize("name", SKIPS)
UNTIL = pytest.mark.parametrize("name", ["take_until_with_time", "skip_until_with_time"])


def timeline(name: str, demand: int = rx.UNBOUNDED, limit: Any = 5.0) -> Timeline:
    return Timeline(lambda scheduler: getattr(ops, name)(limit, scheduler), demand)


@TAKING
@pytest.mark.parametrize("demand", [0, 1, rx.UNBOUNDED])
def test_the_period_ends_at_its_time_whatever_the_demand(name: str, demand: int) -> None:
    line = timeline(name, demand)
    line.at(1.0, line.source.on_next, 1)
    line.at(4.999, line.source.on_next, 2)
    assert not line.probe.ended
    line.at(5.0)
    assert line.probe.completed
    assert line.probe.items == [1, 2][: min(2, demand)]
    assert line.probe.items + line.discarded == [1, 2]
    assert not line.source.observers


@TAKING
def test_a_period_of_nothing_opens_no_source(name: str) -> None:
    line = timeline(name, limit=0)
    assert line.probe.completed
    assert not line.source.observers


@TAKING
def test_the_source_may_end_before(name: str) -> None:
    line = timeline(name, 0)
    line.at(4.0, line.source.on_completed)
    assert line.probe.completed
    line = timeline(name)
    line.at(4.0, line.source.on_error, KeyError())
    assert isinstance(line.error, KeyError)


@TAKING
def test_a_loop_that_waits_is_ended(name: str) -> None:
    async def ticks() -> AsyncIterator[int]:
        for number in range(9):
            await asyncio.sleep(2.0)
            yield number

    async def main() -> tuple[list[int], float]:
        flow = rx.from_async_iterable(ticks()).pipe(getattr(ops, name)(5.0))
        return [item async for item in flow], asyncio.get_running_loop().time()

    assert run_virtual(main()) == ([0, 1], pytest.approx(5.0, abs=1e-3))


@SKIPPING
def test_what_comes_before_is_left_out_and_asked_for_again(name: str) -> None:
    line = timeline(name, demand=2)
    for time in (1.0, 4.999, 5.0, 9.0, 10.0):
        line.at(time, line.source.on_next, time)
    assert line.probe.items == [5.0, 9.0]
    line.probe.request(1)
    assert line.probe.items == [5.0, 9.0, 10.0]
    line.source.on_completed()
    assert line.probe.completed


@SKIPPING
def test_an_item_counts_by_when_it_is_taken(name: str) -> None:
    line = timeline(name, demand=0)
    line.at(1.0, line.source.on_next, 1)  # held in the door, beyond the time
    line.at(6.0, line.probe.request, 1)
    assert line.probe.items == [1]


@SKIPPING
def test_a_skip_of_nothing_lets_all_pass(name: str) -> None:
    line = timeline(name, limit=0)
    line.source.on_next(1)
    assert line.probe.items == [1]


@SKIPPING
def test_an_end_needs_no_demand_and_may_come_before(name: str) -> None:
    line = timeline(name, 0)
    line.at(1.0, line.source.on_completed)
    assert line.probe.completed


@UNTIL
def test_the_time_may_be_one_of_the_day(name: str) -> None:
    due = datetime.fromtimestamp(7.0, UTC)
    line = timeline(name, limit=due)
    line.at(6.999, line.source.on_next, 1)
    assert line.probe.items == ([1] if name.startswith("take") else [])
    line.at(7.0, line.source.on_next, 2)
    assert line.probe.completed is name.startswith("take")
    assert line.probe.items == ([1] if name.startswith("take") else [2])
    with pytest.raises(ValueError, match="time zone"):
        timeline(name, limit=due.replace(tzinfo=None))


def pushed(name: str, demand: int) -> Timeline:
    line = timeline(name, demand)
    for time in (1.0, 4.0, 5.0, 6.0, 9.0):
        line.at(time, line.source.on_next, time)
    line.at(10.0, line.source.on_completed)
    return line


def test_the_items_of_the_last_while_are_given_at_the_end_on_demand() -> None:
    line = pushed("take_last_with_time", 1)
    assert line.probe.items == [5.0]  # just as old as the while is long
    assert not line.probe.ended
    line.at(100.0, line.probe.request, 2)  # what is given is decided at the end
    assert line.probe.items == [5.0, 6.0, 9.0]
    assert line.probe.completed


def test_the_items_of_the_last_while_are_left_out() -> None:
    line = timeline("skip_last_with_time", rx.UNBOUNDED)
    line.at(1.0, line.source.on_next, 1)
    line.at(5.999, line.source.on_next, 2)
    assert line.probe.items == []
    line.at(6.0, line.source.on_next, 3)
    assert line.probe.items == [1]
    line.at(10.999, line.source.on_completed)
    assert line.probe.items == [1, 2]
    assert line.probe.completed


def test_what_is_old_enough_at_the_end_waits_for_demand_and_nothing_more_is() -> None:
    line = timeline("skip_last_with_time", 1)
    line.at(1.0, line.source.on_next, 1)
    line.at(5.999, line.source.on_next, 2)
    line.at(6.0, line.source.on_next, 3)
    line.at(10.999, line.source.on_completed)
    assert line.probe.items == [1]
    assert not line.probe.ended
    line.at(100.0, line.probe.request, 9)
    assert line.probe.items == [1, 2]
    assert line.probe.completed


def test_the_age_of_an_item_counts_from_when_it_was_taken() -> None:
    line = pushed("skip_last_with_time", 1)
    assert line.probe.items == [1.0]
    line.at(100.0, line.probe.request, 9)  # the last one was held in the door until now
    assert line.probe.items == [1.0, 4.0, 5.0, 6.0]
    assert line.probe.completed


@pytest.mark.parametrize("name", LASTS)
def test_a_failure_overtakes_what_only_a_completion_would_give(name: str) -> None:
    line = timeline(name, 0)
    line.at(1.0, line.source.on_next, 1)
    line.probe.request(1)
    line.at(9.0, line.source.on_error, KeyError())
    assert line.probe.items == []
    assert isinstance(line.error, KeyError)


@ALL
def test_nothing_is_left_of_it_after_a_cancel(name: str) -> None:
    line = timeline(name, 1)
    line.at(1.0, line.probe.cancel)
    line.at(100.0)
    assert line.probe.signals == ["on_subscribe"]
    assert all(item.is_cancelled() for item, _ in line.scheduler._queue.items)
    assert not line.source.observers


@ALL
@pytest.mark.parametrize(
    ("wrong", "error"), [(-1, ValueError), ("5", TypeError), (None, TypeError)]
)
def test_a_wrong_duration_is_refused(name: str, wrong: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=name):
        getattr(ops, name)(wrong)
    assert getattr(ops, name)(timedelta(seconds=1)).name == name
