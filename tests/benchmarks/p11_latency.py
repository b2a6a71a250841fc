"""P11: how long one item takes through a boundary at a low rate."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from statistics import median
from time import perf_counter_ns

from reactivex.subject import Subject

import rxflow as rx
from rxflow import operators as ops

from .floors import FLOOR, NOTE, BareQueue
from .harness import Benchmark, Figures, own_figures

CAPACITY = 256
PAUSE = 0.001
"""Between two items (seconds)."""

MEDIAN, P99 = "ns, median", "ns, p99"

P11 = Benchmark(
    "P11", "latency of one item through a boundary", 1_000, measure=own_figures, unit=MEDIAN
)


async def _latency(
    items: int,
    put: Callable[[int], object],
    consume: Callable[[Callable[[int], None]], Awaitable[None]],
) -> Figures:
    """Put the time into the boundary at intervals, and compare at the other side."""
    taken: list[int] = []
    last = asyncio.Event()

    def arrived(sent: int) -> None:
        taken.append(perf_counter_ns() - sent)
        if len(taken) == items:
            last.set()

    consumer = asyncio.ensure_future(consume(arrived))
    for _ in range(items):
        await asyncio.sleep(PAUSE)
        put(perf_counter_ns())
    await last.wait()
    consumer.cancel()
    await asyncio.wait([consumer])
    taken.sort()
    return {MEDIAN: median(taken), P99: taken[len(taken) * 99 // 100]}


@P11.contender("asyncio.Queue(256)")
async def _(items: int) -> Figures:
    queue: asyncio.Queue[int] = asyncio.Queue(CAPACITY)

    async def consume(arrived: Callable[[int], None]) -> None:
        while True:
            arrived(await queue.get())

    return await _latency(items, queue.put_nowait, consume)


@P11.contender("rxflow, create", note="the emitter is a callback")
async def _(items: int) -> Figures:
    emitters: list[rx.Emitter[int]] = []
    flow = rx.create(emitters.append, overflow=rx.DROP_OLDEST, capacity=CAPACITY)

    async def consume(arrived: Callable[[int], None]) -> None:
        async for sent in flow:
            arrived(sent)

    return await _latency(items, lambda sent: emitters[0].on_next(sent), consume)


@P11.contender("rxflow, on_backpressure_buffer", note="behind a Subject")
async def _(items: int) -> Figures:
    subject: Subject[int] = Subject()
    flow = subject.pipe(ops.on_backpressure_buffer(CAPACITY, overflow=rx.DROP_OLDEST))

    async def consume(arrived: Callable[[int], None]) -> None:
        async for sent in flow:
            arrived(sent)

    return await _latency(items, subject.on_next, consume)


@P11.contender(FLOOR, note=NOTE)
async def _(items: int) -> Figures:
    queue = BareQueue(CAPACITY)

    async def consume(arrived: Callable[[int], None]) -> None:
        async for sent in queue:
            arrived(sent)

    return await _latency(items, queue.put, consume)


P11.claim(FLOOR, against="asyncio.Queue(256)", at_most=None, figure=MEDIAN)

for _name in ("rxflow, create", "rxflow, on_backpressure_buffer"):
    for _figure in (MEDIAN, P99):
        P11.claim(_name, against="asyncio.Queue(256)", at_most=1.3, figure=_figure)
