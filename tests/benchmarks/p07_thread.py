"""P7: from a producer's thread to a consumer on the event loop, holding at most 1,024 items."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Thread

from reactivex.subject import Subject

import rxflow as rx
from rxflow import operators as ops

from .floors import FLOOR, NOTE, Crossing
from .harness import Benchmark

CAPACITY = 1_024
_END = object()

P7 = Benchmark("P7", "thread to event loop", 200_000, expected=lambda items: sum(range(items)))


async def _with_thread(produce: Callable[[], None], consume: Callable[[], object]) -> int:
    """Start the producer once the consumer waits, and see it end."""
    consumer = asyncio.ensure_future(consume())
    await asyncio.sleep(0)
    thread = Thread(target=produce)
    thread.start()
    try:
        return await consumer
    finally:
        thread.join()


def _pushing(subject: Subject[int] | Crossing, items: int) -> Callable[[], None]:
    def produce() -> None:
        on_next = subject.on_next
        for x in range(items):
            on_next(x)
        subject.on_completed()

    return produce


@P7.contender("rxflow, async for", note="a Subject behind on_backpressure_block")
async def _(items: int) -> int:
    subject: Subject[int] = Subject()

    async def consume() -> int:
        total = 0
        async for x in subject.pipe(ops.on_backpressure_block(CAPACITY)):
            total += x
        return total

    return await _with_thread(_pushing(subject, items), consume)


@P7.contender("rxflow, chunks(256)", note="a Subject behind on_backpressure_block")
async def _(items: int) -> int:
    subject: Subject[int] = Subject()

    async def consume() -> int:
        total = 0
        async for chunk in subject.pipe(ops.on_backpressure_block(CAPACITY)).chunks(256):
            for x in chunk:
                total += x
        return total

    return await _with_thread(_pushing(subject, items), consume)


@P7.contender("rxflow, create and async for", note="no Subject: the emitter blocks")
async def _(items: int) -> int:
    threads: list[Thread] = []

    def start(emitter: rx.Emitter[int]) -> None:
        def produce() -> None:
            on_next = emitter.on_next
            for x in range(items):
                on_next(x)
            emitter.on_completed()

        threads.append(Thread(target=produce))
        threads[0].start()

    total = 0
    async for x in rx.create(start, overflow=rx.BLOCK, capacity=CAPACITY):
        total += x
    threads[0].join()
    return total


@P7.contender("janus.Queue", "janus")
async def _(items: int) -> int:
    import janus

    queue: janus.Queue[object] = janus.Queue(CAPACITY)

    def produce() -> None:
        put = queue.sync_q.put
        for x in range(items):
            put(x)
        put(_END)

    async def consume() -> int:
        total = 0
        get = queue.async_q.get
        while (x := await get()) is not _END:
            total += x
        return total

    try:
        return await _with_thread(produce, consume)
    finally:
        await queue.aclose()


@P7.contender("culsans.Queue", "culsans")
async def _(items: int) -> int:
    import culsans

    queue: culsans.Queue[object] = culsans.Queue(CAPACITY)

    def produce() -> None:
        put = queue.sync_q.put
        for x in range(items):
            put(x)
        put(_END)

    async def consume() -> int:
        total = 0
        get = queue.async_q.get
        while (x := await get()) is not _END:
            total += x
        return total

    try:
        return await _with_thread(produce, consume)
    finally:
        queue.shutdown()


@P7.contender("call_soon_threadsafe per item", note="unbounded: the backlog grows")
async def _(items: int) -> int:
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[object] = asyncio.Queue()

    def produce() -> None:
        put = queue.put_nowait
        for x in range(items):
            loop.call_soon_threadsafe(put, x)
        loop.call_soon_threadsafe(put, _END)

    async def consume() -> int:
        total = 0
        while (x := await queue.get()) is not _END:
            total += x
        return total

    return await _with_thread(produce, consume)


async def _crossed(subject: Subject[int] | None, items: int) -> int:
    crossing = Crossing(CAPACITY)
    if subject is not None:
        subject.subscribe(crossing.on_next, on_completed=crossing.on_completed)

    async def consume() -> int:
        total = 0
        async for x in crossing:
            total += x
        return total

    return await _with_thread(_pushing(subject or crossing, items), consume)


@P7.contender(FLOOR, note=NOTE)
async def _(items: int) -> int:
    return await _crossed(None, items)


@P7.contender(f"{FLOOR}, behind a Subject", note=NOTE)
async def _(items: int) -> int:
    return await _crossed(Subject(), items)


P7.claim("rxflow, async for", against="janus.Queue", at_most=0.15)
P7.claim("rxflow, async for", against="call_soon_threadsafe per item", at_most=0.1)
P7.claim("rxflow, create and async for", against="janus.Queue", at_most=0.15)
P7.claim("rxflow, create and async for", against="call_soon_threadsafe per item", at_most=0.1)
for _floor in (FLOOR, f"{FLOOR}, behind a Subject"):
    P7.claim(_floor, against="janus.Queue", at_most=None)
    P7.claim(_floor, against="call_soon_threadsafe per item", at_most=None)
