"""Each figure that a stage has, exact, in one run whose every moment is known.

An item comes at each whole second, 8 in all, into a buffer of 4 that drops the oldest. One call
at a time takes 2.4 seconds of each. Two are asked for: the first is at work from 1.0 to 3.4, the
second from 3.4 to 5.8, and after that nobody asks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from reactivex import Subject

import rxflow as rx
from rxflow import operators as ops
from rxflow.kernel import StageStatistics
from rxflow.monitor import Sampler, report
from rxflow.monitor.alerts import Alert, Alerts
from rxflow.monitor.rules import stalled
from rxflow.testing import TestSubscriber, run_virtual

from .planted import taking

Stages = dict[str, StageStatistics]


class World:
    """The run, and the figures at a time."""

    def __init__(self) -> None:
        self.source = Subject[int]()
        self.probe = TestSubscriber[int](0)
        self.source.pipe(
            ops.on_backpressure_buffer(4, overflow=rx.DROP_OLDEST),
            ops.map_async(taking(2.4), max_concurrency=1),
            ops.named("parse"),
        ).subscribe(self.probe)
        self.probe.request(2)

    async def push(self) -> None:
        for number in range(1, 9):
            await asyncio.sleep(1)
            self.source.on_next(number)

    def stages(self) -> Stages:
        return {each.name.rpartition("/")[2]: each for each in self.probe.subscription.statistics()}


@asynccontextmanager
async def at(seconds: float) -> AsyncIterator[World]:
    """Give the run as it is after so long."""
    world = World()
    pushing = asyncio.ensure_future(world.push())
    await asyncio.sleep(seconds)
    yield world
    pushing.cancel()
    world.probe.cancel()
    await asyncio.sleep(0)


def looked(seconds: float) -> Stages:
    async def look() -> Stages:
        async with at(seconds) as world:
            return world.stages()

    return run_virtual(look())


BUFFER: dict[str, dict[float, Any]] = {
    "requested": {0.5: 1, 2.5: 1, 4.5: 2, 9.5: 2},
    "received": {0.5: 0, 2.5: 2, 4.5: 4, 9.5: 8},
    "delivered": {0.5: 0, 2.5: 1, 4.5: 2, 9.5: 2},
    "held": {0.5: 0, 2.5: 1, 4.5: 2, 6.5: 4, 9.5: 4},
    "peak": {0.5: 0, 2.5: 1, 4.5: 2, 9.5: 4},
    "capacity": {0.5: 4, 9.5: 4},
    "utilisation": {0.5: 0.0, 2.5: 0.25, 4.5: 0.5, 9.5: 1.0},
    "dropped": {6.5: {}, 7.5: {"oldest": 1}, 9.5: {"oldest": 2}},
    "discarded": {9.5: 0},
    "blocked_seconds": {0.5: 0.0, 1.5: 0.0, 2.5: 0.5, 9.5: 7.5},
    "starved_seconds": {0.5: 0.5, 1.5: 1.0, 9.5: 1.0},
    "oldest_seconds": {1.5: 0.0, 2.5: 0.5, 4.5: 1.5},
}
CALLS: dict[str, dict[float, Any]] = {
    "requested": {0.5: 2, 4.5: 2, 9.5: 2},
    "delivered": {2.5: 0, 4.5: 1, 9.5: 2},
    "held": {0.5: 0, 2.5: 1, 4.5: 1, 9.5: 0},
    "capacity": {0.5: 1},
    "utilisation": {0.5: 0.0, 2.5: 1.0, 9.5: 0.0},
    "in_flight": {0.5: 0, 2.5: 1, 4.5: 1, 6.5: 0},
    "working_seconds": {0.5: 0.0, 2.5: 1.5, 4.5: 3.5, 9.5: 4.8},
    "starved_seconds": {0.5: 0.5, 2.5: 2.5, 9.5: 5.8},
    "blocked_seconds": {0.5: 0.0, 9.5: 3.7},
    "oldest_seconds": {2.5: 1.5, 4.5: 1.1, 9.5: 0.0},
}
SUBSCRIBER: dict[str, dict[float, Any]] = {
    "requested": {0.5: 2, 9.5: 2},
    "delivered": {0.5: 0, 4.5: 1, 9.5: 2},
    "starved_seconds": {0.5: 0.5, 4.5: 4.5, 9.5: 5.8},
}
STAGES = {"on_backpressure_buffer": BUFFER, "map_async": CALLS, "subscriber": SUBSCRIBER}
CASES = [
    (part, name, seconds, value)
    for part, figures in STAGES.items()
    for name, values in figures.items()
    for seconds, value in values.items()
]


def test_each_figure_is_exact_at_each_time() -> None:
    seen = {seconds: looked(seconds) for seconds in {seconds for _, _, seconds, _ in CASES}}
    wrong = [
        f"{part} {name} after {seconds} s: {found}, and not {value}"
        for part, name, seconds, value in CASES
        if (found := getattr(seen[seconds][part], name))
        != (pytest.approx(value) if isinstance(value, float) else value)
    ]
    assert not wrong, "\n".join(wrong)


def test_what_is_held_at_the_end_is_discarded_and_the_balance_is_kept() -> None:
    async def main() -> None:
        async with at(9.5) as world:
            world.probe.cancel()
            await asyncio.sleep(0)
            buffer = world.stages()["on_backpressure_buffer"]
            assert (buffer.held, buffer.discarded) == (0, 4)
            lost = sum(buffer.dropped.values()) + buffer.discarded
            assert buffer.received == 8 == buffer.delivered + lost

    run_virtual(main())


def test_throughput_and_shares_of_the_time_are_those_between_two_looks() -> None:
    async def main() -> None:
        async with at(1.5) as world:
            first = world.stages()
            before = report(world.probe.subscription)
            await asyncio.sleep(5)
            since = {name: now.minus(first[name]) for name, now in world.stages().items()}
            assert since["map_async"].delivered / 5 == 0.4
            assert since["map_async"].working_seconds / 5 == pytest.approx(0.86)
            assert since["map_async"].starved_seconds / 5 == pytest.approx(0.86)
            assert since["on_backpressure_buffer"].blocked_seconds / 5 == pytest.approx(0.9)
            found = report(world.probe.subscription, since=before)
            assert found.seconds == pytest.approx(5.0)
            assert found.bottleneck is not None
            assert (found.bottleneck.label, found.bottleneck.kind) == ("parse", "concurrency")
            assert found.bottleneck.share == pytest.approx(0.86)

    run_virtual(main())


def test_latency_through_each_boundary_is_wrong_by_an_eighth_at_most() -> None:
    stages = looked(9.5)
    buffer, calls = stages["on_backpressure_buffer"].latency, stages["map_async"].latency
    assert (buffer.count, buffer.sum) == (2, pytest.approx(1.4))  # the first one did not wait
    assert buffer.quantile(0.5) <= 1e-9
    assert 1.4 <= buffer.quantile(1.0) <= 1.4 * 9 / 8
    assert (calls.count, calls.sum) == (1, pytest.approx(2.4))  # of one call in eight
    assert 2.4 <= calls.quantile(1.0) <= 2.4 * 9 / 8


@pytest.mark.parametrize("ordered", [True, False])
def test_the_latency_of_calls_is_that_from_the_item_to_its_result(ordered: bool) -> None:
    async def main() -> StageStatistics:
        flow = rx.range(25).pipe(ops.map_async(taking(0.25), 4, ordered))
        iteration = aiter(flow)
        async for number in iteration:
            await asyncio.sleep(1 if number == 16 else 0)  # the seven behind it wait for that
        return iteration.statistics()[-1]

    latency = run_virtual(main()).latency
    assert (latency.count, latency.sum) == (4, pytest.approx(1.0))  # of 0, 8, 16 and 24
    assert 0.25 <= latency.quantile(0.5) <= 0.25 * 9 / 8


@pytest.mark.parametrize(("demand", "stalls"), [(4, False), (1, True)])
def test_calls_are_stalled_when_nobody_asks_for_them_and_not_when_they_take_long(
    demand: int, stalls: bool
) -> None:
    async def main() -> list[Alert]:
        told: list[Alert] = []
        alerts = Alerts(told.append, [stalled(30)])
        probe = TestSubscriber[int](demand)
        flow = rx.range(9).pipe(
            ops.map_async(taking(100), max_concurrency=2), ops.named("slow"), ops.limit_rate(2)
        )
        flow.subscribe(probe)
        sampler = Sampler(clock=asyncio.get_running_loop().time)
        sampler.listen(alerts.judge)
        for _ in range(18):
            await asyncio.sleep(10)
            sampler.sample()
        sampler.stop()
        probe.cancel()
        await asyncio.sleep(0)
        return told

    told = run_virtual(main())
    assert [alert.stage for alert in told if alert.firing] == (
        ["map_async", "limit_rate"] if stalls else []  # of which the log names the last one
    )
