"""P8: an async function of each item, 64 calls in flight, the results in order."""

from __future__ import annotations

import asyncio
from collections import deque

import rxflow as rx
from rxflow import operators as ops

from .floors import FLOOR, NOTE, called, mapped
from .harness import Benchmark

LIMIT = 64
BUFFER = 192
"""Most results that wait for an earlier one."""

P8 = Benchmark(
    "P8",
    "an async function that sleeps 0 s, 64 in flight, ordered",
    50_000,
    expected=lambda items: 2 * sum(range(items)),
)


async def slow_double(x: int) -> int:
    await asyncio.sleep(0)
    return 2 * x


async def _mapped(items: int, buffer: int) -> int:
    total = 0
    async for x in rx.range(items).pipe(ops.map_async(slow_double, LIMIT, buffer=buffer)):
        total += x
    return total


@P8.contender("rxflow, map_async")
async def _(items: int) -> int:
    return await _mapped(items, 0)


@P8.contender("rxflow, map_async with a reorder buffer of 192")
async def _(items: int) -> int:
    return await _mapped(items, BUFFER)


@P8.contender("deque of tasks")
async def _(items: int) -> int:
    window: deque[asyncio.Task[int]] = deque()
    total = 0
    for x in range(items):
        if len(window) == LIMIT:
            total += await window.popleft()
        window.append(asyncio.create_task(slow_double(x)))
    while window:
        total += await window.popleft()
    return total


@P8.contender("deque of tasks with a reorder buffer of 192")
async def _(items: int) -> int:
    window: deque[asyncio.Task[int]] = deque()
    places = asyncio.Semaphore(LIMIT)
    total = 0

    def done(task: asyncio.Task[int]) -> None:
        places.release()

    for x in range(items):
        if len(window) == LIMIT + BUFFER:
            total += await window.popleft()
        await places.acquire()
        task = asyncio.create_task(slow_double(x))
        task.add_done_callback(done)
        window.append(task)
    while window:
        total += await window.popleft()
    return total


@P8.contender("semaphore and TaskGroup", note="unbounded: all results are held for their order")
async def _(items: int) -> int:
    results: dict[int, int] = {}
    places = asyncio.Semaphore(LIMIT)

    async def call(x: int) -> None:
        try:
            results[x] = await slow_double(x)
        finally:
            places.release()

    async with asyncio.TaskGroup() as tasks:
        for x in range(items):
            await places.acquire()
            tasks.create_task(call(x))
    return sum(results[x] for x in range(items))


@P8.contender("streamable", "streamable")
async def _(items: int) -> int:
    from streamable import stream

    total = 0
    async for x in stream(range(items)).map(slow_double, concurrency=LIMIT):
        total += x
    return total


@P8.contender("aiostream", "aiostream", share=0.1, note="given a tenth of the items")
async def _(items: int) -> int:
    from aiostream import pipe, stream

    mapped = stream.iterate(range(items)) | pipe.amap(slow_double, ordered=True, task_limit=LIMIT)
    total = 0
    async with mapped.stream() as streamer:
        async for x in streamer:
            total += x
    return total


@P8.contender(FLOOR, note=f"64 tasks that stay; {NOTE}")
async def _(items: int) -> int:
    return await mapped(iter(range(items)), slow_double, LIMIT, 0)


@P8.contender(f"{FLOOR}, with a reorder buffer of 192", note=f"64 tasks that stay; {NOTE}")
async def _(items: int) -> int:
    return await mapped(iter(range(items)), slow_double, LIMIT, BUFFER)


@P8.contender(f"{FLOOR}, a task for each call", note=NOTE)
async def _(items: int) -> int:
    return await called(iter(range(items)), slow_double, LIMIT, 0)


@P8.contender(f"{FLOOR}, a task for each call, with a reorder buffer of 192", note=NOTE)
async def _(items: int) -> int:
    return await called(iter(range(items)), slow_double, LIMIT, BUFFER)


_BUFFERED = "rxflow, map_async with a reorder buffer of 192"
P8.claim(_BUFFERED, against="deque of tasks", at_most=0.6)
P8.claim(_BUFFERED, against="deque of tasks with a reorder buffer of 192", at_most=0.6)
P8.claim("rxflow, map_async", against="deque of tasks", at_most=1.0)
P8.claim(_BUFFERED, against="aiostream", at_most=1 / 25)
P8.claim("rxflow, map_async", against="aiostream", at_most=1 / 25)
P8.claim(f"{FLOOR}, with a reorder buffer of 192", against="deque of tasks", at_most=None)
P8.claim(FLOOR, against="deque of tasks", at_most=None)
P8.claim(f"{FLOOR}, with a reorder buffer of 192", against="aiostream", at_most=None)
for _kind in ("a task for each call", "a task for each call, with a reorder buffer of 192"):
    P8.claim(f"{FLOOR}, {_kind}", against="deque of tasks", at_most=None)
P8.claim(f"{FLOOR}, a task for each call", against="aiostream", at_most=None)
