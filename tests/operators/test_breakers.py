"""A circuit breaker of another library around the function of ``map_async``."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import rxflow as rx
from rxflow import operators as ops
from tests.support_loop import run


class Service:
    """An async function that fails while it is told to."""

    def __init__(self) -> None:
        self.calls = 0
        self.fails = False

    async def __call__(self, item: int) -> int:
        self.calls += 1
        await asyncio.sleep(1)
        if self.fails:
            raise ConnectionError(item)
        return item


def test_a_breaker_keeps_calls_from_a_service_that_fails_and_lets_them_through_again() -> None:
    purgatory = pytest.importorskip("purgatory")

    async def main() -> None:
        breaker = purgatory.AsyncCircuitBreakerFactory(default_threshold=3, default_ttl=0)
        service = Service()
        told: list[Any] = []

        def decide(error: Exception, item: Any) -> rx.Supervision:
            told.append((type(error).__name__, item))
            return rx.Supervision.SKIP

        call = breaker("prices", ttl=3600)(service)
        step = ops.supervise(ops.map_async(call, 1), decide)

        async def through(numbers: range) -> list[int]:
            return [item async for item in rx.from_iterable(numbers).pipe(step)]

        assert await through(range(3)) == [0, 1, 2]
        service.fails = True
        assert await through(range(3, 9)) == []
        # It has opened with the third failure; the service has its peace from then on.
        assert told == [
            *(("ConnectionError", n) for n in (3, 4, 5)),
            *(("OpenedState", n) for n in (6, 7, 8)),
        ]
        assert service.calls == 6
        # One of the shortest patience tries again at once, and finds the service well.
        service.fails = False
        eager = breaker("quotes", ttl=0)(service)
        service.fails = True
        seen = rx.range(3).pipe(ops.supervise(ops.map_async(eager), decide))
        assert [item async for item in seen] == []
        service.fails = False
        assert [item async for item in rx.range(2).pipe(ops.map_async(eager))] == [0, 1]

    run(main())


def test_without_supervision_an_open_breaker_ends_the_stream_at_once() -> None:
    purgatory = pytest.importorskip("purgatory")

    async def main() -> None:
        breaker = purgatory.AsyncCircuitBreakerFactory(default_threshold=1)
        service = Service()
        service.fails = True
        flow = rx.range(9).pipe(ops.map_async(breaker("prices")(service), 2))
        with pytest.raises(ConnectionError):
            [item async for item in flow]
        with pytest.raises(purgatory.domain.model.OpenedState):
            [item async for item in flow]

    run(main())
