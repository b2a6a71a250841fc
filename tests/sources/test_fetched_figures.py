"""What is told of items that an async source has fetched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import rxflow as rx
from rxflow import StageStatistics
from rxflow import operators as ops
from rxflow.testing import TestSubscriber, run_virtual


async def ticks(count: int) -> AsyncIterator[int]:
    for number in range(count):
        await asyncio.sleep(1)
        yield number


def counts(part: StageStatistics) -> tuple[int, int, int, int]:
    return part.received, part.delivered, part.held, part.discarded


def test_a_loop_fetches_one_by_one_and_each_is_counted() -> None:
    async def main() -> None:
        iteration = aiter(rx.from_async_iterable(ticks(3)))
        async for item in iteration:
            source, *_ = iteration.statistics()
            assert counts(source) == (item + 1, item + 1, 0, 0)
        source, *_ = iteration.statistics()
        assert counts(source) == (3, 3, 0, 0)
        assert source.peak == 1
        assert source.starved_seconds == 3.0

    run_virtual(main())


def test_what_an_operator_has_it_fetch_ahead_is_counted_once() -> None:
    async def main() -> None:
        flow = rx.from_async_iterable(ticks(100)).pipe(ops.limit_rate(8))
        subscriber = TestSubscriber[int](2)
        flow.subscribe(subscriber)
        await asyncio.sleep(20)
        source, *_ = subscriber.subscription.statistics()
        assert source.received == source.delivered + source.held == 8
        subscriber.cancel()
        await asyncio.sleep(1)
        source, *_ = subscriber.subscription.statistics()
        assert source.received == source.delivered + source.discarded
        assert source.held == 0

    run_virtual(main())


def test_what_goes_back_to_its_queue_has_not_come_from_it() -> None:
    async def main() -> None:
        queue = asyncio.Queue[int]()
        subscriber = TestSubscriber[int](1)
        rx.from_queue(queue).subscribe(subscriber)
        await asyncio.sleep(0)
        for item in range(3):
            queue.put_nowait(item)
        await asyncio.sleep(1)
        source, *_ = subscriber.subscription.statistics()
        assert counts(source) == (1, 1, 0, 0)
        subscriber.request(1)
        await asyncio.sleep(1)
        subscriber.cancel()
        await asyncio.sleep(1)
        source, *_ = subscriber.subscription.statistics()
        assert source.received == source.delivered == 3 - queue.qsize()

    run_virtual(main())
