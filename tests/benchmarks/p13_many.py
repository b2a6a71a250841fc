"""P13: many small Flows at the same time on one loop: what each takes, and that all complete."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine
from functools import partial
from itertools import accumulate
from operator import add
from typing import Any

import rxflow as rx
from rxflow import operators as ops
from rxflow.kernel.queues import One

from .floors import FLOOR, NOTE, BareQueue
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
Begin = Callable[[list[int]], Put]
"""Begins one of them, whose last result goes into the list."""

_tasks: set[asyncio.Task[None]] = set()  # a loop keeps its tasks weakly


def _spawn(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.get_running_loop().create_task(work)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


def _flow(emitters: list[rx.Emitter[int]]) -> rx.Flow[int]:
    return rx.create(emitters.append, overflow=rx.SUSPEND, capacity=CAPACITY).pipe(
        ops.map(increment), ops.filter(is_even), ops.map(double), ops.scan(add), ops.last()
    )


def _emit(emitter: rx.Emitter[int], item: int | None) -> None:
    if item is None:
        emitter.on_completed()
    else:
        emitter.on_next(item)


def subscribed(results: list[int]) -> Put:
    emitters: list[rx.Emitter[int]] = []
    _flow(emitters).subscribe(results.append)
    return partial(_emit, emitters[0])


def iterated(results: list[int]) -> Put:
    emitters: list[rx.Emitter[int]] = []
    running = aiter(_flow(emitters))

    async def consume() -> None:
        async for x in running:
            results.append(x)

    _spawn(consume())
    return partial(_emit, emitters[0])


def queued(results: list[int]) -> Put:
    queue: asyncio.Queue[int | None] = asyncio.Queue(CAPACITY)

    async def consume() -> None:
        total = 0
        while (x := await queue.get()) is not None:
            y = increment(x)
            if is_even(y):
                total = add(total, double(y))
        results.append(total)

    _spawn(consume())
    return queue.put_nowait


def bare(results: list[int]) -> Put:
    queue, one = BareQueue(CAPACITY), One()
    stages = accumulate(map(double, filter(is_even, map(increment, one))), add)

    async def consume() -> None:
        last = 0
        async for one.item in queue:
            for made in stages:  # each item goes through them by itself
                last = made
        results.append(last)

    _spawn(consume())
    return partial(_put, queue)


def _put(queue: BareQueue, item: int | None) -> None:
    if item is None:
        queue.end()
    else:
        queue.put(item)


async def feed(puts: list[Put]) -> None:
    """Give each of them its items in turn, then its end."""
    for x in (*range(ROUNDS), None):
        for put in puts:
            put(x)
        await asyncio.sleep(0)
    await asyncio.sleep(0)


async def _run(items: int, begin: Begin) -> Figures:
    """Begin all of them, feed them, and see each one's last result."""
    results: list[int] = []
    await feed([begin(results)])  # what is made only once is not theirs
    gc.collect()
    before = resident()
    await feed([begin(results) for _ in range(items)])
    assert results == [EXPECTED] * (items + 1)
    return {KIB: max(0, peak() - before) / items}


@P13.contender("rxflow, subscribe")
async def rxflow_subscribe(items: int) -> Figures:
    return await _run(items, subscribed)


@P13.contender("rxflow, async for", note="with the task that each loop runs in")
async def rxflow_async_for(items: int) -> Figures:
    return await _run(items, iterated)


@P13.contender("asyncio.Queue(16)", note="with the task that takes from each")
async def asyncio_queue(items: int) -> Figures:
    return await _run(items, queued)


@P13.contender(FLOOR, note=f"{NOTE}, with the task that takes from each")
async def floor(items: int) -> Figures:
    return await _run(items, bare)


for _name in ("rxflow, subscribe", "rxflow, async for"):
    P13.claim(_name, against=None, at_most=6, figure=KIB)
P13.claim(FLOOR, against=None, at_most=None, figure=KIB)
