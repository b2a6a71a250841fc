"""P13: many small Flows at the same time on one loop: what each takes, and that all complete."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from functools import partial
from operator import add

import rxflow as rx
from rxflow import operators as ops

from .harness import Benchmark, Figures, in_fresh_process
from .memory import peak, resident
from .work import double, increment, is_even

CAPACITY = 16
ROUNDS = 5
"""How often each Flow is given an item."""
EXPECTED = sum(double(increment(x)) for x in range(ROUNDS) if is_even(increment(x)))
"""What comes last out of each."""

KIB = "KiB each"

P13 = Benchmark(
    "P13",
    "many Flows at the same time on one loop: five stages, one boundary",
    10_000,
    measure=in_fresh_process,
    unit=KIB,
)

Put = Callable[[int | None], object]
"""Gives an item to one of them; None ends it."""


async def _feed(puts: list[Put]) -> None:
    """Give each of them its items in turn, then its end."""
    for x in (*range(ROUNDS), None):
        for put in puts:
            put(x)
        await asyncio.sleep(0)
    await asyncio.sleep(0)


async def _run(items: int, begin: Callable[[list[int]], Put]) -> Figures:
    """Begin all of them, feed them, and see each one's last result."""
    results: list[int] = []
    await _feed([begin(results)])  # what is made only once is not theirs
    gc.collect()
    before = resident()
    await _feed([begin(results) for _ in range(items)])
    assert results == [EXPECTED] * (items + 1)
    return {KIB: max(0, peak() - before) / items}


def _flow(emitters: list[rx.Emitter[int]]) -> rx.Flow[int]:
    return rx.create(emitters.append, overflow=rx.SUSPEND, capacity=CAPACITY).pipe(
        ops.map(increment), ops.filter(is_even), ops.map(double), ops.scan(add), ops.last()
    )


def _emit(emitter: rx.Emitter[int], item: int | None) -> None:
    if item is None:
        emitter.on_completed()
    else:
        emitter.on_next(item)


@P13.contender("rxflow, subscribe")
async def rxflow_subscribe(items: int) -> Figures:
    def begin(results: list[int]) -> Put:
        emitters: list[rx.Emitter[int]] = []
        _flow(emitters).subscribe(results.append)
        return partial(_emit, emitters[0])

    return await _run(items, begin)


@P13.contender("rxflow, async for", note="with the task that each loop runs in")
async def rxflow_async_for(items: int) -> Figures:
    tasks: set[asyncio.Task[None]] = set()

    def begin(results: list[int]) -> Put:
        emitters: list[rx.Emitter[int]] = []
        running = aiter(_flow(emitters))

        async def consume() -> None:
            async for x in running:
                results.append(x)

        tasks.add(asyncio.create_task(consume()))
        return partial(_emit, emitters[0])

    return await _run(items, begin)


@P13.contender("asyncio.Queue(16)", note="with the task that takes from each")
async def asyncio_queue(items: int) -> Figures:
    tasks: set[asyncio.Task[None]] = set()

    def begin(results: list[int]) -> Put:
        queue: asyncio.Queue[int | None] = asyncio.Queue(CAPACITY)

        async def consume() -> None:
            total = 0
            while (x := await queue.get()) is not None:
                y = increment(x)
                if is_even(y):
                    total = add(total, double(y))
            results.append(total)

        tasks.add(asyncio.create_task(consume()))
        return queue.put_nowait

    return await _run(items, begin)


for _name in ("rxflow, subscribe", "rxflow, async for"):
    P13.claim(_name, against=None, at_most=6, figure=KIB)
