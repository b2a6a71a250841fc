"""How cost grows, along one Flow: stages, boundaries, capacity, item size, threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from queue import Queue
from threading import Thread
from time import perf_counter_ns
from typing import Any

import reactivex
from reactivex import operators as stock

import rxflow as rx
from rxflow import operators as ops

from .curve import Curve, Series
from .scaling_many import FLOWS, JOINING, SOURCES, SUBSCRIBERS
from .work import increment

CAPACITY = 256

STAGES = Curve(
    "stages",
    "Stages",
    "stages of map",
    "ns per item and stage",
    (1, 2, 5, 10, 20, 50, 100),
    100,
    "A stage of map is one call of the user's function from C, and nothing of rxflow's runs for an "
    "item: the stages are nested iterators, and so what a stage costs is what the call costs. "
    "What bounds it is C's stack: each stage is one frame of it deeper.",
)


@STAGES.enter("rxflow")
def _(x: int, steps: int) -> int:
    items = max(1, steps // x)
    found: list[int] = []
    rx.range(items).pipe(*[ops.map(increment)] * x, ops.sum()).subscribe(found.append)
    assert found[0] == sum(range(items)) + items * x
    return items * x


@STAGES.enter("reactivex")
def _(x: int, steps: int) -> int:
    items = max(1, steps // x)
    found: list[int] = []
    stages = [stock.map(increment)] * x
    reactivex.from_iterable(range(items)).pipe(*stages, stock.sum()).subscribe(found.append)
    assert found[0] == sum(range(items)) + items * x
    return items * x


@STAGES.enter("loop over the functions")
def _(x: int, steps: int) -> int:
    items = max(1, steps // x)
    functions, total = [increment] * x, 0
    for item in range(items):
        for function in functions:
            item = function(item)
        total += item
    assert total == sum(range(items)) + items * x
    return items * x


BOUNDARIES = Curve(
    "boundaries",
    "Boundaries",
    "boundaries of 256 one after the other",
    "ns per item and boundary",
    (0, 1, 2, 3, 5, 10),
    10,
    "Each boundary takes an item once into its queue and once out of it, under a lock on the way "
    "in, and asks for 192 more when 192 were taken. Batches go through all boundaries in turn, so "
    "what is held at once grows with their number: at most 256 items each.",
)


@BOUNDARIES.enter("rxflow, observe_on")
async def _(x: int, steps: int) -> int:
    items = max(1, steps // (x or 1))
    hop = ops.observe_on(asyncio.get_running_loop(), prefetch=CAPACITY)
    total = 0
    async for item in rx.range(items).pipe(*[hop] * x):
        total += item
    assert total == sum(range(items))
    return items * (x or 1)


@BOUNDARIES.enter("asyncio.Queue(256) and a task each")
async def _(x: int, steps: int) -> int:
    items = max(1, steps // (x or 1))
    queues: list[asyncio.Queue[int | None]] = [asyncio.Queue(CAPACITY) for _ in range(x)]

    async def move(source: asyncio.Queue[int | None], to: asyncio.Queue[int | None]) -> None:
        while (item := await source.get()) is not None:
            await to.put(item)
        await to.put(None)

    async def produce() -> None:
        for item in range(items):
            await queues[0].put(item)
        await queues[0].put(None)

    total = 0
    async with asyncio.TaskGroup() as tasks:
        if not queues:
            total = sum(range(items))
        else:
            tasks.create_task(produce())
            for source, to in pairwise(queues):
                tasks.create_task(move(source, to))
            while (item := await queues[-1].get()) is not None:
                total += item
    assert total == sum(range(items))
    return items * (x or 1)


CAPACITIES = Curve(
    "capacity",
    "Capacity",
    "capacity (items)",
    "ns per item",
    (1, 4, 16, 64, 256, 1_024, 16_384, 262_144, 1_000_000),
    16_384,
    "A small buffer costs a change of tasks for each time it is full: that is all there is to "
    "capacities below 64. Above, an item costs the same in a buffer of any size, full or not: "
    "a deque is used at its ends only. What bounds a large one is the memory of what it holds.",
)


@CAPACITIES.enter("rxflow, send and async for")
async def _(x: int, steps: int) -> int:
    items = max(steps // 2, 2 * x)  # it is to be full at times
    tasks: list[asyncio.Task[None]] = []

    def start(emitter: rx.Emitter[int]) -> None:
        async def produce() -> None:
            for item in range(items):
                await emitter.send(item)
            emitter.on_completed()

        tasks.append(asyncio.create_task(produce()))

    total = 0
    async for item in rx.create(start, overflow=rx.SUSPEND, capacity=x):
        total += item
    assert total == sum(range(items))
    return items


@CAPACITIES.enter("rxflow, full, DROP_OLDEST")
def _(x: int, steps: int) -> int:
    items = max(steps // 2, 2 * x)
    emitters: list[rx.Emitter[int]] = []
    flow = rx.create(emitters.append, overflow=rx.DROP_OLDEST, capacity=x)
    subscription = flow.subscribe(_Idle())
    for item in range(items):
        emitters[0].on_next(item)
    subscription.cancel()
    return items


class _Idle(rx.Subscriber[int]):
    def on_subscribe(self, subscription: rx.Subscription) -> None:
        pass

    def on_next(self, value: int) -> None:
        raise AssertionError("nothing was asked for")

    def on_error(self, error: Exception) -> None:
        raise error

    def on_completed(self) -> None:
        pass


@CAPACITIES.enter("asyncio.Queue")
async def _(x: int, steps: int) -> int:
    items = max(steps // 2, 2 * x)
    assert await _through_queue(range(items), x) == sum(range(items))
    return items


async def _through_queue(items: Sequence[Any], capacity: int) -> Any:
    queue: asyncio.Queue[Any] = asyncio.Queue(capacity)

    async def produce() -> None:
        for item in items:
            await queue.put(item)
        await queue.put(None)

    total = 0
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(produce())
        while (item := await queue.get()) is not None:
            total += item if isinstance(item, int) else len(item)
    return total


SIZES = Curve(
    "size",
    "Item size",
    "size of an item (bytes)",
    "ns per item",
    (1, 1_024, 65_536, 1_048_576, 10_485_760),
    10_485_760,
    "Items are passed on by reference, and nothing looks into them: what one costs does not depend "
    "on how large it is, nor does weighing it with len. A capacity counts items, however: large "
    "ones are bounded by weight.",
)


def _sized(weighed: bool) -> Series:
    async def run(x: int, steps: int) -> int:
        items, item = max(1, steps // 4), bytes(x)
        tasks: list[asyncio.Task[None]] = []

        def start(emitter: rx.Emitter[bytes]) -> None:
            async def produce() -> None:
                for _ in range(items):
                    await emitter.send(item)
                emitter.on_completed()

            tasks.append(asyncio.create_task(produce()))

        weight = len if weighed else None
        capacity = CAPACITY * (x if weighed else 1)
        count = 0
        async for _ in rx.create(start, overflow=rx.SUSPEND, capacity=capacity, weight=weight):
            count += 1
        assert count == items
        return items

    return run


async def _sized_queue(x: int, steps: int) -> int:
    items = max(1, steps // 4)
    assert await _through_queue([bytes(x)] * items, CAPACITY) == items * x
    return items


SIZES.series = {
    "rxflow, capacity=256": _sized(False),
    "rxflow, weight=len": _sized(True),
    "asyncio.Queue(256)": _sized_queue,
}

THREADS = Curve(
    "threads",
    "Threads",
    "threads that push into one buffer of 1,024",
    "ns per item, by the clock on the wall",
    (1, 2, 4, 8),
    8,
    "Only one thread runs Python at a time in a build with the GIL, so more threads push no more "
    "items. What they cost is the wait for each other: for the buffer's lock, and for room when "
    "it is full, of which all that wait are told at once.",
    clock=perf_counter_ns,
)


def _in_threads(x: int, each: int, put: Callable[[int], object]) -> list[Thread]:
    def produce() -> None:
        for item in range(each):
            put(item)

    threads = [Thread(target=produce) for _ in range(x)]
    for thread in threads:
        thread.start()
    return threads


@THREADS.enter("rxflow, BLOCK and async for")
async def _(x: int, steps: int) -> int:
    each = max(1, steps // 4 // x)
    threads: list[Thread] = []

    def start(emitter: rx.Emitter[int]) -> None:
        threads.extend(_in_threads(x, each, emitter.on_next))

    count = 0
    async for _ in rx.create(start, overflow=rx.BLOCK, capacity=1_024).pipe(ops.take(x * each)):
        count += 1
    for thread in threads:
        thread.join()
    assert count == x * each
    return count


@THREADS.enter("queue.Queue(1024)")
def _(x: int, steps: int) -> int:
    each = max(1, steps // 4 // x)
    queue: Queue[int] = Queue(1_024)
    threads = _in_threads(x, each, queue.put)
    for _ in range(x * each):
        queue.get()
    for thread in threads:
        thread.join()
    return x * each


THREADS_FREE = replace(
    THREADS,
    id="threads-free",
    title="Threads, on a build without the GIL",
    bound="All push into one buffer, so they take turns at its lock, while the event loop's thread "
    "takes items. So more threads push no more items, as with queue.Queue.",
    gil=False,
)

CURVES = (
    *(STAGES, BOUNDARIES, SUBSCRIBERS, JOINING, SOURCES, FLOWS, CAPACITIES, SIZES, THREADS),
    THREADS_FREE,
)
"""All of them, in the order of the page."""
