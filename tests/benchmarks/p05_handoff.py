"""P5: from one task to another, holding at most 256 items; each side waits for the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import rxflow as rx
from rxflow import operators as ops

from .floors import FLOOR, NOTE, BareQueue
from .harness import Benchmark

CAPACITY = 256
_END = object()

P5 = Benchmark(
    "P5", "hand-off between two tasks", 200_000, expected=lambda items: sum(range(items))
)


async def _by_item(flow: rx.Flow[int]) -> int:
    total = 0
    async for x in flow:
        total += x
    return total


async def _by_chunk(flow: rx.Flow[int]) -> int:
    total = 0
    async for chunk in flow.chunks(CAPACITY):
        for x in chunk:
            total += x
    return total


def _emitted(items: int) -> rx.Flow[int]:
    """Give what a task sends, which waits when the buffer is full."""
    tasks: list[asyncio.Task[None]] = []  # a loop keeps its tasks weakly

    def start(emitter: rx.Emitter[int]) -> None:
        async def produce() -> None:
            send = emitter.send
            for x in range(items):
                await send(x)
            emitter.on_completed()

        tasks.append(asyncio.create_task(produce()))

    return rx.create(start, overflow=rx.SUSPEND, capacity=CAPACITY)


def _observed(items: int) -> rx.Flow[int]:
    loop = asyncio.get_running_loop()
    return rx.range(items).pipe(ops.observe_on(loop, prefetch=CAPACITY))


@P5.contender("rxflow, send and async for", note="create(overflow=SUSPEND), a task awaits send")
async def _(items: int) -> int:
    return await _by_item(_emitted(items))


@P5.contender("rxflow, send and chunks(256)", note="create(overflow=SUSPEND), a task awaits send")
async def _(items: int) -> int:
    return await _by_chunk(_emitted(items))


@P5.contender("rxflow, observe_on and async for", note="the producer is a range")
async def _(items: int) -> int:
    return await _by_item(_observed(items))


@P5.contender("rxflow, observe_on and chunks(256)", note="the producer is a range")
async def _(items: int) -> int:
    return await _by_chunk(_observed(items))


async def _queued(
    items: int, consume: Callable[[asyncio.Queue[object]], Awaitable[int]], end: object
) -> int:
    """Put all items into a queue in one task, and consume it in another."""
    queue: asyncio.Queue[object] = asyncio.Queue(CAPACITY)

    async def produce() -> None:
        put = queue.put
        for x in range(items):
            await put(x)
        await put(end)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(produce())
        return await consume(queue)


@P5.contender("rxflow, from_queue and async for", note="an asyncio.Queue(256) is between")
async def _(items: int) -> int:
    return await _queued(
        items, lambda queue: _by_item(rx.from_queue(queue, task_done=False)), rx.END
    )


@P5.contender("asyncio.Queue(256)")
async def _(items: int) -> int:
    async def consume(queue: asyncio.Queue[object]) -> int:
        total = 0
        while (x := await queue.get()) is not _END:
            total += x
        return total

    return await _queued(items, consume, _END)


def _bare(items: int) -> BareQueue:
    queue = BareQueue(CAPACITY)

    async def produce() -> None:
        send = queue.send
        for x in range(items):
            await send(x)
        queue.end()

    queue.producer = asyncio.create_task(produce())
    return queue


@P5.contender(f"{FLOOR}, async for", note=NOTE)
async def _(items: int) -> int:
    total = 0
    async for x in _bare(items):
        total += x
    return total


@P5.contender(f"{FLOOR}, chunks", note=NOTE)
async def _(items: int) -> int:
    total, queue = 0, _bare(items)
    while chunk := await queue.some():
        for x in chunk:
            total += x
    return total


@P5.contender("streamable, buffer(256)", "streamable", note="the producer is a range")
async def _(items: int) -> int:
    from streamable import stream

    total = 0
    async for x in stream(range(items)).buffer(CAPACITY):
        total += x
    return total


@P5.contender("culsans.Queue(256)", "culsans")
async def _(items: int) -> int:
    import culsans

    queue: culsans.Queue[object] = culsans.Queue(CAPACITY)

    async def produce() -> None:
        put = queue.async_q.put
        for x in range(items):
            await put(x)
        await put(_END)

    total = 0
    get = queue.async_q.get
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(produce())
        while (x := await get()) is not _END:
            total += x
    queue.shutdown()
    return total


@P5.contender("anyio memory stream(256)", "anyio", share=0.1, note="given a tenth of the items")
async def _(items: int) -> int:
    import anyio

    send, receive = anyio.create_memory_object_stream[int](CAPACITY)

    async def produce() -> None:
        async with send:
            for x in range(items):
                await send.send(x)

    total = 0
    async with anyio.create_task_group() as tasks, receive:
        tasks.start_soon(produce)
        async for x in receive:
            total += x
    return total


for _way in ("send", "observe_on"):
    P5.claim(f"rxflow, {_way} and async for", against="asyncio.Queue(256)", at_most=0.45)
    P5.claim(f"rxflow, {_way} and chunks(256)", against="asyncio.Queue(256)", at_most=0.3)
for _way in ("async for", "chunks"):
    P5.claim(f"{FLOOR}, {_way}", against="asyncio.Queue(256)", at_most=None)
P5.claim("rxflow, from_queue and async for", against="asyncio.Queue(256)", at_most=None)
