"""``adaptive_concurrency`` against the best limit that does not adapt, which is searched for."""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Callable
from functools import cache
from statistics import median
from typing import Any

import pytest

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber, run_virtual

SECONDS = 0.5
SPREAD = 0.5


class Remote:
    """So many servers with one queue before them, at the end of a way.

    A server takes half a second, as long as all the ways do, half of it more or less; so
    twice as many calls as there are servers can be under way before some have to wait.

    Attributes:
        done: So many calls have ended.
        seconds: How long they took together (seconds).
    """

    def __init__(self, servers: int, seed: int = 0) -> None:
        self.done = 0
        self.seconds = 0.0
        self._free = [0.0] * servers  # when each server has done what it has been given
        self._random = random.Random(seed)

    def resize(self, servers: int) -> None:
        """Take servers away as they get free, or add some."""
        now = asyncio.get_running_loop().time()
        self._free = [*heapq.nlargest(servers, self._free), *[now] * servers][:servers]
        heapq.heapify(self._free)

    def _about(self) -> float:
        return SECONDS * self._random.uniform(1 - SPREAD, 1 + SPREAD)

    async def __call__(self, item: int) -> int:
        now = asyncio.get_running_loop().time()
        ready = max(now, self._free[0]) + self._about()
        heapq.heapreplace(self._free, ready)
        took = ready + self._about() - now
        await asyncio.sleep(took)
        self.done += 1
        self.seconds += took
        return item


class Phase:
    """What a service did in some time.

    Attributes:
        rate: Calls per second.
        latency: How long a call took (seconds).
        limit: The limit that it found, if it was one that adapts (items): the median, as
            half of it is used now and then to see how long a call takes without load.
    """

    def __init__(self, service: Remote) -> None:
        self._service = service
        self._before = (asyncio.get_running_loop().time(), service.done, service.seconds)
        self.limit = 0.0

    def end(self) -> Phase:
        begun, done, seconds = self._before
        calls = self._service.done - done
        self.rate = calls / (asyncio.get_running_loop().time() - begun)
        self.latency = (self._service.seconds - seconds) / calls
        return self

    @property
    def power(self) -> float:
        """Throughput over latency.

        It is highest where the capacity is just used up and nothing waits yet: with fewer
        calls the rate falls, with more only the latency rises. (Kleinrock; it is what
        congestion control that looks at delays aims at, and limits that adapt do, too.)
        """
        return self.rate / self.latency


@cache
def fixed(servers: int, limit: int) -> Phase:
    """Measure a limit that does not adapt."""

    async def main() -> Phase:
        service = Remote(servers)
        probe: TestSubscriber[Any] = TestSubscriber(rx.UNBOUNDED)
        rx.repeat_value(0).pipe(ops.map_async(service, limit, False)).subscribe(probe)
        await asyncio.sleep(3)
        phase = Phase(service)
        await asyncio.sleep(8)
        phase.end()
        probe.cancel()
        await asyncio.sleep(0)
        return phase

    return run_virtual(main())


@cache
def best_fixed(servers: int) -> int:
    """Search for the limit of the highest power, which rises up to it and falls behind it."""
    low, high = 1, 128
    while high - low > 2:
        left, right = low + (high - low) * 38 // 100, low + (high - low) * 62 // 100
        right = max(right, left + 1)
        if fixed(servers, left).power < fixed(servers, right).power:
            low = left
        else:
            high = right
    return max(range(low, high + 1), key=lambda limit: fixed(servers, limit).power)


async def adapted(algorithm: Any, capacities: list[int], ordered: bool) -> list[Phase]:
    """Give what it comes to in the second half of each phase."""
    service = Remote(capacities[0], seed=1)
    step = ops.adaptive_concurrency(service, 1, 128, ordered, algorithm=algorithm)
    probe: TestSubscriber[Any] = TestSubscriber(rx.UNBOUNDED)
    rx.repeat_value(0).pipe(step).subscribe(probe)
    phases: list[Phase] = []
    for servers in capacities:
        service.resize(servers)
        await asyncio.sleep(40)
        phase, limits = Phase(service), []
        for _ in range(40):
            await asyncio.sleep(1)
            limits.append(probe.statistics["adaptive_concurrency"].capacity)
        phase.end().limit = median(limits)
        phases.append(phase)
        probe.assert_open()
    probe.cancel()
    await asyncio.sleep(0)
    return phases


CAPACITIES = [10, 25, 8]


def test_the_best_fixed_limit_is_where_the_way_and_the_servers_are_full() -> None:
    """The search is right: twice the servers is what can be under way and none waits."""
    for servers in CAPACITIES:
        best = best_fixed(servers)
        assert best == pytest.approx(2 * servers, rel=0.15)
        assert fixed(servers, best).rate > 0.9 * servers / SECONDS
        assert fixed(servers, best).latency < 1.2 * 2 * SECONDS
        for other in (best * 3 // 5, best * 2):
            assert fixed(servers, other).power < 0.8 * fixed(servers, best).power


# No call takes longer than this one where none waits: what AIMD has to be told.
SLOWEST = 2 * SECONDS * (1 + SPREAD)


@pytest.mark.parametrize(
    ("algorithm", "ordered"),
    [(None, True), (None, False), (rx.AIMD(latency=SLOWEST), True)],
    ids=["gradient", "gradient, unordered", "aimd"],
)
def test_it_finds_within_20_percent_the_best_fixed_limit_of_a_service_that_changes_twice(
    algorithm: Any, ordered: bool
) -> None:
    found = run_virtual(adapted(algorithm, CAPACITIES, ordered))
    told = [(best_fixed(n), phase.limit) for n, phase in zip(CAPACITIES, found, strict=True)]
    for servers, phase in zip(CAPACITIES, found, strict=True):
        best = best_fixed(servers)
        assert abs(phase.limit - best) <= 0.2 * best, told
        assert phase.rate >= 0.8 * fixed(servers, best).rate, told


@pytest.mark.parametrize("spread", [0.0, 0.9], ids=["constant", "scattered"])
def test_how_much_the_latency_scatters_does_not_hold_the_gradient_down(
    spread: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that took the shortest average ever for that without load stood still at a third."""
    monkeypatch.setattr(f"{__name__}.SPREAD", spread)
    [phase] = run_virtual(adapted(rx.Gradient(), [10], ordered=False))
    assert 0.75 * 20 <= phase.limit <= 1.25 * 20, phase.limit


class Told:
    """Tells a limiter of calls that last as long as a function says, as many as it allows."""

    def __init__(self, latency: Callable[[float], float], **options: Any) -> None:
        self.latency = latency
        self.limiter = rx.Gradient(**options).limiter(1, 1000)
        self.limit = 1.0
        self.seen: list[float] = []

    def calls(self, count: int) -> None:
        for _ in range(count):
            self.limit = self.limiter.ended(self.latency(self.limit), int(self.limit), False)
            self.seen.append(self.limit)


def queueing(limit: float) -> float:
    return max(1.0, limit / 40)


def test_the_limit_doubles_until_there_is_load() -> None:
    told = Told(queueing)
    told.calls(500)
    assert max(told.seen) >= 40
    assert told.limit == pytest.approx(40 / 0.9, rel=0.1)


def test_what_is_measured_while_a_backlog_is_left_is_not_taken_for_no_load() -> None:
    """At half of the limit calls still wait, when the capacity has fallen just before."""
    told = Told(queueing, probe=20)
    while told.limit > 0.6 * max(told.seen, default=0) or told.limit < 20:
        told.calls(1)
    told.latency = lambda limit: max(1.0, limit / 8)
    told.calls(500)
    assert told.limit == pytest.approx(8 / 0.9, rel=0.25)
