"""P3, P4: the three stages consumed by `async for`, item by item and in chunks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import rxflow as rx
from rxflow import operators as ops

from .floors import FLOOR, NOTE, Pulled
from .foreign import foreign
from .harness import Benchmark
from .work import double, expected_sum, increment, is_even

CAPACITY = 256
_END = object()

P3 = Benchmark("P3, P4", "`async for` over map, filter, map", 500_000, expected=expected_sum)


def _flow(items: int) -> rx.Flow[int]:
    return rx.range(items).pipe(ops.map(increment), ops.filter(is_even), ops.map(double))


@P3.contender("rxflow, async for")
async def _(items: int) -> int:
    total = 0
    async for x in _flow(items):
        total += x
    return total


@P3.contender("rxflow, chunks(256)")
async def _(items: int) -> int:
    total = 0
    async for chunk in _flow(items).chunks(CAPACITY):
        for x in chunk:
            total += x
    return total


@P3.contender("asyncio.Queue(256) between two tasks")
async def _(items: int) -> int:
    queue: asyncio.Queue[object] = asyncio.Queue(CAPACITY)

    async def produce() -> None:
        for x in range(items):
            y = increment(x)
            if is_even(y):
                await queue.put(double(y))
        await queue.put(_END)

    total = 0
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(produce())
        while (x := await queue.get()) is not _END:
            total += x
    return total


async def _generate(items: int) -> AsyncIterator[int]:
    for x in range(items):
        y = increment(x)
        if is_even(y):
            yield double(y)


@P3.contender("one hand-fused async generator")
async def _(items: int) -> int:
    total = 0
    async for x in _generate(items):
        total += x
    return total


@P3.contender("streamable", "streamable")
async def _(items: int) -> int:
    from streamable import stream

    total = 0
    async for x in stream(range(items)).map(increment).filter(is_even).map(double):
        total += x
    return total


@P3.contender("aiostream", "aiostream", share=0.1, note="given a tenth of the items")
async def _(items: int) -> int:
    from aiostream import pipe, stream

    stages = stream.iterate(range(items)) | pipe.map(increment) | pipe.filter(is_even)
    total = 0
    async with (stages | pipe.map(double)).stream() as streamer:
        async for x in streamer:
            total += x
    return total


@P3.contender("anyio memory stream(256)", "anyio", share=0.1, note="given a tenth of the items")
async def _(items: int) -> int:
    import anyio

    send, receive = anyio.create_memory_object_stream[int](CAPACITY)

    async def produce() -> None:
        async with send:
            for x in range(items):
                y = increment(x)
                if is_even(y):
                    await send.send(double(y))

    total = 0
    async with anyio.create_task_group() as tasks, receive:
        tasks.start_soon(produce)
        async for x in receive:
            total += x
    return total


P3.contenders.append(
    foreign(
        "aioreactive",
        "aioreactive",
        "foreign_aioreactive.py",
        share=0.05,
        note="given a twentieth of the items, in an environment of its own",
    )
)

_QUEUE = "asyncio.Queue(256) between two tasks"
P3.claim("rxflow, async for", id="P3", against=_QUEUE, at_most=0.48)
P3.claim("rxflow, async for", id="P3", against="one hand-fused async generator", at_most=1.15)
P3.claim("rxflow, async for", id="P3", against="aiostream", at_most=1 / 20)


@P3.contender(FLOOR, note=NOTE)
async def _(items: int) -> int:
    total = 0
    async for x in Pulled(map(double, filter(is_even, map(increment, range(items))))):
        total += x
    return total


P3.claim(FLOOR, id="P3", against="one hand-fused async generator", at_most=None)
P3.claim("rxflow, chunks(256)", id="P4", against=_QUEUE, at_most=0.35)
