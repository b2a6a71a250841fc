"""``adaptive_concurrency``: a limit that follows what a service can do."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from contextlib import aclosing
from statistics import mean
from typing import Any

import pytest

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.aio.test_map_async import Work, now, timed
from tests.support_loop import run


class Service:
    """So many servers, and a queue before them.

    Attributes:
        servers: How many there are.
        seconds: How long a server takes (seconds); a fifth more or less.
        fails_at: A call that finds so many waiting fails at once; None for no such bound.
    """

    def __init__(self, servers: int, fails_at: int | None = None) -> None:
        self.servers = servers
        self.seconds = 1.0
        self.fails_at = fails_at
        self.done = 0
        self.running = self.most = 0
        self._serving = 0
        self._queue: deque[asyncio.Future[None]] = deque()
        self._random = random.Random(7)

    async def __call__(self, item: int) -> int:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if self.fails_at is not None and len(self._queue) >= self.fails_at:
                await asyncio.sleep(0.1)
                raise ConnectionError("too many")
            while self._serving >= self.servers:
                place = asyncio.get_running_loop().create_future()
                self._queue.append(place)
                await place
            self._serving += 1
            try:
                await asyncio.sleep(self.seconds * self._random.uniform(0.8, 1.2))
            finally:
                self._serving -= 1
                free = self.servers - self._serving
                for _ in range(min(free, len(self._queue))):
                    self._queue.popleft().set_result(None)
            self.done += 1
            return item
        finally:
            self.running -= 1


async def limits_of(
    service: Service,
    algorithm: Any,
    phases: list[Callable[[], object]],
    length: float,
    **options: Any,
) -> list[tuple[float, float]]:
    """Give the mean limit and the rate in the second half of each phase."""
    found: list[tuple[float, float]] = []
    step = ops.adaptive_concurrency(service, 1, 200, algorithm=algorithm, **options)
    probe: TestSubscriber[Any] = TestSubscriber(rx.UNBOUNDED)
    rx.repeat_value(0).pipe(step).subscribe(probe)
    for phase in phases:
        phase()
        await asyncio.sleep(length / 2)
        limits, before = [], service.done
        for _ in range(50):
            await asyncio.sleep(length / 100)
            limits.append(probe.statistics["adaptive_concurrency"].capacity)
        probe.assert_open()
        found.append((mean(limits), (service.done - before) / (length / 2)))
    probe.cancel()
    await asyncio.sleep(10)
    return found


def set_servers(service: Service, count: int) -> Callable[[], None]:
    return lambda: setattr(service, "servers", count)


def test_a_service_that_refuses_holds_the_limit_down() -> None:
    service = Service(20, fails_at=1)
    phases: list[Any] = [set_servers(service, count) for count in (10, 20, 8)]
    found = run(limits_of(service, rx.AIMD(), phases, 100, retry=1_000))
    for (limit, rate), best in zip(found, (10, 20, 8), strict=True):
        assert abs(limit - best) <= 0.2 * best, found
        assert rate >= 0.8 * best, found


def test_a_service_that_is_slower_for_good_is_not_mistaken_for_one_with_load() -> None:
    service = Service(10)
    slower = [lambda: None, lambda: setattr(service, "seconds", 3.0)]
    found = run(limits_of(service, rx.Gradient(probe=10), slower, 400))
    assert [abs(limit - 10) <= 2 for limit, _ in found] == [True, True], found


def test_it_begins_with_the_least_and_never_leaves_the_bounds() -> None:
    async def main() -> None:
        seen: list[int] = []
        service = Service(1_000)
        flow = rx.range(600).pipe(ops.adaptive_concurrency(service, 3, 10))
        async with aclosing(aiter(flow)) as items:
            async for _ in items:
                part = next(p for p in items.statistics() if p.name == "adaptive_concurrency")
                seen.append(part.capacity or 0)
                assert part.held <= part.peak <= 10
        assert (seen[0], max(seen), service.most) == (3, 10, 10)
        assert min(seen) >= 3

    run(main())


def test_a_limit_that_is_not_used_does_not_grow() -> None:
    async def main() -> None:
        subject: rx.Subject[int] = rx.Subject()
        probe: TestSubscriber[Any] = TestSubscriber(rx.UNBOUNDED)
        for algorithm in (rx.Gradient(), rx.AIMD(latency=5)):
            subject.pipe(
                ops.on_backpressure_buffer(9),
                ops.adaptive_concurrency(Service(99), 4, 99, algorithm=algorithm),
            ).subscribe(probe := TestSubscriber(rx.UNBOUNDED))
            for n in range(300):
                subject.on_next(n)
                await asyncio.sleep(2)
            assert probe.statistics["adaptive_concurrency"].capacity == 4
            probe.cancel()

    run(main())


class Told(rx.LimitAlgorithm, rx.Limiter):
    """An algorithm that says what it is told to, and writes down what it hears."""

    def __init__(self, *answers: float) -> None:
        self.heard: list[tuple[float, int, bool]] = []
        self._answers = iter(answers)

    def limiter(self, least: int, most: int) -> rx.Limiter:
        assert (least, most) == (2, 4)
        return self

    def ended(self, seconds: float, running: int, failed: bool) -> float:
        self.heard.append((seconds, running, failed))
        answer = next(self._answers)
        if answer < 0:
            raise KeyError("algorithm")
        return answer


def test_an_algorithm_hears_of_each_try_and_what_it_says_is_kept_within_the_bounds() -> None:
    work, told = Work(), Told(99, 99, 0, 0, 0, 0)

    async def main() -> None:
        flow = rx.from_iterable([(n, n % 2 + 1) for n in range(6)]).pipe(
            ops.adaptive_concurrency(work, 2, 4, algorithm=told)
        )
        assert [item for item, _ in await timed(flow)] == list(range(6))

    run(main())
    assert work.most == 4
    assert [heard[0] for heard in told.heard] == [1, 2, 1, 1, 2, 2]
    assert not any(failed for _, _, failed in told.heard)


def test_a_failure_and_a_timeout_count_and_end_the_stream_if_they_are_not_tried_again() -> None:
    work, told = Work(), Told(2, 2, 2)

    async def main() -> None:
        flow = rx.of((KeyError("x"), 1)).pipe(ops.adaptive_concurrency(work, 2, 4, algorithm=told))
        with pytest.raises(KeyError):
            await timed(flow)
        flow = rx.of(("a", 9)).pipe(
            ops.adaptive_concurrency(work, 2, 4, algorithm=told, timeout=3, retry=1)
        )
        with pytest.raises(TimeoutError, match=r"adaptive_concurrency: the call with \('a', 9\)"):
            await timed(flow)
        assert now() == 7

    run(main())
    assert told.heard == [(1, 1, True), (3, 1, True), (3, 1, True)]


def test_what_is_cancelled_tells_nothing() -> None:
    work, told = Work(), Told()

    async def main() -> None:
        probe: TestSubscriber[Any] = TestSubscriber(9)
        rx.of(("a", 9)).pipe(ops.adaptive_concurrency(work, 2, 4, algorithm=told)).subscribe(probe)
        await asyncio.sleep(1)
        probe.cancel()
        await asyncio.sleep(1)

    run(main())
    assert (work.cancelled, told.heard) == (["a"], [])


def test_an_algorithm_that_raises_ends_the_stream() -> None:
    async def main() -> None:
        flow = rx.of(("a", 1)).pipe(ops.adaptive_concurrency(Work(), 2, 4, algorithm=Told(-1)))
        with pytest.raises(KeyError, match="algorithm"):
            await timed(flow)

    run(main())


def test_nothing_starts_before_demand() -> None:
    work = Work()

    async def main() -> None:
        probe: TestSubscriber[Any] = TestSubscriber()
        rx.of(("a", 1)).pipe(ops.adaptive_concurrency(work, 1, 4)).subscribe(probe)
        await asyncio.sleep(5)
        assert work.begun == []
        probe.cancel()

    run(main())


@pytest.mark.parametrize(
    "build",
    [
        lambda: ops.adaptive_concurrency(Work(), 0, 4),
        lambda: ops.adaptive_concurrency(Work(), 5, 4),
        lambda: rx.AIMD(backoff=1.5),
        lambda: rx.AIMD(latency=-1),
        lambda: rx.Gradient(tolerance=0.5),
        lambda: rx.Gradient(headroom=2),
        lambda: rx.Gradient(smoothing=0),
        lambda: rx.Gradient(probe=0),
    ],
)
def test_numbers_that_make_no_sense_are_refused(build: Callable[[], Any]) -> None:
    with pytest.raises(ValueError, match=r"^(adaptive_concurrency|AIMD|Gradient): "):
        build()


def test_what_is_no_algorithm_is_refused() -> None:
    with pytest.raises(TypeError, match=r"algorithm must be such as rxflow.Gradient\(\), not 3"):
        ops.adaptive_concurrency(Work(), 1, 2, algorithm=3)  # type: ignore[arg-type]
