"""P12: how much the process grows while many items pass a boundary to a slow consumer.

The peak of the process is looked at when 100,000 items have left the source, and at the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import reactivex
from reactivex import operators as stock
from reactivex.scheduler.eventloop import AsyncIOScheduler

import rxflow as rx
from rxflow import operators as ops

from .harness import Benchmark, Figures, in_fresh_process
from .memory import peak
from .work import double, expected_sum, increment, is_even

CAPACITY = 256
PATIENCE = 64
"""The consumer lets others go on after so many items, so that who can run ahead does (items)."""
FIRST = 100_000
"""What is held after so many is there to stay (items)."""

MIB = "MiB"

P12 = Benchmark(
    "P12",
    "growth of the process after the first 100,000 items, a slow consumer",
    10_000_000,
    measure=in_fresh_process,
    unit=MIB,
)


class _Grown:
    """Looks at the peak of the process when the first items have left the source."""

    def __init__(self, items: int) -> None:
        self._items = items
        self._first = min(FIRST, items // 2)
        self._before = 0

    def increment(self, x: int) -> int:
        if x == self._first:
            self._before = peak()
        return increment(x)

    async def consume(self, results: AsyncIterator[int]) -> Figures:
        """Take all of them slowly."""
        count = total = 0
        async for x in results:
            count += 1
            total += x
            if count % PATIENCE == 0:
                await asyncio.sleep(0)
        assert total == expected_sum(self._items)
        return {MIB: (peak() - self._before) / 1024}


@P12.contender("rxflow, observe_on")
async def rxflow_observe_on(items: int) -> Figures:
    grown = _Grown(items)
    flow = rx.range(items).pipe(
        ops.map(grown.increment),
        ops.filter(is_even),
        ops.map(double),
        ops.observe_on(asyncio.get_running_loop(), prefetch=CAPACITY),
    )
    return await grown.consume(aiter(flow))


@P12.contender("rxflow, send", note="create(overflow=SUSPEND), a task awaits send")
async def rxflow_send(items: int) -> Figures:
    grown = _Grown(items)
    tasks: list[asyncio.Task[None]] = []

    def start(emitter: rx.Emitter[int]) -> None:
        async def produce() -> None:
            for x in range(items):
                await emitter.send(x)
            emitter.on_completed()

        tasks.append(asyncio.create_task(produce()))

    source = rx.create(start, overflow=rx.SUSPEND, capacity=CAPACITY)
    flow = source.pipe(ops.map(grown.increment), ops.filter(is_even), ops.map(double))
    return await grown.consume(aiter(flow))


async def _taken(queue: asyncio.Queue[int | None]) -> AsyncIterator[int]:
    while (x := await queue.get()) is not None:
        yield x


@P12.contender("asyncio.Queue(256)")
async def asyncio_queue(items: int) -> Figures:
    grown = _Grown(items)
    queue: asyncio.Queue[int | None] = asyncio.Queue(CAPACITY)

    async def produce() -> None:
        for x in range(items):
            y = grown.increment(x)
            if is_even(y):
                await queue.put(double(y))
        await queue.put(None)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(produce())
        return await grown.consume(_taken(queue))


@P12.contender(
    "reactivex, observe_on", share=0.02, note="unbounded: given a fiftieth of the items, holds all"
)
async def reactivex_observe_on(items: int) -> Figures:
    grown = _Grown(items)
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[int | None] = asyncio.Queue()
    reactivex.from_iterable(range(items)).pipe(
        stock.map(grown.increment),
        stock.filter(is_even),
        stock.map(double),
        stock.observe_on(AsyncIOScheduler(loop)),
    ).subscribe(queue.put_nowait, on_completed=lambda: queue.put_nowait(None))
    return await grown.consume(_taken(queue))


for _name in ("rxflow, observe_on", "rxflow, send"):
    P12.claim(_name, against=None, at_most=5, figure=MIB)
